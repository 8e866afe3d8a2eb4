//! `matmul_cooperative`: fragments on matrix units for any product, K at once or in parts.

use super::cost::Arithmetic;
use super::form::{self, types};
use super::quantized::floats_alone;
use super::shape::Matmul;
use super::split_k::{self, SplitK};
use super::{matrix_units, partials, schedule};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{BUSY, loads_chunks_as_small_fragments, runs_invocations_in_turn};
use crate::kernel::{BindingRange, Constants, Fragments, Kernel, Schedule, Slot, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Prepared, files};

const WORK: Arithmetic = Arithmetic::MatrixUnits;

pub(super) static COOPERATIVE: Implementation<Matmul> = Implementation {
    kernel: Kernel {
        features: matrix_units::FEATURES,
        // Ragged at each edge.
        trials: &["48x40x56"],
        ..Kernel::new(
            "matmul_cooperative",
            "fragments on matrix units, held by a subgroup together; parts of K where tiles are few",
            &[Stage::of(&files::MATMUL_COOPERATIVE), partials::REDUCE],
        )
    },
    fit: |matmul, device| {
        floats_alone(matmul, || match matrix_units::side(matmul, device) {
            Ok(side) => matrix_units::fit(matmul, side, device),
            Err(reason) => Fit::Unable(reason),
        })
    },
    constants: |matmul, device, given| SPLIT.constants(matmul, device, given),
    alternatives: |matmul, device| SPLIT.alternative(matmul, device).into_iter().collect(),
    schedule,
    samples: None,
};

const SPLIT: SplitK = SplitK {
    work: WORK,
    own: |matmul, is_split, device| {
        let refuse = |reason| COOPERATIVE.kernel.unsupported(reason);
        let side = matrix_units::side(matmul, device).map_err(refuse)?;
        Ok(Fragments::of(side, matmul.dtype)
            .constants()
            .merged(&tiles(matmul, side, device))
            .merged(&operands(matmul, side, is_split, device)?))
    },
    is_profitable: |matmul, _| matrix_units::parts_are_profitable(matmul),
    split: |product, chosen, number, _| split_k::busy(product, chosen, number),
    edges: form::edges,
};

/// Constants that the operands decide.
fn operands(
    matmul: &Matmul,
    side: u32,
    is_split: bool,
    device: &Capabilities,
) -> Result<Constants> {
    let width = width(matmul, side, device)?;
    let lanes = device
        .lanes()
        .map_err(|reason| COOPERATIVE.kernel.unsupported(reason))?;
    let [element, four, _] = types(matmul.dtype);
    let [.., c] = matmul.strides()?;
    // Sums over parts of K lie without gaps.
    let (result, direct) = if is_split {
        (Dtype::F32, matmul.n.is_multiple_of(4))
    } else {
        (matmul.output, c.by_four(matmul.batch))
    };
    let sums_are_result = matmul.output == Dtype::F32 && matmul.is_plain();
    Ok(Constants::new()
        .set("ElemC", result)
        .set("Chunk", if width == 4 { four } else { element })
        .set("WIDTH", width)
        .set("LANES", lanes)
        .set("SUBGROUPS_VARY", device.subgroups_vary())
        .set("EPILOGUE", !sums_are_result && !is_split)
        // Vulkan stores whole fragments at multiples of 16 bytes alone.
        .set("DIRECT", direct))
}

/// Bytes bound where a dispatch touches nothing: no binding may be empty.
const UNUSED: u64 = 16;

fn schedule(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    // Results have two bindings, of which one stays unused.
    let place = if stages[0].constant("EPILOGUE") == 1 {
        4
    } else {
        3
    };
    let bindings = |_: &Matmul, windows: [BindingRange; 4], schedule: &mut Schedule| {
        let unused = BindingRange::whole(Slot::Scratch(schedule.scratch.len()), UNUSED);
        schedule.scratch.push(UNUSED);
        let mut windows = windows.to_vec();
        windows.insert(place, unused);
        windows
    };
    schedule::of_tiles(matmul, WORK, stages, device, bindings)
}

/// Elements that one load can fetch: as wide as strides and sizes allow.
fn width(matmul: &Matmul, side: u32, device: &Capabilities) -> Result<u32> {
    if side == 8 && !loads_chunks_as_small_fragments(device) {
        return Ok(1);
    }
    let [a, b, _] = matmul.strides()?;
    let by_four = [a, b].iter().all(|place| place.by_four(matmul.batch));
    Ok(if by_four { 4 } else { 1 })
}

/// Bytes of workgroup memory that the largest tiles want; WebGPU's default is 16 KiB.
const ROOMY: u32 = 24 << 10;

/// Tiles (M, N, K) and the part of a subgroup (M, N).
fn tiles(matmul: &Matmul, side: u32, device: &Capabilities) -> Constants {
    let is_roomy = device.limits.max_compute_workgroup_storage_size >= ROOMY;
    let deep = if is_roomy { 64 } else { 32 };
    let [m, n, k, subgroup_m, subgroup_n]: [u32; 5] =
        if side == 8 || runs_invocations_in_turn(device) {
            [64, 64, 16, 32, 32]
        } else if matmul.m <= 16 {
            [16, 128, deep, 16, 32]
        } else if matmul.n <= 16 {
            [128, 16, deep, 32, 16]
        } else if is_roomy && matmul.tiles([128; 2]) >= BUSY {
            [128, 128, 32, 64, 64]
        } else {
            [64, 64, deep, 32, 32]
        };
    Constants::new()
        .set("TILE_M", m)
        .set("TILE_N", n)
        .set("TILE_K", k)
        .set("SUBGROUP_M", subgroup_m)
        .set("SUBGROUP_N", subgroup_n)
        .set("UNROLL_K", k.min(32))
        .set("GROUP", matrix_units::group(matmul, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlanOptions;
    use crate::ops::Layout;
    use crate::plan::constants_of;
    use crate::report::AdapterKind;

    /// A device with matrix units, and as much workgroup memory as every WebGPU device has.
    fn device() -> Capabilities {
        Capabilities::fake(AdapterKind::Discrete)
            .with_features(COOPERATIVE.kernel.features)
            .with_f16()
            .with_subgroups((32, 32))
            .with_matrix_units(16)
            .with_bindings(1 << 31)
    }

    /// Whether whole fragments of a product are stored where K is summed in `parts` parts.
    fn is_direct(matmul: &Matmul, parts: u32) -> bool {
        let device = device().with_workgroup_memory();
        let given = Constants::new().set("SPLIT_K", parts);
        let found = COOPERATIVE.bound(matmul).constants(&device, &given);
        found.unwrap().is_set("DIRECT")
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
            assert_eq!(is_direct(&matmul, 1), aligned, "{matmul:?}");
            // Sums of parts do not lie as C does.
            assert!(is_direct(&matmul, 4), "{matmul:?}");
        }
        assert!(!is_direct(&product(386, layout), 4));
        // Rows of C may have gaps between them; rows of the partial sums have none.
        assert!(!is_direct(&product(386, row(388)), 4));
    }

    /// A driver that has several sizes of subgroups gets texts for the size that trials found, which check it.
    #[test]
    fn lanes_follow_the_trials_where_subgroups_vary() {
        let varying = device().with_subgroups((32, 64));
        let matmul = Matmul {
            dtype: Dtype::F16,
            ..Matmul::new(256, 256, 256)
        };
        let constants = |device: &Capabilities| {
            let found = COOPERATIVE
                .bound(&matmul)
                .constants(device, &Constants::new());
            found.map(|found| (found.integer("LANES"), found.is_set("SUBGROUPS_VARY")))
        };
        assert!(constants(&varying).is_err());
        let tried = varying.with_matrix_lanes(64);
        assert_eq!(constants(&tried).unwrap(), (Some(64), true));
        assert_eq!(constants(&device()).unwrap(), (Some(32), false));
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
            let candidate = COOPERATIVE.bound(&matmul);
            let constants = constants_of(&*candidate, &options, &device).unwrap();
            COOPERATIVE
                .kernel
                .supported(Dtype::F16, &constants, &device)
                .unwrap();
        }
    }
}
