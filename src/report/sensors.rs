//! Readings of a device's sensors as plain data: clocks, temperature, power, energy, and what limited the device.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Least and greatest value of a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least value.
    pub least: f64,
    /// The greatest value.
    pub most: f64,
}

impl Range {
    /// Range of `values`; `None` without a value.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values = values.into_iter();
        let ranges = values.map(|value| Self {
            least: value,
            most: value,
        });
        ranges.reduce(Self::and)
    }

    /// Value in the middle.
    #[must_use]
    pub fn middle(self) -> f64 {
        f64::midpoint(self.least, self.most)
    }

    /// Range of the values of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

/// Reason why a device does not run at its highest clock, as its driver gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The power limit.
    PowerLimit,
    /// The temperature.
    Temperature,
    /// The current that the board can deliver.
    Current,
    /// A power brake that the machine asserts.
    PowerBrake,
    /// A slowdown by the hardware, for power or temperature.
    HardwareSlowdown,
    /// Clocks that somebody set.
    ClockSetting,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PowerLimit => "power limit",
            Self::Temperature => "temperature",
            Self::Current => "current limit",
            Self::PowerBrake => "power brake",
            Self::HardwareSlowdown => "hardware slowdown",
            Self::ClockSetting => "clock setting",
            Self::Other => "other limit",
        })
    }
}

/// Part of a machine whose power a sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerOf {
    /// The board of a GPU, or what its driver calls so.
    Board,
    /// A package with processor and GPU.
    Package,
    /// The whole machine.
    Machine,
    /// A part that this version does not know.
    #[serde(other)]
    Other,
}

impl fmt::Display for PowerOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Board => "board",
            Self::Package => "package",
            Self::Machine => "machine",
            Self::Other => "unknown part",
        })
    }
}

/// Sensor that mean power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerBy {
    /// An energy counter, read at the beginning and at the end.
    EnergyCounter,
    /// Readings of power, averaged over time.
    PowerReadings,
    /// A sensor that this version does not know.
    #[serde(other)]
    Other,
}

/// Mean power while work ran.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanPower {
    /// Mean power, in watts.
    pub watts: f64,
    /// Energy of one execution in joules: mean power times the median time.
    pub joules: f64,
    /// Part of the machine that the power is of.
    pub of: PowerOf,
    /// Sensor that it comes from.
    pub by: PowerBy,
}

/// Readings of a device's sensors while it was measured, between its samples. A quantity that no sensor gave is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorSummary {
    /// Number of readings.
    pub readings: usize,
    /// Clock of the cores, in Hz.
    pub core_clock_hz: Option<Range>,
    /// Clock of the memory, in Hz.
    pub memory_clock_hz: Option<Range>,
    /// Temperature, in degrees Celsius.
    pub temperature_c: Option<Range>,
    /// Mean power; null also where sampling was too short for it.
    pub power: Option<MeanPower>,
    /// Limits that any reading gave.
    #[serde(default)]
    pub limits: BTreeSet<Limit>,
}

impl SensorSummary {
    /// Summary of several measurements of one work, whose median time is `seconds`; `None` without a summary. Mean power is
    /// the mean over those that have it.
    #[must_use]
    pub fn joined<'a>(summaries: impl IntoIterator<Item = &'a Self>, seconds: f64) -> Option<Self> {
        let all: Vec<&Self> = summaries.into_iter().collect();
        let range = |of: fn(&Self) -> Option<Range>| {
            let ranges = all.iter().filter_map(|summary| of(summary));
            ranges.reduce(Range::and)
        };
        let powers: Vec<MeanPower> = all.iter().filter_map(|summary| summary.power).collect();
        let power = powers.first().map(|first| {
            let watts = powers.iter().map(|power| power.watts).sum::<f64>() / powers.len() as f64;
            MeanPower {
                watts,
                joules: watts * seconds,
                ..*first
            }
        });
        (!all.is_empty()).then(|| Self {
            readings: all.iter().map(|summary| summary.readings).sum(),
            core_clock_hz: range(|summary| summary.core_clock_hz),
            memory_clock_hz: range(|summary| summary.memory_clock_hz),
            temperature_c: range(|summary| summary.temperature_c),
            power,
            limits: all
                .iter()
                .flat_map(|summary| &summary.limits)
                .copied()
                .collect(),
        })
    }

    /// `work` of one execution per joule; `None` where the energy is not known.
    #[must_use]
    pub fn per_joule(&self, work: f64) -> Option<f64> {
        let value = work / self.power?.joules;
        (value.is_finite() && value > 0.0).then_some(value)
    }
}

/// Change of a device that explains why its rate differs, as its sensors show it.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftCause {
    /// Limits that the device gave.
    pub limits: BTreeSet<Limit>,
    /// Clock of the cores at first and at last, in Hz.
    pub core_clock_hz: Option<(f64, f64)>,
}

impl fmt::Display for DriftCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = limits(&self.limits);
        let clocks = self
            .core_clock_hz
            .map(|(first, last)| format!("{:.0} -> {:.0} MHz", first / 1e6, last / 1e6));
        match (limits.is_empty(), clocks) {
            (false, Some(clocks)) => write!(f, "{limits}: {clocks}"),
            (false, None) => f.write_str(&limits),
            (true, Some(clocks)) => write!(f, "core clock {clocks}"),
            (true, None) => Ok(()),
        }
    }
}

/// Names of `limits`, commas between.
#[must_use]
pub fn limits(limits: &BTreeSet<Limit>) -> String {
    let names: Vec<String> = limits.iter().map(Limit::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(clock: f64, watts: Option<f64>, limit: Limit) -> SensorSummary {
        SensorSummary {
            readings: 3,
            core_clock_hz: Range::of([clock, clock + 1e6]),
            memory_clock_hz: None,
            temperature_c: Range::of([50.0]),
            power: watts.map(|watts| MeanPower {
                watts,
                joules: 0.0,
                of: PowerOf::Board,
                by: PowerBy::EnergyCounter,
            }),
            limits: BTreeSet::from([limit]),
        }
    }

    #[test]
    fn rounds_have_the_range_of_all_and_the_mean_of_their_power() {
        let rounds = [
            summary(2e9, Some(100.0), Limit::PowerLimit),
            summary(1e9, Some(300.0), Limit::Temperature),
            summary(3e9, None, Limit::PowerLimit),
        ];
        let joined = SensorSummary::joined(&rounds, 2e-3).unwrap();
        assert_eq!(joined.readings, 9);
        assert_eq!(joined.core_clock_hz, Range::of([1e9, 3.001e9]));
        let power = joined.power.unwrap();
        assert_eq!((power.watts, power.joules), (200.0, 0.4));
        assert_eq!(joined.limits.len(), 2);
        assert_eq!(joined.per_joule(8e9), Some(2e10));
        assert_eq!(SensorSummary::joined([], 1.0), None);
        assert_eq!(rounds[2].per_joule(8e9), None);
    }

    #[test]
    fn a_limit_of_a_later_version_is_read() {
        let text = r#"{"readings": 1, "core_clock_hz": null, "memory_clock_hz": null, "temperature_c": null, "power":
            {"watts": 1, "joules": 2, "of": "rack", "by": "energy_counter"}, "limits": ["power_limit", "moon"]}"#;
        let read: SensorSummary = serde_json::from_str(text).unwrap();
        assert_eq!(
            read.limits,
            BTreeSet::from([Limit::PowerLimit, Limit::Other])
        );
        assert_eq!(read.power.unwrap().of, PowerOf::Other);
    }

    #[test]
    fn a_cause_names_the_limit_and_the_clocks() {
        let cause = |limit: Option<Limit>, core_clock_hz| {
            let limits = limit.into_iter().collect();
            DriftCause {
                limits,
                core_clock_hz,
            }
            .to_string()
        };
        let clocks = Some((1.98e9, 1.755e9));
        assert_eq!(
            cause(Some(Limit::PowerLimit), clocks),
            "power limit: 1980 -> 1755 MHz"
        );
        assert_eq!(cause(None, clocks), "core clock 1980 -> 1755 MHz");
        assert_eq!(cause(Some(Limit::Temperature), None), "temperature");
    }
}
