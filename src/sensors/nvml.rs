//! Sensors of NVIDIA's GPUs, through the library that comes with the driver.

use super::{Energy, Power, Reading, Source};
use crate::report::{AdapterSummary, Limit, PowerOf};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::NVML_FI_DEV_POWER_INSTANT;
use nvml_wrapper::{Device, Nvml as Library};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Name of the source.
pub(super) const NAME: &str = "nvml";

/// Time in seconds after which power that is not averaged, and the energy counter, have new values: 20 to 100 ms on GPUs from
/// Volta to Hopper.
const STEP_S: f64 = 0.1;
/// Time in seconds over which GPUs from Ampere on average the power that `nvmlDeviceGetPowerUsage` gives.
const AVERAGED_S: f64 = 1.0;

/// One GPU.
pub(super) struct Nvml {
    device: Device<'static>,
}

/// The library, which a process opens once; the reason where it cannot be opened.
fn library() -> Result<&'static Library, String> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| Library::init().map_err(|error| error.to_string()));
    library.as_ref().map_err(|error| {
        format!("it needs libnvidia-ml, which comes with NVIDIA's driver: {error}")
    })
}

impl Nvml {
    /// The GPU of `adapter`: by its place on the PCI bus, or the only one with the same PCI device.
    pub(super) fn open(adapter: &AdapterSummary) -> Result<Self, String> {
        let library = library()?;
        if let Some(bus) = &adapter.pci_bus_id {
            let device = library.device_by_pci_bus_id(bus.as_str());
            let device = device.map_err(|error| format!("it knows no GPU at {bus}: {error}"))?;
            return Ok(Self { device });
        }
        let count = library.device_count().unwrap_or(0);
        let devices = (0..count).filter_map(|index| library.device_by_index(index).ok());
        let id = |device: &Device<'_>| device.pci_info().ok().map(|pci| pci.pci_device_id);
        // The PCI device stands in the upper half, the vendor in the lower.
        let wanted = adapter.device_id << 16 | adapter.vendor_id;
        let mut alike: Vec<Device<'static>> = devices
            .filter(|device| id(device) == Some(wanted))
            .collect();
        match (alike.len(), alike.pop()) {
            (1, Some(device)) => Ok(Self { device }),
            (count, _) => Err(format!(
                "{count} of its GPUs could be this adapter, whose driver does not say its place on the PCI bus"
            )),
        }
    }

    /// Power of this moment, or of the last second where the driver gives no other.
    fn power(&self) -> Option<Power> {
        let power = |milliwatts: f64, averaged_s| Power {
            watts: milliwatts / 1e3,
            of: PowerOf::Board,
            averaged_s,
        };
        let fields = [FieldId(NVML_FI_DEV_POWER_INSTANT)];
        let fields = self.device.field_values_for(&fields).ok();
        let instant = fields.into_iter().flatten().flatten().next();
        match instant.and_then(|field| field.value.ok()) {
            Some(SampleValue::U32(value)) => Some(power(f64::from(value), STEP_S)),
            Some(SampleValue::U64(value)) => Some(power(value as f64, STEP_S)),
            _ => {
                let usage = self.device.power_usage().ok()?;
                Some(power(f64::from(usage), AVERAGED_S))
            }
        }
    }
}

impl Source for Nvml {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&mut self) -> Reading {
        let device = &self.device;
        let clock = |clock| {
            device
                .clock_info(clock)
                .ok()
                .map(|mhz| f64::from(mhz) * 1e6)
        };
        let temperature = device.temperature(TemperatureSensor::Gpu).ok();
        let energy = device.total_energy_consumption().ok();
        Reading {
            core_clock_hz: clock(Clock::SM),
            memory_clock_hz: clock(Clock::Memory),
            temperature_c: temperature.map(f64::from),
            power: self.power(),
            energy: energy.map(|millijoules| Energy {
                joules: millijoules as f64 / 1e3,
                of: PowerOf::Board,
                step_s: STEP_S,
            }),
            limits: device.current_throttle_reasons().ok().map(limits),
        }
    }
}

/// Limits among the reasons that the driver gives. Idleness is none.
fn limits(reasons: ThrottleReasons) -> BTreeSet<Limit> {
    const LIMITS: &[(ThrottleReasons, Limit)] = &[
        (ThrottleReasons::SW_POWER_CAP, Limit::PowerLimit),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, Limit::Temperature),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, Limit::Temperature),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, Limit::PowerBrake),
        (ThrottleReasons::HW_SLOWDOWN, Limit::HardwareSlowdown),
        (
            ThrottleReasons::APPLICATIONS_CLOCKS_SETTING,
            Limit::ClockSetting,
        ),
        (ThrottleReasons::DISPLAY_CLOCK_SETTING, Limit::ClockSetting),
        (ThrottleReasons::SYNC_BOOST, Limit::Other),
    ];
    let holding = LIMITS
        .iter()
        .filter(|(reason, _)| reasons.contains(*reason));
    holding.map(|(_, limit)| *limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_limits_and_idleness_is_none() {
        let found = limits(ThrottleReasons::GPU_IDLE | ThrottleReasons::SW_POWER_CAP);
        assert_eq!(found, BTreeSet::from([Limit::PowerLimit]));
        assert!(limits(ThrottleReasons::NONE | ThrottleReasons::GPU_IDLE).is_empty());
        let hot = ThrottleReasons::HW_THERMAL_SLOWDOWN | ThrottleReasons::HW_SLOWDOWN;
        assert_eq!(limits(hot).len(), 2);
    }

    #[test]
    fn without_the_library_it_says_where_the_library_comes_from() {
        if library().is_ok() {
            return;
        }
        let adapter = crate::plan::tuning_tests::adapter();
        let needs = Nvml::open(&adapter).err().unwrap();
        assert!(
            needs.starts_with("it needs libnvidia-ml, which comes with NVIDIA's driver"),
            "{needs}"
        );
    }
}
