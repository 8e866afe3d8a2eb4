//! Suites, and the runner that measures them.

mod bearable;
mod builtin;
mod case;
mod definition;
mod estimate;
mod interleaved;
mod row;
mod runner;
mod statistics;

pub use bearable::Burden;
pub use builtin::{suite, suites};
pub use case::Case;
pub use definition::{Cases, LeftOut, Suite, View, Workload};
pub use estimate::{Pace, expected};
pub use interleaved::interleaved;
pub(crate) use runner::Learned;
pub use runner::{RunOptions, Runner};
