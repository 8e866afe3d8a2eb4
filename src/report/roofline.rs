//! A roofline as plain data: schema `ridgepoint.roofline/1`.

use super::adapter::AdapterSummary;
use super::run::{Ceiling, Host, Tool};
use super::sampling::Sampling;
use super::status::Status;
use super::warning::Warning;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema that [`RooflineReport`] is written in.
pub const ROOFLINE_SCHEMA: &str = "ridgepoint.roofline/1";

/// All that was measured of one adapter. SI base units: seconds, bytes, operations and bytes per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RooflineReport {
    /// [`ROOFLINE_SCHEMA`].
    pub schema: String,
    /// What measured.
    pub tool: Tool,
    /// Where.
    pub host: Host,
    /// On what.
    pub adapter: AdapterSummary,
    /// How.
    pub settings: RooflineSettings,
    /// What the adapter can reach.
    pub ceilings: Vec<Ceiling>,
    /// Ceilings measured in another way than the ones above: with runtime checks, on idle data.
    pub variants: Vec<Variant>,
    /// Bandwidth by working set.
    pub sweep: Vec<SweepPoint>,
    /// Latency by working set.
    pub latency: Vec<LatencyPoint>,
    /// Caches and memory, as the sweeps show them, nearest first.
    pub levels: Vec<Level>,
    /// Launches, readback, compiling: seconds each.
    pub system: Vec<Ceiling>,
    /// Between host and device, by size.
    pub transfers: Vec<TransferPoint>,
    /// What a reader has to know about the whole.
    pub warnings: Vec<Warning>,
}

/// How a roofline was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RooflineSettings {
    /// Whether only the ceilings that `run` uses were measured.
    pub quick: bool,
    /// Seed of the data.
    pub seed: u32,
    /// Warm-up and sampling of the ceilings.
    pub sampling: Sampling,
    /// Bytes of each of the two buffers that memory is measured with.
    pub pool_bytes: u64,
    /// Hash of each shader file, by stem, as hexadecimal FNV-1a of its text.
    pub shader_hashes: BTreeMap<String, String>,
    /// What the user says about the machine.
    pub note: Option<String>,
    /// Wall time of the whole measurement, in seconds.
    pub lasted_s: f64,
}

/// A ceiling measured in another way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// `checks_on`, `idle_data`.
    pub what: String,
    /// What came out.
    pub ceiling: Ceiling,
}

/// Reads of one working set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Bytes of the working set.
    pub bytes: u64,
    /// The same bytes again and again, in bytes per second.
    pub resident: Option<f64>,
    /// How that ended.
    pub resident_status: Status,
    /// Bytes that no cache holds, a dispatch for each set, in bytes per second.
    pub cold: Option<f64>,
    /// How that ended.
    pub cold_status: Status,
    /// Why one of them has no value.
    pub reason: Option<String>,
    /// [`Warning::ClockDrift`] where the device was not at its rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Dependent reads through one working set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyPoint {
    /// Bytes of the working set.
    pub bytes: u64,
    /// One read, in seconds.
    pub seconds: Option<f64>,
    /// How it ended.
    pub status: Status,
    /// Why it has no value.
    pub reason: Option<String>,
    /// [`Warning::ClockDrift`] where the device was not at its rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// One level of the memory hierarchy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// `workgroup`, `cache 1`, `cache 2`, `memory`.
    pub name: String,
    /// How much it holds; null for memory.
    pub bytes: Option<u64>,
    /// Reads, in bytes per second.
    pub bandwidth: Option<f64>,
    /// A dependent read, in seconds.
    pub latency_s: Option<f64>,
    /// The largest working set that one lane alone reads at this latency: what its own core's part of the level holds.
    /// Less than `bytes` where caches of several cores serve all of them together.
    #[serde(default)]
    pub lane_bytes: Option<u64>,
}

/// Copies between host and device of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferPoint {
    /// Bytes of a copy.
    pub bytes: u64,
    /// From memory of the host that the device reads, in bytes per second.
    pub to_device: Option<f64>,
    /// To memory of the host, in bytes per second.
    pub from_device: Option<f64>,
    /// By `Queue::write_buffer` from any memory of the host, waited for, in bytes per second.
    pub write_buffer: Option<f64>,
    /// How it ended; that of the first of them that is not `ok`.
    pub status: Status,
    /// Why one of them has no value.
    pub reason: Option<String>,
    /// [`Warning::ClockDrift`] where the device was not at its rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl RooflineReport {
    /// Reads a report from JSON text.
    ///
    /// # Errors
    /// [`Error::File`] for text that is not of this schema.
    pub fn from_json(text: &str) -> Result<Self> {
        let failed = |reason: String| Error::File {
            path: "a roofline".to_owned(),
            reason,
        };
        let report: Self = serde_json::from_str(text).map_err(|e| failed(e.to_string()))?;
        if report.schema != ROOFLINE_SCHEMA {
            return Err(failed(format!(
                "its schema is {:?}, this version reads {ROOFLINE_SCHEMA:?}",
                report.schema
            )));
        }
        Ok(report)
    }

    /// The report as JSON text.
    ///
    /// # Panics
    /// Never: all of it is numbers, texts and lists.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data has a JSON form") + "\n"
    }

    /// A ceiling by its id.
    #[must_use]
    pub fn ceiling(&self, id: &str) -> Option<&Ceiling> {
        self.ceilings.iter().find(|ceiling| ceiling.id == id)
    }
}
