//! Which workgroups of a product a dispatch takes: as many as a slow adapter is done with before a driver gives up.
//!
//! Workgroups are alike, and numbered over tiles, matrices and parts of K: a dispatch takes a run of these numbers. How much
//! of K one of them walks is bounded as well: beyond, K is summed in parts.

use super::Matmul;
use super::choice::is_cooperative;
use super::cut::ranges;
use super::kernels::{NAIVE, TILED};
use super::vector::is_vector;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{LOAD_FLOPS, Units, flops_of_dispatch, flops_of_workgroup};
use crate::kernel::{Constants, Kernel, Step, Window, fold_workgroups, integer};
use crate::report::AdapterKind;
use crate::shader::{Constant, Prepared};
use std::ops::Range;

/// Times as long as a kernel with register blocks takes one without: 10 and 6 on an H200; 23 and 56 on llvmpipe, 9 and 14 on
/// `SwiftShader`, which do with blocks what is several times the budget.
fn unblocked(kind: AdapterKind) -> u64 {
    match kind {
        AdapterKind::Software => 24,
        _ => 8,
    }
}

/// Parts of K are at most a multiple of this, which is one of all steps through K.
const GRANULE: u64 = 1024;
/// The largest tile of a kernel that sums parts.
const LARGEST: [u64; 2] = [128, 128];
const MFLOP: u64 = 1_000_000;

/// What a workgroup costs, in FLOPs as a kernel with register blocks does them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// A step of one along K.
    step: u64,
    /// Rows and columns of C that it computes.
    tile: [u64; 2],
    units: Units,
}

impl Cost {
    fn of(kernel: &Kernel, [rows, columns]: [u64; 2], kind: AdapterKind) -> Self {
        let product = 2 * rows * columns;
        let step = if is_vector(kernel) {
            product + LOAD_FLOPS * (rows + columns)
        } else if [NAIVE.name, TILED.name].contains(&kernel.name) {
            unblocked(kind) * product
        } else {
            product
        };
        Self {
            step: step.max(1),
            tile: [rows.max(1), columns.max(1)],
            units: is_cooperative(kernel).into(),
        }
    }

    /// With these constants, and where they name no tile that of the kernels without blocks.
    pub(super) fn told(kernel: &Kernel, constants: &Constants, kind: AdapterKind) -> Self {
        let number = |name| integer(constants, name);
        let side = |name| number(name).or(number("TILE")).unwrap_or(16);
        let (rows, mut columns) = (side("TILE_M"), side("TILE_N"));
        if is_vector(kernel) {
            columns = number("ELEMS_N").unwrap_or(1) * number("LANES_N").unwrap_or(1);
        }
        let tile = if constants.contains(&("MIRRORED", Constant::Bool(true))) {
            [columns, rows]
        } else {
            [rows, columns]
        };
        Self::of(kernel, tile, kind)
    }

    pub(super) fn prepared(kernel: &Kernel, stage: &Prepared, kind: AdapterKind) -> Self {
        let side = |name| u64::from(stage.constant(name));
        Self::of(kernel, [side("TILE_M"), side("TILE_N")], kind)
    }

    /// How much of K one workgroup may walk.
    pub(super) fn deepest(&self, device: &Capabilities) -> u64 {
        let most = flops_of_workgroup(device, self.units) / self.step;
        (most / GRANULE).max(1) * GRANULE
    }

    /// A workgroup that walks so much.
    pub(super) fn of_depth(&self, depth: u64) -> u64 {
        self.step.saturating_mul(depth.max(1))
    }

    /// The budget as `BUDGET` of the files: that of a dispatch in millions, or 0 where all of `matmul` is within it.
    pub(super) fn budget(&self, matmul: &Matmul, device: &Capabilities) -> Constant {
        let [rows, columns] = self.tile;
        let tiles = matmul
            .m
            .div_ceil(rows)
            .saturating_mul(matmul.n.div_ceil(columns));
        let all = matmul.batch.saturating_mul(tiles);
        let budget = flops_of_dispatch(device, self.units);
        let is_within = all.saturating_mul(self.of_depth(matmul.k)) <= budget;
        Constant::Integer(if is_within {
            0
        } else {
            (budget / MFLOP) as u32
        })
    }
}

/// Parts of a K of `depth` that any tile of `kernel` is done with in time.
pub(super) fn parts(kernel: &Kernel, depth: u64, device: &Capabilities) -> u64 {
    depth
        .div_ceil(Cost::of(kernel, LARGEST, device.kind).deepest(device))
        .max(1)
}

/// Runs of neighbouring workgroups.
#[derive(Debug)]
pub(super) struct Runs {
    /// How many workgroups.
    pub(super) workgroups: u64,
    /// FLOPs of one.
    pub(super) flops: u64,
    /// As many as leave no part of a device idle; 1 where that is not known.
    pub(super) filling: u64,
}

impl Runs {
    /// As few runs as `budget` allows, of about one size: whole fillings, where there is room for one.
    fn within(&self, budget: u64, limits: &wgpu::Limits) -> impl Iterator<Item = Range<u64>> {
        let mut each = self.workgroups;
        if budget > 0 && self.workgroups.saturating_mul(self.flops) > budget {
            // A grid of two dimensions would have workgroups beyond its run, which are others' work.
            let line = u64::from(limits.max_compute_workgroups_per_dimension);
            let most = (budget / self.flops.max(1)).clamp(1, line);
            let granule = if most < self.filling { 1 } else { self.filling };
            let dispatches = self.workgroups.div_ceil(most / granule * granule);
            each = self
                .workgroups
                .div_ceil(dispatches)
                .next_multiple_of(granule);
        }
        ranges(self.workgroups, each)
    }

    /// A dispatch of `file`, the kernel's `stage`, for each run that its budget allows; `params` are those of one that begins
    /// there.
    pub(super) fn steps(
        &self,
        (stage, file): (usize, &Prepared),
        windows: &[Window],
        limits: &wgpu::Limits,
        params: impl Fn(u32) -> Vec<u8>,
    ) -> Result<Vec<Step>> {
        let budget = file.constants.get("BUDGET").copied().unwrap_or(0);
        self.within(u64::from(budget) * MFLOP, limits)
            .map(|run| {
                Ok(Step {
                    stage,
                    params: params(run.start as u32),
                    windows: windows.to_vec(),
                    workgroups: fold_workgroups(run.end - run.start, limits)?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
