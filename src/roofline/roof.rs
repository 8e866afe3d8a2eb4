//! One roof: where two ceilings meet, what is attainable under them, and which mix of directions traffic has.

use crate::report::Bound;
use crate::units::{Bandwidth, FlopRate, Intensity};
use serde::{Deserialize, Serialize};

/// One flat roof and one slanted.
///
/// # Examples
/// ```
/// use ridgepoint::roofline::Roof;
/// use ridgepoint::units::{Bandwidth, FlopRate, Intensity};
/// let roof = Roof {
///     compute: FlopRate::from_flops_per_second(60e12),
///     memory: Bandwidth::from_bytes_per_second(4e12),
/// };
/// assert_eq!(roof.ridge_point().flops_per_byte(), 15.0);
/// let copy_like = Intensity::from_flops_per_byte(0.5);
/// assert_eq!(roof.attainable(copy_like).flops_per_second(), 2e12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roof {
    /// The most operations per second.
    pub compute: FlopRate,
    /// The most bytes per second.
    pub memory: Bandwidth,
}

/// How much of the traffic is read and how much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// Nothing or next to nothing is written.
    Read,
    /// Twice as much is read as written.
    Triad,
    /// Reads and writes of equal bytes.
    Copy,
    /// Nothing or next to nothing is read.
    Write,
}

impl Roof {
    /// The intensity at which both ceilings meet.
    #[must_use]
    pub fn ridge_point(&self) -> Intensity {
        self.compute / self.memory
    }

    /// The most that a kernel of this intensity can reach.
    #[must_use]
    pub fn attainable(&self, intensity: Intensity) -> FlopRate {
        let by_memory = self.memory * intensity;
        if by_memory.flops_per_second() < self.compute.flops_per_second() {
            by_memory
        } else {
            self.compute
        }
    }

    /// The ceiling of the two that limits a kernel of this intensity.
    #[must_use]
    pub fn bound(&self, intensity: Intensity) -> Bound {
        if intensity.flops_per_byte() <= self.ridge_point().flops_per_byte() {
            Bound::Memory
        } else {
            Bound::Compute
        }
    }

    /// The least time in seconds for `flops` operations and `bytes` bytes, and the ceiling that sets it.
    pub(super) fn least(&self, flops: u64, bytes: u64) -> (f64, Bound) {
        let by_compute = flops as f64 / self.compute.flops_per_second();
        let by_memory = bytes as f64 / self.memory.bytes_per_second();
        if by_memory >= by_compute {
            (by_memory, Bound::Memory)
        } else {
            (by_compute, Bound::Compute)
        }
    }
}

impl Mix {
    /// The nearest mix to `read` bytes read and `written` bytes written.
    #[must_use]
    pub fn of(read: u64, written: u64) -> Self {
        match read as f64 / (read + written).max(1) as f64 {
            share if share > 5.0 / 6.0 => Self::Read,
            share if share > 7.0 / 12.0 => Self::Triad,
            share if share > 0.25 => Self::Copy,
            _ => Self::Write,
        }
    }

    /// The part after `memory/` in the id of the mix's ceiling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triad => "triad",
            Self::Copy => "copy",
            Self::Write => "write",
        }
    }
}
