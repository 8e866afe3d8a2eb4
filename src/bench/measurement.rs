//! The outcome of a measurement.

use super::rates::FixedWorkRates;
use crate::error::Error;
use crate::report::{ClockKind, SensorSummary, Status, Summary, Warning};
use serde::{Deserialize, Serialize};

/// The times of some work, or the reason why there are none. All times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// How it ended.
    pub status: Status,
    /// Why it is not [`Status::Ok`].
    pub reason: Option<String>,
    /// The clock that `time` was read from.
    pub clock: Option<ClockKind>,
    /// The time of one repeat; there exactly if the status is [`Status::Ok`] or [`Status::Noisy`].
    #[serde(rename = "time_s")]
    pub time: Option<Summary>,
    /// The time of one repeat by the host's clock with its share of the submission, whatever `time` was read from.
    #[serde(rename = "wall_s")]
    pub wall: Option<Summary>,
    /// The median wall time of an empty submission, before the samples or after them, whichever is less.
    pub overhead_s: Option<f64>,
    /// The wall time of the very first run, one repeat, with all that happens only once.
    pub first_sample_s: Option<f64>,
    /// How often the work ran in each sample.
    pub repeats: Option<u32>,
    /// How many samples were thrown away: the first one, calibration, warm-up.
    pub discarded: usize,
    /// Device rates that the drift monitor read around the measurement; `None` for a clock that watches no device.
    pub fixed_work: Option<FixedWorkRates>,
    /// Readings of the device's sensors between the samples; `None` for a clock without sensors.
    pub sensors: Option<SensorSummary>,
    /// Warnings that a reader of the times must know.
    pub warnings: Vec<Warning>,
}

impl Measurement {
    /// The work cannot run on this adapter, and this is why.
    #[must_use]
    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self::ended(Status::Unsupported, Some(reason.into()))
    }

    /// There is no work: nothing is dispatched, and there is nothing to time.
    #[must_use]
    pub fn empty() -> Self {
        let reason = "the shape has no elements to compute".to_owned();
        Self::ended(Status::Empty, Some(reason))
    }

    /// The work failed: [`Status::TimedOut`] for [`Error::TimedOut`], [`Status::Failed`] for any other error.
    #[must_use]
    pub fn failed(error: &Error) -> Self {
        let status = match error {
            Error::TimedOut { .. } => Status::TimedOut,
            _ => Status::Failed,
        };
        Self::ended(status, Some(error.to_string()))
    }

    /// Nothing is known but how it ended.
    pub(super) const fn ended(status: Status, reason: Option<String>) -> Self {
        Self {
            status,
            reason,
            clock: None,
            time: None,
            wall: None,
            overhead_s: None,
            first_sample_s: None,
            repeats: None,
            discarded: 0,
            fixed_work: None,
            sensors: None,
            warnings: Vec::new(),
        }
    }

    /// The marks of a device that was not at its rate: what a point of a sweep keeps of the warnings.
    #[must_use]
    pub fn drift_marks(&self) -> Vec<Warning> {
        let is_drift = |w: &&Warning| matches!(w, Warning::ClockDrift { .. });
        self.warnings.iter().filter(is_drift).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_null() {
        let json = serde_json::to_value(Measurement::unsupported("no shader-f16")).unwrap();
        assert_eq!(json["status"], "unsupported");
        assert_eq!(json["reason"], "no shader-f16");
        for name in ["clock", "time_s", "wall_s", "overhead_s", "first_sample_s"] {
            assert!(json[name].is_null(), "{name}: {json}");
        }
        let read: Measurement = serde_json::from_value(json).unwrap();
        assert_eq!(read, Measurement::unsupported("no shader-f16"));
    }
}
