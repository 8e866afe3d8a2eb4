//! Which tiles `matmul_blocked` takes on a GPU, and in how many parts it sums K: by an estimate of the time. Pure.
//!
//! A workgroup that has a core to itself takes `alone` for a step of one along K; of several that share a core each adds
//! `shared`, and `resident` of them fit. Where one tile spans a side of C, nobody else reads the same part of the other
//! operand, which then comes from memory instead of a cache: all takes `cold` times as long.
//!
//! The figures are those of an NVIDIA H200 (Vulkan) in f32. WebGPU does not tell how many cores a device has: on another
//! the times are wrong and the order of the tiles is mostly right, which `ridgepoint tune` puts to the test.

use super::Matmul;
use super::cut::Cut;
use super::kernels::{DENSE, LARGE, MEDIUM, SMALL, SQUARE, TALL, Tiles, WIDE};
use super::schedule::Split;
use crate::gpu::profile::CORES;
use crate::kernel::integer;
use crate::shader::Prepared;
use std::ops::RangeInclusive;

/// Tiles, and what a workgroup takes for a step of one along K, in nanoseconds.
struct Rated {
    tiles: Tiles,
    alone: f64,
    shared: f64,
    resident: u64,
    cold: f64,
}

const fn rated(tiles: Tiles, [alone, shared, cold]: [f64; 3], resident: u64) -> Rated {
    Rated {
        tiles,
        alone,
        shared,
        resident,
        cold,
    }
}

/// Of equal ones the first is taken: larger tiles read less.
static RATED: [Rated; 7] = [
    rated(LARGE, [113.0, 90.0, 1.0], 2),
    rated(WIDE, [54.0, 42.0, 1.1], 3),
    rated(TALL, [112.0, 49.0, 1.0], 4),
    rated(SQUARE, [54.0, 24.0, 1.2], 4),
    rated(DENSE, [34.0, 26.0, 1.2], 2),
    rated(MEDIUM, [31.0, 27.5, 1.2], 4),
    rated(SMALL, [20.5, 8.6, 1.1], 5),
];
/// Invocations that keep all parts of a core at work.
const FILLING: u64 = 128;
/// What a dispatch takes besides, and one that sums parts, in nanoseconds.
const DISPATCH: f64 = 1_600.0;
const SUM: f64 = 2_500.0;
/// Bytes a nanosecond at which planes of sums are written and read.
const PLANES: f64 = 4_000.0;
/// What loads of single elements take, as a share of the time, for each load of a multiply-add.
const SINGLE: f64 = 7.5;
/// Parts are at least so deep, and not more than so many.
const SHALLOWEST: u64 = 192;
const MOST_PARTS: u64 = 64;
/// Parts of K have to save this much to be worth their memory.
const WORTH: f64 = 0.95;

/// Whether K is taken at once or in parts that are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Whole,
    Parts,
}

/// A product, or what is computed of it at once.
struct Work {
    matrices: u64,
    rows: u64,
    columns: u64,
    depth: u64,
    /// How many parts K may have: for the time that they take, and for their sums to fit.
    parts: RangeInclusive<u64>,
    /// Whether A and B can be fetched four elements at a time.
    by_four: bool,
}

impl Work {
    fn of(matmul: &Matmul, limits: &wgpu::Limits) -> Self {
        // What cannot be cut is refused later, with the reason.
        let cut = Cut::of(matmul, limits).unwrap_or_else(|_| Cut::whole(matmul));
        Self {
            matrices: cut.matrices,
            rows: cut.rows,
            columns: cut.columns,
            depth: cut.depth,
            parts: 1..=cut.most_planes(limits),
            by_four: by_four(matmul),
        }
    }

    /// How K is shared, and the time of all, in nanoseconds.
    fn with(&self, rated: &Rated, depth: Depth) -> (Split, f64) {
        let (least, most) = match depth {
            Depth::Whole => (1, 1),
            Depth::Parts => {
                let worth = (self.depth / SHALLOWEST).min(MOST_PARTS);
                let least = *self.parts.start();
                (least, worth.min(*self.parts.end()).max(least))
            }
        };
        let timed = (least..=most).map(|parts| {
            let depth_of_part = self
                .depth
                .div_ceil(parts)
                .next_multiple_of(rated.size("TILE_K"));
            let split = Split {
                parts: self.depth.div_ceil(depth_of_part.max(1)).max(1),
                depth: depth_of_part,
            };
            (split, self.time(rated, depth, split))
        });
        timed
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .expect("there is a part at least")
    }

    fn time(&self, rated: &Rated, depth: Depth, split: Split) -> f64 {
        let tiles_m = self.rows.div_ceil(rated.size("TILE_M"));
        let tiles_n = self.columns.div_ceil(rated.size("TILE_N"));
        let step = rated.step(self.matrices * tiles_m * tiles_n * split.parts);
        let mut slower = 1.0;
        if tiles_m.min(tiles_n) == 1 {
            slower *= rated.cold;
        }
        if !self.by_four {
            let loads = ["TILE_M", "TILE_N"].map(|side| 1.0 / rated.size(side) as f64);
            slower += SINGLE * (loads[0] + loads[1]);
        }
        let product = DISPATCH + step * slower * split.depth as f64;
        if depth == Depth::Whole {
            return product;
        }
        let planes = 4 * self.matrices * self.rows * self.columns * (2 * split.parts + 1);
        product + SUM + planes as f64 / PLANES
    }
}

fn by_four(matmul: &Matmul) -> bool {
    let places = matmul.places();
    places.is_ok_and(|[a, b, _]| a.by_four(matmul.batch) && b.by_four(matmul.batch))
}

impl Rated {
    fn size(&self, name: &str) -> u64 {
        integer(self.tiles, name).unwrap_or(1)
    }

    /// Nanoseconds for a step of one along K of all workgroups.
    fn step(&self, workgroups: u64) -> f64 {
        let invocations = self.size("TILE_M") * self.size("TILE_N")
            / (self.size("ELEMS_M") * self.size("ELEMS_N"));
        let slots = CORES * self.resident;
        if workgroups <= slots {
            // Workgroups of few invocations leave parts of a core idle until there are several.
            let on_a_core = workgroups
                .div_ceil(CORES)
                .next_multiple_of((FILLING / invocations).max(1));
            return self.alone.max(on_a_core as f64 * self.shared);
        }
        // What is left when all cores were full some times is spread unevenly: each takes the next as it ends one.
        let full = self.resident as f64 * self.shared;
        let rest = (workgroups % slots) as f64 / slots as f64;
        let tail = if rest > 0.0 {
            self.alone + rest * (full - self.alone)
        } else {
            0.0
        };
        (workgroups / slots) as f64 * full + tail
    }
}

/// The tiles that take the least time, and that time in nanoseconds.
fn best(matmul: &Matmul, depth: Depth, limits: &wgpu::Limits) -> (Tiles, f64) {
    let work = Work::of(matmul, limits);
    let times = RATED
        .iter()
        .map(|rated| (rated.tiles, work.with(rated, depth).1));
    times
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .expect("the table has tiles")
}

/// The tiles for a product.
pub(super) fn tiles(matmul: &Matmul, depth: Depth, limits: &wgpu::Limits) -> Tiles {
    best(matmul, depth, limits).0
}

/// Whether parts of K, summed in a second stage, take less time than K at once.
pub(super) fn parts_pay(matmul: &Matmul, limits: &wgpu::Limits) -> bool {
    let time = |depth| best(matmul, depth, limits).1;
    time(Depth::Parts) < WORTH * time(Depth::Whole)
}

/// The row of the table for the tiles of a file.
fn rated_tiles(stage: &Prepared) -> Option<&'static Rated> {
    let is_of = |name, rated: &Rated| {
        let constant = stage.constants.get(name).copied();
        constant.map(u64::from) == Some(rated.size(name))
    };
    let names = ["TILE_M", "TILE_N", "ELEMS_M", "ELEMS_N"];
    RATED
        .iter()
        .find(|rated| names.iter().all(|name| is_of(name, rated)))
}

/// Workgroups with these tiles that fill the device of the figures once.
pub(super) fn filling(stage: &Prepared) -> Option<u64> {
    rated_tiles(stage).map(|rated| CORES * rated.resident)
}

/// How K of a product that is computed at once is shared by a kernel with these tiles, into so many parts; `None` for tiles
/// that are not rated.
pub(super) fn split(
    matmul: &Matmul,
    stage: &Prepared,
    parts: RangeInclusive<u64>,
) -> Option<Split> {
    let rated = rated_tiles(stage)?;
    let work = Work {
        matrices: matmul.batch,
        rows: matmul.m,
        columns: matmul.n,
        depth: matmul.k,
        parts,
        by_four: by_four(matmul),
    };
    Some(work.with(rated, Depth::Parts).0)
}

#[cfg(test)]
mod tests {
    use super::super::kernels::BLOCKED;
    use super::*;

    fn limits() -> wgpu::Limits {
        wgpu::Limits {
            max_storage_buffer_binding_size: (1 << 31) - 4,
            ..wgpu::Limits::default()
        }
    }

    #[test]
    fn shapes_get_the_tiles_that_were_fastest_there() {
        let cases = [
            ([256, 256, 256], SMALL, Depth::Whole),
            ([512, 512, 512], SMALL, Depth::Whole),
            ([768, 768, 768], WIDE, Depth::Parts),
            ([2048, 2048, 2048], LARGE, Depth::Whole),
            ([3072, 3072, 3072], WIDE, Depth::Whole),
            ([8192, 8192, 8192], WIDE, Depth::Whole),
            ([17, 5000, 3000], SMALL, Depth::Parts),
            ([256, 256, 131_072], WIDE, Depth::Parts),
            // A of 2.6 GB is computed half by half.
            ([40_000, 64, 16_384], TALL, Depth::Parts),
            ([65_536, 64, 4096], TALL, Depth::Whole),
            ([64, 65_536, 4096], WIDE, Depth::Parts),
            ([1024, 1024, 1024], DENSE, Depth::Whole),
            ([4096, 4096, 4096], WIDE, Depth::Whole),
            ([4095, 4097, 4093], LARGE, Depth::Whole),
            ([128, 4096, 4096], WIDE, Depth::Parts),
        ];
        for ([m, n, k], expected, depth) in cases {
            let matmul = Matmul::new(m, n, k);
            let parts = parts_pay(&matmul, &limits());
            assert_eq!(parts, depth == Depth::Parts, "{m} x {n} x {k}");
            let tiles = tiles(&matmul, depth, &limits());
            assert_eq!(tiles, expected, "{m} x {n} x {k}");
        }
    }

    #[test]
    fn parts_cover_k_and_none_is_empty() {
        for rated in &RATED {
            for depth in [0, 1, 191, 192, 1000, 4096, 131_072, 1 << 30] {
                for most in [1, 2, 7, 1000] {
                    let work = Work {
                        matrices: 1,
                        rows: 300,
                        columns: 200,
                        depth,
                        parts: 1..=most,
                        by_four: true,
                    };
                    let (split, time) = work.with(rated, Depth::Parts);
                    assert!((1..=most).contains(&split.parts) && time > 0.0);
                    assert!(split.parts * split.depth >= depth);
                    assert!((split.parts - 1) * split.depth < depth.max(1));
                    assert!(split.depth.is_multiple_of(rated.size("TILE_K")));
                }
            }
        }
    }

    #[test]
    fn more_workgroups_never_take_less_time() {
        for rated in &RATED {
            let steps: Vec<f64> = (1..3000).map(|workgroups| rated.step(workgroups)).collect();
            assert!(steps.is_sorted(), "{:?}", rated.tiles);
        }
    }

    #[test]
    fn every_preset_is_rated() {
        for preset in &BLOCKED.presets[1..] {
            assert!(RATED.iter().any(|rated| rated.tiles == *preset));
        }
    }
}
