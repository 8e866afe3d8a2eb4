//! Sensors of a graphics card in the files of Linux: hwmon, and files of the drivers `amdgpu`, `i915` and `xe`.

use super::sysfs::{entries, number, text};
use super::{Energy, Power, Reading, Source, amdgpu, intel};
use crate::report::{AdapterSummary, Limit, PowerOf};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Name of the source.
pub(super) const NAME: &str = "hwmon";

/// Time in seconds after which power and energy of hwmon have new values: drivers ask the firmware, which has new ones
/// after 1 to 100 ms.
const STEP_S: f64 = 0.1;

/// One card, by the folder of its device.
#[derive(Debug)]
pub(super) struct Card {
    device: PathBuf,
    driver: Driver,
    hwmon: Option<PathBuf>,
}

/// Driver whose files are known beyond hwmon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    Amdgpu,
    Intel,
    Other,
}

/// Driver of a device and its place on the PCI bus, as the kernel says them.
struct Event {
    driver: String,
    bus: String,
}

impl Event {
    fn of(device: &Path) -> Self {
        let lines = text(&device.join("uevent")).unwrap_or_default();
        let value = |name: &str| {
            let line = lines.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().to_owned()
        };
        Self {
            driver: value("DRIVER="),
            bus: value("PCI_SLOT_NAME="),
        }
    }
}

impl Card {
    /// The card of `adapter` under `root`: by its place on the PCI bus, or the only one with the same PCI device.
    pub(super) fn open(root: &Path, adapter: &AdapterSummary) -> Result<Self, String> {
        let cards = entries(&root.join("class/drm"), "card");
        // `card0-HDMI-A-1` is a connector.
        let cards = cards.into_iter().filter(|card| {
            let name = card.file_name().unwrap_or_default().to_string_lossy();
            !name.contains('-')
        });
        let devices: Vec<PathBuf> = cards.map(|card| card.join("device")).collect();
        if devices.is_empty() {
            return Err("it needs /sys/class/drm, which has no card here".to_owned());
        }
        let is_wanted = |device: &&PathBuf| match &adapter.pci_bus_id {
            Some(bus) => Event::of(device).bus.eq_ignore_ascii_case(bus),
            None => {
                id(&device.join("vendor")) == Some(adapter.vendor_id)
                    && id(&device.join("device")) == Some(adapter.device_id)
            }
        };
        let found: Vec<&PathBuf> = devices.iter().filter(is_wanted).collect();
        let [device] = found[..] else {
            return Err(format!(
                "{} of {} cards in /sys/class/drm could be this adapter",
                found.len(),
                devices.len()
            ));
        };
        let driver = match Event::of(device).driver.as_str() {
            "amdgpu" => Driver::Amdgpu,
            "i915" | "xe" => Driver::Intel,
            _ => Driver::Other,
        };
        Ok(Self {
            driver,
            hwmon: entries(&device.join("hwmon"), "hwmon").into_iter().next(),
            device: device.clone(),
        })
    }

    /// Number in a file of hwmon.
    fn hwmon(&self, name: &str, unit: f64) -> Option<f64> {
        number(&self.hwmon.as_ref()?.join(name), unit)
    }

    /// Clock of hwmon with a label, in Hz.
    fn clock(&self, label: &str) -> Option<f64> {
        let hwmon = self.hwmon.as_ref()?;
        let is_labelled = |place: &u32| {
            let found = text(&hwmon.join(format!("freq{place}_label")));
            found.is_ok_and(|found| found == label)
        };
        let place = (1..=4).find(is_labelled)?;
        self.hwmon(&format!("freq{place}_input"), 1.0)
    }

    /// Limits by the driver's own files.
    fn limits(&self) -> Option<BTreeSet<Limit>> {
        match self.driver {
            Driver::Amdgpu => amdgpu::limits(&std::fs::read(self.device.join("gpu_metrics")).ok()?),
            Driver::Intel => intel::limits(&self.device),
            Driver::Other => None,
        }
    }
}

impl Source for Card {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&mut self) -> Reading {
        let watts = ["power1_average", "power1_input"];
        let watts = watts.iter().find_map(|name| self.hwmon(name, 1e-6));
        let of_driver = match self.driver {
            Driver::Intel => intel::clock(&self.device),
            Driver::Amdgpu | Driver::Other => None,
        };
        Reading {
            core_clock_hz: of_driver.or_else(|| self.clock("sclk")),
            memory_clock_hz: self.clock("mclk"),
            temperature_c: self.hwmon("temp1_input", 1e-3),
            power: watts.map(|watts| Power {
                watts,
                of: PowerOf::Board,
                averaged_s: STEP_S,
            }),
            energy: self.hwmon("energy1_input", 1e-6).map(|joules| Energy {
                joules,
                of: PowerOf::Board,
                step_s: STEP_S,
            }),
            limits: self.limits(),
        }
    }
}

/// Hexadecimal id in a file.
fn id(path: &Path) -> Option<u32> {
    let text = text(path).ok()?;
    u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::sysfs::FakeFiles;
    use super::*;
    use crate::plan::tuning_tests;

    fn adapter(bus: Option<&str>) -> AdapterSummary {
        AdapterSummary {
            vendor_id: 0x1002,
            device_id: 0x744c,
            pci_bus_id: bus.map(str::to_owned),
            ..tuning_tests::adapter()
        }
    }

    const CARD: &str = "class/drm/card1/device/";

    fn machine(name: &str) -> FakeFiles {
        let files = FakeFiles::new(name, &[]);
        for (path, text) in [
            ("uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n"),
            ("vendor", "0x1002\n"),
            ("device", "0x744c\n"),
            ("hwmon/hwmon4/freq1_label", "sclk"),
            ("hwmon/hwmon4/freq1_input", "2500000000"),
            ("hwmon/hwmon4/freq2_label", "mclk"),
            ("hwmon/hwmon4/freq2_input", "1249000000"),
            ("hwmon/hwmon4/power1_average", "303000000"),
            ("hwmon/hwmon4/temp1_input", "64000"),
        ] {
            files.set(&format!("{CARD}{path}"), text.as_bytes());
        }
        files.set("class/drm/card1-HDMI-A-1/status", b"connected");
        files.set("class/drm/card0/device/vendor", b"0x8086");
        files.set("class/drm/card0/device/device", b"0xa780");
        files
    }

    #[test]
    fn a_card_is_found_by_its_place_and_by_its_ids() {
        let files = machine("card");
        for bus in [Some("0000:03:00.0"), None] {
            let read = Card::open(files.root(), &adapter(bus)).unwrap().read();
            assert_eq!(read.core_clock_hz, Some(2.5e9));
            assert_eq!(read.memory_clock_hz, Some(1.249e9));
            assert_eq!(read.temperature_c, Some(64.0));
            assert_eq!(read.power.map(|power| power.watts), Some(303.0));
            assert_eq!((read.energy, read.limits), (None, None));
        }
        let missing = Card::open(files.root(), &adapter(Some("0000:04:00.0"))).unwrap_err();
        assert!(missing.contains("0 of 2 cards"), "{missing}");
        files.set("class/drm/card2/device/vendor", b"0x1002");
        files.set("class/drm/card2/device/device", b"0x744c");
        let twins = Card::open(files.root(), &adapter(None)).unwrap_err();
        assert!(twins.contains("2 of 3 cards"), "{twins}");
        let none = Card::open(&files.root().join("none"), &adapter(None)).unwrap_err();
        assert!(none.contains("no card"), "{none}");
    }

    #[test]
    fn limits_of_amdgpu_stand_in_its_metrics() {
        let files = machine("card-limits");
        let mut metrics = vec![0; 120];
        metrics[..4].copy_from_slice(&[120, 0, 1, 3]);
        metrics[112] = 1;
        files.set(&format!("{CARD}gpu_metrics"), &metrics);
        let mut card = Card::open(files.root(), &adapter(None)).unwrap();
        assert_eq!(
            card.read().limits,
            Some(BTreeSet::from([Limit::PowerLimit]))
        );
    }
}
