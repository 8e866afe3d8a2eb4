//! Matrix units: which shape of a device serves a product, and with which constants.

use super::choice::{is_split, tiles_of, types};
use super::{Activation, Bias, Matmul, vector};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::gpu::profile::BUSY;
use crate::kernel::{Constants, Kernel};
use crate::report::AdapterKind;
use crate::shader::Constant;

/// The side of the square fragments that serve `matmul` on `device`, larger ones first.
///
/// # Errors
/// [`Error::Unsupported`] where there is none.
pub(super) fn shape(matmul: &Matmul, device: &Capabilities) -> Result<u32> {
    let refuse = |reason: String| {
        Err(Error::Unsupported {
            what: "matmul on matrix units".into(),
            reason: format!("{reason}; matmul_blocked does it without"),
        })
    };
    if let Err(reason) = device.lanes() {
        return refuse(reason);
    }
    match device.fragment_side(matmul.dtype) {
        Some(side) => Ok(side),
        None => refuse(format!(
            "the device has no trusted {} -> f32 shape of 16x16x16 or 8x8x8",
            matmul.dtype.name()
        )),
    }
}

/// Whether fragments of `side` beat the other kernels: not on a CPU, which has no matrix units, and not where so few
/// rows or columns are multiplied that plain arithmetic keeps up with memory.
pub(super) fn pays(matmul: &Matmul, device: &Capabilities, side: u32) -> bool {
    let least = match (side, matmul.dtype) {
        (16, Dtype::F16) => 5,
        _ => 17,
    };
    device.kind != AdapterKind::Software && matmul.m.min(matmul.n) >= least
}

/// Whether there are too few tiles to keep a device busy, and a K deep enough to share.
pub(super) fn parts_pay(matmul: &Matmul) -> bool {
    let few = vector::is_few(matmul) && tiles_of(matmul, [128; 2]) <= BUSY;
    matmul.k >= 2048 && (few || tiles_of(matmul, [64; 2]) <= BUSY)
}

/// The constants that operands and device decide.
pub(super) fn constants(
    matmul: &Matmul,
    kernel: &Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let side = shape(matmul, device)?;
    let mut found = fragments(side, matmul.dtype);
    found.extend(tiles(matmul, side, device));
    let width = width(matmul, side, device)?;
    let [element, four, _] = types(matmul.dtype);
    let chunk = if width == 4 { four } else { element };
    let [.., c] = matmul.places()?;
    // Sums over parts of K lie without gaps.
    let (result, direct) = if is_split(kernel) {
        (Dtype::F32, matmul.n.is_multiple_of(4))
    } else {
        (matmul.output, c.by_four(matmul.batch))
    };
    let plain = matmul.output == Dtype::F32 && is_plain(matmul);
    found.extend([
        ("ElemC", types(result)[0]),
        ("Chunk", chunk),
        ("WIDTH", Constant::Integer(width)),
        ("LANES", Constant::Integer(device.subgroup_sizes.1)),
        ("EPILOGUE", Constant::Bool(!plain)),
        // Vulkan stores whole fragments at multiples of 16 bytes alone.
        ("DIRECT", Constant::Bool(direct)),
    ]);
    Ok(found)
}

/// Whether sums are the result: nothing else is added, multiplied or applied.
pub(super) fn is_plain(matmul: &Matmul) -> bool {
    matmul.alpha.to_bits() == 1f32.to_bits()
        && matmul.beta == 0.0
        && matmul.bias == Bias::None
        && matmul.activation == Activation::None
}

/// Types of fragments of `side` x `side`.
pub(super) fn fragments(side: u32, dtype: Dtype) -> Constants {
    let names = match (side, dtype) {
        (16, Dtype::F16) => [
            "coop_mat16x16<f16, A>",
            "coop_mat16x16<f16, B>",
            "coop_mat16x16<f32, C>",
        ],
        (16, _) => [
            "coop_mat16x16<f32, A>",
            "coop_mat16x16<f32, B>",
            "coop_mat16x16<f32, C>",
        ],
        (_, Dtype::F16) => [
            "coop_mat8x8<f16, A>",
            "coop_mat8x8<f16, B>",
            "coop_mat8x8<f32, C>",
        ],
        _ => [
            "coop_mat8x8<f32, A>",
            "coop_mat8x8<f32, B>",
            "coop_mat8x8<f32, C>",
        ],
    }
    .map(Constant::Type);
    vec![
        ("FragmentA", names[0]),
        ("FragmentB", names[1]),
        ("Sums", names[2]),
        ("FRAGMENT", Constant::Integer(side)),
    ]
}

/// Elements that one load can fetch: as wide as strides and sizes allow. Metal loads fragments of 8 x 8 only from
/// memory of their own element type.
fn width(matmul: &Matmul, side: u32, device: &Capabilities) -> Result<u32> {
    if side == 8 && device.kind != AdapterKind::Software {
        return Ok(1);
    }
    let [a, b, _] = matmul.places()?;
    let by_four = [a, b].iter().all(|place| place.by_four(matmul.batch));
    Ok(if by_four { 4 } else { 1 })
}

/// Bytes of workgroup memory that the largest tiles want; WebGPU's default is 16 KiB.
const ROOMY: u32 = 24 << 10;

/// Tiles (M, N, K) and the part of a subgroup (M, N).
fn tiles(matmul: &Matmul, side: u32, device: &Capabilities) -> Constants {
    let is_roomy = device.limits.max_compute_workgroup_storage_size >= ROOMY;
    let deep = if is_roomy { 64 } else { 32 };
    let [m, n, k, subgroup_m, subgroup_n] = if side == 8 || device.kind == AdapterKind::Software {
        [64, 64, 16, 32, 32]
    } else if matmul.m <= 16 {
        [16, 128, deep, 16, 32]
    } else if matmul.n <= 16 {
        [128, 16, deep, 32, 16]
    } else if is_roomy && tiles_of(matmul, [128; 2]) >= BUSY {
        [128, 128, 32, 64, 64]
    } else {
        [64, 64, deep, 32, 32]
    };
    let names = ["TILE_M", "TILE_N", "TILE_K", "SUBGROUP_M", "SUBGROUP_N"];
    let mut found: Constants = names
        .into_iter()
        .zip([m, n, k, subgroup_m, subgroup_n].map(Constant::Integer))
        .collect();
    found.push(("UNROLL_K", Constant::Integer(k.min(32))));
    found.push(("GROUP", Constant::Integer(group(matmul, n))));
    found
}

/// Columns of tiles, `tile_n` wide, that are walked row by row: the longer a row of tiles, the more of B is worth keeping in
/// the cache.
pub(super) fn group(matmul: &Matmul, tile_n: u32) -> u32 {
    if matmul.n >= 64 * u64::from(tile_n) {
        8
    } else {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlanOptions;
    use crate::ops::matmul::kernels::{COOPERATIVE, COOPERATIVE_SPLIT};
    use crate::ops::{Layout, Operation};
    use crate::plan::constants_of;

    /// One with matrix units, and as much workgroup memory as every WebGPU device has.
    fn device() -> Capabilities {
        Capabilities::imagined(AdapterKind::Discrete)
            .with_features(COOPERATIVE.features)
            .with_f16()
            .with_subgroups((32, 32))
            .with_matrix_units(16)
            .with_bindings(1 << 31)
    }

    /// Whether `kernel` stores whole fragments of a product.
    fn is_direct(matmul: &Matmul, kernel: &'static Kernel) -> bool {
        let device = device().with_workgroup_memory();
        let found = matmul.constants(kernel, &device).unwrap();
        found.contains(&("DIRECT", Constant::Bool(true)))
    }

    #[test]
    fn fragments_are_stored_whole_where_they_are_aligned() {
        let product = |n, c| Matmul {
            dtype: Dtype::F16,
            c,
            ..Matmul::new(256, n, 4096)
        };
        let layout = Layout::default();
        let row = |stride| Layout {
            row_stride: Some(stride),
            ..layout
        };
        let first = |offset| Layout { offset, ..layout };
        for (aligned, c) in [
            (true, row(388)),
            (false, row(389)),
            (true, first(8)),
            (false, first(2)),
        ] {
            let matmul = product(384, c);
            assert_eq!(is_direct(&matmul, &COOPERATIVE), aligned, "{matmul:?}");
            // Sums of parts do not lie as C does.
            assert!(is_direct(&matmul, &COOPERATIVE_SPLIT), "{matmul:?}");
        }
        assert!(!is_direct(&product(386, layout), &COOPERATIVE_SPLIT));
        // Rows of C may be apart and those of the sums not.
        assert!(!is_direct(&product(386, row(388)), &COOPERATIVE_SPLIT));
    }

    /// All tiles fit the workgroup memory that every WebGPU device has.
    #[test]
    fn a_device_with_default_limits_has_a_form_for_every_shape() {
        let device = device();
        for [m, n] in [[16, 4096], [4096, 16], [48, 48], [4096, 4096], [4095, 4097]] {
            let matmul = Matmul {
                dtype: Dtype::F16,
                beta: 1.0,
                ..Matmul::new(m, n, 4096)
            };
            let options = PlanOptions::default();
            let constants = constants_of(&matmul, &COOPERATIVE, &options, &device).unwrap();
            COOPERATIVE
                .supported(Dtype::F16, &constants, &device)
                .unwrap();
        }
    }
}
