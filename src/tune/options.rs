//! How to search.

use crate::shader::Checks;
use std::time::Duration;

/// How to search.
#[derive(Debug, Clone)]
pub struct TuneOptions {
    /// Time of the whole search, ceilings included. A step that has begun is waited for.
    pub time: Duration,
    /// Seed of the data.
    pub seed: u32,
    /// Runtime checks in shaders.
    pub checks: Checks,
}

impl Default for TuneOptions {
    /// Five minutes, without runtime checks.
    fn default() -> Self {
        Self {
            time: Duration::from_mins(5),
            seed: 1,
            checks: Checks::Off,
        }
    }
}
