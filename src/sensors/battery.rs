//! Power of a laptop on its battery, as macOS and Windows tell it. The power is that of the whole machine.

use super::supply::{NAME, reading};
use super::{Reading, Source};
use starship_battery::units::power::watt;
use starship_battery::{Manager, State};

/// Batteries of the machine. Handles of the system are opened for each reading, since they cannot go between threads.
#[derive(Debug)]
pub(super) struct Battery;

impl Battery {
    /// Batteries that give energy.
    pub(super) fn open() -> Result<Self, String> {
        match watts() {
            Ok(Some(_)) => Ok(Self),
            Ok(None) => Err(
                "it needs a machine with a battery, unplugged: only a battery that is drained tells power".to_owned(),
            ),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Power that all batteries give, in watts; `None` where none is drained.
fn watts() -> Result<Option<f64>, starship_battery::Error> {
    let mut sum = 0.0;
    for battery in Manager::new()?.batteries()? {
        let battery = battery?;
        if battery.state() == State::Discharging {
            sum += f64::from(battery.energy_rate().get::<watt>()).abs();
        }
    }
    Ok((sum > 0.0).then_some(sum))
}

impl Source for Battery {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&mut self) -> Reading {
        reading(watts().ok().flatten())
    }
}
