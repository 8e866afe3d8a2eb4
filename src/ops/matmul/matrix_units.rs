//! Matrix units: which fragments of a device serve a product, and when they beat plain arithmetic.

use super::shape::Matmul;
use crate::data::Dtype;
use crate::gpu::Capabilities;
use crate::gpu::profile::{BUSY, emulates_matrix_units};
use crate::ops::Fit;

/// Features of a kernel on matrix units.
pub(super) const FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SUBGROUP);

/// Rows or columns up to which memory decides.
const FEW: u64 = 16;

/// The side of the square fragments that serve `matmul` on `device`, larger ones first.
///
/// # Errors
/// The reason where there is none.
pub(super) fn side(matmul: &Matmul, device: &Capabilities) -> Result<u32, String> {
    let refuse = |reason: String| Err(format!("{reason}; matmul_blocked does it without"));
    let Some(side) = device.fragment_side(matmul.dtype) else {
        return refuse(format!(
            "the device has no trusted {} -> f32 shape of 16x16x16 or 8x8x8",
            matmul.dtype.name()
        ));
    };
    match device.lanes() {
        Ok(_) => Ok(side),
        Err(reason) => refuse(reason),
    }
}

/// Whether fragments of `side` beat the other kernels: not on a CPU, which has no matrix units, and not where so few
/// rows or columns are multiplied that plain arithmetic keeps up with memory.
pub(super) fn fit(matmul: &Matmul, side: u32, device: &Capabilities) -> Fit {
    let least = match (side, matmul.dtype) {
        (16, Dtype::F16) => 5,
        _ => 17,
    };
    let narrow = matmul.m.min(matmul.n);
    if emulates_matrix_units(device) {
        return Fit::Able("a processor has no matrix units".to_owned());
    }
    Fit::unless((narrow < least).then(|| {
        format!("{narrow} rows or columns, of which plain arithmetic keeps up with memory")
    }))
}

/// Whether there are too few tiles to keep a device busy, and a K deep enough to share.
pub(super) fn parts_are_profitable(matmul: &Matmul) -> bool {
    let few = matmul.m.min(matmul.n) <= FEW && matmul.tiles([128; 2]) <= BUSY;
    matmul.k >= 2048 && (few || matmul.tiles([64; 2]) <= BUSY)
}

/// Columns of tiles, `tile_n` wide, whose tiles are numbered row by row: the longer a row of tiles, the more of B is worth
/// keeping in the cache.
pub(super) fn group(matmul: &Matmul, tile_n: u32) -> u32 {
    if matmul.n >= 64 * u64::from(tile_n) {
        8
    } else {
        4
    }
}
