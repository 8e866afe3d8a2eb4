//! `matmul_aligned`: fragments on matrix units for f16 products of whole columns and steps of tiles, without what edges,
//! orders and extras cost `matmul_cooperative`; K at once or in parts.

use super::cost::{Arithmetic, Cost};
use super::dispatch::DispatchRanges;
use super::form::{self, types};
use super::fragment_model::{self, Tail};
use super::layout::{Layout, Order};
use super::params::{params, scales, windows};
use super::partials::{self, Partials};
use super::partition::Partition;
use super::shape::Matmul;
use super::split_k::{self, SplitK};
use super::sub_problems::Multiply;
use super::tile_model::Depth;
use super::{matrix_units, schedule};
use super::{quantized, samples};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::loads_chunks_as_small_fragments;
use crate::kernel::{BindingRange, Constants, Fragments, Kernel, Schedule, Slot, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::{Constant, Prepared, files};

const WORK: Arithmetic = Arithmetic::MatrixUnits;

pub(super) static ALIGNED: Implementation<Matmul> = Implementation {
    kernel: Kernel {
        features: matrix_units::FEATURES.union(wgpu::Features::SHADER_F16),
        dtypes: &[Dtype::F16],
        // Quantised weights.
        intermediates: Dtype::F16,
        // Whole tiles, rows that end within one, in parts of K, and quants.
        trials: &["128x64x64", "21x128x1024+tb", "48x128x256+q4_0"],
        ..Kernel::new(
            "matmul_aligned",
            "matmul_cooperative for f16 of whole chunks of 16 bytes; parts of K where tiles are few",
            &[Stage::of(&files::MATMUL_ALIGNED), REDUCE],
        )
    },
    fit,
    constants,
    alternatives,
    schedule: dispatches,
    samples: Some(samples::of_all),
};

/// The sum of parts of K, four elements at a time: rows of C are multiples of a fragment.
const REDUCE: Stage = Stage {
    constants: &[
        ("REDUCE_WIDTH", Constant::Integer(CHUNK_C as u32)),
        ("Value", Constant::Type("vec4<f32>")),
        ("ValueBits", Constant::Type("vec4<i32>")),
        ("Result", Constant::Type("vec4<ElemOut>")),
    ],
    ..partials::REDUCE
};

/// Elements of A and B that one load fetches.
const CHUNK: u64 = 8;
/// Elements of C that one store writes.
const CHUNK_C: u64 = 4;
/// Tiles that a search tries.
const MOST_TILES: usize = 6;
/// The least side of a tile.
const FRAGMENT: u64 = 16;

/// The reason with which other kernels are pointed at.
fn refuse(reason: &str) -> Result<(), String> {
    Err(format!("{reason}; other kernels of matmul do it"))
}

/// The reason why the kernel has no form for a product, if it has none, where its tiles have `tile` (N, K) elements.
fn require(matmul: &Matmul, tile: [u64; 2]) -> Result<(), String> {
    if matmul.dtype != Dtype::F16 {
        return refuse(&format!("it multiplies f16, not {}", matmul.dtype.name()));
    }
    if matmul.k == 0 {
        return refuse("k is 0, which makes no step");
    }
    let sizes = [("n", matmul.n), ("k", matmul.k)];
    for ((name, size), tile) in sizes.into_iter().zip(tile) {
        require_multiple(name, size, tile)?;
    }
    if matmul.a.order == Order::ColumnMajor {
        require_multiple("m", matmul.m, CHUNK)?;
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

/// Whether the kernel beats the one for any product.
fn fit(matmul: &Matmul, device: &Capabilities) -> Fit {
    match form_on(matmul, device) {
        Err(reason) => Fit::Unable(reason),
        Ok(side) => match fragment_model::unsuited(matmul, device) {
            Some(reason) => Fit::Able(reason),
            None => matrix_units::fit(matmul, side, device),
        },
    }
}

/// Side of the fragments that multiply any tile that divides `matmul` on `device`; the reason where there are none. The
/// caller may set the tile: the schedule checks its needs, once the tile is known.
fn form_on(matmul: &Matmul, device: &Capabilities) -> Result<u32, String> {
    require(matmul, [FRAGMENT; 2])?;
    quantized::require_floats(matmul)?;
    let side = matrix_units::side(matmul, device)?;
    if side == 8 && !loads_chunks_as_small_fragments(device) {
        refuse("the device has fragments of 8 x 8 alone")?;
    }
    Ok(side)
}

/// Constants of the kernel for a product: those of its tiles, with K in parts for all of them, for those of a last round, or
/// for none.
///
/// # Errors
/// [`crate::Error::Unsupported`] where the kernel has no form, and errors of [`SplitK::constants`].
fn constants(matmul: &Matmul, device: &Capabilities, given: &Constants) -> Result<Constants> {
    form_on(matmul, device).map_err(|reason| ALIGNED.kernel.unsupported(reason))?;
    let is_open = |name: &&str| given.integer(name).is_none();
    let cost = Cost::largest(WORK, device.kind);
    let found = match given.integer("TAIL") {
        Some(0) => None,
        Some(rows) => Some((
            Constants::new(),
            Tail {
                rows,
                parts: given.integer("SPLIT_K").unwrap_or(2),
            },
        )),
        // A caller who names a tile or the parts has chosen, and K that is too deep for a workgroup is in parts everywhere.
        None if OWN.iter().all(is_open) && !split_k::is_wanted(matmul, false, &cost, device) => {
            fragment_model::tail(matmul, device)
                .map(|(tile, tail)| (tile.constants(matmul, device), tail))
        }
        None => None,
    };
    let Some((tile, tail)) = found else {
        return SPLIT.constants(matmul, device, given);
    };
    let whole = tile.merged(given).set("SPLIT_K", 1u32);
    Ok(SPLIT
        .constants(matmul, device, &whole)?
        .merged(&form::reduced(matmul, true))
        .set("SPLIT_K", tail.parts)
        .set("TAIL", tail.rows))
}

/// The constants that say how a product is shared.
const OWN: [&str; 4] = ["SPLIT_K", "TILE_M", "TILE_N", "TILE_K"];

const SPLIT: SplitK = SplitK {
    work: WORK,
    own: |matmul, is_split, device| {
        let refuse = |reason| ALIGNED.kernel.unsupported(reason);
        let side = form_on(matmul, device).map_err(refuse)?;
        let lanes = device.lanes().map_err(refuse)?;
        let depth = if is_split { Depth::Parts } else { Depth::Whole };
        let result = if is_split { Dtype::F32 } else { matmul.output };
        let tile = fragment_model::best_tile(matmul, depth, device);
        Ok(tile
            .constants(matmul, device)
            .merged(&Fragments::of(side, matmul.dtype).constants())
            .set("LANES", lanes)
            .set("SUBGROUPS_VARY", device.subgroups_vary())
            .merged(&quantized::format(matmul.weights))
            .set("QUANTIZED", matmul.weights.is_quantized())
            .set("QuadC", types(result)[1])
            .set("EPILOGUE", !is_split && !matmul.is_plain()))
    },
    is_profitable: fragment_model::parts_are_profitable,
    split: |product, chosen, number, device| {
        let rated = fragment_model::split(product, chosen, number, device);
        rated.unwrap_or_else(|| split_k::busy(product, chosen, number))
    },
    edges: |matmul, chosen| {
        let rows = chosen.integer("TILE_M").unwrap_or(1);
        Constants::new()
            .set("CLAMP", matmul.m < rows)
            .set("EDGES", !matmul.m.is_multiple_of(rows))
    },
};

/// The other way to take K, at once or in parts, then tiles that cover the product, the likeliest first.
fn alternatives(matmul: &Matmul, device: &Capabilities) -> Vec<Constants> {
    let other = SPLIT.alternative(matmul, device);
    let tiles = fragment_model::candidates(matmul, device);
    let constants = tiles
        .into_iter()
        .take(MOST_TILES)
        .map(|tile| tile.constants(matmul, device));
    other.into_iter().chain(constants).collect()
}

/// The dispatches of the product, each of a sub-problem whose columns and depth are whole tiles.
fn dispatches(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let tile = ["TILE_N", "TILE_K"].map(|name| u64::from(stages[0].constant(name)));
    if stages[0].constant("TAIL") > 0 && matmul.batch * matmul.m * matmul.n > 0 {
        require(matmul, tile).map_err(|reason| ALIGNED.kernel.unsupported(reason))?;
        return with_tail(matmul, stages, device);
    }
    let at_once = |product: &Matmul, partials: Partials| {
        let is_empty = product.batch * product.m * product.n == 0;
        if !is_empty {
            require(product, tile).map_err(|reason| ALIGNED.kernel.unsupported(reason))?;
        }
        let no_tail = BindingRange::whole(Slot::Operand(0), 0);
        let bindings =
            |product: &Matmul, windows, _: &mut Schedule| bindings(product, windows, no_tail);
        schedule::at_once(product, WORK, stages, device, partials, bindings)
    };
    let multiply = Multiply {
        matmul,
        work: WORK,
        stages,
        device,
        takes_edges: true,
        at_once,
    };
    multiply.schedule()
}

/// Bindings 1, 2, ... of the kernel: quantised weights are bound as quants and scales, others as `b`.
fn bindings(
    matmul: &Matmul,
    [a, b, bias, c]: [BindingRange; 4],
    tails: BindingRange,
) -> Vec<BindingRange> {
    let nothing = BindingRange::whole(Slot::Operand(0), 0);
    if matmul.weights.is_quantized() {
        vec![a, nothing, bias, c, tails, b, scales(matmul)]
    } else {
        vec![a, b, bias, c, tails, nothing, nothing]
    }
}

/// The dispatches of a product whose last `TAIL` rows of tiles take K in parts, each by a workgroup of its own: all in one
/// dispatch, so that these fill the cores that the last round of the others leaves without work.
fn with_tail(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let constant = |name: &str| u64::from(stages[0].constant(name));
    let [height, width] = ["TILE_M", "TILE_N"].map(constant);
    let rows = [matmul.m.div_ceil(height), constant("TAIL")];
    let is_whole = Partition::of(matmul, &device.limits)?.is_whole(matmul);
    if !is_whole || matmul.batch > 1 || rows[0] <= rows[1] {
        return Err(ALIGNED.kernel.unsupported(format!(
            "TAIL={} is for a single product of more rows of tiles than that, of which bindings hold all; other kernels of \
             matmul do it",
            rows[1]
        )));
    }
    let [whole, tail] = [rows[0] - rows[1], rows[1]];
    let cost = Cost::from_prepared(WORK, stages[0], device.kind);
    let tail_rows = matmul.m - whole * height;
    let plane = tail_rows * matmul.n * 4;
    let partials = Partials {
        taken: 0,
        most: device.limits.max_storage_buffer_binding_size / plane,
        ranges: 1,
    };
    let split = partials.split(
        matmul.k,
        constant("SPLIT_K"),
        constant("TILE_K"),
        cost.deepest(device),
    );
    let [_, _, c] = matmul.strides()?;
    let tiles_n = matmul.n.div_ceil(width);
    let of_tail = Matmul {
        m: tail_rows,
        c: Layout {
            offset: c.first + whole * height * c.row_step,
            row_stride: Some(c.row_step),
            ..matmul.c
        },
        ..*matmul
    };
    let bytes = plane * split.parts;
    let sums = BindingRange::whole(Slot::Scratch(0), bytes);
    let params = params(matmul, tiles_n, split)?;
    let ranges = DispatchRanges {
        workgroups: tiles_n * (whole + tail * split.parts),
        flops: cost.of_depth(matmul.k),
        fill_device: 1,
    };
    let windows = bindings(matmul, windows(matmul), sums);
    let mut steps = ranges.steps((0, stages[0]), &windows, &device.limits, |first| {
        params.beginning_at(first)
    })?;
    steps.extend(partials::reduce(
        &of_tail,
        stages[1],
        sums,
        split,
        &device.limits,
    )?);
    Ok(Schedule {
        steps,
        scratch: vec![bytes],
    })
}

#[cfg(test)]
mod tests;
