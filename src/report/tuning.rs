//! Fastest kernels and constants that a search found on one machine, as plain data: schema `ridgepoint.tuning/1`.
//!
//! A plan reads a tuning only where [`PlanOptions::tuning`](super::PlanOptions::tuning) holds one. Stale entries, found on
//! another machine or naming something that no longer exists, are skipped with a warning and are never an error.

use super::adapter::AdapterSummary;
use super::status::Checks;
use super::warning::Warning;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::text::fnv_1a;
use crate::units::format_percent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema that [`Tuning`] is written in.
pub const TUNING_SCHEMA: &str = "ridgepoint.tuning/1";

/// Results of searches on one adapter with one driver, through one backend, by one version of this crate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// [`TUNING_SCHEMA`].
    pub schema: String,
    /// Machine that the tuning holds for.
    pub machine: Machine,
    /// Results, one for each class that was searched.
    pub found: Vec<Tuned>,
}

/// Machine that a tuning depends on: a tuning holds only where every field is equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The adapter's name.
    pub adapter: String,
    /// PCI vendor, or the backend's own.
    pub vendor_id: u32,
    /// PCI device, or the backend's own.
    pub device_id: u32,
    /// `vulkan`, `metal`, `dx12`, `gl`.
    pub backend: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version text.
    pub driver_info: String,
    /// Version of this crate: kernels change with it.
    pub version: String,
}

impl Machine {
    /// A name for a file of what is kept for this machine: one that can be read, and a hash that tells drivers and versions
    /// apart.
    #[must_use]
    pub fn file_name(&self, kind: &str, extension: &str) -> String {
        let Self {
            adapter,
            vendor_id,
            device_id,
            backend,
            driver,
            driver_info,
            version,
        } = self;
        let key = [adapter, backend, driver, driver_info, version]
            .map(String::as_str)
            .join("\n");
        let key = format!("{key}\n{vendor_id}\n{device_id}");
        let lower = adapter.to_lowercase();
        let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let mut readable = words.join("-");
        readable.truncate(40);
        let hash = fnv_1a(key.bytes());
        format!("{kind}-{readable}-{backend}-{hash:016x}.{extension}")
    }
}

/// Result of the search for one class of shapes of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// Name of the operation.
    pub operation: String,
    /// Element type of the inputs.
    pub dtype: Dtype,
    /// The class, as [`class_of`](crate::ops::class_of) names it.
    pub class: String,
    /// Runtime checks in shaders.
    pub checks: Checks,
    /// The shape that was measured.
    pub shape: String,
    /// Operations that the shape needs.
    pub flops: u64,
    /// Bytes that the shape has to move.
    pub min_bytes: u64,
    /// Kernel and constants that the library takes without a tuning.
    pub default: TunedConfig,
    /// Kernel and constants that were faster than the default; null where none were.
    pub winner: Option<TunedConfig>,
    /// Gain of the winner: time of the default over time of the winner, less one. 0 without a winner.
    pub gain: f64,
    /// Spread of the comparison, which the gain had to exceed.
    pub spread: f64,
    /// Candidates that were timed.
    pub tried: usize,
    /// Candidates that were not timed, and why: not supported, not compiled, wrong, or fatal to the device.
    pub passed_over: Vec<String>,
    /// Warnings about the times: a device that was not at its rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Reason why the search ended.
    pub ended: StopReason,
    /// Time that the search took, in seconds.
    pub lasted_s: f64,
}

/// A kernel with its constants, and the time that it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunedConfig {
    /// The kernel.
    pub kernel: String,
    /// Constants that replace the library's choice.
    pub constants: BTreeMap<String, Setting>,
    /// Median time of one execution, in seconds.
    pub time_s: f64,
}

/// The value of a constant in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(u32),
    /// Any other number.
    Float(f32),
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Every candidate was tried.
    Complete,
    /// A candidate came so near to the roof that more candidates were not worth trying.
    NearRoof,
    /// The time was up.
    OutOfTime,
}

impl Machine {
    /// The machine that `adapter` is a part of, as this version of the crate sees it.
    #[must_use]
    pub fn of(adapter: &AdapterSummary) -> Self {
        Self {
            adapter: adapter.name.clone(),
            vendor_id: adapter.vendor_id,
            device_id: adapter.device_id,
            backend: adapter.backend.clone(),
            driver: adapter.driver.clone(),
            driver_info: adapter.driver_info.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Differences of `self` from `other`, in words; `None` where they are the same.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let ids = |m: &Self| format!("{:#06x}:{:#06x}", m.vendor_id, m.device_id);
        let parts = [
            ("adapter", self.adapter.clone(), other.adapter.clone()),
            ("device", ids(self), ids(other)),
            ("backend", self.backend.clone(), other.backend.clone()),
            ("driver", self.driver.clone(), other.driver.clone()),
            (
                "driver",
                self.driver_info.clone(),
                other.driver_info.clone(),
            ),
            ("ridgepoint", self.version.clone(), other.version.clone()),
        ];
        let differing = parts.into_iter().find(|(_, own, others)| own != others);
        differing.map(|(what, own, others)| format!("it is of {what} {own}, this is {others}"))
    }
}

impl Tuning {
    /// Nothing found yet on `machine`.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self {
            schema: TUNING_SCHEMA.to_owned(),
            machine,
            found: Vec::new(),
        }
    }

    /// Number of classes of each operation, in words.
    #[must_use]
    pub fn counts(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for tuned in &self.found {
            match counts.iter_mut().find(|(name, _)| *name == tuned.operation) {
                Some((_, count)) => *count += 1,
                None => counts.push((&tuned.operation, 1)),
            }
        }
        let words = counts.iter().map(|(name, count)| match count {
            1 => format!("1 class of {name}"),
            _ => format!("{count} classes of {name}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Keeps `tuned` in place of what was found before for the same class.
    pub fn keep(&mut self, tuned: Tuned) {
        match self.found.iter_mut().find(|known| known.is_for(&tuned)) {
            Some(known) => *known = tuned,
            None => self.found.push(tuned),
        }
    }

    /// Refuses a tuning of another adapter, driver, backend or version.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the first difference.
    pub fn require(&self, adapter: &AdapterSummary) -> Result<()> {
        match self.machine.difference(&Machine::of(adapter)) {
            None => Ok(()),
            Some(difference) => Err(Error::Unsupported {
                what: "this tuning".into(),
                reason: format!("{difference}; run `ridgepoint tune` for one of its own"),
            }),
        }
    }
}

impl Tuned {
    fn is_for(&self, other: &Self) -> bool {
        self.operation == other.operation
            && self.dtype == other.dtype
            && self.class == other.class
            && self.checks == other.checks
    }

    /// Operation, element type and class, as in `matmul/f32/square_small`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.operation, self.dtype.name(), self.class)
    }

    /// Kernel and constants to use from now on: the winner, or the default where there is none.
    #[must_use]
    pub fn best(&self) -> &TunedConfig {
        self.winner.as_ref().unwrap_or(&self.default)
    }

    /// Why a plan has the winner's kernel, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        let gain = format_percent(self.gain);
        format!(
            "tuned on this adapter for {}: {gain} faster than the default at {}",
            self.class, self.shape
        )
    }
}

impl TunedConfig {
    /// The kernel's name, and its constants as they are written in WGSL.
    #[must_use]
    pub fn describe(&self) -> String {
        let constant = |(name, setting): (&String, &Setting)| match setting {
            Setting::Bool(value) => format!(" {name}={value}"),
            Setting::Integer(value) => format!(" {name}={value}"),
            Setting::Float(value) => format!(" {name}={value:?}"),
        };
        let constants: String = self.constants.iter().map(constant).collect();
        self.kernel.clone() + &constants
    }
}
