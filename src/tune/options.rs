//! How to search.

use super::search::Budget;
use crate::shader::Checks;

/// How to search.
#[derive(Debug, Clone)]
pub struct TuneOptions {
    /// Limits of the search of one class.
    pub budget: Budget,
    /// Seed of the data.
    pub seed: u32,
    /// Runtime checks in shaders.
    pub checks: Checks,
}

impl Default for TuneOptions {
    /// 12 candidates and 10 s a class, without runtime checks.
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            seed: 1,
            checks: Checks::Off,
        }
    }
}
