//! Comparison of results: rows of several files side by side, each against the first file's. Pure: no GPU, no file.
//!
//! METHODOLOGY.md has the rule of the verdicts.

mod comparison;
mod elsewhere;
mod line;
mod problems;
mod times;
mod totals;
mod why;

pub use comparison::{Comparison, Slower};
pub use elsewhere::{Beside, Elsewhere};
pub use line::{Line, Side};
pub use times::{Ratio, Times, Verdict};
pub use totals::Totals;
pub use why::letter;
