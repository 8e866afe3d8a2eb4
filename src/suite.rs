//! Suites, and the runner that measures them.

mod row;
mod runner;
mod statistics;
mod suites;

pub(crate) use runner::Learned;
pub use runner::{RunOptions, Runner};
pub use suites::{Case, SUITES, Suite, suite};
