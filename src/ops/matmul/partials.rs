//! Sums over parts of K side by side, and the dispatch that adds them up.

use super::dispatch::DispatchRanges;
use super::params::{Split, params, windows};
use super::partition::Partition;
use super::shape::Matmul;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::LOAD_FLOPS;
use crate::kernel::{BindingRange, Dispatch, Stage};
use crate::shader::{Prepared, files};
use std::ops::RangeInclusive;

/// The stage that adds up the parts, which every kernel with a `SPLIT_K` has behind its own.
pub(super) const REDUCE: Stage = Stage::of(&files::MATMUL_REDUCE);

/// Where the sums over parts of K go: one plane of f32, as large as C, for each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Partials {
    /// Planes that hold earlier parts already.
    pub(super) taken: u64,
    /// Planes that may be added.
    pub(super) most: u64,
    /// Ranges of K that are left to share the parts, where bindings cut K.
    pub(super) ranges: u64,
}

impl Partials {
    /// The planes of a sub-problem of `partition`, whose K is cut into `ranges`.
    pub(super) fn of(partition: &Partition, ranges: u64, device: &Capabilities) -> Self {
        Self {
            taken: 0,
            most: (partition.most_planes(&device.limits) / ranges).max(1),
            ranges,
        }
    }

    /// How many parts of K there may be where none is to be deeper than `deepest`.
    pub(super) fn parts(self, k: u64, deepest: u64) -> RangeInclusive<u64> {
        let most = self.most.max(1);
        k.div_ceil(deepest).clamp(1, most)..=most
    }

    /// How K is shared by a kernel whose `SPLIT_K` says into how many parts in all, each a multiple of `step` deep.
    pub(super) fn split(self, k: u64, split_k: u64, step: u64, deepest: u64) -> Split {
        let number = self.parts(k, deepest);
        let left = split_k.saturating_sub(self.taken).max(1);
        let share = left.div_ceil(self.ranges.max(1));
        Split::into(k, share.clamp(*number.start(), *number.end()), step)
    }
}

/// The second dispatch of a product with parts of K: C from the planes of the parts.
pub(super) fn reduce(
    matmul: &Matmul,
    stage: &Prepared,
    parts: BindingRange,
    split: Split,
    limits: &wgpu::Limits,
) -> Result<Vec<Dispatch>> {
    let elements = matmul.batch * matmul.m * matmul.n;
    let [workgroup, width] =
        ["REDUCE_WORKGROUP", "REDUCE_WIDTH"].map(|name| u64::from(stage.constant(name)));
    let per_workgroup = workgroup * width;
    let [_, _, bias, result] = windows(matmul);
    let params = params(matmul, 0, split)?;
    let ranges = DispatchRanges {
        workgroups: elements.div_ceil(per_workgroup),
        flops: per_workgroup * (split.parts + 1) * LOAD_FLOPS,
        fill_device: 1,
    };
    ranges.steps((1, stage), &[parts, bias, result], limits, |first| {
        params.beginning_at(first)
    })
}
