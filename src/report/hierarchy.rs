//! The memory hierarchy of an adapter as plain data: bandwidth and latency over working sets, and the levels that they show.

use super::status::Status;
use super::warning::Warning;
use serde::{Deserialize, Serialize};

/// The memory hierarchy of an adapter, measured beside the rows of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hierarchy {
    /// Bandwidth by working set.
    pub sweep: Vec<SweepPoint>,
    /// Latency by working set.
    pub latency: Vec<LatencyPoint>,
    /// Caches and memory, as the sweeps show them, nearest first.
    pub levels: Vec<Level>,
}

/// Reads of one working set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Bytes of the working set.
    pub bytes: u64,
    /// Bandwidth of reading the same bytes again and again, in bytes per second.
    pub resident: Option<f64>,
    /// End of the measurement of `resident`.
    pub resident_status: Status,
    /// Bandwidth of reading bytes that no cache holds, a dispatch for each set, in bytes per second.
    pub cold: Option<f64>,
    /// End of the measurement of `cold`.
    pub cold_status: Status,
    /// Reason why `resident` or `cold` has no value.
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
    /// Time of one read, in seconds.
    pub seconds: Option<f64>,
    /// End of the measurement.
    pub status: Status,
    /// Reason why `seconds` has no value.
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
    /// Capacity in bytes; null for memory.
    pub bytes: Option<u64>,
    /// Bandwidth of reads, in bytes per second.
    pub bandwidth: Option<f64>,
    /// Latency of a dependent read, in seconds.
    pub latency_s: Option<f64>,
    /// The largest working set, in bytes, that one lane alone reads at this latency: the size of its own core's part of the
    /// level. Less than `bytes` where caches of several cores serve all of them together.
    #[serde(default)]
    pub lane_bytes: Option<u64>,
}
