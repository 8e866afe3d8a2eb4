//! Choice of the tile of `matmul_blocked` on a GPU, and of the parts in which it sums K, by an estimate of the time. Pure.
//!
//! A workgroup that has a core to itself takes `alone` for a step of one along K; of several that share a core each adds
//! `shared`, and `resident` of them fit. Where one tile spans a side of C, nobody else reads the same part of the other
//! operand, which then comes from memory instead of a cache: all takes `cold` times as long.
//!
//! The figures were measured on an NVIDIA H200 (Vulkan) in f32. AMD's compilers take the same tiles, as far as an invocation
//! may hold them. The figures of other architectures are estimates from what their compilers make of the tiles
//! ([`super::tile_estimate`]). WebGPU does not report how many cores a device has: on another device the times are wrong and
//! the order of the tiles is mostly right, which `ridgepoint tune` puts to the test.

use super::params::Split;
use super::partition::Partition;
use super::shape::Matmul;
use super::tile_estimate;
use super::tiles::{
    DENSE, LARGE, MEDIUM, PRESETS, Rated, SMALL, SQUARE, SQUARE_EARLY, TALL, Tiles, WIDE, rated,
};
use crate::gpu::profile::{CORES, machine, tile_sums};
use crate::gpu::{Architecture, Capabilities};
use crate::kernel::Constants;
use crate::shader::Prepared;
use std::ops::RangeInclusive;

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
/// Bytes a nanosecond at which planes of sums are written and read on an H200.
const PLANES: f64 = 4_000.0;
/// Slowdown by loads of single elements, as a share of the time, for each load per multiply-add.
const SINGLE: f64 = 7.5;
/// The least depth of a part of K in elements, and the most parts.
const SHALLOWEST: u64 = 192;
const MOST_PARTS: u64 = 64;
/// Parts of K have to save this much to be worth their memory.
const WORTH: f64 = 0.95;

/// The rated tiles of a device, and what else the time of a product depends on.
struct Model {
    rated: Vec<Rated>,
    cores: u64,
    /// Bytes a nanosecond at which planes of sums are written and read.
    planes: f64,
}

impl Model {
    fn of(matmul: &Matmul, device: &Capabilities) -> Self {
        if has_measured_tiles(device) {
            let own = |rated: Rated| match device.architecture {
                Architecture::Gcn
                | Architecture::Cdna
                | Architecture::Rdna2
                | Architecture::Rdna3
                    if rated.tiles == SQUARE =>
                {
                    Rated {
                        tiles: SQUARE_EARLY,
                        ..rated
                    }
                }
                _ => rated,
            };
            return Self {
                rated: RATED.map(own).to_vec(),
                cores: CORES,
                planes: PLANES,
            };
        }
        let machine = machine(device);
        let rated = |tiles: &Tiles| tile_estimate::rated(tiles, matmul, device);
        Self {
            rated: PRESETS[1..].iter().map(rated).collect(),
            cores: machine.cores,
            planes: machine.bytes_per_ns,
        }
    }

    /// The tiles that take the least time of those that `device` holds, and that time in nanoseconds.
    fn best(&self, matmul: &Matmul, depth: Depth, device: &Capabilities) -> (Tiles, f64) {
        let extent = Extent::of(matmul, &device.limits);
        let held = self.rated.iter().filter(|rated| holds(rated.tiles, device));
        let times = held.map(|rated| (rated.tiles, extent.with(self, rated, depth).1));
        times
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .expect("every device holds the smallest tiles")
    }

    /// The rated tiles of these sizes.
    fn rated_tiles(&self, size: impl Fn(&str) -> Option<u64>) -> Option<&Rated> {
        let names = ["TILE_M", "TILE_N", "ELEMS_M", "ELEMS_N"];
        let is_of = |rated: &&Rated| {
            names
                .iter()
                .all(|name| size(name) == Some(rated.size(name)))
        };
        self.rated.iter().find(is_of)
    }
}

/// Whether the order of the tiles is as measured on an H200: on NVIDIA, on AMD, whose compilers spill none of them and whose
/// throughput of them by their own estimate has the same order, and on processors, which take tiles of their own.
fn has_measured_tiles(device: &Capabilities) -> bool {
    match device.architecture {
        Architecture::Nvidia
        | Architecture::Nvk
        | Architecture::NvidiaPascal
        | Architecture::Gcn
        | Architecture::Cdna
        | Architecture::Rdna2
        | Architecture::Rdna3
        | Architecture::Software => true,
        Architecture::IntelGen9
        | Architecture::IntelXe2
        | Architecture::IntelXe3
        | Architecture::Apple
        | Architecture::Adreno
        | Architecture::Mali
        | Architecture::Unknown => false,
    }
}

/// Whether an invocation of `device` holds its part of `tiles` without a spill, and a workgroup its tiles of A and B.
fn holds(tiles: Tiles, device: &Capabilities) -> bool {
    let size = |name| Constants::from(tiles).integer(name).unwrap_or(1);
    let fits = size("ELEMS_M") * size("ELEMS_N") <= tile_sums(device);
    fits && (has_measured_tiles(device) || tile_estimate::holds(tiles, device))
}

/// Tiles that a search tries on `device`: rated ones that it holds.
pub(super) fn candidates(matmul: &Matmul, device: &Capabilities) -> Vec<Tiles> {
    let rated = Model::of(matmul, device).rated;
    let is_candidate =
        |tiles: &&Tiles| rated.iter().any(|rated| rated.tiles == **tiles) && holds(tiles, device);
    PRESETS[1..].iter().filter(is_candidate).copied().collect()
}

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
    fn with(&self, model: &Model, rated: &Rated, depth: Depth) -> (Split, f64) {
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
            (split, self.time(model, rated, depth, split))
        });
        timed
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .expect("there is a part at least")
    }

    fn time(&self, model: &Model, rated: &Rated, depth: Depth, split: Split) -> f64 {
        let tiles_m = self.rows.div_ceil(rated.size("TILE_M"));
        let tiles_n = self.columns.div_ceil(rated.size("TILE_N"));
        let workgroups = self.matrices * tiles_m * tiles_n * split.parts;
        let step = rated.step(workgroups, model.cores);
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
        product + SUM + planes as f64 / model.planes
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
    fn step(&self, workgroups: u64, cores: u64) -> f64 {
        let invocations = self.size("TILE_M") * self.size("TILE_N")
            / (self.size("ELEMS_M") * self.size("ELEMS_N"));
        let slots = cores * self.resident;
        if workgroups <= slots {
            // Workgroups of few invocations leave parts of a core idle until there are several.
            let on_a_core = workgroups
                .div_ceil(cores)
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

/// The tiles for a product.
pub(super) fn best_tiles(matmul: &Matmul, depth: Depth, device: &Capabilities) -> Tiles {
    Model::of(matmul, device).best(matmul, depth, device).0
}

/// Whether parts of K, summed in a second stage, take less time than K at once.
pub(super) fn parts_are_profitable(matmul: &Matmul, device: &Capabilities) -> bool {
    let model = Model::of(matmul, device);
    let time = |depth| model.best(matmul, depth, device).1;
    time(Depth::Parts) < WORTH * time(Depth::Whole)
}

/// Workgroups with the tiles of a file that fill the device once; 1 for tiles that are not rated.
pub(super) fn fill_device(matmul: &Matmul, stage: &Prepared, device: &Capabilities) -> u64 {
    let size = |name: &str| stage.constants.get(name).copied().map(u64::from);
    let model = Model::of(matmul, device);
    let rated = model.rated_tiles(size);
    rated.map_or(1, |rated| model.cores * rated.resident)
}

/// How a kernel with the tiles of `constants` shares K of a product that is computed at once, in a number of parts within
/// `parts`; `None` for tiles that are not rated.
pub(super) fn split(
    matmul: &Matmul,
    constants: &Constants,
    parts: RangeInclusive<u64>,
    device: &Capabilities,
) -> Option<Split> {
    let model = Model::of(matmul, device);
    let rated = model.rated_tiles(|name| constants.integer(name))?;
    let extent = Extent {
        matrices: matmul.batch,
        rows: matmul.m,
        columns: matmul.n,
        depth: matmul.k,
        parts,
        by_four: by_four(matmul),
    };
    Some(extent.with(&model, rated, Depth::Parts).0)
}

#[cfg(test)]
mod tests {
    use super::super::tiles::{BLOCK, BLOCK_DOUBLE, BROAD, SMALL_DOUBLE};
    use super::*;
    use crate::report::AdapterKind;
    use proptest::prelude::*;

    /// A device of an architecture, with as much workgroup memory as Apple has.
    fn device(architecture: Architecture) -> Capabilities {
        let kind = match architecture {
            Architecture::Apple | Architecture::Adreno | Architecture::Mali => {
                AdapterKind::Integrated
            }
            _ => AdapterKind::Discrete,
        };
        let mut device = Capabilities::fake(kind).with_architecture(architecture);
        device.limits.max_storage_buffer_binding_size = (1 << 31) - 4;
        device.limits.max_compute_workgroup_storage_size = 32 << 10;
        device
    }

    const ARCHITECTURES: [Architecture; 15] = [
        Architecture::IntelGen9,
        Architecture::IntelXe2,
        Architecture::IntelXe3,
        Architecture::Gcn,
        Architecture::Cdna,
        Architecture::Rdna2,
        Architecture::Rdna3,
        Architecture::Apple,
        Architecture::Adreno,
        Architecture::Mali,
        Architecture::NvidiaPascal,
        Architecture::Nvidia,
        Architecture::Nvk,
        Architecture::Software,
        Architecture::Unknown,
    ];

    const SHAPES: [[u64; 3]; 15] = [
        [1, 1, 1],
        [0, 4, 0],
        [256, 256, 256],
        [512, 512, 512],
        [1024, 1024, 1024],
        [2048, 2048, 2048],
        [4096, 4096, 4096],
        [8192, 8192, 8192],
        [4095, 4097, 4093],
        [17, 5000, 3000],
        [256, 256, 131_072],
        [40_000, 64, 16_384],
        [65_536, 64, 4096],
        [64, 65_536, 4096],
        [128, 4096, 4096],
    ];

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
        let nvidia = device(Architecture::Nvidia);
        for ([m, n, k], expected, depth) in cases {
            let matmul = Matmul::new(m, n, k);
            let parts = parts_are_profitable(&matmul, &nvidia);
            assert_eq!(parts, depth == Depth::Parts, "{m} x {n} x {k}");
            let tiles = best_tiles(&matmul, depth, &nvidia);
            assert_eq!(tiles, expected, "{m} x {n} x {k}");
        }
    }

    #[test]
    fn parts_cover_k_and_none_is_empty() {
        let model = Model::of(&Matmul::new(1, 1, 1), &device(Architecture::Nvidia));
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
                    let (split, time) = extent.with(&model, rated, Depth::Parts);
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
            let steps: Vec<f64> = (1..3000)
                .map(|workgroups| rated.step(workgroups, CORES))
                .collect();
            assert!(steps.is_sorted(), "{:?}", rated.tiles);
        }
    }

    #[test]
    fn every_preset_is_rated_somewhere() {
        for preset in &PRESETS[1..] {
            let is_candidate = |architecture| {
                let found = candidates(&Matmul::new(512, 512, 512), &device(architecture));
                found.contains(preset)
            };
            assert!(ARCHITECTURES.into_iter().any(is_candidate), "{preset:?}");
        }
    }

    /// By what compilers make of each tile: docs/performance-log/matmul.md.
    #[test]
    fn architectures_get_the_tiles_that_their_compilers_take() {
        use Architecture::*;
        for (architecture, side, expected) in [
            (IntelGen9, 256, SMALL_DOUBLE),
            (IntelGen9, 1024, BROAD),
            (IntelGen9, 2048, BROAD),
            (IntelGen9, 4096, BROAD),
            (IntelXe2, 4096, BROAD),
            (IntelXe3, 2048, BLOCK_DOUBLE),
            (IntelXe3, 4096, BLOCK_DOUBLE),
            (Apple, 2048, BLOCK),
            (Apple, 4096, BLOCK),
            (Adreno, 2048, BLOCK),
            (Adreno, 4096, BLOCK),
            (Mali, 2048, MEDIUM),
            (Mali, 4096, MEDIUM),
            (Unknown, 4096, BROAD),
            // Two waves on a SIMD of GCN, eight of RDNA 2, against one and four with LARGE.
            (Gcn, 2048, SQUARE_EARLY),
            (Cdna, 2048, SQUARE_EARLY),
            (Rdna2, 2048, SQUARE_EARLY),
            (Rdna2, 4096, WIDE),
            (Rdna3, 2048, LARGE),
            (Rdna3, 4096, WIDE),
        ] {
            let matmul = Matmul::new(side, side, side);
            let tiles = best_tiles(&matmul, Depth::Whole, &device(architecture));
            assert_eq!(tiles, expected, "{architecture:?} {side}");
        }
        // Browsers may give 16 KiB of workgroup memory, which two buffers of 64 x 128 exceed.
        let mut narrow = device(IntelXe2);
        narrow.limits.max_compute_workgroup_storage_size = 16 << 10;
        let tiles = best_tiles(&Matmul::new(4096, 4096, 4096), Depth::Whole, &narrow);
        assert_eq!(tiles, DENSE);
    }

    #[test]
    fn a_search_on_nvidia_tries_what_was_measured_there() {
        let found = candidates(&Matmul::new(512, 512, 512), &device(Architecture::Nvidia));
        assert_eq!(found, PRESETS[1..8]);
    }

    fn is_held(tiles: Tiles, device: &Capabilities) -> bool {
        let size = |name| Constants::from(tiles).integer(name).unwrap_or(1);
        size("ELEMS_M") * size("ELEMS_N") <= tile_sums(device)
    }

    #[test]
    fn no_tile_exceeds_what_an_invocation_holds() {
        for architecture in ARCHITECTURES {
            let device = device(architecture);
            for [m, n, k] in SHAPES {
                let matmul = Matmul::new(m, n, k);
                for depth in [Depth::Whole, Depth::Parts] {
                    let tiles = best_tiles(&matmul, depth, &device);
                    assert!(is_held(tiles, &device), "{architecture:?} {m} x {n} x {k}");
                }
                let found = candidates(&matmul, &device);
                assert!(found.iter().all(|tiles| is_held(tiles, &device)));
            }
        }
    }

    proptest! {
        #[test]
        fn no_tile_of_any_shape_exceeds_what_an_invocation_holds(
            architecture in 0..ARCHITECTURES.len(),
            [m, n, k] in [0u64..100_000, 0u64..100_000, 0u64..100_000],
            parts: bool,
        ) {
            let device = device(ARCHITECTURES[architecture]);
            let depth = if parts { Depth::Parts } else { Depth::Whole };
            prop_assert!(is_held(best_tiles(&Matmul::new(m, n, k), depth, &device), &device));
        }
    }
}
