//! The measured part of a roofline.

use crate::gpu::Capabilities;
use crate::report::{Ceiling, CeilingId, LatencyPoint, Level, SweepPoint, TransferPoint, Variant};

/// Measured figures; [`RooflineReport`](crate::report::RooflineReport) adds where and how they were measured.
#[derive(Debug, Clone, Default)]
pub struct MeasuredRoofline {
    /// Rates that the adapter can reach.
    pub ceilings: Vec<Ceiling>,
    /// Ceilings measured in another way.
    pub variants: Vec<Variant>,
    /// Bandwidth by working set.
    pub sweep: Vec<SweepPoint>,
    /// Latency by working set.
    pub latency: Vec<LatencyPoint>,
    /// Launches, readback, compiling.
    pub system: Vec<Ceiling>,
    /// Between host and device.
    pub transfers: Vec<TransferPoint>,
}

impl MeasuredRoofline {
    /// Workgroup memory, the caches that the sweeps show, and memory.
    #[must_use]
    pub fn levels(&self, device: &Capabilities) -> Vec<Level> {
        let value = |id: &CeilingId| self.ceilings.iter().find(|c| c.id == *id)?.value;
        let mut levels = super::levels::levels(&self.sweep, &self.latency);
        if let Some(memory) = levels.last_mut() {
            memory.bandwidth = value(&CeilingId::MemoryRead).or(memory.bandwidth);
        }
        if let Some(bandwidth) = value(&CeilingId::MemoryWorkgroup) {
            let level = Level {
                name: "workgroup".to_owned(),
                bytes: Some(device.limits.max_compute_workgroup_storage_size.into()),
                bandwidth: Some(bandwidth),
                latency_s: None,
                lane_bytes: None,
            };
            levels.insert(0, level);
        }
        levels
    }
}
