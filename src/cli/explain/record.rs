//! One explained shape as a line of JSON.

use super::roof::RoofRecord;
use ridgepoint::compiler::Compiled;
use ridgepoint::plan::PreviewStage;
use ridgepoint::report::StageStatistics;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A shape with its kernel, as one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Name of the adapter or fake device.
    pub(super) adapter: String,
    /// Version text of its driver; empty for a fake device.
    pub(super) driver: String,
    pub(super) operation: String,
    pub(super) dtype: String,
    pub(super) shape: String,
    pub(super) kernel: String,
    pub(super) constants: String,
    /// Null where no ceilings were named or measured, and for a shape without elements to compute.
    #[serde(default)]
    pub(super) roof: Option<RoofRecord>,
    pub(super) stages: Vec<StageRecord>,
}

/// One stage, with what the driver's compiler made of it where it was asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct StageRecord {
    /// File and figures, whose fields stand beside those below.
    #[serde(flatten)]
    pub(super) statistics: StageStatistics,
    pub(super) dispatches: usize,
    pub(super) invocations: u32,
    pub(super) workgroup_bytes: u32,
    pub(super) inverse_throughput: Option<f64>,
    /// All that the driver tells, in its own words.
    pub(super) figures: BTreeMap<String, f64>,
    /// Why the driver does not compile it.
    pub(super) error: Option<String>,
}

impl StageRecord {
    pub(super) fn of(stage: &PreviewStage, compiled: Option<&Result<Compiled, String>>) -> Self {
        let text = &stage.text;
        let known = Self {
            statistics: StageStatistics {
                file: text.name.to_owned(),
                ..StageStatistics::default()
            },
            dispatches: stage.dispatches,
            invocations: text.invocations(),
            workgroup_bytes: text.workgroup_bytes,
            ..Self::default()
        };
        match compiled {
            None => known,
            Some(Err(error)) => Self {
                error: Some(error.clone()),
                ..known
            },
            Some(Ok(compiled)) => Self {
                statistics: compiled.statistics(text.name),
                inverse_throughput: compiled.figure("Inverse Throughput"),
                figures: compiled.figures.iter().cloned().collect(),
                ..known
            },
        }
    }
}

impl Record {
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data becomes JSON")
    }
}
