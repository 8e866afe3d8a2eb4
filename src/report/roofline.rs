//! A roofline as plain data: schema `ridgepoint.roofline/1`.

use super::adapter::AdapterSummary;
use super::ceiling_id::CeilingId;
use super::hierarchy::{LatencyPoint, Level, SweepPoint};
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
    /// Program that measured.
    pub tool: Tool,
    /// Machine that was measured.
    pub host: Host,
    /// Adapter that was measured.
    pub adapter: AdapterSummary,
    /// Settings of the measurement.
    pub settings: RooflineSettings,
    /// Ceilings: the rates that the adapter can reach.
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
    /// Copies between host and device, by size.
    pub transfers: Vec<TransferPoint>,
    /// Warnings about the measurement as a whole.
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
    /// User's remark about the machine.
    pub note: Option<String>,
    /// Wall time of the whole measurement, in seconds.
    pub lasted_s: f64,
}

/// A ceiling measured in another way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// `checks_on`, `idle_data`.
    pub what: String,
    /// Result of the variant.
    pub ceiling: Ceiling,
}

/// Copies between host and device of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferPoint {
    /// Bytes of a copy.
    pub bytes: u64,
    /// Bandwidth to the device from memory of the host that the device reads, in bytes per second.
    pub to_device: Option<f64>,
    /// Bandwidth from the device to memory of the host, in bytes per second.
    pub from_device: Option<f64>,
    /// Bandwidth of `Queue::write_buffer` from any memory of the host, waited for, in bytes per second.
    pub write_buffer: Option<f64>,
    /// End of the three measurements: the first status that is not `ok`.
    pub status: Status,
    /// Reason why one of the three bandwidths has no value.
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
    pub fn ceiling(&self, id: &CeilingId) -> Option<&Ceiling> {
        self.ceilings.iter().find(|ceiling| ceiling.id == *id)
    }
}
