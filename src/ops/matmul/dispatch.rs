//! Dispatch ranges: which workgroups of a product a dispatch takes, so that no driver's watchdog steps in.
//!
//! Workgroups are alike, and numbered over tiles, matrices and parts of K: a dispatch takes a range of these numbers. The
//! depth of K of one workgroup is bounded as well ([`super::cost`]): a deeper K is summed in parts.

use super::cost::MFLOP;
use crate::error::Result;
use crate::kernel::{BindingRange, Dispatch, fold_workgroups};
use crate::shader::Prepared;
use std::ops::Range;

/// Workgroups of a product, dealt out to dispatches.
#[derive(Debug)]
pub(super) struct DispatchRanges {
    /// How many workgroups.
    pub(super) workgroups: u64,
    /// FLOPs of one.
    pub(super) flops: u64,
    /// Workgroups that fill the device once; 1 where that is not known.
    pub(super) fill_device: u64,
}

impl DispatchRanges {
    /// Dispatch ranges of about equal size, as few as a watchdog limit of `budget` FLOPs each allows. Sizes are multiples of
    /// `fill_device`, where the limit has room for that many workgroups.
    fn within(&self, budget: u64, limits: &wgpu::Limits) -> impl Iterator<Item = Range<u64>> {
        let mut each = self.workgroups;
        if budget > 0 && self.workgroups.saturating_mul(self.flops) > budget {
            // A grid of two dimensions would have workgroups beyond its range, which belong to the next dispatch.
            let line = u64::from(limits.max_compute_workgroups_per_dimension);
            let most = (budget / self.flops.max(1)).clamp(1, line);
            let granule = if most < self.fill_device {
                1
            } else {
                self.fill_device
            };
            let dispatches = self.workgroups.div_ceil(most / granule * granule);
            each = self
                .workgroups
                .div_ceil(dispatches)
                .next_multiple_of(granule);
        }
        sub_ranges(self.workgroups, each)
    }

    /// A dispatch of `file`, the kernel's `stage`, for each range within the watchdog limit; `params` gives the uniform of a
    /// dispatch by its first workgroup.
    pub(super) fn steps(
        &self,
        (stage, file): (usize, &Prepared),
        windows: &[BindingRange],
        limits: &wgpu::Limits,
        params: impl Fn(u32) -> Vec<u8>,
    ) -> Result<Vec<Dispatch>> {
        let budget = file.constants.get("BUDGET").copied().unwrap_or(0);
        self.within(u64::from(budget) * MFLOP, limits)
            .map(|range| {
                Ok(Dispatch {
                    stage,
                    params: params(range.start as u32),
                    windows: windows.to_vec(),
                    workgroups: fold_workgroups(range.end - range.start, limits)?,
                })
            })
            .collect()
    }
}

/// `0..whole` in ranges of `part`; the last is what is left.
pub(super) fn sub_ranges(whole: u64, part: u64) -> impl Iterator<Item = Range<u64>> {
    let starts = (0..whole).step_by(part.max(1) as usize);
    starts.map(move |start| start..(start + part).min(whole))
}

#[cfg(test)]
mod tests;
