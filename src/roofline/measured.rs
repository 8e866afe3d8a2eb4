//! The measured part of a roofline.

use super::PROBE_FILES;
use super::options::{ProbeOptions, Scope};
use crate::bench::device_warnings;
use crate::gpu::{Capabilities, Gpu};
use crate::report::{
    Ceiling, CeilingId, Host, LatencyPoint, Level, ROOFLINE_SCHEMA, RooflineReport,
    RooflineSettings, SweepPoint, Tool, TransferPoint, Variant,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// How figures came about, beside the figures.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// How they were measured.
    pub options: &'a ProbeOptions,
    /// How much was measured.
    pub scope: Scope,
    /// Machine of the adapter.
    pub host: Host,
    /// User's remark about the machine.
    pub note: Option<String>,
    /// Time that all of it took.
    pub lasted: Duration,
}

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
    /// Report of these figures of `gpu`.
    #[must_use]
    pub fn report(self, gpu: &Gpu, how: Circumstances<'_>) -> RooflineReport {
        RooflineReport {
            schema: ROOFLINE_SCHEMA.to_owned(),
            tool: Tool::current(),
            host: how.host,
            adapter: gpu.summary().clone(),
            settings: RooflineSettings {
                quick: how.scope == Scope::Quick,
                seed: how.options.seed,
                sampling: how.options.sampling.clone(),
                pool_bytes: how.options.copy_bytes,
                shader_hashes: shader_hashes(),
                note: how.note,
                lasted_s: how.lasted.as_secs_f64(),
            },
            levels: self.levels(gpu.capabilities()),
            ceilings: self.ceilings,
            variants: self.variants,
            sweep: self.sweep,
            latency: self.latency,
            system: self.system,
            transfers: self.transfers,
            warnings: device_warnings(gpu),
        }
    }

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

fn shader_hashes() -> BTreeMap<String, String> {
    let hashes = PROBE_FILES.iter().map(|file| {
        let hash = format!("{:016x}", file.shader.hash());
        (file.shader.name.to_owned(), hash)
    });
    hashes.collect()
}
