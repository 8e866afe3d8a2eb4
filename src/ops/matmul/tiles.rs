//! Tiles of `matmul_blocked` with a name, and the times of their workgroups. Data alone.

use crate::shader::Constant;

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

// All but `BROAD` stay within WebGPU's default limits: 256 invocations, 16 KiB of workgroup memory.
/// For few rows or columns, and for few tiles.
pub(super) const SMALL: Tiles = &tiles([32, 32, 32], [4, 4], 1);
/// For an unknown device.
pub(super) const MEDIUM: Tiles = &tiles([64, 64, 16], [4, 4], 1);
/// A quarter of the invocations, each with four times the work: for many tiles, and for processors.
pub(super) const SQUARE: Tiles = &tiles([64, 64, 16], [8, 8], 1);
/// Half the invocations, each with twice the work.
pub(super) const DENSE: Tiles = &tiles([64, 64, 16], [4, 8], 2);
/// For few columns, and for processors.
pub(super) const TALL: Tiles = &tiles([128, 64, 8], [16, 8], 1);
/// For few rows, and for most tiles: three workgroups share a core, against two with [`LARGE`].
pub(super) const WIDE: Tiles = &early([64, 128, 16], [8, 8], 1);
/// For products with enough tiles to fill all cores several times.
pub(super) const LARGE: Tiles = &tiles([128, 128, 8], [16, 8], 2);

/// The fewest instructions for a multiply-add with 32 sums an invocation: for Intel. 24 KiB of workgroup memory.
pub(super) const BROAD: Tiles = &tiles([64, 128, 16], [8, 4], 2);
/// 64 sums and the fewest chunks of the next step an invocation: for register files that just hold them.
pub(super) const BLOCK: Tiles = &tiles([128, 128, 8], [8, 8], 1);
/// [`BLOCK`] for compilers that keep the loads of the next step ahead with two buffers alone.
pub(super) const BLOCK_DOUBLE: Tiles = &tiles([128, 128, 8], [8, 8], 2);
/// [`SMALL`] for the same compilers.
pub(super) const SMALL_DOUBLE: Tiles = &tiles([32, 32, 32], [4, 4], 2);

/// [`SQUARE`] in the order of [`WIDE`]: 5 to 7 % more throughput by the estimate of AMD's compiler.
pub(super) const SQUARE_EARLY: Tiles = &early([64, 64, 16], [8, 8], 1);

/// Preset 0 leaves the tiles to the shape and the device.
pub(super) const PRESETS: &[Tiles] = &[
    &[],
    SMALL,
    MEDIUM,
    SQUARE,
    DENSE,
    TALL,
    WIDE,
    LARGE,
    BROAD,
    BLOCK,
    BLOCK_DOUBLE,
    SMALL_DOUBLE,
    SQUARE_EARLY,
];

/// Tiles, and the time of a workgroup for a step of one along K, in nanoseconds; the module explains each figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rated {
    pub(super) tiles: Tiles,
    pub(super) alone: f64,
    pub(super) shared: f64,
    pub(super) resident: u64,
    pub(super) cold: f64,
}

pub(super) const fn rated(tiles: Tiles, [alone, shared, cold]: [f64; 3], resident: u64) -> Rated {
    Rated {
        tiles,
        alone,
        shared,
        resident,
        cold,
    }
}
