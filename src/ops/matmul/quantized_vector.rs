//! `matmul_quantized_vector`: quantised weights read once by many invocations, for few rows.

use super::cost::{Arithmetic, Cost};
use super::dispatch::DispatchRanges;
use super::form::{self, types};
use super::layout::Strides;
use super::params::{Split, params, scales, windows};
use super::partials::Partials;
use super::quantized::{format, lanes, require_quants};
use super::samples;
use super::shape::Matmul;
use super::sub_problems::Multiply;
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{compiles_long_texts_slowly, runs_invocations_in_turn, vector_registers};
use crate::kernel::{BindingRange, Constants, Kernel, Schedule, Slot, Stage};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::{Prepared, files};

const WORK: Arithmetic = Arithmetic::Vector;

pub(super) static QUANTIZED_VECTOR: Implementation<Matmul> = Implementation {
    kernel: Kernel {
        // Shows whether f16 below 2^-14 are kept.
        trials: &["1x64x64+q4_0"],
        ..Kernel::new(
            "matmul_quantized_vector",
            "quantised weights read once by many: for few rows",
            &[Stage::of(&files::MATMUL_QUANTIZED_VECTOR)],
        )
    },
    fit,
    constants,
    alternatives,
    schedule,
    samples: Some(samples::of_quants),
};

/// Rows up to which memory decides.
const FEW: u64 = 16;
/// Most rows of a workgroup: each holds sums for all columns of an invocation.
const MOST_ROWS: u64 = 8;

fn fit(matmul: &Matmul, _: &Capabilities) -> Fit {
    if let Err(reason) = require_quants(matmul) {
        return Fit::Unable(reason);
    }
    Fit::unless(
        (matmul.m > FEW).then(|| format!("{} rows, it is made for {FEW} at most", matmul.m)),
    )
}

/// Rows, columns of an invocation, and invocations along N and along K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shares {
    rows: u64,
    columns: u64,
    lanes: [u64; 2],
}

/// Shares that suit a shape, in workgroups of 128 invocations. Measured on one discrete GPU: one row wants many columns an
/// invocation, so that what is fetched of A serves many quants, and several rows have sums for few.
fn shares(matmul: &Matmul, device: &Capabilities) -> Shares {
    /// Invocations of a workgroup.
    const LANES: u64 = 128;
    let rows = matmul.m.clamp(1, MOST_ROWS).next_power_of_two();
    if runs_invocations_in_turn(device) || compiles_long_texts_slowly(device) {
        // Sums of few invocations are merged soon.
        return Shares {
            rows: rows.min(4),
            columns: 4,
            lanes: [4, 4],
        };
    }
    let bits = matmul.weights.bits();
    let wide = if rows == 1 && bits == 4 { 8 } else { 4 };
    let columns = if registers(rows, wide, bits) <= vector_registers(device) {
        wide
    } else {
        4
    };
    let rows = std::iter::successors(Some(rows), |rows| (*rows > 1).then_some(rows / 2))
        .find(|rows| registers(*rows, columns, bits) <= vector_registers(device))
        .unwrap_or(1);
    let across: &[u64] = if rows == 1 { &[4, 2, 1] } else { &[8, 4, 2, 1] };
    Shares {
        rows,
        columns,
        lanes: lanes(matmul, columns, across, LANES),
    }
}

/// Registers of an invocation: sums and products, sums of A, words of quants, a run of eight elements of each operand, scales
/// and addresses.
fn registers(rows: u64, columns: u64, bits: u64) -> u64 {
    rows * (2 * columns + 2) + columns * (bits + 8 + 3) + 8
}

fn constants(matmul: &Matmul, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let [a, ..] = matmul.strides()?;
    let width = 16 / matmul.dtype.bytes();
    let shares = shares(matmul, device);
    let chosen = form::common(matmul)
        .merged(&format(matmul.weights))
        .set("Elem", types(matmul.dtype)[0])
        .set("ElemC", types(matmul.output)[0])
        .set("HALF", matmul.dtype == Dtype::F16)
        .set("WIDTH", width)
        .set("WIDE_A", is_wide(matmul, &a, width))
        .set("Narrow", types(matmul.dtype)[0])
        .set("SUBNORMALS", device.keeps_small_halves)
        .set(
            "IN_PLACE",
            matmul.dtype == Dtype::F16 && matmul.weights.bits() == 4,
        )
        .set("TILE_M", shares.rows)
        .set("ELEMS_N", shares.columns)
        .set("LANES_N", shares.lanes[0])
        .set("LANES_K", shares.lanes[1])
        .merged(given);
    Ok(form::budget(matmul, WORK, &chosen, device).merged(&chosen))
}

/// Whether rows of A can be fetched `width` elements at a time: K is whole blocks, which are whole fetches.
fn is_wide(matmul: &Matmul, a: &Strides, width: u64) -> bool {
    let fits = |applies: bool, size: u64| !applies || size.is_multiple_of(width);
    fits(true, a.first) && fits(matmul.m > 1, a.row_step) && fits(matmul.batch > 1, a.batch)
}

fn alternatives(_: &Matmul, _: &Capabilities) -> Vec<Constants> {
    combinations(&[
        ("ELEMS_N", &[4, 8, 2]),
        ("LANES_N", &[4, 2, 8]),
        ("LANES_K", &[32, 64, 16]),
    ])
}

fn schedule(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let multiply = Multiply {
        matmul,
        work: WORK,
        stages,
        device,
        takes_edges: true,
        at_once: |product: &Matmul, _: Partials| at_once(product, stages[0], device),
    };
    multiply.schedule()
}

/// The dispatches of a product whose operands are bound whole.
fn at_once(matmul: &Matmul, stage: &Prepared, device: &Capabilities) -> Result<Schedule> {
    if matmul.batch * matmul.m * matmul.n == 0 {
        return Ok(Schedule::default());
    }
    let constant = |name: &str| u64::from(stage.constant(name));
    let tiles_n = matmul.n.div_ceil(constant("TILE_N"));
    let tiles = matmul.batch * matmul.m.div_ceil(constant("TILE_M")) * tiles_n;
    let cost = Cost::from_prepared(WORK, stage, device.kind);
    let [a, quants, bias, c] = windows(matmul);
    let nothing = BindingRange::whole(Slot::Operand(0), 0);
    let [a, a_wide] = match constant("WIDE_A") {
        1 => [nothing, a],
        _ => [a, nothing],
    };
    let params = params(matmul, tiles_n, Split::NONE)?;
    let ranges = DispatchRanges {
        workgroups: tiles,
        flops: cost.of_depth(matmul.k),
        fill_device: 1,
    };
    let windows = [a, a_wide, quants, scales(matmul), bias, c];
    let steps = ranges.steps((0, stage), &windows, &device.limits, |first| {
        params.beginning_at(first)
    })?;
    Ok(Schedule {
        steps,
        scratch: Vec::new(),
    })
}
