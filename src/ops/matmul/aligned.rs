//! `matmul_aligned`: fragments on matrix units for f16 products of whole tiles, without what edges, orders and
//! extras cost `matmul_cooperative`.

use super::cost::{Arithmetic, Cost};
use super::dispatch::DispatchRanges;
use super::form::{self, types};
use super::layout::Order;
use super::params::{Split, params, windows};
use super::shape::Matmul;
use super::split_k;
use super::sub_problems::Multiply;
use super::{matrix_units, partition};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{BUSY, compiles_long_texts_slowly, loads_chunks_as_small_fragments};
use crate::kernel::{Constants, Fragments, Kernel, Schedule, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Constant, Prepared, files};

const WORK: Arithmetic = Arithmetic::MatrixUnits;

pub(super) static ALIGNED: Implementation<Matmul> = Implementation {
    kernel: Kernel {
        features: matrix_units::FEATURES.union(wgpu::Features::SHADER_F16),
        dtypes: &[Dtype::F16],
        trials: &["128x64x64"],
        // The shape decides; the others were the fastest at 1536 and 3072 cubed, where the last wave of tiles is short.
        presets: &[
            &[],
            &tile_of_fragments([64, 128, 32], [64, 64]),
            &tile_of_fragments([128, 128, 64], [64, 64]),
        ],
        ..Kernel::new(
            "matmul_aligned",
            "matmul_cooperative for f16 of whole tiles, 16 bytes a load",
            &[Stage::of(&files::MATMUL_ALIGNED)],
        )
    },
    fit,
    constants,
    alternatives: |_, _| ALIGNED.kernel.further_presets(),
    schedule,
    samples: None,
};

/// A tile (M, N, K) and the part of a subgroup (M, N).
const fn tile_of_fragments(
    [m, n, k]: [u32; 3],
    [own_m, own_n]: [u32; 2],
) -> [(&'static str, Constant); 5] {
    [
        ("TILE_M", Constant::Integer(m)),
        ("TILE_N", Constant::Integer(n)),
        ("TILE_K", Constant::Integer(k)),
        ("SUBGROUP_M", Constant::Integer(own_m)),
        ("SUBGROUP_N", Constant::Integer(own_n)),
    ]
}

/// Elements of A and B that one load fetches.
const CHUNK: u64 = 8;
/// Elements of C that one store writes.
const CHUNK_C: u64 = 4;
/// The least side of a tile.
const FRAGMENT: u64 = 16;

/// The reason with which other kernels are pointed at.
fn refuse(reason: &str) -> Result<(), String> {
    Err(format!("{reason}; other kernels of matmul do it"))
}

/// The reason why the kernel has no form for a product, if it has none, where its tiles have `tile` (M, N, K) elements.
fn require(matmul: &Matmul, tile: [u64; 3]) -> Result<(), String> {
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
    let [a, b, c] = matmul.strides().map_err(|error| error.to_string())?;
    for (name, places, order, chunk) in [
        ("a", a, matmul.a.order, CHUNK),
        ("b", b, matmul.b.order, CHUNK),
        ("c", c, Order::RowMajor, CHUNK_C),
    ] {
        let batch_stride = if matmul.batch > 1 { places.batch } else { 0 };
        let row_stride = match order {
            Order::RowMajor => places.row_step,
            Order::ColumnMajor => places.column_step,
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

fn require_multiple(what: &str, value: u64, unit: u64) -> Result<(), String> {
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
    if compiles_long_texts_slowly(device) {
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
        .find(|&[m, n, ..]| matmul.tiles([m, n]) >= BUSY);
    (busy.unwrap_or(sizes[2]), busy.is_some())
}

/// Whether the kernel beats the one for any product, and the one for parts of K.
fn fit(matmul: &Matmul, device: &Capabilities) -> Fit {
    /// Beyond, parts of K are faster where there are few tiles.
    const DEEP: u64 = 4096;
    let side = match form_on(matmul, device) {
        Ok(side) => side,
        Err(reason) => return Fit::Unable(reason),
    };
    let ([m, n, k, ..], is_busy) = tiles(matmul, device);
    if let Err(reason) = require(matmul, [m, n, k].map(u64::from)) {
        return Fit::Able(reason);
    }
    if !is_busy {
        return Fit::Able("its tiles are too few to keep the device busy".to_owned());
    }
    let cost = Cost::of(WORK, [m.into(), n.into()], device.kind);
    let wants_parts = matmul.k > DEEP && matrix_units::parts_are_profitable(matmul)
        || split_k::is_wanted(matmul, false, &cost, device);
    if wants_parts {
        return Fit::Able("parts of K, which it cannot sum, are faster".to_owned());
    }
    matrix_units::fit(matmul, side, device)
}

/// Side of the fragments that multiply any tile that divides `matmul` on `device`; the reason where there are none. The
/// caller may set the tile: [`schedule`] checks its needs, once the tile is known.
fn form_on(matmul: &Matmul, device: &Capabilities) -> Result<u32, String> {
    require(matmul, [FRAGMENT; 3])?;
    let side = matrix_units::side(matmul, device)?;
    if side == 8 && !loads_chunks_as_small_fragments(device) {
        refuse("the device has fragments of 8 x 8 alone")?;
    }
    if partition::cuts_depth(matmul, &device.limits) {
        return Err(super::sub_problems::needs_parts(device));
    }
    Ok(side)
}

fn constants(matmul: &Matmul, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let refuse = |reason| ALIGNED.kernel.unsupported(reason);
    let side = form_on(matmul, device).map_err(refuse)?;
    let lanes = device.lanes().map_err(refuse)?;
    let unroll_k = if compiles_long_texts_slowly(device) {
        16u32
    } else {
        32
    };
    let ([tile_m, tile_n, tile_k, subgroup_m, subgroup_n], _) = tiles(matmul, device);
    // Products of smaller tiles are mostly in the cache as they are.
    let (spread, deep, group): (u32, u32, u32) = if tile_m.min(tile_n) == 128 {
        (8, 2, 16)
    } else {
        (1, 1, matrix_units::group(matmul, tile_n))
    };
    let chosen = form::common(matmul)
        .merged(&form::of_partition(matmul, WORK, false, device)?)
        .merged(&Fragments::of(side, matmul.dtype).constants())
        .set("LANES", lanes)
        .set("SUBGROUPS_VARY", device.subgroups_vary())
        .set("TILE_M", tile_m)
        .set("TILE_N", tile_n)
        .set("TILE_K", tile_k)
        .set("UNROLL_K", unroll_k)
        .set("SUBGROUP_M", subgroup_m)
        .set("SUBGROUP_N", subgroup_n)
        .set("STAGGER", spread)
        .set("STAGGER_STEPS", deep)
        .set("GROUP", group)
        .set("QuadC", types(matmul.output)[1])
        .set("EPILOGUE", !matmul.is_plain())
        .merged(given);
    Ok(form::edges(matmul, &chosen)
        .merged(&form::budget(matmul, WORK, &chosen, device))
        .merged(&chosen))
}

/// One dispatch, or as many as a slow adapter needs.
fn schedule(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let stage = stages[0];
    let tile = ["TILE_M", "TILE_N", "TILE_K"].map(|name| u64::from(stage.constant(name)));
    let at_once = |product: &Matmul, _| {
        if product.batch * product.m * product.n == 0 {
            return Ok(Schedule::default());
        }
        require(product, tile).map_err(|reason| ALIGNED.kernel.unsupported(reason))?;
        let [tiles_m, tiles_n] = [product.m / tile[0], product.n / tile[1]];
        let params = params(product, tiles_n, Split::NONE)?;
        let ranges = DispatchRanges {
            workgroups: product.batch * tiles_m * tiles_n,
            flops: Cost::from_prepared(WORK, stage, device.kind).of_depth(product.k),
            fill_device: 1,
        };
        let steps = ranges.steps((0, stage), &windows(product), &device.limits, |first| {
            params.beginning_at(first)
        })?;
        Ok(Schedule {
            steps,
            scratch: Vec::new(),
        })
    };
    let multiply = Multiply {
        matmul,
        work: WORK,
        stages,
        device,
        takes_edges: false,
        at_once,
    };
    multiply.schedule()
}

#[cfg(test)]
mod tests;
