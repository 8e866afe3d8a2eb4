//! `matmul_blocked`: register blocks over tiles in workgroup memory, K at once or in parts.

use super::cost::Arithmetic;
use super::params::scales;
use super::shape::Matmul;
use super::split_k::{self, SplitK};
use super::tile_model::{self, Depth};
use super::tiles::{MEDIUM, PRESETS, SQUARE, TALL, Tiles};
use super::{form, partials, quantized, samples, schedule};
use crate::gpu::Capabilities;
use crate::gpu::profile::{runs_invocations_in_turn, tile_sums};
use crate::kernel::{BindingRange, Constants, Kernel, Slot, Stage};
use crate::ops::{Fit, Implementation};
use crate::shader::files;

const WORK: Arithmetic = Arithmetic::Blocked;

pub(in crate::ops) static BLOCKED: Implementation<Matmul> = Implementation {
    kernel: Kernel {
        presets: PRESETS,
        ..Kernel::new(
            "matmul_blocked",
            "register blocks of vec4 over tiles in workgroup memory; parts of K where tiles are few",
            &[Stage::of(&files::MATMUL_BLOCKED), partials::REDUCE],
        )
    },
    fit: |matmul, _| match quantized::require_floats(matmul) {
        Ok(()) => Fit::Best,
        Err(reason) => Fit::Unable(reason),
    },
    constants: |matmul, device, given| SPLIT.constants(matmul, device, given),
    alternatives,
    schedule: |matmul, stages, device| {
        schedule::of_tiles(matmul, WORK, stages, device, |product, windows, _| {
            bindings(product, windows)
        })
    },
    samples: Some(samples::of_all),
};

/// Sums that an invocation may hold where registers are few: the compilers of Intel's GPUs spill with quants beside 32.
const FEW_SUMS: u64 = 32;

const SPLIT: SplitK = SplitK {
    work: WORK,
    own: |matmul, is_split, device| {
        let depth = if is_split { Depth::Parts } else { Depth::Whole };
        let tiles = Constants::from(tiles(matmul, depth, device));
        let operands = quantized::quads(matmul, form::operands(matmul, is_split)?);
        Ok(tiles.merged(&operands))
    },
    is_profitable: |matmul, device| tile_model::parts_are_profitable(matmul, device),
    split: |product, chosen, number, device| {
        let rated = tile_model::split(product, chosen, number.clone(), device);
        rated.unwrap_or_else(|| split_k::busy(product, chosen, number))
    },
    edges: form::edges,
};

/// Bindings 1, 2, ... of the kernel: quantised weights are bound as quants and scales, others as `b`.
fn bindings(matmul: &Matmul, [a, b, bias, c]: [BindingRange; 4]) -> Vec<BindingRange> {
    let nothing = BindingRange::whole(Slot::Operand(0), 0);
    if matmul.weights.is_quantized() {
        vec![a, nothing, bias, c, b, scales(matmul)]
    } else {
        vec![a, b, bias, c, nothing, nothing]
    }
}

/// The other way to take K, at once or in parts, then every tile that the device holds.
fn alternatives(matmul: &Matmul, device: &Capabilities) -> Vec<Constants> {
    let other = SPLIT.alternative(matmul, device);
    let tiles = tile_model::candidates(matmul, device);
    other
        .into_iter()
        .chain(tiles.into_iter().map(Constants::from))
        .collect()
}

/// Tiles for a shape: on processors, which have few lanes and compute what each does in turn, the most work for each read.
fn tiles(matmul: &Matmul, depth: Depth, device: &Capabilities) -> Tiles {
    if runs_invocations_in_turn(device) {
        // A tile of twice the rows saves a quarter of the time, and computes rows beyond the last one.
        let rows = |tile| matmul.m.next_multiple_of(tile);
        return if 3 * rows(128) <= 4 * rows(64) {
            TALL
        } else {
            SQUARE
        };
    }
    // Quants and their scales take the registers of half the sums of the tiles that such devices have for floats.
    if matmul.weights.is_quantized() && tile_sums(device) <= FEW_SUMS {
        return MEDIUM;
    }
    tile_model::best_tiles(matmul, depth, device)
}
