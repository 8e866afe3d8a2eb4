//! Constants of a kernel's file that follow from the operands of a product.

use super::cost::{Arithmetic, Cost};
use super::layout::{Order, Strides};
use super::partition::Partition;
use super::shape::{Activation, Bias, Matmul};
use super::sub_problems::needs_parts;
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::Constants;
use crate::ops::Fit;
use crate::shader::Constant;

/// Whether a kernel without `SPLIT_K` has a form: [`Fit::Unable`] where bindings cut K, else [`Fit::Able`] for `reason`.
pub(super) fn fit_of_whole_k(matmul: &Matmul, device: &Capabilities, reason: &str) -> Fit {
    match Partition::of(matmul, &device.limits) {
        Ok(partition) if partition.depth < matmul.k => Fit::Unable(needs_parts(device)),
        _ => Fit::Able(reason.to_owned()),
    }
}

/// Constants of every file: what follows the sums, and the orders of the operands.
pub(super) fn common(matmul: &Matmul) -> Constants {
    Constants::new()
        .set("BETA", matmul.beta != 0.0)
        .set("BIAS", matmul.bias == Bias::Row)
        .set("ACTIVATION", code(matmul.activation))
        .set("TRANSPOSED_A", matmul.a.order == Order::ColumnMajor)
        .set("TRANSPOSED_B", matmul.b.order == Order::ColumnMajor)
}

/// The type of C in the file that adds up parts of K, where `is_split`.
pub(super) fn reduced(matmul: &Matmul, is_split: bool) -> Constants {
    let found = Constants::new();
    if is_split {
        return found.set("ElemOut", matmul.output);
    }
    found
}

/// Constants of edges that sub-problems have, where limits of bindings cut the product.
///
/// # Errors
/// Errors of [`Partition::of`].
pub(super) fn of_partition(
    matmul: &Matmul,
    work: Arithmetic,
    is_split: bool,
    device: &Capabilities,
) -> Result<Constants> {
    let partition = if is_split {
        Partition::with_partials(matmul, work, device)?
    } else {
        Partition::of(matmul, &device.limits)?
    };
    Ok(partition.constants(matmul))
}

/// The watchdog limit for tiles of `constants`.
pub(super) fn budget(
    matmul: &Matmul,
    work: Arithmetic,
    constants: &Constants,
    device: &Capabilities,
) -> Constants {
    let cost = Cost::from_constants(work, constants, device.kind);
    Constants::new().set("BUDGET", cost.budget(matmul, device))
}

/// Edges of the tiles of `chosen`: every edge is ragged where no tile is named.
pub(super) fn edges(matmul: &Matmul, chosen: &Constants) -> Constants {
    let tile = |name| chosen.integer(name);
    let holds = |name, size: u64| tile(name).is_some_and(|tile| size >= tile);
    let whole = |name, size: u64| tile(name).is_some_and(|tile| size.is_multiple_of(tile));
    let clamp = !(holds("TILE_M", matmul.m) && holds("TILE_N", matmul.n));
    let edges = !(whole("TILE_M", matmul.m) && whole("TILE_N", matmul.n)) || matmul.batch == 0;
    Constants::new()
        .set("CLAMP", clamp)
        .set("RAGGED_K", !whole("TILE_K", matmul.k))
        .set("EDGES", edges)
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
        Dtype::U32 | Dtype::Words => ["u32", "vec4<u32>", "array<u32, 1>"],
    }
    .map(Constant::Type)
}

/// Types of the operands, and how many elements of each are moved at a time.
///
/// # Errors
/// [`crate::Error::Shape`] where a layout cannot be.
pub(super) fn operands(matmul: &Matmul, is_split: bool) -> Result<Constants> {
    let [a, b, c] = matmul.strides()?;
    let [element, four, _] = types(matmul.dtype);
    let by_four = |place: &Strides| place.by_four(matmul.batch);
    let chunk = |by_four: bool| if by_four { four } else { element };
    // The parts of a split product are f32 without gaps.
    let (result, fits) = if is_split {
        (Dtype::F32, matmul.n.is_multiple_of(4))
    } else {
        (matmul.output, by_four(&c))
    };
    let [_, out_four, out_one] = types(result);
    let found = Constants::new()
        .set("ElemA", element)
        .set("ElemB", element)
        .set("ChunkA", chunk(by_four(&a)))
        .set("VECTOR_A", by_four(&a))
        .set("ChunkB", chunk(by_four(&b)))
        .set("VECTOR_B", by_four(&b))
        .set("WIDTH_C", if fits { 4u32 } else { 1 })
        .set("ChunkC", if fits { out_four } else { out_one });
    if is_split {
        return Ok(found);
    }
    Ok(found.set("ElemC", matmul.output))
}
