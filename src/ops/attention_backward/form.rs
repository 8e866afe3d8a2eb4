//! Constants and stages that the kernels of the backward share.

use super::owner::Owner;
use crate::data::Dtype;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, compiles_long_texts_slowly, flops_of_workgroup};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::Attention;
use crate::ops::KvCache;
use crate::shader::{Constant, Loops, files};

/// Constants of the stage whose workgroups own keys.
pub(super) const OF_KEYS: &[(&str, Constant)] = &[("KEYS", Constant::Bool(true))];
/// Constants of the stage whose workgroups own queries.
pub(super) const OF_QUERIES: &[(&str, Constant)] = &[("KEYS", Constant::Bool(false))];

/// The stage that computes what rows share.
pub(super) const DELTA: Stage = Stage::of(&files::ATTENTION_BACKWARD_DELTA);

/// The stages that make results of the partial accumulators of keys, and of queries, where loops are cut.
pub(super) const FINISH: [Stage; 2] = [
    Stage {
        shader: &files::ATTENTION_BACKWARD_FINISH,
        constants: OF_KEYS,
    },
    Stage {
        shader: &files::ATTENTION_BACKWARD_FINISH,
        constants: OF_QUERIES,
    },
];

/// Constants of sizes, element type and options.
pub(super) fn form(attention: &Attention) -> Constants {
    Constants::new()
        .set("Elem", attention.dtype)
        .set("HEAD_DIM", attention.head_dim)
        .set("VALUE_DIM", attention.value_dim)
        .set("LENGTHS", attention.has_lengths())
        .set("BIAS", attention.bias.is_some())
        .set("NATURAL", attention.has_natural_scores())
        .set("SOFT_CAP", attention.soft_cap.is_some())
}

/// Why a kernel for heads of up to `most` columns has no form for an attention, if it has none.
pub(super) fn lacking(attention: &Attention, most: u64) -> Option<String> {
    if attention.cache != KvCache::Contiguous {
        return Some("it has no form for a paged cache".into());
    }
    let columns = attention.head_dim.max(attention.value_dim);
    if columns > most {
        return Some(format!(
            "a head has {columns} columns, and it takes up to {most}"
        ));
    }
    let aligned = attention.strides().iter().all(|p| p.is_multiple_of(4));
    (!aligned).then(|| "head_dim, value_dim, offsets and strides have to be multiples of 4".into())
}

/// `tiles`, or the last of them, the smallest, where large ones take long to compile.
pub(super) fn usable(mut tiles: Vec<Constants>, device: &Capabilities) -> Vec<Constants> {
    if compiles_long_texts_slowly(device) {
        tiles.drain(..tiles.len() - 1);
    }
    tiles
}

/// `form` with the first of `tiles` that fits the device; where none fits, with the last, which is the smallest, and is
/// refused with the limit that it passes.
pub(super) fn with_tile(
    form: &Constants,
    tiles: &[Constants],
    attention: &Attention,
    kernel: &Kernel,
    device: &Capabilities,
) -> Constants {
    let with = |tile: &Constants| form.clone().merged(tile);
    let fits = |constants: &Constants| {
        let supported = kernel.supported(attention.dtype, constants, device);
        supported.is_ok()
    };
    let chosen = tiles.iter().map(with).find(fits);
    chosen
        .or_else(|| tiles.last().map(with))
        .unwrap_or_else(|| form.clone())
}

/// `found`, the blocks after which loops are cut where they are long, and the type of gradients: partial accumulators are
/// f32.
pub(super) fn with_cuts(
    found: Constants,
    attention: &Attention,
    kernel: &Kernel,
    device: &Capabilities,
    units: Units,
) -> Constants {
    let given = found.get("BLOCKS_PER_DISPATCH");
    let blocks = given.or_else(|| {
        let blocks = blocks_per_dispatch(attention, kernel, &found, device, units)?;
        Some(Constant::Integer(blocks))
    });
    match blocks {
        None | Some(Constant::Integer(0)) => found.set("Gradient", attention.dtype),
        Some(blocks) => found
            .set("Gradient", Dtype::F32)
            .set("BLOCKS_PER_DISPATCH", blocks),
    }
}

/// Blocks that the loop of a workgroup may visit in one dispatch; `None` where no loop is longer.
fn blocks_per_dispatch(
    attention: &Attention,
    kernel: &Kernel,
    constants: &Constants,
    device: &Capabilities,
    units: Units,
) -> Option<u32> {
    let stages = kernel.prepare(constants, Loops::AsWritten, device.features);
    let stages = stages.ok()?;
    let [keys, queries] = [(Owner::Keys, 1), (Owner::Queries, 2)].map(|(owner, stage)| {
        let constant = |name| u64::from(stages[stage].constant(name));
        let [tile, block] = ["TILE", "BLOCK"].map(constant);
        let flops = tile * block * owner.pair_flops(attention);
        let most = (flops_of_workgroup(device, units) / flops).max(1);
        (most, owner.longest_loop(attention, tile, block))
    });
    let most = keys.0.min(queries.0);
    (keys.1.max(queries.1) > most).then_some(most as u32)
}
