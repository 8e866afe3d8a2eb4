//! Values of sensors at one moment.

use crate::report::{Limit, PowerOf};
use std::collections::BTreeSet;

/// Reading of sensors at one moment; a quantity that no sensor gives is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Clock of the cores, in Hz.
    pub core_clock_hz: Option<f64>,
    /// Clock of the memory, in Hz.
    pub memory_clock_hz: Option<f64>,
    /// Temperature of the device, in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Power.
    pub power: Option<Power>,
    /// Energy counter.
    pub energy: Option<Energy>,
    /// Limits that hold now; empty where none does.
    pub limits: Option<BTreeSet<Limit>>,
}

/// Power at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// Power, in watts.
    pub watts: f64,
    /// Part of the machine that it is of.
    pub of: PowerOf,
    /// Time in seconds over which the sensor averages, or after which it has a new value, whichever is longer.
    pub averaged_s: f64,
}

/// Energy counter at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// Energy since some earlier moment, in joules.
    pub joules: f64,
    /// Part of the machine that it is of.
    pub of: PowerOf,
    /// Time in seconds after which the counter has a new value.
    pub step_s: f64,
}

impl Reading {
    /// The reading, with values of `other` where it has none.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            core_clock_hz: self.core_clock_hz.or(other.core_clock_hz),
            memory_clock_hz: self.memory_clock_hz.or(other.memory_clock_hz),
            temperature_c: self.temperature_c.or(other.temperature_c),
            power: self.power.or(other.power),
            energy: self.energy.or(other.energy),
            limits: self.limits.or(other.limits),
        }
    }

    /// Whether sensors tell the mean power of measurements that last `seconds`.
    #[must_use]
    pub fn tells_power_within(&self, seconds: f64) -> bool {
        let by_power = self.power.is_some_and(|power| power.averaged_s < seconds);
        by_power || self.energy.is_some_and(|energy| energy.step_s < seconds)
    }

    /// Names of the quantities that have values.
    #[must_use]
    pub fn quantities(&self) -> Vec<String> {
        let one = |name: &str, is_there: bool| is_there.then(|| name.to_owned());
        let names = [
            one("core clock", self.core_clock_hz.is_some()),
            one("memory clock", self.memory_clock_hz.is_some()),
            one("temperature", self.temperature_c.is_some()),
            self.power.map(|power| format!("power of the {}", power.of)),
            self.energy
                .map(|energy| format!("energy of the {}", energy.of)),
            one("limits", self.limits.is_some()),
        ];
        names.into_iter().flatten().collect()
    }
}
