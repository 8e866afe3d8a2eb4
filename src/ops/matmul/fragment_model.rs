//! Choice of the tile of `matmul_aligned`, and of the parts in which it sums K, by an estimate of the time. Pure.
//!
//! A step of a workgroup waits for its loads and its products in turn, and for barriers besides; workgroups that share a core
//! fill each other's waits, up to what a core loads from the cache. Workgroup memory and registers decide how many share a
//! core. Rows of an operand that lie along K are loaded in runs of a step's depth: a run shorter than a line of the cache
//! costs more than its bytes. Operands beyond the cache are waited for longer, the less often they are read.
//!
//! The figures ([`MatrixCore`]) were fitted to some 560 times of an NVIDIA H200, which they meet within 9 % (root mean
//! square); docs/performance-log/matmul.md has them. Other devices have other amounts of all of it, and less different
//! proportions, which order the tiles; `ridgepoint tune` puts the order to the test.

use super::fragment_tile::{FRAGMENT, FragmentTile, LARGE, SHORT, TILES, along_k};
use super::params::Split;
use super::partition::Partition;
use super::shape::Matmul;
use super::tile_model::Depth;
use crate::gpu::Capabilities;
use crate::gpu::profile::{MatrixCore, compiles_long_texts_slowly, matrix_core};
use crate::kernel::Constants;
use std::ops::RangeInclusive;

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
/// The most parts of K of a tail.
const MOST_TAIL_PARTS: u64 = 8;
/// Parts of K have to save this much to be worth their memory.
const WORTH: f64 = 0.95;

impl FragmentTile {
    /// Nanoseconds of a step of a workgroup that shares its core with `sharing` in all.
    fn step(self, matmul: &Matmul, core: &MatrixCore, sharing: u64) -> f64 {
        let [m, n, k] = self.size;
        let [tiles_m, tiles_n] = [matmul.m.div_ceil(m), matmul.n.div_ceil(n)];
        // The first workgroup that reads a part of an operand waits for memory, others find it in the cache.
        let cold_wait = if read(matmul) > core.cache_bytes {
            core.cold_wait_ns / tiles_m.min(tiles_n).max(1) as f64
        } else {
            0.0
        };
        let wait = core.wait_ns + cold_wait;

        // A run of an operand whose rows lie along K is as long as a step is deep.
        let run = (2.0 * k as f64 / core.line_bytes).min(1.0).powf(-SHORT_RUN);
        let [cost_a, cost_b] = along_k(matmul).map(|along_k| if along_k { run } else { 1.0 });
        let weight = bytes_of_weight(matmul);
        let bytes = k as f64 * (2.0 * m as f64 * cost_a + weight * n as f64 * cost_b);
        let busy = bytes / core.bytes_per_ns + (2 * m * n * k) as f64 / core.flops_per_ns;
        let alone = wait + busy * (1.0 + FEW_SUBGROUPS / self.subgroups() as f64);
        alone.max(sharing as f64 * bytes / core.shared_bytes_per_ns)
    }

    /// Nanoseconds in which a workgroup takes C through workgroup memory, a fragment at a time.
    fn end(self, core: &MatrixCore) -> f64 {
        let fragments = self.own[0] / FRAGMENT * (self.own[1] / FRAGMENT) * self.sharers;
        fragments as f64 * core.fragment_ns
    }

    /// Nanoseconds of `matmul` with K in `split`.
    fn time(self, matmul: &Matmul, split: Split, core: &MatrixCore) -> f64 {
        let [m, n, k] = self.size;
        let [tiles_m, tiles_n] = [matmul.m.div_ceil(m), matmul.n.div_ceil(n)];
        let workgroups = matmul.batch * tiles_m * tiles_n * split.parts;
        let resident = self.resident(matmul, core);
        let step = |sharing: u64| self.step(matmul, core, sharing);
        let slots = core.cores * resident;
        let (rounds, rest) = (workgroups / slots, workgroups % slots);
        let last = if rest == 0 {
            0.0
        } else {
            step(rest.div_ceil(core.cores))
        };
        let steps = matmul.k.min(split.depth).div_ceil(k) as f64;
        let products = steps * (rounds as f64 * step(resident) + last);

        let sharing = resident.min(workgroups.div_ceil(core.cores));
        let ending = (workgroups.div_ceil(slots) * sharing) as f64 * self.end(core);
        let from_memory = read(matmul) / core.memory_bytes_per_ns;
        let elements = matmul.batch * matmul.m * matmul.n;
        DISPATCH + (products + ending).max(from_memory) + sums(elements, split.parts, core)
    }

    /// Nanoseconds of `matmul` with K of its last rows of tiles in parts: workgroups of parts take the places that the last
    /// round of the others leaves, then rounds of their own.
    fn time_with_tail(self, matmul: &Matmul, tail: Tail, core: &MatrixCore) -> f64 {
        let [m, n, k] = self.size;
        let [tiles_m, tiles_n] = [matmul.m.div_ceil(m), matmul.n.div_ceil(n)];
        let resident = self.resident(matmul, core);
        let slots = core.cores * resident;
        let step = self.step(matmul, core, resident);
        let end = resident as f64 * self.end(core);
        let deep = |depth: u64| depth.div_ceil(k) as f64 * step + end;
        let split = Split::into(matmul.k, tail.parts, k);
        let [whole, part] = [deep(matmul.k), deep(split.depth)];

        let workgroups = (tiles_m - tail.rows) * tiles_n;
        let (rounds, rest) = (workgroups.div_ceil(slots), workgroups % slots);
        let free = if rest == 0 { 0 } else { slots - rest };
        let parts = tail.rows * tiles_n * split.parts;
        let beside = free * (whole / part) as u64;
        let behind = parts.saturating_sub(beside).div_ceil(slots);
        let products = rounds as f64 * whole + behind as f64 * part;
        let from_memory = read(matmul) / core.memory_bytes_per_ns;
        let elements = tail.rows * m * matmul.n;
        DISPATCH + products.max(from_memory) + sums(elements, split.parts, core)
    }

    /// Tails of `matmul` whose planes have at most `held` bytes, with the time of each.
    fn tails(
        self,
        matmul: &Matmul,
        held: u64,
        core: &MatrixCore,
    ) -> impl Iterator<Item = (Self, Tail, f64)> {
        let [m, n, _] = self.size;
        let [tiles_m, tiles_n] = [matmul.m.div_ceil(m), matmul.n.div_ceil(n)];
        let slots = core.cores * self.resident(matmul, core);
        // The last round, and one before.
        let most = (2 * slots).div_ceil(tiles_n).min(tiles_m - 1);
        let deepest = (matmul.k / SHALLOWEST).min(MOST_TAIL_PARTS);
        let plane = 4 * m * matmul.n;
        (1..=most).flat_map(move |rows| {
            (2..=deepest.min(held / (plane * rows))).map(move |parts| {
                let tail = Tail { rows, parts };
                (self, tail, self.time_with_tail(matmul, tail, core))
            })
        })
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

/// Bytes of A and B.
fn read(matmul: &Matmul) -> f64 {
    let [m, n, depth] = [matmul.m, matmul.n, matmul.k].map(|size| size as f64);
    matmul.batch as f64 * (2.0 * m + bytes_of_weight(matmul) * n) * depth
}

/// Bytes of an element of B.
fn bytes_of_weight(matmul: &Matmul) -> f64 {
    if matmul.weights.is_quantized() {
        return matmul.weights.bytes_per_element(matmul.k);
    }
    2.0
}

/// Nanoseconds of the dispatch that sums `parts` of K for `elements` of C; 0 for one part, which has no such dispatch.
fn sums(elements: u64, parts: u64, core: &MatrixCore) -> f64 {
    if parts == 1 {
        return 0.0;
    }
    SUM + (4 * elements * (2 * parts + 1)) as f64 / core.plane_bytes_per_ns
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

/// The rows of tiles of a last round of workgroups, which would leave cores without work: their K is taken in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// Rows of tiles.
    pub(super) rows: u64,
    /// Parts of their K.
    pub(super) parts: u64,
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

/// The tile and the rows of its tiles at the end whose K is taken in parts, where that takes less time than K of all tiles at
/// once or in parts. `None` where the device's cores are not known: a round has as many workgroups as they take.
pub(super) fn tail(matmul: &Matmul, device: &Capabilities) -> Option<(FragmentTile, Tail)> {
    let is_whole = Partition::of(matmul, &device.limits)
        .is_ok_and(|partition| partition == Partition::whole(matmul));
    let is_empty = matmul.m * matmul.n == 0;
    if matmul.batch != 1 || is_empty || !is_whole || device.cores.is_none() {
        return None;
    }
    let core = matrix_core(device);
    let [whole, parts] = [Depth::Whole, Depth::Parts]
        .map(|depth| best(matmul, depth, device).map_or(f64::INFINITY, |(_, time)| time));
    let held = device.limits.max_storage_buffer_binding_size;
    let timed = candidates(matmul, device)
        .into_iter()
        .flat_map(|tile| tile.tails(matmul, held, &core));
    let (tile, tail, shortest) = timed.min_by(|(.., a), (.., b)| a.total_cmp(b))?;
    (shortest < WORTH * whole.min(parts)).then_some((tile, tail))
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
