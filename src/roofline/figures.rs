//! How much of a roofline is measured, with what effort, and what comes out.

use super::ceilings::{ArithmeticGrid, Effort};
use super::data::{LatencyPoint, Level, SweepPoint, TransferPoint, Variant};
use crate::bench::Sampling;
use crate::gpu::{AdapterKind, Capabilities};
use crate::report::Ceiling;
use std::time::Duration;

/// How much of the roofline is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The ceilings that `run` uses.
    Quick,
    /// Everything.
    Full,
}

/// What was measured; [`super::RooflineReport`] adds where and how.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// What the adapter can reach.
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

impl Figures {
    /// Workgroup memory, the caches that the sweeps show, and memory.
    #[must_use]
    pub fn levels(&self, device: &Capabilities) -> Vec<Level> {
        let value = |id: &str| self.ceilings.iter().find(|c| c.id == id)?.value;
        let mut levels = super::levels::levels(&self.sweep, &self.latency);
        if let Some(memory) = levels.last_mut() {
            memory.bandwidth = value("memory/read").or(memory.bandwidth);
        }
        if let Some(bandwidth) = value("memory/workgroup") {
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

/// Bytes of each of the two buffers that memory is measured with: on a GPU with memory of its own, on others, which share
/// that of the host, and on a software adapter.
const POOL_DISCRETE: u64 = 1 << 30;
const POOL: u64 = 256 << 20;
const POOL_SOFTWARE: u64 = 32 << 20;

impl Effort {
    /// What suits an adapter: a software adapter gets small buffers and little time, since its figures say nothing of a
    /// GPU.
    #[must_use]
    pub fn of(kind: AdapterKind, extent: Extent, seed: u32) -> Self {
        let software = kind == AdapterKind::Software;
        let sampling = match (software, extent) {
            (true, _) => Sampling {
                warm_up_max: Duration::from_millis(300),
                max_time: Duration::from_millis(800),
                ..Sampling::quick()
            },
            (false, Extent::Quick) => Sampling::quick(),
            (false, Extent::Full) => Sampling {
                max_time: Duration::from_secs(4),
                ..Sampling::default()
            },
        };
        Self {
            grid: if software || extent == Extent::Quick {
                ArithmeticGrid::Short
            } else {
                ArithmeticGrid::Full
            },
            copy_bytes: match kind {
                AdapterKind::Software => POOL_SOFTWARE,
                AdapterKind::Discrete => POOL_DISCRETE,
                _ => POOL,
            },
            sampling,
            seed,
        }
    }
}
