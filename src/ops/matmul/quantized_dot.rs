//! `matmul_quantized_dot`: products of integers, four in one instruction, of quantised weights and of A rounded to eight bits.

use super::cost::{Arithmetic, Cost};
use super::dispatch::DispatchRanges;
use super::form::{self, types};
use super::params::{Split, params, scales, windows};
use super::partials::Partials;
use super::quantized::{format, lanes};
use super::samples;
use super::shape::{Activations, Matmul};
use super::sub_problems::Multiply;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{compiles_long_texts_slowly, runs_invocations_in_turn, vector_registers};
use crate::kernel::{
    BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage, fold_workgroups,
};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::{Prepared, files};
use crate::weights::BLOCK;

const WORK: Arithmetic = Arithmetic::Vector;

pub(super) static QUANTIZED_DOT: Implementation<Matmul> = Implementation {
    kernel: Kernel::new(
        "matmul_quantized_dot",
        "quantised weights by A rounded to eight bits, four products of integers at once",
        &[
            Stage::of(&files::MATMUL_QUANTIZE_ROWS),
            Stage::of(&files::MATMUL_QUANTIZED_DOT),
        ],
    ),
    fit: |matmul, _| match matmul.activations {
        Activations::Int8 => Fit::Best,
        Activations::Float => {
            Fit::Unable("it rounds A to eight bits, which a product has to ask for: +a8".to_owned())
        }
    },
    constants,
    alternatives,
    schedule,
    samples: Some(samples::of_int8),
};

/// Most rows of a workgroup: each holds sums for all columns of an invocation.
const MOST_ROWS: u64 = 8;
/// Columns of an invocation.
const COLUMNS: u64 = 4;
/// Invocations of a workgroup.
const LANES: u64 = 128;

/// Registers of an invocation: sums, products and sums of A, words of quants and their bytes, a word of A and addresses.
fn registers(rows: u64, bits: u64) -> u64 {
    rows * (2 * COLUMNS + 2) + COLUMNS * (bits + 4 + 3) + 12
}

fn constants(matmul: &Matmul, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let in_turn = runs_invocations_in_turn(device) || compiles_long_texts_slowly(device);
    let most = matmul.m.clamp(1, if in_turn { 4 } else { MOST_ROWS });
    let bits = matmul.weights.bits();
    let rows = [8, 4, 2, 1]
        .into_iter()
        .filter(|rows| *rows <= most.next_power_of_two())
        .find(|rows| registers(*rows, bits) <= vector_registers(device))
        .unwrap_or(1);
    let [lanes_n, lanes_k] = if in_turn {
        [4, 4]
    } else {
        let across: &[u64] = if rows <= 2 { &[4, 2, 1] } else { &[8, 4, 2, 1] };
        lanes(matmul, COLUMNS, across, LANES)
    };
    let chosen = form::common(matmul)
        .merged(&format(matmul.weights))
        .set("Elem", types(matmul.dtype)[0])
        .set("ElemC", types(matmul.output)[0])
        .set("TILE_M", rows)
        .set("ELEMS_N", COLUMNS)
        .set("LANES_N", lanes_n)
        .set("LANES_K", lanes_k)
        .merged(given);
    Ok(form::budget(matmul, WORK, &chosen, device).merged(&chosen))
}

fn alternatives(_: &Matmul, _: &Capabilities) -> Vec<Constants> {
    combinations(&[
        ("ELEMS_N", &[4, 8]),
        ("LANES_N", &[4, 2, 8]),
        ("LANES_K", &[32, 64, 16]),
    ])
}

fn schedule(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let multiply = Multiply {
        matmul,
        work: WORK,
        // Tiles are those of the second file.
        stages: &stages[1..],
        device,
        takes_edges: true,
        at_once: |product: &Matmul, _: Partials| at_once(product, stages, device),
    };
    multiply.schedule()
}

/// The dispatches of a product whose operands are bound whole: A in eight bits, then the product.
fn at_once(matmul: &Matmul, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    if matmul.batch * matmul.m * matmul.n == 0 {
        return Ok(Schedule::default());
    }
    let limits = &device.limits;
    let constant = |name: &str| u64::from(stages[1].constant(name));
    let tiles_n = matmul.n.div_ceil(constant("TILE_N"));
    let tiles = matmul.batch * matmul.m.div_ceil(constant("TILE_M")) * tiles_n;
    let cost = Cost::from_prepared(WORK, stages[1], device.kind);
    let [a, quants, bias, c] = windows(matmul);
    let params = params(matmul, tiles_n, Split::NONE)?;

    let blocks = matmul.batch * matmul.m * (matmul.k / BLOCK);
    // A binding has an element at least, where K is empty.
    let scratch = vec![(blocks * BLOCK).max(16), (blocks * 4).max(16)];
    let [words, row_scales] =
        [0, 1].map(|place| BindingRange::whole(Slot::Scratch(place), scratch[place]));
    let workgroup = u64::from(stages[0].constant("ROWS_WORKGROUP"));
    let mut steps = Vec::new();
    if blocks > 0 {
        steps.push(Dispatch {
            stage: 0,
            params: params.beginning_at(0),
            windows: vec![a, words, row_scales],
            workgroups: fold_workgroups(blocks.div_ceil(workgroup), limits)?,
        });
    }
    let ranges = DispatchRanges {
        workgroups: tiles,
        flops: cost.of_depth(matmul.k),
        fill_device: 1,
    };
    let windows = [words, row_scales, quants, scales(matmul), bias, c];
    steps.extend(ranges.steps((1, stages[1]), &windows, limits, |first| {
        params.beginning_at(first)
    })?);
    Ok(Schedule { steps, scratch })
}
