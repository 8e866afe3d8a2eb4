//! `matmul_cooperative_whole`: which products it has a form for, with which constants, and how it is dispatched.

use super::choice::{tiles_of, types};
use super::kernels::WHOLE;
use super::runs::{Cost, Runs};
use super::schedule::{Split, params, windows};
use super::{Matmul, Order, cooperative};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::gpu::profile::BUSY;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::report::AdapterKind;
use crate::shader::{Constant, Prepared};

/// Elements of A and B that one load fetches.
const CHUNK: u64 = 8;
/// Elements of C that one store writes.
const CHUNK_C: u64 = 4;
/// The least side of a tile.
const FRAGMENT: u64 = 16;

pub(super) fn is_whole(kernel: &Kernel) -> bool {
    kernel.declares("PAD_C")
}

fn refuse<T>(reason: &str) -> Result<T> {
    Err(Error::Unsupported {
        what: format!("kernel {}", WHOLE.name),
        reason: format!("{reason}; other kernels of matmul do it"),
    })
}

/// Refuses what the kernel has no form for, where its tiles have `tile` (M, N, K) elements.
fn require(matmul: &Matmul, tile: [u64; 3]) -> Result<()> {
    if matmul.dtype != Dtype::F16 {
        return refuse(&format!("it multiplies f16, not {}", matmul.dtype.name()));
    }
    if matmul.k == 0 {
        return refuse("k is 0, which makes no step");
    }
    let sizes = [("m", matmul.m), ("n", matmul.n), ("k", matmul.k)];
    for ((name, size), tile) in sizes.into_iter().zip(tile) {
        require_multiple(name, size, tile)?;
    }
    let [a, b, c] = matmul.places()?;
    for (name, places, order, chunk) in [
        ("a", a, matmul.a.order, CHUNK),
        ("b", b, matmul.b.order, CHUNK),
        ("c", c, Order::AsIs, CHUNK_C),
    ] {
        let batch_stride = if matmul.batch > 1 { places.batch } else { 0 };
        let row_stride = match order {
            Order::AsIs => places.row_step,
            Order::Transposed => places.column_step,
        };
        for (what, distance) in [
            ("offset", places.first),
            ("row stride", row_stride),
            ("batch stride", batch_stride),
        ] {
            require_multiple(&format!("the {what} of `{name}`"), distance, chunk)?;
        }
    }
    Ok(())
}

fn require_multiple(what: &str, value: u64, unit: u64) -> Result<()> {
    if value.is_multiple_of(unit) {
        return Ok(());
    }
    refuse(&format!(
        "{what} is {value}, which is no multiple of {unit}"
    ))
}

/// A tile (M, N, K) and the part of a subgroup (M, N): the largest of which there are enough to keep a device busy, and
/// whether there are. Smaller ones have deeper steps.
fn tiles(matmul: &Matmul, device: &Capabilities) -> ([u32; 5], bool) {
    if device.kind == AdapterKind::Software {
        // A CPU compiles long texts slowly.
        return ([64, 32, 32, 32, 16], false);
    }
    let k = if matmul.k.is_multiple_of(64) { 64 } else { 32 };
    let sizes = [
        [128, 128, 32, 64, 64],
        [128, 64, k, 64, 32],
        [64, 64, k, 64, 32],
    ];
    let busy = sizes
        .into_iter()
        .find(|&[m, n, ..]| tiles_of(matmul, [m, n]) >= BUSY);
    (busy.unwrap_or(sizes[2]), busy.is_some())
}

/// Whether it beats the kernel for any product, and that for parts of K.
pub(super) fn pays(matmul: &Matmul, device: &Capabilities) -> bool {
    /// Beyond, parts of K are faster where there are few tiles.
    const DEEP: u64 = 4096;
    let ([m, n, k, ..], is_busy) = tiles(matmul, device);
    is_busy
        && !(matmul.k > DEEP && cooperative::parts_pay(matmul))
        && !device.demoted.contains(&WHOLE.name)
        && require(matmul, [m, n, k].map(u64::from)).is_ok()
}

/// The constants that operands and device decide.
///
/// # Errors
/// [`Error::Unsupported`] with what of the product, or of the device, does not fit.
pub(super) fn constants(matmul: &Matmul, device: &Capabilities) -> Result<Constants> {
    if device.demoted.contains(&WHOLE.name) {
        return refuse("it did not come out right on this device");
    }
    // The tile may be the caller's: what it asks for is looked at when it is known, in `schedule`.
    require(matmul, [FRAGMENT; 3])?;
    let side = cooperative::shape(matmul, device)?;
    let is_software = device.kind == AdapterKind::Software;
    // Metal loads fragments of 8 x 8 only from memory of their own element type.
    if side == 8 && !is_software {
        return refuse("the device has fragments of 8 x 8 alone");
    }
    let mut found = cooperative::fragments(side, matmul.dtype);
    let ([tile_m, tile_n, tile_k, subgroup_m, subgroup_n], _) = tiles(matmul, device);
    // Products of smaller tiles are mostly in the cache as they are.
    let (spread, deep, group) = if tile_m.min(tile_n) == 128 {
        (8, 2, 16)
    } else {
        (1, 1, cooperative::group(matmul, tile_n))
    };
    let sizes = [
        ("LANES", device.subgroup_sizes.1),
        ("TILE_M", tile_m),
        ("TILE_N", tile_n),
        ("TILE_K", tile_k),
        ("UNROLL_K", if is_software { 16 } else { 32 }),
        ("SUBGROUP_M", subgroup_m),
        ("SUBGROUP_N", subgroup_n),
        ("SPREAD", spread),
        ("DEEP", deep),
        ("GROUP", group),
    ];
    found.extend(sizes.map(|(name, size)| (name, Constant::Integer(size))));
    found.extend([
        ("QuadC", types(matmul.output)[1]),
        ("EPILOGUE", Constant::Bool(!cooperative::is_plain(matmul))),
    ]);
    Ok(found)
}

/// One dispatch, or as many as a slow adapter needs.
pub(super) fn schedule(
    matmul: &Matmul,
    kernel: &Kernel,
    stage: &Prepared,
    device: &Capabilities,
) -> Result<Schedule> {
    let constant = |name: &str| u64::from(stage.constant(name));
    let tile = ["TILE_M", "TILE_N", "TILE_K"].map(constant);
    require(matmul, tile)?;
    let [tiles_m, tiles_n] = [matmul.m / tile[0], matmul.n / tile[1]];
    let params = params(matmul, tiles_n, Split::NONE)?;
    let runs = Runs {
        workgroups: matmul.batch * tiles_m * tiles_n,
        flops: Cost::prepared(kernel, stage, device.kind).of_depth(matmul.k),
        filling: 1,
    };
    let steps = runs.steps((0, stage), &windows(matmul), &device.limits, |first| {
        params.beginning_at(first)
    })?;
    Ok(Schedule {
        steps,
        scratch: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
