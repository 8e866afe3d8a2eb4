//! Sensors of a device: clocks, temperature, power, energy, and what limits it, as driver and operating system give them.
//!
//! A [`Source`] is one way to ask: NVML, files of Linux, a battery. [`Found::of`] asks all that suit an adapter, and
//! [`Sensors::attach`] has them read by every measurement on a device, between its samples and never within one. Where no
//! source answers, nothing is read and nothing is said.

#[cfg(feature = "sensors")]
mod amdgpu;
#[cfg(all(feature = "sensors", any(windows, target_os = "macos")))]
mod battery;
#[cfg(feature = "sensors")]
mod card;
mod found;
#[cfg(feature = "sensors")]
mod intel;
#[cfg(feature = "sensors")]
mod nvml;
#[cfg(feature = "sensors")]
mod powercap;
mod reading;
#[cfg(feature = "sensors")]
mod supply;
#[cfg(feature = "sensors")]
mod sysfs;

pub use found::{Asked, Found};
pub use reading::{Energy, Power, Reading};

use crate::gpu::{Gpu, lock};
use crate::report::adapter::UNKNOWN;
use std::fmt;
use std::sync::{Arc, Mutex};

/// One way to read sensors.
pub trait Source: Send {
    /// Name: `nvml`.
    fn name(&self) -> &'static str;

    /// Reading of this moment; a quantity that the source does not have is `None`.
    fn read(&mut self) -> Reading;
}

/// Sources of one device, of which an earlier one is nearer to it.
#[derive(Default)]
pub struct Sensors {
    sources: Mutex<Vec<Box<dyn Source>>>,
}

/// Sensors that a device keeps.
type Slot = Mutex<Option<Arc<Sensors>>>;

impl Sensors {
    /// Sensors that `sources` make together.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn Source>>) -> Self {
        Self {
            sources: Mutex::new(sources),
        }
    }

    /// Values of this moment, each from the first source that has it.
    #[must_use]
    pub fn read(&self) -> Reading {
        let mut sources = lock(&self.sources);
        let readings = sources.iter_mut().map(|source| source.read());
        readings.fold(Reading::default(), Reading::or)
    }

    /// Names of the sources, commas between; `unknown` without one.
    #[must_use]
    pub fn names(&self) -> String {
        let sources = lock(&self.sources);
        let names: Vec<&str> = sources.iter().map(|source| source.name()).collect();
        if names.is_empty() {
            UNKNOWN.to_owned()
        } else {
            names.join(", ")
        }
    }

    /// Has all later measurements on `gpu` read these sensors, in place of any before.
    pub fn attach(self, gpu: &Gpu) {
        let is_silent = lock(&self.sources).is_empty();
        *lock(&gpu.kept::<Slot>()) = (!is_silent).then(|| Arc::new(self));
    }

    /// Sensors that were attached to `gpu`.
    pub(crate) fn of_device(gpu: &Gpu) -> Option<Arc<Self>> {
        lock(&gpu.kept::<Slot>()).clone()
    }

    /// Names of the sensors that were attached to `gpu`; `unknown` without any.
    #[must_use]
    pub fn names_on(gpu: &Gpu) -> String {
        Self::of_device(gpu).map_or_else(|| Self::default().names(), |sensors| sensors.names())
    }
}

impl fmt::Debug for Sensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sensors").field(&self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(&'static str, Reading);

    impl Source for Constant {
        fn name(&self) -> &'static str {
            self.0
        }

        fn read(&mut self) -> Reading {
            self.1.clone()
        }
    }

    #[test]
    fn the_nearest_source_wins() {
        let near = Reading {
            core_clock_hz: Some(2e9),
            ..Reading::default()
        };
        let far = Reading {
            core_clock_hz: Some(1e9),
            temperature_c: Some(60.0),
            ..Reading::default()
        };
        let sensors = Sensors::new(vec![
            Box::new(Constant("near", near)),
            Box::new(Constant("far", far)),
        ]);
        let read = sensors.read();
        assert_eq!(
            (read.core_clock_hz, read.temperature_c),
            (Some(2e9), Some(60.0))
        );
        assert_eq!(sensors.names(), "near, far");
        assert_eq!(Sensors::default().names(), "unknown");
        assert_eq!(Sensors::default().read(), Reading::default());
    }
}
