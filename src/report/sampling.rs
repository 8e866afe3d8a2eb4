//! How long and how often to sample.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::warning::Warning;

/// How a measurement warms up, how long its samples are, and when it has enough of them.
///
/// JSON has times in seconds, with `_s` at the end of their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The least time that the work itself runs before its times count. GPUs take up to half a second to raise their
    /// clock rate.
    #[serde(rename = "warm_up_s", with = "as_seconds")]
    pub warm_up: Duration,
    /// When to give up waiting for a plateau.
    #[serde(rename = "warm_up_max_s", with = "as_seconds")]
    pub warm_up_max: Duration,
    /// How many samples in a row must agree for a plateau.
    pub plateau_samples: usize,
    /// How well they must agree: 0.03 is within three per cent.
    pub plateau_tolerance: f64,
    /// The least length of one sample: repeats are doubled, from one, until a sample lasts this long.
    #[serde(rename = "sample_min_s", with = "as_seconds")]
    pub sample_min: Duration,
    /// The longest submission that repeats may add up to; a single repeat may be longer. Watchdogs end a submission
    /// after two seconds (Windows) or half a second (Adreno).
    #[serde(rename = "dispatch_cap_s", with = "as_seconds")]
    pub dispatch_cap: Duration,
    /// The most repeats in one sample.
    pub max_repeats: u32,
    /// The least number of samples.
    pub min_samples: usize,
    /// The least time that the samples add up to.
    #[serde(rename = "min_time_s", with = "as_seconds")]
    pub min_time: Duration,
    /// The relative interquartile range at which sampling ends, once `min_samples` and `min_time` are met: 0.01 is one per
    /// cent. Sampling also ends when twice `min_samples` show that the noise no longer changes, since more samples would add
    /// nothing, or when the samples add up to three times `min_time`.
    pub target_relative_iqr: f64,
    /// The most samples: all of them are in the results.
    pub max_samples: usize,
    /// When sampling ends in any case, counted from the end of the first run. The sample in work is waited for, and one is
    /// taken even if warming up left no time.
    #[serde(rename = "max_time_s", with = "as_seconds")]
    pub max_time: Duration,
}

/// The longest submission by default. A browser's page and the desktop around it share the GPU, and stay alive.
const DISPATCH_CAP: Duration = Duration::from_millis(if cfg!(target_arch = "wasm32") {
    50
} else {
    100
});

impl Default for Sampling {
    /// Sampling that a published number needs: half a second of warm-up, then at least 20 samples and half a second,
    /// at most 15 s.
    fn default() -> Self {
        Self {
            warm_up: Duration::from_millis(500),
            warm_up_max: Duration::from_secs(2),
            plateau_samples: 3,
            plateau_tolerance: 0.03,
            sample_min: Duration::from_millis(5),
            dispatch_cap: DISPATCH_CAP,
            max_repeats: 16_384,
            min_samples: 20,
            min_time: Duration::from_millis(500),
            target_relative_iqr: 0.01,
            max_samples: 1000,
            max_time: Duration::from_secs(15),
        }
    }
}

impl Sampling {
    /// A first look in about a third of a second. Too short for a clock rate to rise on some GPUs, and every
    /// measurement says so with [`Warning::ShortSampling`].
    #[must_use]
    pub fn quick() -> Self {
        Self {
            warm_up: Duration::from_millis(100),
            warm_up_max: Duration::from_millis(300),
            min_samples: 10,
            min_time: Duration::from_millis(100),
            max_time: Duration::from_secs(1),
            ..Self::default()
        }
    }

    /// The warning that these settings call for: they warm up or sample for less than the default.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let full = Self::default();
        let short = self.warm_up < full.warm_up
            || self.min_samples < full.min_samples
            || self.min_time < full.min_time;
        short.then_some(Warning::ShortSampling {
            warm_up_s: self.warm_up.as_secs_f64(),
            samples: self.min_samples,
            seconds: self.min_time.as_secs_f64(),
        })
    }
}

mod as_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_in_seconds_and_reads_back() {
        let json = serde_json::to_value(Sampling::default()).unwrap();
        assert_eq!(json["warm_up_s"], 0.5);
        assert_eq!(json["max_time_s"], 15.0);
        let read: Sampling = serde_json::from_value(json).unwrap();
        assert_eq!(read, Sampling::default());
    }

    #[test]
    fn only_short_settings_warn() {
        assert_eq!(Sampling::default().warning(), None);
        assert!(Sampling::quick().warning().is_some());
    }
}
