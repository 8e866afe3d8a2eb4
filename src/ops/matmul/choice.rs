//! Which kernel and which constants suit a shape on a device. Pure.

use super::cooperative;
use super::cut::{Cut, cuts_depth};
use super::kernels::{
    BLOCKED, BROAD, COOPERATIVE, COOPERATIVE_SPLIT, LARGE, MEDIUM, NAIVE, SMALL, SPLIT, TALL,
    TILED, Tiles, WIDE,
};
use super::{Activation, Bias, Matmul, Order};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel};
use crate::shader::Constant;

/// Kernels for `matmul`, the best first.
pub(super) fn candidates(matmul: &Matmul, device: &Capabilities) -> Vec<&'static Kernel> {
    let split = wants_split(matmul, device);
    let mut found = Vec::new();
    if cooperative::shape(matmul, device).is_ok() && cooperative::pays(matmul, device) {
        found.push(if split {
            &COOPERATIVE_SPLIT
        } else {
            &COOPERATIVE
        });
    }
    found.push(if split { &SPLIT } else { &BLOCKED });
    found.extend([&TILED, &NAIVE]);
    found
}

/// Whether parts of K are summed in a second stage.
pub(super) fn is_split(kernel: &Kernel) -> bool {
    kernel.stages.len() > 1
}

pub(super) fn is_cooperative(kernel: &Kernel) -> bool {
    kernel.declares("FRAGMENT")
}

/// Workgroups that keep a device busy; WebGPU does not tell how many cores there are.
pub(super) const BUSY: u64 = 128;

pub(super) fn tiles_of(matmul: &Matmul, tile: u64) -> u64 {
    matmul.batch * matmul.m.div_ceil(tile) * matmul.n.div_ceil(tile)
}

/// Few tiles and a K that is deep enough to share, or one that no binding holds whole.
fn wants_split(matmul: &Matmul, device: &Capabilities) -> bool {
    let software = device.kind == crate::gpu::AdapterKind::Software;
    if cuts_depth(matmul, &device.limits) {
        return true;
    }
    !software && tiles_of(matmul, 64) * 2 <= BUSY && matmul.k >= 2048
}

/// The constants of a kernel that the operands decide, and the tiles that suit them.
pub(super) fn constants(
    matmul: &Matmul,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let mut found = Constants::new();
    let cut = Cut::for_kernel(matmul, kernel, &device.limits)?;
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
    if is_cooperative(kernel) {
        found.extend(cooperative::constants(matmul, kernel, device)?);
    } else if kernel.name == BLOCKED.name || kernel.name == SPLIT.name {
        found.extend(tiles(matmul, device));
    }
    if !is_cooperative(kernel) {
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

/// Tiles for a shape. Measured on one discrete GPU; smaller ones where the limits or the number of tiles ask for it.
fn tiles(matmul: &Matmul, device: &Capabilities) -> Tiles {
    if device.kind == crate::gpu::AdapterKind::Software {
        return MEDIUM;
    }
    let limits = &device.limits;
    let roomy = limits.max_compute_invocations_per_workgroup >= 512
        && limits.max_compute_workgroup_size_x >= 512
        && limits.max_compute_workgroup_storage_size >= 34 << 10;
    let (m, n) = (matmul.m, matmul.n);
    // Loads of single elements want more invocations to share them.
    let wide_loads = matmul
        .places()
        .is_ok_and(|[a, b, _]| a.by_four(matmul.batch) && b.by_four(matmul.batch));
    // Parts of K make up for few tiles.
    let split = wants_split(matmul, device);
    if m.min(n) <= 32 {
        SMALL
    } else if n <= 64 {
        TALL
    } else if m <= 64 {
        WIDE
    } else if roomy
        && wide_loads
        && !split
        && matmul.batch * m.div_ceil(128) * n.div_ceil(256) >= BUSY
    {
        LARGE
    } else if roomy && (split || tiles_of(matmul, 128) >= 3 * BUSY / 2) {
        BROAD
    } else if tiles_of(matmul, 64) >= BUSY {
        WIDE
    } else {
        MEDIUM
    }
}

/// What tiles mean for the edges: unless told otherwise, every edge is ragged.
pub(super) fn derived(matmul: &Matmul, kernel: &'static Kernel, chosen: &Constants) -> Constants {
    if !kernel.declares("CLAMP") {
        return Constants::new();
    }
    let tile = |name: &str| {
        let value = chosen.iter().find(|(known, _)| *known == name);
        match value {
            Some((_, Constant::Integer(size))) => Some(u64::from(*size)),
            _ => None,
        }
    };
    let holds = |name, size: u64| tile(name).is_some_and(|tile| size >= tile);
    let whole = |name, size: u64| tile(name).is_some_and(|tile| size.is_multiple_of(tile));
    let clamp = !(holds("TILE_M", matmul.m) && holds("TILE_N", matmul.n));
    let edges = !(whole("TILE_M", matmul.m) && whole("TILE_N", matmul.n)) || matmul.batch == 0;
    let mut found = vec![
        ("CLAMP", Constant::Bool(clamp)),
        ("RAGGED_K", Constant::Bool(!whole("TILE_K", matmul.k))),
        ("EDGES", Constant::Bool(edges)),
    ];
    found.retain(|(name, _)| kernel.declares(name));
    found
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
    // Columns of a block lie next to each other unless single elements of a row-major B are fetched.
    let adjacent = by_four(&b) || matmul.b.order == Order::Transposed;
    // The parts of a split product are f32 without gaps.
    let split = is_split(kernel);
    let fits = if split {
        matmul.n.is_multiple_of(4)
    } else {
        by_four(&c)
    };
    let [_, part_four, part_one] = types(Dtype::F32);
    let wide = adjacent && fits;
    found.push(("WIDTH_C", Constant::Integer(if wide { 4 } else { 1 })));
    let chunk = match (split, wide) {
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
