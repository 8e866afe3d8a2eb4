//! A run as plain data: schema `ridgepoint.run/1`.
//!
//! Units are SI base units throughout: seconds, bytes, bytes per second, FLOP/s. A number that was not measured is
//! `None` (null in JSON), never zero. A file of this schema can be read back and shown by anybody, with no GPU present.

use super::adapter::{AdapterSummary, UNKNOWN};
use super::ceiling_id::CeilingId;
use super::hierarchy::Hierarchy;
use super::renames;
use super::sampling::Sampling;
use super::sensors::SensorSummary;
use super::soak::Soak;
use super::statistics::StageStatistics;
use super::status::{Checks, ClockKind, Status};
use super::summary::Summary;
use super::warning::Warning;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::units::{Bandwidth, FlopRate, Intensity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema that [`Report`] is written in.
pub const SCHEMA: &str = "ridgepoint.run/1";

/// One run of one suite on one adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Program that measured.
    pub tool: Tool,
    /// Machine of the run.
    pub host: Host,
    /// Adapter that was measured.
    pub adapter: AdapterSummary,
    /// Settings of the run.
    pub settings: Settings,
    /// Ceilings: the rates that the adapter can reach, measured in this run.
    pub ceilings: Vec<Ceiling>,
    /// The measurements, in the order in which they were made.
    pub rows: Vec<Row>,
    /// Bandwidth and latency over working sets, and the caches that they show; absent where no suite asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<Hierarchy>,
    /// One workload over minutes; absent where none was soaked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Soak>,
    /// Warnings about the run as a whole.
    pub warnings: Vec<Warning>,
}

/// The program that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Name of the program, such as `PyTorch`. Files of this crate do not have the field.
    #[serde(default = "own_name", skip_serializing_if = "is_own_name")]
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Commit it was built from; "unknown" outside a repository.
    pub commit: String,
    /// Version of wgpu; empty for a program without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wgpu: String,
    /// Version of naga; empty for a program without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub naga: String,
}

fn own_name() -> String {
    env!("CARGO_PKG_NAME").to_owned()
}

fn is_own_name(name: &str) -> bool {
    name == env!("CARGO_PKG_NAME")
}

impl Tool {
    /// The running build of this crate.
    #[must_use]
    pub fn current() -> Self {
        Self {
            name: own_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("RIDGEPOINT_COMMIT").to_owned(),
            wgpu: env!("RIDGEPOINT_WGPU_VERSION").to_owned(),
            naga: env!("RIDGEPOINT_NAGA_VERSION").to_owned(),
        }
    }

    /// Whether this crate measured, and no other program.
    #[must_use]
    pub fn is_own(&self) -> bool {
        is_own_name(&self.name)
    }
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system with its version; "unknown" where it does not say.
    pub os: String,
    /// The processor's name; "unknown" where it does not say.
    pub cpu: String,
    /// Main memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// When the run began, RFC 3339 in UTC.
    pub utc: String,
    /// Sensors that were read during measurements, such as `nvml`; "unknown" where none answers, and in earlier files.
    #[serde(default = "unknown")]
    pub sensors: String,
}

fn unknown() -> String {
    UNKNOWN.to_owned()
}

/// How the run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the suite.
    pub suite: String,
    /// `--op` filters, as given.
    pub operations: Vec<String>,
    /// `--kernel` filters, as given.
    pub kernels: Vec<String>,
    /// `--dtype` filters; absent from the file where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dtypes: Vec<Dtype>,
    /// Seed of the generated data.
    pub seed: u32,
    /// Runtime checks in shaders; each row says it again.
    pub checks: Checks,
    /// Warm-up and sampling.
    pub sampling: Sampling,
    /// Hash of each shader file, by stem, as hexadecimal FNV-1a of its text.
    pub shader_hashes: BTreeMap<String, String>,
    /// Summary of the tuning that the run used, such as `2 classes of matmul`; null where the run used none.
    #[serde(default)]
    pub tuning: Option<String>,
    /// User's remark about the machine: power source, cooling, settings.
    pub note: Option<String>,
}

/// A measured rate that the adapter cannot exceed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// `compute/f32`, `memory/copy`.
    pub id: CeilingId,
    /// The value in `unit`, from the best stable group of samples: [`Summary::best_stable`].
    pub value: Option<f64>,
    /// `FLOP/s`, `OP/s` or `B/s`.
    pub unit: String,
    /// End of the measurement.
    pub status: Status,
    /// Reason where the status is not `ok`; the shape of the grid that won where it is.
    pub reason: Option<String>,
    /// The shape of the grid that won.
    #[serde(default)]
    pub shape: Option<String>,
    /// Operations or bytes that `work` counts, in words.
    #[serde(default)]
    pub counts: String,
    /// Runtime checks in the shaders.
    #[serde(default)]
    pub checks: Checks,
    /// Work of one execution of the winner, in operations or bytes.
    #[serde(default)]
    pub work: Option<f64>,
    /// Timer that the times come from.
    #[serde(default)]
    pub clock: Option<ClockKind>,
    /// Times of one execution of the winner.
    #[serde(default)]
    pub time_s: Option<Summary>,
    /// Wall-clock times of one execution of the winner, submission and wait included.
    #[serde(default)]
    pub wall_s: Option<Summary>,
    /// Samples thrown away: the cold sample and the samples of the warm-up.
    #[serde(default)]
    pub discarded: usize,
    /// Readings of the device's sensors while the winner was measured; absent without sensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensors: Option<SensorSummary>,
    /// Every shape that was tried.
    #[serde(default)]
    pub grid: Vec<GridPoint>,
    /// Warnings about this ceiling.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl Ceiling {
    /// Work per joule, in [`Ceiling::unit`] for each watt; `None` where the energy is not known.
    #[must_use]
    pub fn per_joule(&self) -> Option<f64> {
        self.sensors.as_ref()?.per_joule(self.work?)
    }

    /// A ceiling of which no more than its value is known.
    #[must_use]
    pub fn known(id: impl Into<CeilingId>, unit: &str, value: f64) -> Self {
        Self {
            id: id.into(),
            value: Some(value),
            unit: unit.to_owned(),
            status: Status::Ok,
            reason: None,
            shape: None,
            counts: String::new(),
            checks: Checks::Off,
            work: None,
            clock: None,
            time_s: None,
            wall_s: None,
            discarded: 0,
            sensors: None,
            grid: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// One shape of a probe's grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridPoint {
    /// Kernel and shape.
    pub shape: String,
    /// Rate that the shape reached in the screening, in the ceiling's unit.
    pub value: Option<f64>,
    /// How its screening ended.
    pub status: Status,
    /// [`Warning::ClockDrift`] where the device was not at its rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Whether a row's results were right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Whether every element that was compared lies within what is allowed.
    pub ok: bool,
    /// Error of the element that came nearest to its allowed error, or passed it; null for a result that is not finite.
    pub max_error: Option<f64>,
    /// Allowed error of the element that `max_error` is about.
    pub allowed: f64,
    /// How many elements were compared with the f64 reference. Every element is checked to be written and finite.
    pub compared: u64,
    /// The worst element in words, where it is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
}

impl Verified {
    /// Requires that the result of `what` is right.
    ///
    /// # Errors
    /// [`Error::Gpu`] with the worst element.
    pub fn require(&self, what: &str) -> Result<()> {
        if self.ok {
            return Ok(());
        }
        let worst = self.worst.as_deref().unwrap_or_default();
        Err(Error::Gpu {
            what: what.to_owned(),
            message: format!("wrong result: {worst}"),
        })
    }
}

/// Resource that limits a kernel of this intensity on this adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Left of the ridge point: bytes.
    Memory,
    /// Right of the ridge point: arithmetic.
    Compute,
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Compute => "compute",
        })
    }
}

/// End of the id of a row, and of its shape, whose operands are rotated.
pub(crate) const ROTATED: &str = "/rotated";

/// One kernel on one shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `operation/dtype/label/kernel`, with `/rotated` behind it where operands are; for people: every part has a field of its own.
    pub id: String,
    /// Name of the operation.
    pub operation: String,
    /// Name of the kernel; empty where none runs here.
    pub kernel: String,
    /// Why this kernel and not another.
    #[serde(default)]
    pub choice: String,
    /// Constants that the kernel was compiled with beyond the constants of its files.
    pub constants: BTreeMap<String, String>,
    /// Element type of the inputs.
    pub dtype: Dtype,
    /// The shape as the command line takes it, options included; empty in files of versions before this field.
    #[serde(default)]
    pub label: String,
    /// The shape, by the names of its sizes.
    pub shape: BTreeMap<String, u64>,
    /// Operations that the shape needs.
    pub flops: u64,
    /// Bytes that the shape has to move.
    pub min_bytes: u64,
    /// Bytes that the kernel's dispatches bind, intermediate results among them; null where nothing ran.
    #[serde(default)]
    pub bound_bytes: Option<u64>,
    /// Bytes of intermediate results in memory; absent where nothing ran, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch_bytes: Option<u64>,
    /// Number of this repetition, from 1, of a row that was measured and is reported several times; absent for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u32>,
    /// Sets of operands that executions use in turn, so that no cache holds them; absent where all executions share one set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operand_sets: Option<u32>,
    /// Bytes of workgroup memory of the stage that takes most; absent where nothing ran, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup_bytes: Option<u64>,
    /// How the measurement ended.
    pub status: Status,
    /// Reason where the status is not `ok`.
    pub reason: Option<String>,
    /// Whether the results were right; null where nothing ran.
    pub verified: Option<Verified>,
    /// Runtime checks in the shaders.
    pub checks: Checks,
    /// Timer that the times come from; null where nothing was timed.
    pub clock: Option<ClockKind>,
    /// Times of one execution.
    pub time_s: Option<Summary>,
    /// Wall-clock times of one execution, submission and wait included, beside the GPU's own.
    pub wall_s: Option<Summary>,
    /// Executions in one sample.
    pub repeats: Option<u32>,
    /// Samples thrown away: the cold sample and the samples of the warm-up.
    pub discarded: usize,
    /// Readings of the device's sensors while the samples were taken; absent without sensors, and in earlier files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensors: Option<SensorSummary>,
    /// `flops` over the median time.
    pub flop_rate: Option<FlopRate>,
    /// `min_bytes` over the median time.
    pub bandwidth: Option<Bandwidth>,
    /// `flops` over `min_bytes`.
    pub intensity: Option<Intensity>,
    /// Resource that limits the kernel; null without ceilings.
    pub bound: Option<Bound>,
    /// Percent of what the measured ceilings allow at this intensity.
    pub percent_of_roof: Option<f64>,
    /// Stages that were dispatched, as the driver's compiler made them; absent where the driver does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compiled: Vec<StageStatistics>,
    /// Warnings about this row.
    pub warnings: Vec<Warning>,
}

impl Row {
    /// Gives kernel and constants the names that they have now, where a report is of an earlier version.
    fn rename(&mut self) {
        let kernel = renames::kernel(&self.kernel).to_owned();
        let (id, end) = match self.id.strip_suffix(ROTATED) {
            Some(id) => (id, ROTATED),
            None => (self.id.as_str(), ""),
        };
        if let Some(rest) = id.strip_suffix(&self.kernel) {
            self.id = format!("{rest}{kernel}{end}");
        }
        let constants = std::mem::take(&mut self.constants).into_iter();
        let renamed =
            constants.map(|(name, value)| (renames::constant(&kernel, &name).to_owned(), value));
        self.constants = renamed.collect();
        self.kernel = kernel;
    }
}

impl Report {
    /// The report as JSON text.
    ///
    /// # Panics
    /// Never: all of it is numbers, texts and lists.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data has a JSON form") + "\n"
    }

    /// Reads a report from JSON text; kernels and constants of earlier versions get the names that they have now.
    ///
    /// # Errors
    /// [`Error::File`] for text that is not of this schema.
    pub fn from_json(text: &str) -> Result<Self> {
        let failed = |reason: String| Error::File {
            path: "a report".to_owned(),
            reason,
        };
        let mut report: Self = serde_json::from_str(text).map_err(|e| failed(e.to_string()))?;
        report.rename();
        if report.schema != SCHEMA {
            return Err(failed(format!(
                "its schema is {:?}, this version reads {SCHEMA:?}",
                report.schema
            )));
        }
        Ok(report)
    }

    /// Gives kernels and constants of earlier versions the names that they have now.
    pub(super) fn rename(&mut self) {
        self.rows.iter_mut().for_each(Row::rename);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_its_program_where_it_is_another() {
        let own = Tool::current();
        let json = serde_json::to_value(&own).unwrap();
        assert!(own.is_own() && json.get("name").is_none(), "{json}");
        assert_eq!(serde_json::from_value::<Tool>(json).unwrap(), own);
        let text = r#"{"name":"PyTorch","version":"2.11.0","commit":"unknown"}"#;
        let other: Tool = serde_json::from_str(text).unwrap();
        assert!(!other.is_own() && other.wgpu.is_empty());
        assert_eq!(serde_json::to_string(&other).unwrap(), text);
    }
}
