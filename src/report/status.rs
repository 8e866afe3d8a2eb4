//! How a measurement ended, what it was read from, and in which mode.

use serde::{Deserialize, Serialize};

/// How a measurement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// With a value.
    Ok,
    /// With a value whose spread is wide or unknown.
    Noisy,
    /// Without a value: the adapter lacks what the work needs.
    Unsupported,
    /// Without a value: the shape has no elements to compute, so that nothing is dispatched.
    Empty,
    /// Without a value: an error, or a time too short to distinguish from zero.
    Failed,
    /// Without a value: the work did not end, or warming up took all the time there was.
    TimedOut,
}

impl Status {
    /// Word of the status, as files of results have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Noisy => "noisy",
            Self::Unsupported => "unsupported",
            Self::Empty => "empty",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Clock that the times of a measurement were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// Timestamps that the GPU wrote before and after the work.
    GpuTimestamp,
    /// The host's clock around submission and wait, less the time of an empty submission.
    Wall,
}

/// Whether wgpu adds bounds checks, loop bounds and division guards to a shader.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Checks {
    /// Checks as browsers have them.
    On,
    /// Left out: the host validates every shape and the kernels guard their edges.
    #[default]
    Off,
}
