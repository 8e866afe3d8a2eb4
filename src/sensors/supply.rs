//! Power of a laptop on its battery, as Linux tells it. The power is that of the whole machine.

use super::sysfs::{entries, number, text};
use super::{Power, Reading, Source};
use crate::report::PowerOf;
use std::path::{Path, PathBuf};

/// Name of the source.
pub(super) const NAME: &str = "battery";

/// Time in seconds after which batteries have new values: a few seconds on most laptops, up to half a minute.
const STEP_S: f64 = 30.0;

/// Reading of batteries that give `watts` together.
pub(super) fn reading(watts: Option<f64>) -> Reading {
    Reading {
        power: watts.map(|watts| Power {
            watts,
            of: PowerOf::Machine,
            averaged_s: STEP_S,
        }),
        ..Reading::default()
    }
}

/// Batteries of the machine.
#[derive(Debug)]
pub(super) struct Battery {
    folders: Vec<PathBuf>,
}

impl Battery {
    /// Batteries under `root` that give energy.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let supplies = entries(&root.join("class/power_supply"), "");
        let is_battery = |folder: &PathBuf| {
            let is_of_device = text(&folder.join("scope")).is_ok_and(|scope| scope == "Device");
            text(&folder.join("type")).is_ok_and(|kind| kind == "Battery") && !is_of_device
        };
        let folders: Vec<PathBuf> = supplies.into_iter().filter(is_battery).collect();
        if folders.is_empty() {
            return Err("it needs a battery, which this machine does not have".to_owned());
        }
        if !folders.iter().any(|folder| is_discharging(folder)) {
            return Err(
                "it needs a machine that is unplugged: only a battery that is drained tells power"
                    .to_owned(),
            );
        }
        Ok(Self { folders })
    }
}

fn is_discharging(folder: &Path) -> bool {
    text(&folder.join("status")).is_ok_and(|status| status == "Discharging")
}

/// Power that a battery gives, in watts.
fn watts(folder: &Path) -> Option<f64> {
    if !is_discharging(folder) {
        return None;
    }
    let of = |name: &str| number(&folder.join(name), 1e-6);
    // Some batteries tell the current as a negative number.
    let watts = of("power_now").or_else(|| Some(of("current_now")? * of("voltage_now")?))?;
    Some(watts.abs()).filter(|watts| *watts > 0.0)
}

impl Source for Battery {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&mut self) -> Reading {
        let given = self.folders.iter().filter_map(|folder| watts(folder));
        let watts: f64 = given.sum();
        reading((watts > 0.0).then_some(watts))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sysfs::FakeFiles;
    use super::*;

    #[test]
    fn a_battery_that_is_drained_tells_power() {
        let files = FakeFiles::new("battery", &[]);
        let set = |path: &str, text: &str| {
            files.set(&format!("class/power_supply/{path}"), text.as_bytes());
        };
        set("AC/type", "Mains");
        set("mouse/type", "Battery");
        set("mouse/scope", "Device");
        set("mouse/status", "Discharging");
        assert!(
            Battery::open(files.root())
                .unwrap_err()
                .contains("a battery")
        );
        set("BAT0/type", "Battery");
        set("BAT0/status", "Charging");
        assert!(
            Battery::open(files.root())
                .unwrap_err()
                .contains("unplugged")
        );
        set("BAT0/status", "Discharging");
        set("BAT0/current_now", "-2000000");
        set("BAT0/voltage_now", "15000000");
        let mut battery = Battery::open(files.root()).unwrap();
        let power = battery.read().power.unwrap();
        assert!((power.watts - 30.0).abs() < 1e-9 && power.of == PowerOf::Machine);
        set("BAT0/status", "Full");
        assert_eq!(battery.read().power, None);
    }
}
