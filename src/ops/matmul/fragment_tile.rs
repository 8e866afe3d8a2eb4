//! Tiles of `matmul_aligned`: their constants, and what of a device and of a product each needs. Pure.

use super::layout::Order;
use super::matrix_units;
use super::shape::Matmul;
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    BUSY, MatrixCore, compiles_long_texts_slowly, fragment_invocations, matrix_core,
};
use crate::kernel::Constants;

/// A tile of C that a workgroup computes, and how its subgroups share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FragmentTile {
    /// Rows, columns, and depth of a step.
    pub(super) size: [u64; 3],
    /// Rows and columns of C of a subgroup.
    pub(super) own: [u64; 2],
    /// Subgroups that share the depth of a step.
    pub(super) sharers: u64,
}

const fn tile(size: [u64; 3], own: [u64; 2], sharers: u64) -> FragmentTile {
    FragmentTile { size, own, sharers }
}

/// The tile for many whole rounds of all cores: two workgroups share a core.
pub(super) const LARGE: FragmentTile = tile([128, 128, 32], [64, 64], 1);

/// The tiles. Where several take equal time, the first is chosen.
pub(super) const TILES: &[FragmentTile] = &[
    LARGE,
    tile([128, 128, 64], [64, 64], 2),
    tile([128, 128, 64], [64, 64], 1),
    tile([96, 128, 64], [48, 64], 1),
    tile([128, 64, 64], [64, 32], 1),
    tile([128, 64, 32], [64, 32], 1),
    tile([80, 128, 64], [80, 32], 1),
    tile([64, 128, 64], [64, 32], 1),
    tile([64, 64, 64], [32, 32], 1),
    tile([64, 64, 32], [64, 32], 1),
    tile([64, 32, 128], [32, 32], 4),
    tile([48, 32, 128], [48, 32], 4),
    tile([32, 128, 128], [32, 64], 2),
    tile([32, 32, 256], [32, 32], 8),
    tile([16, 128, 128], [16, 32], 2),
    tile([16, 32, 256], [16, 32], 8),
    // For few columns.
    tile([128, 16, 128], [32, 16], 1),
];
/// The tile of processors, whose compilers take long for long texts.
pub(super) const SHORT: FragmentTile = tile([64, 32, 32], [32, 16], 1);

/// Bytes of padding after each row of a tile of A or B: `PAD` of the file.
const PAD: u64 = 16;
/// Elements of padding after each row of a fragment of C: `PAD_C` of the file.
const PAD_C: u64 = 4;
/// Elements that one load fetches.
const CHUNK: u64 = 8;
/// Rows and columns of a fragment.
pub(super) const FRAGMENT: u64 = 16;
/// Depth of a step that is written out: `UNROLL_K` of the file.
const UNROLLED: u64 = 32;

impl FragmentTile {
    /// The tile that `constants` set.
    pub(super) fn from_constants(constants: &Constants) -> Option<Self> {
        let size = |name| constants.integer(name);
        Some(Self {
            size: [size("TILE_M")?, size("TILE_N")?, size("TILE_K")?],
            own: [size("SUBGROUP_M")?, size("SUBGROUP_N")?],
            sharers: size("SUBGROUPS_K").unwrap_or(1),
        })
    }

    /// Constants of the tile, and the order in which workgroups of `matmul` take tiles and steps.
    pub(super) fn constants(self, matmul: &Matmul, device: &Capabilities) -> Constants {
        let [m, n, k] = self.size;
        let unrolled = if compiles_long_texts_slowly(device) {
            FRAGMENT
        } else {
            UNROLLED
        };
        // Products of smaller tiles are mostly in the cache as they are.
        let is_large = m.min(n) == 128;
        // Of deeper steps, a few rounds of workgroups lose more than they gain by beginning apart.
        let many = matmul.tiles([m as u32, n as u32]) >= 6 * BUSY;
        let stagger: u64 = if is_large && (k == 32 || many) { 8 } else { 1 };
        let group: u64 = if is_large && (k == 32 || many) {
            16
        } else {
            matrix_units::group(matmul, n as u32).into()
        };
        Constants::from([
            ("TILE_M", m),
            ("TILE_N", n),
            ("TILE_K", k),
            ("SUBGROUP_M", self.own[0]),
            ("SUBGROUP_N", self.own[1]),
            ("SUBGROUPS_K", self.sharers),
            ("UNROLL_K", (k / self.sharers).min(unrolled)),
            ("STAGGER", stagger),
            ("STAGGER_STEPS", 1),
            ("GROUP", group),
            ("PAD_C", self.padding(matmul, device)),
        ])
    }

    pub(super) fn subgroups(self) -> u64 {
        let [m, n, _] = self.size;
        m / self.own[0] * (n / self.own[1]) * self.sharers
    }

    /// Bytes of workgroup memory for operands in these orders.
    fn bytes(self, matmul: &Matmul) -> u64 {
        let [m, n, k] = self.size;
        let tile = |size: u64, along_k: bool| {
            let [rows, columns] = if along_k { [size, k] } else { [k, size] };
            rows * (2 * columns + PAD)
        };
        let [is_deep_a, is_deep_b] = along_k(matmul);
        tile(m, is_deep_a) + tile(n, is_deep_b) + self.subgroups() * FRAGMENT * FRAGMENT * 4
    }

    /// Elements of padding after each row of a fragment of C, which keep its rows in different banks. Where they would cost a
    /// workgroup of a core, or pass the device's limit, there are none.
    fn padding(self, matmul: &Matmul, device: &Capabilities) -> u64 {
        let bytes = self.bytes(matmul);
        let padded = bytes + self.subgroups() * FRAGMENT * 4 * PAD_C;
        let core = matrix_core(device).workgroup_bytes;
        let is_held = padded <= device.limits.max_compute_workgroup_storage_size.into();
        if is_held && core / padded == core / bytes {
            PAD_C
        } else {
            0
        }
    }

    /// Sums in f32 of an invocation, of 32 in a subgroup.
    fn sums(self) -> u64 {
        self.own[0] * self.own[1] / 32
    }

    /// Whether whole tiles cover the columns and the depth of `matmul`, and rows are not mostly beyond its last.
    pub(super) fn covers(self, matmul: &Matmul) -> bool {
        let [m, n, k] = self.size;
        let is_whole = matmul.n.is_multiple_of(n) && matmul.k.is_multiple_of(k);
        // Shallow steps of small tiles are for depths that no other covers.
        let is_deep = k > 32 || self.size == LARGE.size || !matmul.k.is_multiple_of(64);
        is_whole && is_deep && (m == FRAGMENT || matmul.m > m / 2)
    }

    /// Whether a workgroup of `device` holds the tile.
    pub(super) fn fits(self, matmul: &Matmul, device: &Capabilities) -> bool {
        let limits = &device.limits;
        let invocations = self.subgroups() * u64::from(device.lanes().unwrap_or(32));
        let most = limits
            .max_compute_invocations_per_workgroup
            .min(fragment_invocations(device));
        let is_held = self.bytes(matmul) <= limits.max_compute_workgroup_storage_size.into();
        // Every invocation loads as many chunks of whole rows.
        let [m, n, k] = self.size;
        let [is_deep_a, is_deep_b] = along_k(matmul);
        let loads_evenly = [(m, is_deep_a), (n, is_deep_b)]
            .into_iter()
            .all(|(size, along_k)| {
                let [rows, columns] = if along_k { [size, k] } else { [k, size] };
                let chunks = columns / CHUNK;
                invocations.is_multiple_of(chunks) && rows.is_multiple_of(invocations / chunks)
            });
        is_held && loads_evenly && invocations <= most.into()
    }

    /// Workgroups that share a core.
    pub(super) fn resident(self, matmul: &Matmul, core: &MatrixCore) -> u64 {
        let by_memory = core.workgroup_bytes / self.bytes(matmul);
        // Besides its sums an invocation needs about as many registers again, of the 256 that compilers give it.
        let registers = (2 * self.sums()).clamp(64, 256);
        let by_registers = core.registers / (registers * 32 * self.subgroups());
        by_memory.min(by_registers).max(1)
    }
}

/// Whether rows of A and of B lie along K in memory.
pub(super) fn along_k(matmul: &Matmul) -> [bool; 2] {
    [
        matmul.a.order == Order::RowMajor,
        matmul.b.order == Order::ColumnMajor,
    ]
}
