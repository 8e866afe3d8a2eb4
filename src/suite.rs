//! Suites, and the runner that measures them.

mod bearable;
mod builtin;
mod case;
mod definition;
mod estimate;
mod interleaved;
mod row;
mod run;
mod runner;
mod selection;
mod soak;
mod statistics;

pub use bearable::Burden;
pub use builtin::{suite, suites};
pub use case::Case;
pub use definition::{Cases, LeftOut, Suite, View, Workload};
pub use estimate::{Pace, expected};
pub use interleaved::interleaved;
pub use run::{Measured, Observer, Run, note_missing, planned};
pub(crate) use runner::Learned;
pub use runner::{RunOptions, Runner};
pub use selection::{DEFAULT_SUITE, Selection, SelectionNames};
pub use statistics::Ask;
