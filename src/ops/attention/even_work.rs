//! Dispatches of work whose parts cost about the same.

use super::params::Params;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch};
use crate::kernel::{BindingRange, Dispatch, fold_workgroups};

/// Work of one stage in parts that cost about the same, each computed by a workgroup.
pub(in crate::ops) struct EvenWork {
    pub(in crate::ops) stage: usize,
    pub(in crate::ops) params: Params,
    pub(in crate::ops) windows: Vec<BindingRange>,
    /// Number of parts.
    pub(in crate::ops) parts: u64,
    /// FLOPs of a part, on average.
    pub(in crate::ops) flops: u64,
}

impl EvenWork {
    /// Dispatches of about equal size, as few as [`flops_of_dispatch`] allows.
    pub(in crate::ops) fn steps(&self, device: &Capabilities) -> Result<Vec<Dispatch>> {
        let most = flops_of_dispatch(device, Units::Plain) / self.flops.max(1);
        let most = most.max(1);
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
                Ok(Dispatch {
                    stage: self.stage,
                    params: bytemuck::bytes_of(&params).to_vec(),
                    windows: self.windows.clone(),
                    workgroups: fold_workgroups(parts, &device.limits)?,
                })
            })
            .collect()
    }
}
