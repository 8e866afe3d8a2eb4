//! Which tiles `matmul_blocked` takes on a GPU, and in how many parts it sums K: by an estimate of the time. Pure.
//!
//! A workgroup that has a core to itself takes `alone` for a step of one along K; of several that share a core each adds
//! `shared`, and `resident` of them fit. Where one tile spans a side of C, nobody else reads the same part of the other
//! operand, which then comes from memory instead of a cache: all takes `cold` times as long.
//!
//! The figures were measured on an NVIDIA H200 (Vulkan) in f32. WebGPU does not report how many cores a device has: on
//! another device the times are wrong and the order of the tiles is mostly right, which `ridgepoint tune` puts to the test.

use super::params::Split;
use super::partition::Partition;
use super::shape::Matmul;
use crate::gpu::profile::CORES;
use crate::kernel::Constants;
use crate::shader::{Constant, Prepared};
use std::ops::RangeInclusive;

/// Tiles of the register-blocked kernel: (tile M, tile N, tile K), rows and columns per invocation, and how many tiles are
/// in workgroup memory.
pub(in crate::ops) const fn tiles(
    tile: [u32; 3],
    elems: [u32; 2],
    buffers: u32,
) -> [(&'static str, Constant); 6] {
    [
        ("TILE_M", Constant::Integer(tile[0])),
        ("TILE_N", Constant::Integer(tile[1])),
        ("TILE_K", Constant::Integer(tile[2])),
        ("ELEMS_M", Constant::Integer(elems[0])),
        ("ELEMS_N", Constant::Integer(elems[1])),
        ("BUFFERS", Constant::Integer(buffers)),
    ]
}

/// Tiles that are stored as soon as those before them are multiplied, with products in another order: `STORE_EARLY` and
/// `SERPENTINE` of the file.
const fn early(tile: [u32; 3], elems: [u32; 2], buffers: u32) -> [(&'static str, Constant); 8] {
    let [m, n, k, elems_m, elems_n, buffers] = tiles(tile, elems, buffers);
    let [early, winding] = [
        ("STORE_EARLY", Constant::Bool(true)),
        ("SERPENTINE", Constant::Bool(true)),
    ];
    [m, n, k, elems_m, elems_n, buffers, early, winding]
}

pub(in crate::ops) type Tiles = &'static [(&'static str, Constant)];

// All stay within WebGPU's default limits: 256 invocations, 16 KiB of workgroup memory.
/// For few rows or columns, and for few tiles.
const SMALL: Tiles = &tiles([32, 32, 32], [4, 4], 1);
/// For an unknown device.
const MEDIUM: Tiles = &tiles([64, 64, 16], [4, 4], 1);
/// A quarter of the invocations, each with four times the work: for many tiles, and for processors.
pub(super) const SQUARE: Tiles = &tiles([64, 64, 16], [8, 8], 1);
/// Half the invocations, each with twice the work.
const DENSE: Tiles = &tiles([64, 64, 16], [4, 8], 2);
/// For few columns, and for processors.
pub(super) const TALL: Tiles = &tiles([128, 64, 8], [16, 8], 1);
/// For few rows, and for most tiles: three workgroups share a core, against two with [`LARGE`].
const WIDE: Tiles = &early([64, 128, 16], [8, 8], 1);
/// For products with enough tiles to fill all cores several times.
const LARGE: Tiles = &tiles([128, 128, 8], [16, 8], 2);

/// Preset 0 leaves the tiles to the shape and the device.
pub(super) const PRESETS: &[Tiles] = &[&[], SMALL, MEDIUM, SQUARE, DENSE, TALL, WIDE, LARGE];

/// Tiles, and the time of a workgroup for a step of one along K, in nanoseconds; the module explains each figure.
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

/// Where several take equal time, the first is chosen: larger tiles read less.
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
/// Fixed time of a dispatch of products, and the time of a dispatch that sums parts of K, in nanoseconds.
const DISPATCH: f64 = 1_600.0;
const SUM: f64 = 2_500.0;
/// Bytes a nanosecond at which planes of sums are written and read.
const PLANES: f64 = 4_000.0;
/// Slowdown by loads of single elements, as a share of the time, for each load per multiply-add.
const SINGLE: f64 = 7.5;
/// The least depth of a part of K in elements, and the most parts.
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
struct Extent {
    matrices: u64,
    rows: u64,
    columns: u64,
    depth: u64,
    /// How many parts K may have: for the time that they take, and for their sums to fit.
    parts: RangeInclusive<u64>,
    /// Whether A and B can be fetched four elements at a time.
    by_four: bool,
}

impl Extent {
    fn of(matmul: &Matmul, limits: &wgpu::Limits) -> Self {
        // A product that cannot be cut is refused later, with the reason.
        let partition = Partition::of(matmul, limits).unwrap_or_else(|_| Partition::whole(matmul));
        Self {
            matrices: partition.matrices,
            rows: partition.rows,
            columns: partition.columns,
            depth: partition.depth,
            parts: 1..=partition.most_planes(limits),
            by_four: by_four(matmul),
        }
    }

    /// How K is shared, and the time of the whole product, in nanoseconds.
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
    let places = matmul.strides();
    places.is_ok_and(|[a, b, _]| a.by_four(matmul.batch) && b.by_four(matmul.batch))
}

impl Rated {
    fn size(&self, name: &str) -> u64 {
        Constants::from(self.tiles).integer(name).unwrap_or(1)
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
        // Workgroups left over after the last full round of all cores are spread unevenly: a core takes the next workgroup
        // as it ends one.
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
    let extent = Extent::of(matmul, limits);
    let times = RATED
        .iter()
        .map(|rated| (rated.tiles, extent.with(rated, depth).1));
    times
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .expect("the table has tiles")
}

/// The tiles for a product.
pub(super) fn best_tiles(matmul: &Matmul, depth: Depth, limits: &wgpu::Limits) -> Tiles {
    best(matmul, depth, limits).0
}

/// Whether parts of K, summed in a second stage, take less time than K at once.
pub(super) fn parts_are_profitable(matmul: &Matmul, limits: &wgpu::Limits) -> bool {
    let time = |depth| best(matmul, depth, limits).1;
    time(Depth::Parts) < WORTH * time(Depth::Whole)
}

/// The row of the table for tiles of these sizes.
fn rated_tiles(size: impl Fn(&str) -> Option<u64>) -> Option<&'static Rated> {
    let names = ["TILE_M", "TILE_N", "ELEMS_M", "ELEMS_N"];
    let is_of = |rated: &&Rated| {
        names
            .iter()
            .all(|name| size(name) == Some(rated.size(name)))
    };
    RATED.iter().find(is_of)
}

/// Workgroups with the tiles of a file that fill an H200 once; 1 for tiles that are not rated.
pub(super) fn fill_device(stage: &Prepared) -> u64 {
    let size = |name: &str| stage.constants.get(name).copied().map(u64::from);
    rated_tiles(size).map_or(1, |rated| CORES * rated.resident)
}

/// How a kernel with the tiles of `constants` shares K of a product that is computed at once, in a number of parts within
/// `parts`; `None` for tiles that are not rated.
pub(super) fn split(
    matmul: &Matmul,
    constants: &Constants,
    parts: RangeInclusive<u64>,
) -> Option<Split> {
    let rated = rated_tiles(|name| constants.integer(name))?;
    let extent = Extent {
        matrices: matmul.batch,
        rows: matmul.m,
        columns: matmul.n,
        depth: matmul.k,
        parts,
        by_four: by_four(matmul),
    };
    Some(extent.with(rated, Depth::Parts).0)
}

#[cfg(test)]
mod tests {
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
            let parts = parts_are_profitable(&matmul, &limits());
            assert_eq!(parts, depth == Depth::Parts, "{m} x {n} x {k}");
            let tiles = best_tiles(&matmul, depth, &limits());
            assert_eq!(tiles, expected, "{m} x {n} x {k}");
        }
    }

    #[test]
    fn parts_cover_k_and_none_is_empty() {
        for rated in &RATED {
            for depth in [0, 1, 191, 192, 1000, 4096, 131_072, 1 << 30] {
                for most in [1, 2, 7, 1000] {
                    let extent = Extent {
                        matrices: 1,
                        rows: 300,
                        columns: 200,
                        depth,
                        parts: 1..=most,
                        by_four: true,
                    };
                    let (split, time) = extent.with(rated, Depth::Parts);
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
        for preset in &PRESETS[1..] {
            assert!(RATED.iter().any(|rated| rated.tiles == *preset));
        }
    }
}
