//! How much of an attention one dispatch may hold: a driver gives up on those that take long.

use super::params::Params;
use crate::error::Result;
use crate::gpu::{AdapterKind, Capabilities};
use crate::kernel::{Step, Window, fold_workgroups};

/// FLOPs that a slow adapter of its kind gets done in 100 ms, with a plain kernel: 1.5 GFLOP/s of a processor with two
/// cores, 50 of a small integrated GPU, 300 of a discrete one of ten years ago, 1500 of one with matrix units.
pub(super) fn flops_of_dispatch(device: &Capabilities) -> u64 {
    match device.kind {
        AdapterKind::Discrete if !device.cooperative.is_empty() => 150_000_000_000,
        AdapterKind::Discrete => 30_000_000_000,
        AdapterKind::Software => 150_000_000,
        _ => 5_000_000_000,
    }
}

/// Work of one stage that falls into like parts, each a workgroup's.
pub(super) struct Work {
    pub(super) stage: usize,
    pub(super) params: Params,
    pub(super) windows: Vec<Window>,
    /// How many parts.
    pub(super) parts: u64,
    /// FLOPs of one, on average.
    pub(super) flops: u64,
}

impl Work {
    /// As few dispatches as [`flops_of_dispatch`] allows, of about one size.
    pub(super) fn steps(&self, device: &Capabilities) -> Result<Vec<Step>> {
        let most = (flops_of_dispatch(device) / self.flops.max(1)).max(1);
        let dispatches = self.parts.div_ceil(most).max(1);
        let each = self.parts.div_ceil(dispatches).max(1);
        (0..self.parts)
            .step_by(each as usize)
            .map(|first| {
                let params = Params {
                    first: first as u32,
                    ..self.params
                };
                let parts = each.min(self.parts - first);
                Ok(Step {
                    stage: self.stage,
                    params: bytemuck::bytes_of(&params).to_vec(),
                    windows: self.windows.clone(),
                    workgroups: fold_workgroups(parts, &device.limits)?,
                })
            })
            .collect()
    }
}
