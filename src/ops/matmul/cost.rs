//! Cost of a workgroup of a product, and how much of K it may take before a watchdog would step in.

use super::shape::Matmul;
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    LOAD_FLOPS, Units, flops_of_dispatch, flops_of_workgroup, unblocked_slowdown,
};
use crate::kernel::Constants;
use crate::report::AdapterKind;
use crate::shader::{Constant, Prepared};

/// How a kernel multiplies: what a step along K costs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// Element by element, without register blocks.
    Unblocked,
    /// Register blocks.
    Blocked,
    /// Few rows or columns: loads from memory count.
    Vector,
    /// Fragments on matrix units.
    MatrixUnits,
}

impl Arithmetic {
    /// A step of one along K for a tile, in FLOPs of a kernel with register blocks.
    fn step(self, [rows, columns]: [u64; 2], kind: AdapterKind) -> u64 {
        let product = 2 * rows * columns;
        match self {
            Self::Unblocked => unblocked_slowdown(kind) * product,
            Self::Blocked | Self::MatrixUnits => product,
            Self::Vector => product + LOAD_FLOPS * (rows + columns),
        }
    }

    fn units(self) -> Units {
        (self == Self::MatrixUnits).into()
    }
}

/// The largest depth of a part of K is a multiple of this, which is a multiple of every kernel's step through K.
const GRANULE: u64 = 1024;
/// The largest tile of a kernel that sums parts.
const LARGEST: [u64; 2] = [128, 128];
/// FLOPs in a unit of `BUDGET`.
pub(super) const MFLOP: u64 = 1_000_000;

/// Cost of a workgroup, in FLOPs of a kernel with register blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// FLOPs of a step of one along K.
    pub(super) step: u64,
    /// Rows and columns of C that the workgroup computes.
    tile: [u64; 2],
    pub(super) units: Units,
}

impl Cost {
    pub(super) fn of(work: Arithmetic, [rows, columns]: [u64; 2], kind: AdapterKind) -> Self {
        Self {
            step: work.step([rows, columns], kind).max(1),
            tile: [rows.max(1), columns.max(1)],
            units: work.units(),
        }
    }

    /// The cost of the largest tile of a kernel that sums parts.
    pub(super) fn largest(work: Arithmetic, kind: AdapterKind) -> Self {
        Self::of(work, LARGEST, kind)
    }

    /// The cost of a tile by its constants; of 16 x 16, the tile of kernels without blocks, where they name none.
    pub(super) fn from_constants(
        work: Arithmetic,
        constants: &Constants,
        kind: AdapterKind,
    ) -> Self {
        let number = |name| constants.integer(name);
        let side = |name| number(name).or(number("TILE")).unwrap_or(16);
        let (rows, mut columns) = (side("TILE_M"), side("TILE_N"));
        if work == Arithmetic::Vector {
            columns = number("ELEMS_N").unwrap_or(1) * number("LANES_N").unwrap_or(1);
        }
        let tile = if constants.is_set("MIRRORED") {
            [columns, rows]
        } else {
            [rows, columns]
        };
        Self::of(work, tile, kind)
    }

    /// The cost of a prepared file's tile.
    pub(super) fn from_prepared(work: Arithmetic, stage: &Prepared, kind: AdapterKind) -> Self {
        let side = |name| u64::from(stage.constant(name));
        Self::of(work, [side("TILE_M"), side("TILE_N")], kind)
    }

    /// How much of K one workgroup may take.
    pub(super) fn deepest(&self, device: &Capabilities) -> u64 {
        let most = flops_of_workgroup(device, self.units) / self.step;
        (most / GRANULE).max(1) * GRANULE
    }

    /// Cost of a workgroup that takes `depth` of K.
    pub(super) fn of_depth(&self, depth: u64) -> u64 {
        self.step.saturating_mul(depth.max(1))
    }

    /// The watchdog limit as `BUDGET` of the files: millions of FLOPs of a dispatch, or 0 where all of `matmul` is within
    /// the limit.
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
