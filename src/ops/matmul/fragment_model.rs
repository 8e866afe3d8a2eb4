//! Which tiles `matmul_aligned` takes, and in how many parts it sums K: by an estimate of the time. Pure.
//!
//! A step of a workgroup waits for its loads and its products in turn, and for barriers besides; workgroups that share a core
//! fill each other's waits, up to what a core loads from the cache. Workgroup memory and registers decide how many share a
//! core. Rows of an operand that lie along K are loaded in runs of a step's depth: a run shorter than a line of the cache
//! costs more than its bytes. Operands beyond the cache are waited for longer, the less often they are read.
//!
//! The figures ([`MatrixCore`]) were fitted to some 560 times of an NVIDIA H200, which they meet within 9 % (root mean
//! square); docs/performance-log/matmul.md has them. Other devices have other amounts of all of it, and less different
//! proportions, which order the tiles; `ridgepoint tune` puts the order to the test.

use super::layout::Order;
use super::matrix_units;
use super::params::Split;
use super::partition::Partition;
use super::shape::Matmul;
use super::tile_model::Depth;
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    BUSY, MatrixCore, compiles_long_texts_slowly, fragment_invocations, matrix_core,
};
use crate::kernel::Constants;
use std::ops::RangeInclusive;

/// A tile of C that a workgroup computes, and how its subgroups share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FragmentTile {
    /// Rows, columns, and depth of a step.
    size: [u64; 3],
    /// Rows and columns of C of a subgroup.
    own: [u64; 2],
    /// Subgroups that share the depth of a step.
    sharers: u64,
}

const fn tile(size: [u64; 3], own: [u64; 2], sharers: u64) -> FragmentTile {
    FragmentTile { size, own, sharers }
}

/// The tile for many whole rounds of all cores: two workgroups share a core.
const LARGE: FragmentTile = tile([128, 128, 32], [64, 64], 1);

/// The tiles. Where several take equal time, the first is chosen.
const TILES: &[FragmentTile] = &[
    LARGE,
    tile([128, 128, 64], [64, 64], 2),
    tile([96, 128, 64], [48, 64], 1),
    tile([128, 64, 64], [64, 32], 1),
    tile([128, 64, 32], [64, 32], 1),
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
const SHORT: FragmentTile = tile([64, 32, 32], [32, 16], 1);

/// Bytes of padding after each row of a tile of A or B: `PAD` of the file.
const PAD: u64 = 16;
/// Elements of padding after each row of a fragment of C: `PAD_C` of the file.
const PAD_C: u64 = 4;
/// Elements that one load fetches.
const CHUNK: u64 = 8;
/// Rows and columns of a fragment.
const FRAGMENT: u64 = 16;
/// Depth of a step that is written out: `UNROLL_K` of the file.
const UNROLLED: u64 = 32;
/// Nanoseconds of a dispatch of products besides, and of a dispatch that sums parts of K.
const DISPATCH: f64 = 1_600.0;
const SUM: f64 = 4_260.0;
/// Exponent of the cost of runs shorter than a line of the cache.
const SHORT_RUN: f64 = 0.32;
/// Slowdown of loads and products by one subgroup to a workgroup, which nothing else of it fills; of several the share.
const FEW_SUBGROUPS: f64 = 1.27;
/// The least depth of a part of K in elements, and the most parts.
const SHALLOWEST: u64 = 192;
const MOST_PARTS: u64 = 16;
/// Parts of K have to save this much to be worth their memory.
const WORTH: f64 = 0.95;

impl FragmentTile {
    /// The tile that `constants` set.
    fn from_constants(constants: &Constants) -> Option<Self> {
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

    fn subgroups(self) -> u64 {
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
    fn covers(self, matmul: &Matmul) -> bool {
        let [m, n, k] = self.size;
        let is_whole = matmul.n.is_multiple_of(n) && matmul.k.is_multiple_of(k);
        // Shallow steps of small tiles are for depths that no other covers.
        let is_deep = k > 32 || self.size == LARGE.size || !matmul.k.is_multiple_of(64);
        is_whole && is_deep && (m == FRAGMENT || matmul.m > m / 2)
    }

    /// Whether a workgroup of `device` holds the tile.
    fn fits(self, matmul: &Matmul, device: &Capabilities) -> bool {
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
    fn resident(self, matmul: &Matmul, core: &MatrixCore) -> u64 {
        let by_memory = core.workgroup_bytes / self.bytes(matmul);
        // Besides its sums an invocation needs about as many registers again, of the 256 that compilers give it.
        let registers = (2 * self.sums()).clamp(64, 256);
        let by_registers = core.registers / (registers * 32 * self.subgroups());
        by_memory.min(by_registers).max(1)
    }

    /// Nanoseconds of `matmul` with K in `split`.
    fn time(self, matmul: &Matmul, split: Split, core: &MatrixCore) -> f64 {
        let [m, n, k] = self.size;
        let [tiles_m, tiles_n] = [matmul.m.div_ceil(m), matmul.n.div_ceil(n)];
        let workgroups = matmul.batch * tiles_m * tiles_n * split.parts;
        let resident = self.resident(matmul, core);
        let [sides, depth] = [matmul.m + matmul.n, matmul.k].map(|size| size as f64);
        let read = 2.0 * matmul.batch as f64 * sides * depth;
        // The first workgroup that reads a part of an operand waits for memory, others find it in the cache.
        let is_cold = read > core.cache_bytes;
        let cold_wait = if is_cold {
            core.cold_wait_ns / tiles_m.min(tiles_n).max(1) as f64
        } else {
            0.0
        };
        let wait = core.wait_ns + cold_wait;

        // A run of an operand whose rows lie along K is as long as a step is deep.
        let run = (2.0 * k as f64 / core.line_bytes).min(1.0).powf(-SHORT_RUN);
        let [cost_a, cost_b] = along_k(matmul).map(|along_k| if along_k { run } else { 1.0 });
        let bytes = 2.0 * k as f64 * (m as f64 * cost_a + n as f64 * cost_b);
        let busy = bytes / core.bytes_per_ns + (2 * m * n * k) as f64 / core.flops_per_ns;
        let alone = wait + busy * (1.0 + FEW_SUBGROUPS / self.subgroups() as f64);
        let step = |sharing: u64| alone.max(sharing as f64 * bytes / core.shared_bytes_per_ns);
        let slots = core.cores * resident;
        let (rounds, rest) = (workgroups / slots, workgroups % slots);
        let last = if rest == 0 {
            0.0
        } else {
            step(rest.div_ceil(core.cores))
        };
        let steps = matmul.k.min(split.depth).div_ceil(k) as f64;
        let products = steps * (rounds as f64 * step(resident) + last);

        // Workgroups take C through workgroup memory a fragment at a time.
        let fragments = self.own[0] / FRAGMENT * (self.own[1] / FRAGMENT) * self.sharers;
        let sharing = resident.min(workgroups.div_ceil(core.cores));
        let ends = workgroups.div_ceil(slots) * fragments * sharing;
        let ending = ends as f64 * core.fragment_ns;
        let from_memory = read / core.memory_bytes_per_ns;
        let sums = if split.parts > 1 {
            let elements = matmul.batch * matmul.m * matmul.n;
            SUM + (4 * elements * (2 * split.parts + 1)) as f64 / core.plane_bytes_per_ns
        } else {
            0.0
        };
        DISPATCH + (products + ending).max(from_memory) + sums
    }

    /// How K is shared best, in a number of parts within `parts`, and the time.
    fn best_split(
        self,
        matmul: &Matmul,
        parts: RangeInclusive<u64>,
        core: &MatrixCore,
    ) -> (Split, f64) {
        let timed = parts.map(|parts| {
            let split = if parts == 1 {
                Split::NONE
            } else {
                Split::into(matmul.k, parts, self.size[2])
            };
            (split, self.time(matmul, split, core))
        });
        timed
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .expect("there is a part at least")
    }
}

/// Whether rows of A and of B lie along K in memory.
fn along_k(matmul: &Matmul) -> [bool; 2] {
    [
        matmul.a.order == Order::RowMajor,
        matmul.b.order == Order::ColumnMajor,
    ]
}

/// Part of `matmul` that is computed at once, as a product of its own.
fn at_once(matmul: &Matmul, device: &Capabilities) -> Matmul {
    // A product that cannot be cut is refused later, with the reason.
    let partition =
        Partition::of(matmul, &device.limits).unwrap_or_else(|_| Partition::whole(matmul));
    Matmul {
        batch: partition.matrices,
        m: partition.rows,
        n: partition.columns,
        k: partition.depth,
        ..*matmul
    }
}

/// Tiles that cover `matmul` on `device`, those of the least estimated time first.
pub(super) fn candidates(matmul: &Matmul, device: &Capabilities) -> Vec<FragmentTile> {
    let is_candidate = |tile: &&FragmentTile| tile.covers(matmul) && tile.fits(matmul, device);
    let tiles = if compiles_long_texts_slowly(device) {
        &[SHORT]
    } else {
        TILES
    };
    let mut found: Vec<_> = tiles.iter().filter(is_candidate).copied().collect();
    let core = matrix_core(device);
    let most = most_parts(matmul, device);
    let time = |tile: &FragmentTile| tile.best_split(matmul, 1..=most, &core).1;
    found.sort_by(|a, b| time(a).total_cmp(&time(b)));
    found
}

/// Parts of K at most: each is deep enough to be worth its sums, and a binding holds these.
fn most_parts(matmul: &Matmul, device: &Capabilities) -> u64 {
    let planes = 4 * matmul.batch * matmul.m * matmul.n;
    let held = device.limits.max_storage_buffer_binding_size / planes.max(1);
    (matmul.k / SHALLOWEST).min(MOST_PARTS).min(held).max(1)
}

/// Numbers of parts of K.
fn parts(matmul: &Matmul, depth: Depth, device: &Capabilities) -> RangeInclusive<u64> {
    if depth == Depth::Whole {
        return 1..=1;
    }
    2..=most_parts(matmul, device).max(2)
}

/// The tile that takes the least time, and that time in nanoseconds; `None` where no tile covers `matmul`.
fn best(matmul: &Matmul, depth: Depth, device: &Capabilities) -> Option<(FragmentTile, f64)> {
    let product = at_once(matmul, device);
    let core = matrix_core(device);
    let parts = parts(&product, depth, device);
    let timed = candidates(&product, device).into_iter().map(|tile| {
        let (_, time) = tile.best_split(&product, parts.clone(), &core);
        (tile, time)
    });
    timed.min_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// The tile that takes the least time; the smallest where none covers `matmul`.
pub(super) fn best_tile(matmul: &Matmul, depth: Depth, device: &Capabilities) -> FragmentTile {
    best(matmul, depth, device).map_or(SHORT, |(tile, _)| tile)
}

/// Why another kernel of matrix units should take `matmul`, if it should: no tile covers it, or only tiles that are slower
/// than the largest with edges.
pub(super) fn unsuited(matmul: &Matmul, device: &Capabilities) -> Option<String> {
    /// Time of a kernel for any product, of the time without what edges cost: 330 and 272 TFLOP/s at 4096 on an H200.
    const EDGES: f64 = 1.2;
    let product = at_once(matmul, device);
    let Some(best) = candidates(&product, device).first().copied() else {
        return Some("none of its tiles covers the columns and the depth".to_owned());
    };
    let core = matrix_core(device);
    let time = |tile: FragmentTile| {
        let parts = 1..=most_parts(&product, device);
        tile.best_split(&product, parts, &core).1
    };
    (time(best) > EDGES * time(LARGE)).then(|| {
        let [m, n, _] = best.size;
        format!("{m} x {n} is the best of its tiles that cover the columns; larger ones with edges are faster")
    })
}

/// Whether parts of K, summed in a second stage, take less time than K at once.
pub(super) fn parts_are_profitable(matmul: &Matmul, device: &Capabilities) -> bool {
    let time = |depth| best(matmul, depth, device).map(|(_, time)| time);
    match (time(Depth::Parts), time(Depth::Whole)) {
        (Some(parts), Some(whole)) => parts < WORTH * whole,
        _ => false,
    }
}

/// How a kernel with the tile of `constants` shares K of a product that is computed at once, in a number of parts within
/// `parts`; `None` where the constants name no tile.
pub(super) fn split(
    matmul: &Matmul,
    constants: &Constants,
    parts: &RangeInclusive<u64>,
    device: &Capabilities,
) -> Option<Split> {
    let tile = FragmentTile::from_constants(constants)?;
    let worth = (matmul.k / SHALLOWEST).clamp(1, MOST_PARTS);
    let most = (*parts.end()).min(worth).max(*parts.start());
    Some(
        tile.best_split(matmul, *parts.start()..=most, &matrix_core(device))
            .0,
    )
}
