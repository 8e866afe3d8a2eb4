//! Which kernel and which constants suit a shape on a device. Pure.

use super::cooperative;
use super::cut::{Cut, cuts_depth};
use super::estimate::{self, Depth};
use super::kernels::{
    BLOCKED, COOPERATIVE, COOPERATIVE_SPLIT, NAIVE, SPLIT, SQUARE, TALL, TILED, Tiles, VECTOR,
    VECTOR_SPLIT, WHOLE,
};
use super::runs::Cost;
use super::{Activation, Bias, Matmul, Order, vector, whole};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, integer};
use crate::shader::Constant;

/// Kernels for `matmul`, the best first.
pub(super) fn candidates(matmul: &Matmul, device: &Capabilities) -> Vec<&'static Kernel> {
    let cuts = cuts_depth(matmul, &device.limits);
    let wants = |kernel: &'static Kernel, pays: bool| {
        cuts || !is_software(device) && pays || is_deep(matmul, kernel, device)
    };
    let mut found = Vec::new();
    if cooperative::shape(matmul, device).is_ok_and(|side| cooperative::pays(matmul, device, side))
    {
        if whole::pays(matmul, device) && !wants(&WHOLE, false) {
            found.push(&WHOLE);
        }
        found.push(if wants(&COOPERATIVE, cooperative::parts_pay(matmul)) {
            &COOPERATIVE_SPLIT
        } else {
            &COOPERATIVE
        });
    }
    if vector::is_few(matmul) {
        found.push(if wants(&VECTOR, vector::wants_split(matmul, device)) {
            &VECTOR_SPLIT
        } else {
            &VECTOR
        });
    }
    let parts_pay = estimate::parts_pay(matmul, &device.limits);
    found.push(if wants(&BLOCKED, parts_pay) {
        &SPLIT
    } else {
        &BLOCKED
    });
    found.extend([&TILED, &NAIVE]);
    found
}

/// Whether a workgroup of `kernel` would take too long for all of K.
fn is_deep(matmul: &Matmul, kernel: &'static Kernel, device: &Capabilities) -> bool {
    let constants = constants(matmul, kernel, device);
    constants.is_ok_and(|found| matmul.k > Cost::told(kernel, &found, device.kind).deepest(device))
}

/// Whether parts of K are summed in a second stage.
pub(super) fn is_split(kernel: &Kernel) -> bool {
    kernel.stages.len() > 1
}

pub(super) fn is_cooperative(kernel: &Kernel) -> bool {
    kernel.declares("FRAGMENT")
}

/// Tiles of so many rows and columns that C has, in all matrices.
pub(super) fn tiles_of(matmul: &Matmul, [rows, columns]: [u32; 2]) -> u64 {
    matmul.batch * matmul.m.div_ceil(rows.into()) * matmul.n.div_ceil(columns.into())
}

fn is_software(device: &Capabilities) -> bool {
    device.kind == crate::report::AdapterKind::Software
}

/// The constants of a kernel that the operands decide, and the tiles that suit them.
pub(super) fn constants(
    matmul: &Matmul,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let mut found = Constants::new();
    let cut = Cut::for_kernel(matmul, kernel, device)?;
    if !is_split(kernel) && cut.depth < matmul.k {
        return Err(Error::Unsupported {
            what: format!("kernel {}", kernel.name),
            reason: format!(
                "a binding holds {} bytes (max_storage_buffer_binding_size), and parts of K have to be summed; \
                 matmul_split does that",
                device.limits.max_storage_buffer_binding_size
            ),
        });
    }
    found.extend(cut.constants(matmul));
    if whole::is_whole(kernel) {
        found.extend(whole::constants(matmul, device)?);
    } else if is_cooperative(kernel) {
        found.extend(cooperative::constants(matmul, kernel, device)?);
    } else if kernel.name == BLOCKED.name || kernel.name == SPLIT.name {
        found.extend(tiles(matmul, kernel, device));
    }
    if vector::is_vector(kernel) {
        found.extend(vector::constants(matmul, kernel, device)?);
    } else if !is_cooperative(kernel) {
        found.extend(operands(matmul, kernel)?);
    }
    found.extend([
        ("BETA", Constant::Bool(matmul.beta != 0.0)),
        ("BIAS", Constant::Bool(matmul.bias == Bias::Row)),
        ("ACTIVATION", Constant::Integer(code(matmul.activation))),
        ("ElemOut", types(matmul.output)[0]),
        (
            "TRANSPOSED_A",
            Constant::Bool(matmul.a.order == Order::Transposed),
        ),
        (
            "TRANSPOSED_B",
            Constant::Bool(matmul.b.order == Order::Transposed),
        ),
    ]);
    found.retain(|(name, _)| kernel.declares(name));
    Ok(found)
}

/// Tiles for a shape: on processors, which have few lanes and compute what each does in turn, the most work for each read.
fn tiles(matmul: &Matmul, kernel: &Kernel, device: &Capabilities) -> Tiles {
    if is_software(device) {
        // A tile of twice the rows saves a quarter of the time, and computes rows beyond the last one.
        let rows = |tile| matmul.m.next_multiple_of(tile);
        return if 3 * rows(128) <= 4 * rows(64) {
            TALL
        } else {
            SQUARE
        };
    }
    let depth = if is_split(kernel) {
        Depth::Parts
    } else {
        Depth::Whole
    };
    estimate::tiles(matmul, depth, &device.limits)
}

/// What tiles mean for the edges and for how much a dispatch may hold.
pub(super) fn derived(
    matmul: &Matmul,
    kernel: &'static Kernel,
    chosen: &Constants,
    device: &Capabilities,
) -> Constants {
    let mut found = if vector::is_vector(kernel) {
        vector::derived(matmul, chosen)
    } else {
        edges(matmul, chosen)
    };
    let budget = Cost::told(kernel, chosen, device.kind).budget(matmul, device);
    found.push(("BUDGET", budget));
    found.retain(|(name, _)| kernel.declares(name));
    found
}

/// Unless told otherwise, every edge is ragged.
fn edges(matmul: &Matmul, chosen: &Constants) -> Constants {
    let tile = |name| integer(chosen, name);
    let holds = |name, size: u64| tile(name).is_some_and(|tile| size >= tile);
    let whole = |name, size: u64| tile(name).is_some_and(|tile| size.is_multiple_of(tile));
    let clamp = !(holds("TILE_M", matmul.m) && holds("TILE_N", matmul.n));
    let edges = !(whole("TILE_M", matmul.m) && whole("TILE_N", matmul.n)) || matmul.batch == 0;
    vec![
        ("CLAMP", Constant::Bool(clamp)),
        ("RAGGED_K", Constant::Bool(!whole("TILE_K", matmul.k))),
        ("EDGES", Constant::Bool(edges)),
    ]
}

fn code(activation: Activation) -> u32 {
    match activation {
        Activation::None => 0,
        Activation::Relu => 1,
        Activation::Gelu => 2,
        Activation::Silu => 3,
    }
}

/// Names of an element type, of four of them, and of one as an array.
pub(super) fn types(dtype: Dtype) -> [Constant; 3] {
    match dtype {
        Dtype::F32 => ["f32", "vec4<f32>", "array<f32, 1>"],
        Dtype::F16 => ["f16", "vec4<f16>", "array<f16, 1>"],
        // No kernel takes them, and each says so.
        Dtype::U32 => ["u32", "vec4<u32>", "array<u32, 1>"],
    }
    .map(Constant::Type)
}

fn operands(matmul: &Matmul, kernel: &'static Kernel) -> Result<Constants> {
    let [a, b, c] = matmul.places()?;
    let [element, four, _] = types(matmul.dtype);
    let mut found = vec![("ElemA", element), ("ElemB", element)];
    let [out, out_four, out_one] = types(matmul.output);
    let by_four = |place: &super::Places| place.by_four(matmul.batch);
    for (names, by_four) in [
        (["ChunkA", "VECTOR_A"], by_four(&a)),
        (["ChunkB", "VECTOR_B"], by_four(&b)),
    ] {
        found.push((names[0], if by_four { four } else { element }));
        found.push((names[1], Constant::Bool(by_four)));
    }
    // The parts of a split product are f32 without gaps.
    let split = is_split(kernel);
    let fits = if split {
        matmul.n.is_multiple_of(4)
    } else {
        by_four(&c)
    };
    let [_, part_four, part_one] = types(Dtype::F32);
    found.push(("WIDTH_C", Constant::Integer(if fits { 4 } else { 1 })));
    let chunk = match (split, fits) {
        (true, true) => part_four,
        (true, false) => part_one,
        (false, true) => out_four,
        (false, false) => out_one,
    };
    found.push(("ChunkC", chunk));
    if !split {
        found.push(("ElemC", out));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::AdapterKind;

    fn device(kind: AdapterKind, matrix_units: bool) -> Capabilities {
        Capabilities::imagined(kind)
            .with_f16()
            .with_subgroups((32, 32))
            .with_matrix_units(if matrix_units { 16 } else { 0 })
            .with_bindings(1 << 31)
    }

    fn first(matmul: &Matmul, device: &Capabilities) -> &'static str {
        candidates(matmul, device)[0].name
    }

    #[test]
    fn few_rows_or_columns_go_to_the_vector_kernel() {
        let plain = device(AdapterKind::Discrete, false);
        let units = device(AdapterKind::Discrete, true);
        let software = device(AdapterKind::Software, false);
        let half = |m, n, k| Matmul {
            dtype: Dtype::F16,
            ..Matmul::new(m, n, k)
        };
        let cases = [
            (Matmul::new(1, 16384, 16384), &plain, "matmul_vector_split"),
            (Matmul::new(16384, 16, 16384), &plain, "matmul_vector"),
            (Matmul::new(32768, 1, 1024), &plain, "matmul_vector"),
            (Matmul::new(16, 300, 100), &plain, "matmul_vector"),
            (Matmul::new(1, 16384, 16384), &software, "matmul_vector"),
            (half(4, 16384, 16384), &units, "matmul_vector_split"),
            (half(5, 16384, 16384), &units, "matmul_cooperative_split"),
            (half(4096, 4096, 4096), &units, "matmul_cooperative_whole"),
            (half(4095, 4096, 4096), &units, "matmul_cooperative"),
            (half(512, 512, 4096), &units, "matmul_cooperative_split"),
            (Matmul::new(17, 16384, 512), &units, "matmul_blocked"),
            (Matmul::new(256, 256, 131_072), &plain, "matmul_split"),
        ];
        for (matmul, device, expected) in cases {
            assert_eq!(first(&matmul, device), expected, "{matmul:?}");
        }
    }
}
