//! `matmul_blocked`: register blocks over tiles in workgroup memory, K at once or in parts.

use super::cost::{Arithmetic, Cost};
use super::params::Split;
use super::shape::Matmul;
use super::tile_model::{self, Depth, PRESETS, SQUARE, TALL, Tiles};
use super::{form, schedule, split_k, sub_problems};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation};
use crate::report::AdapterKind;
use crate::shader::files;

const WORK: Arithmetic = Arithmetic::Blocked;

pub(in crate::ops) static BLOCKED: Implementation<Matmul> = Implementation {
    kernel: Kernel {
        presets: PRESETS,
        ..Kernel::new(
            "matmul_blocked",
            "register blocks of vec4 over tiles in workgroup memory; parts of K where tiles are few",
            &[Stage::of(&files::MATMUL_BLOCKED), split_k::REDUCE],
        )
    },
    fit: |_, _| Fit::Best,
    constants,
    alternatives,
    schedule: |matmul, stages, device| {
        schedule::of_tiles(matmul, WORK, stages, device, |windows, _| windows.to_vec())
    },
    samples: None,
};

fn constants(matmul: &Matmul, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let is_split = match given.integer("SPLIT_K") {
        Some(parts) => parts > 1,
        None => wants_parts(matmul, device),
    };
    let depth = if is_split { Depth::Parts } else { Depth::Whole };
    let chosen = form::common(matmul)
        .merged(&form::reduced(matmul, is_split))
        .merged(&form::of_partition(matmul, WORK, is_split, device)?)
        .merged(tiles(matmul, depth, device))
        .merged(&form::operands(matmul, is_split)?)
        .merged(given);
    let parts = match given.integer("SPLIT_K") {
        Some(parts) => parts,
        None if is_split => parts_of_k(matmul, &chosen, device)?,
        None => 1,
    };
    if is_split && parts <= 1 {
        // One part, of tiles that were given, is the product itself.
        return constants(matmul, device, &given.clone().set("SPLIT_K", 1u32));
    }
    Ok(form::edges(matmul, &chosen)
        .set("SPLIT_K", parts)
        .merged(&form::budget(matmul, WORK, &chosen, device))
        .merged(&chosen))
}

/// The other way to take K, at once or in parts, then every tile.
fn alternatives(matmul: &Matmul, device: &Capabilities) -> Vec<Constants> {
    let parts = if wants_parts(matmul, device) {
        Some(1)
    } else {
        let tiles = Constants::from(tiles(matmul, Depth::Parts, device));
        let parts = parts_of_k(matmul, &tiles, device);
        parts.ok().filter(|parts| *parts > 1)
    };
    let other = parts.map(|parts| Constants::new().set("SPLIT_K", parts));
    let presets = BLOCKED.kernel.further_presets();
    other.into_iter().chain(presets).collect()
}

fn wants_parts(matmul: &Matmul, device: &Capabilities) -> bool {
    let tiles = tiles(matmul, Depth::Whole, device).into();
    let cost = Cost::from_constants(WORK, &tiles, device.kind);
    let is_profitable = tile_model::parts_are_profitable(matmul, &device.limits);
    split_k::is_wanted(matmul, is_profitable, &cost, device)
}

/// Parts of K for the tiles of `chosen`: as the tile model has them, and else as many as keep a device busy.
fn parts_of_k(matmul: &Matmul, chosen: &Constants, device: &Capabilities) -> Result<u64> {
    let cost = Cost::from_constants(WORK, chosen, device.kind);
    sub_problems::parts_of_k(matmul, WORK, &cost, device, |product, number| {
        let rated = tile_model::split(product, chosen, number.clone());
        rated.unwrap_or_else(|| {
            let size = |name| chosen.integer(name).unwrap_or(1);
            let [m, n, k] = ["TILE_M", "TILE_N", "TILE_K"].map(size);
            let tiles = product.tiles([m as u32, n as u32]);
            Split::busy(product.k, tiles, k, number)
        })
    })
}

/// Tiles for a shape: on processors, which have few lanes and compute what each does in turn, the most work for each read.
fn tiles(matmul: &Matmul, depth: Depth, device: &Capabilities) -> Tiles {
    if device.kind == AdapterKind::Software {
        // A tile of twice the rows saves a quarter of the time, and computes rows beyond the last one.
        let rows = |tile| matmul.m.next_multiple_of(tile);
        return if 3 * rows(128) <= 4 * rows(64) {
            TALL
        } else {
            SQUARE
        };
    }
    tile_model::best_tiles(matmul, depth, &device.limits)
}
