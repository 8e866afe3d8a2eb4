//! Rates of the fixed work, and the marks of those that should have been others.

use crate::report::{DriftMoment, Warning};
use crate::units::FlopRate;
use serde::{Deserialize, Serialize};

/// Share by which two rates of the fixed work may differ and still count as the same rate.
pub(super) const TOLERANCE: f64 = 0.03;

/// Whether two rates are the same but for noise.
pub(super) fn agree(rate: f64, other: f64) -> bool {
    (rate / other - 1.0).abs() <= TOLERANCE
}

/// The mark of a rate in FLOP/s that should have been another.
pub(super) fn drift(moment: DriftMoment, from: f64, to: f64) -> Warning {
    Warning::ClockDrift {
        moment,
        from: FlopRate::from_flops_per_second(from),
        to: FlopRate::from_flops_per_second(to),
        cause: None,
    }
}

/// How a measurement began: the device's rate by the fixed work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Awake {
    /// The rate at which the device was left, in FLOP/s of the fixed work; `None` for a clock that watches no device.
    pub rate: Option<f64>,
    /// [`Warning::ClockDrift`] for a device that did not come back to the rate it is known to reach.
    pub warning: Option<Warning>,
}

/// Rates of the fixed work around a measurement, in FLOP/s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FixedWorkRates {
    /// Before the warm-up, once the device was awake.
    pub before: f64,
    /// After the last sample.
    pub after: f64,
}

impl FixedWorkRates {
    /// By what share of the earlier time the fixed work took longer afterwards; negative where it took less.
    #[must_use]
    pub fn share(self) -> f64 {
        self.before / self.after - 1.0
    }

    /// The mark of a measurement during which the rate changed by more than 3 %.
    #[must_use]
    pub fn warning(self) -> Option<Warning> {
        let has_drifted = self.share().abs() > TOLERANCE;
        has_drifted.then(|| drift(DriftMoment::During, self.before, self.after))
    }
}
