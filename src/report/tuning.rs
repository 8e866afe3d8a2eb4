//! What a search found to be fast on one machine, as plain data: schema `ridgepoint.tuning/1`.
//!
//! A plan looks here only where [`PlanOptions::tuning`](super::PlanOptions::tuning) says so. What does not fit, because
//! it is of another machine, or names what is no more, is passed over with a warning and never an error.

use super::adapter::AdapterSummary;
use super::status::Checks;
use super::warning::Warning;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::units::format_percent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema that [`Tuning`] is written in.
pub const TUNING_SCHEMA: &str = "ridgepoint.tuning/1";

/// What was found on one adapter with one driver, through one backend, by one version of this crate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// [`TUNING_SCHEMA`].
    pub schema: String,
    /// Where it holds.
    pub machine: Machine,
    /// One for each class that was searched.
    pub found: Vec<Tuned>,
}

/// What a tuning depends on.
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

/// What was found for one class of shapes of one operation.
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
    /// Its operations.
    pub flops: u64,
    /// Bytes that it has to move.
    pub min_bytes: u64,
    /// What the library takes by itself.
    pub default: TunedConfig,
    /// What was faster than that; null where nothing was.
    pub winner: Option<TunedConfig>,
    /// By how much: the time of the default over that of the winner, less one. 0 without a winner.
    pub gain: f64,
    /// What the gain had to exceed: the spread of the comparison.
    pub spread: f64,
    /// Candidates that were timed.
    pub tried: usize,
    /// Candidates that were not, and why: not supported, or wrong.
    pub passed_over: Vec<String>,
    /// What a reader of the times must know: a device that was not at its rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// How the search ended.
    pub ended: StopReason,
    /// How long it took, in seconds.
    pub lasted_s: f64,
}

/// A kernel with its constants, and the time that it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunedConfig {
    /// The kernel.
    pub kernel: String,
    /// Constants that replace those that the library chooses.
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
    /// One came so near to the roof that more were not worth it.
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

    /// In what `self` differs from `other`, in words; `None` where they are the same.
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

    /// What is used from now on, the default or what was faster.
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
