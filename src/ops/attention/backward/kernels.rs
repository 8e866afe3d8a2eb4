//! The kernels of the backward, and their constants for a shape on a device.

use super::schedule::Owner;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::gpu::profile::{BUSY, Units, flops_of_workgroup};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::attention::{Attention, KvCache, Lengths};
use crate::report::AdapterKind;
use crate::shader::{Constant, Loops, Shader};

/// All of them, the plainest first.
pub(super) const KERNELS: &[&Kernel] = &[&FLASH, &COOPERATIVE];

const DELTA: Stage = Stage::of(&Shader {
    name: "attention_backward_delta",
    wgsl: include_str!("../../../../shaders/attention_backward_delta.wgsl"),
});

/// What makes results of sums where walks are cut.
const FINISH: Shader = Shader {
    name: "attention_backward_finish",
    wgsl: include_str!("../../../../shaders/attention_backward_finish.wgsl"),
};

const FINISH_KEYS: Stage = Stage {
    shader: &FINISH,
    constants: &[("KEYS", Constant::Bool(true))],
};

const FINISH_QUERIES: Stage = Stage {
    shader: &FINISH,
    constants: &[("KEYS", Constant::Bool(false))],
};

const FLASH_FILE: Shader = Shader {
    name: "attention_backward_flash",
    wgsl: include_str!("../../../../shaders/attention_backward_flash.wgsl"),
};

pub(super) static FLASH: Kernel = Kernel {
    name: "attention_backward_flash",
    about: "scores computed anew for keys, then for queries; register blocks of vec4, no scores in memory",
    stages: &[
        DELTA,
        Stage {
            shader: &FLASH_FILE,
            constants: &[("KEYS", Constant::Bool(true))],
        },
        Stage {
            shader: &FLASH_FILE,
            constants: &[("KEYS", Constant::Bool(false))],
        },
        FINISH_KEYS,
        FINISH_QUERIES,
    ],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32, Dtype::F16],
    presets: &[],
};

const COOPERATIVE_FILE: Shader = Shader {
    name: "attention_backward_cooperative",
    wgsl: include_str!("../../../../shaders/attention_backward_cooperative.wgsl"),
};

pub(super) static COOPERATIVE: Kernel = Kernel {
    name: "attention_backward_cooperative",
    about: "scores computed anew for keys, then for queries; fragments on matrix units",
    stages: &[
        DELTA,
        Stage {
            shader: &COOPERATIVE_FILE,
            constants: &[("KEYS", Constant::Bool(true))],
        },
        Stage {
            shader: &COOPERATIVE_FILE,
            constants: &[("KEYS", Constant::Bool(false))],
        },
        FINISH_KEYS,
        FINISH_QUERIES,
    ],
    features: wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
        .union(wgpu::Features::SUBGROUP)
        .union(wgpu::Features::SHADER_F16),
    dtypes: &[Dtype::F16],
    presets: &[],
};

/// The widest head: its gradients are kept in registers.
const MAX_COLUMNS: u64 = 256;
/// The same where rows of K and V are kept there as well.
const MAX_COLUMNS_OF_FRAGMENTS: u64 = 128;
/// The same where a processor stands in for matrix units: it compiles wider ones for minutes.
const MAX_COLUMNS_EMULATED: u64 = 32;

/// Kernels, the best on a device first: matrix units where there are such; a processor has none.
pub(super) fn candidates(device: &Capabilities) -> Vec<&'static Kernel> {
    if device.kind == AdapterKind::Software {
        vec![&FLASH]
    } else {
        vec![&COOPERATIVE, &FLASH]
    }
}

/// Constants of `kernel` for the gradients of an attention on a device.
///
/// # Errors
/// [`Error::Unsupported`] where it lacks a form for an option or for the columns.
pub(super) fn constants(
    attention: &Attention,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let units = kernel.declares("FRAGMENT");
    let most = match (units, device.kind) {
        (true, AdapterKind::Software) => MAX_COLUMNS_EMULATED,
        (true, _) => MAX_COLUMNS_OF_FRAGMENTS,
        (false, _) => MAX_COLUMNS,
    };
    let refused = |reason| Error::Unsupported {
        what: format!("kernel {}", kernel.name),
        reason,
    };
    if let Some(reason) = lacking(attention, most) {
        return Err(refused(reason));
    }
    let mut found = vec![
        ("Elem", Constant::Type(attention.dtype.name())),
        ("HEAD_DIM", Constant::Integer(attention.head_dim as u32)),
        ("VALUE_DIM", Constant::Integer(attention.value_dim as u32)),
        (
            "LENGTHS",
            Constant::Bool(attention.lengths == Lengths::PerSequence),
        ),
        ("BIAS", Constant::Bool(attention.bias.is_some())),
        ("SOFT_CAP", Constant::Bool(attention.soft_cap.is_some())),
    ];
    if units {
        found.extend(fragments(device).map_err(refused)?);
    }
    let tiles = tiles(attention, kernel, device);
    let fits = |tile: &&Constants| {
        let constants = [&found[..], &tile[..]].concat();
        let supported = kernel.supported(attention.dtype, &constants, device);
        supported.is_ok()
    };
    // Where none fits, the smallest is refused with the limit that it passes.
    let chosen = tiles.iter().find(fits).or(tiles.last());
    found.extend(chosen.into_iter().flatten());
    Ok(found)
}

/// The tiles of `kernel` that serve an attention on a device, the best first.
pub(super) fn tiles(
    attention: &Attention,
    kernel: &Kernel,
    device: &Capabilities,
) -> Vec<Constants> {
    let mut tiles = if kernel.declares("FRAGMENT") {
        tiles_of_fragments(attention)
    } else {
        tiles_of_rows(attention)
    };
    // A processor gains nothing from large tiles, and compiles them for long.
    if device.kind == AdapterKind::Software {
        tiles.drain(..tiles.len() - 1);
    }
    tiles
}

/// Blocks that a workgroup may walk in one dispatch, where it may have more.
fn walk(
    attention: &Attention,
    kernel: &Kernel,
    constants: &Constants,
    device: &Capabilities,
) -> Option<u32> {
    let units = Units::from(kernel.declares("FRAGMENT"));
    let stages = kernel.prepare(constants, Loops::AsWritten, device.features);
    let stages = stages.ok().filter(|_| kernel.declares("WALK"))?;
    let [keys, queries] = [(Owner::Keys, 1), (Owner::Queries, 2)].map(|(owner, stage)| {
        let constant = |name| u64::from(stages[stage].constant(name));
        let [tile, block] = ["TILE", "BLOCK"].map(constant);
        let flops = tile * block * owner.pair_flops(attention);
        let most = (flops_of_workgroup(device, units) / flops).max(1);
        (most, owner.longest_walk(attention, tile, block))
    });
    let most = keys.0.min(queries.0);
    (keys.1.max(queries.1) > most).then_some(most as u32)
}

/// The constants that follow from others: after how many blocks a walk has to stop, and that the sums of those that are cut
/// are f32.
pub(super) fn derived(
    attention: &Attention,
    kernel: &Kernel,
    chosen: &Constants,
    device: &Capabilities,
) -> Constants {
    if !kernel.declares("Gradient") {
        return Constants::new();
    }
    let given = chosen.iter().find(|(name, _)| *name == "WALK");
    let walk = given.map(|(_, blocks)| *blocks).or_else(|| {
        let blocks = walk(attention, kernel, chosen, device)?;
        Some(Constant::Integer(blocks))
    });
    let dtype = match walk {
        None | Some(Constant::Integer(0)) => attention.dtype,
        Some(_) => Dtype::F32,
    };
    let mut found = vec![("Gradient", Constant::Type(dtype.name()))];
    found.extend(walk.map(|blocks| ("WALK", blocks)));
    found
}

/// What a kernel for heads of up to `most` columns has no form for, if this attention needs that.
fn lacking(attention: &Attention, most: u64) -> Option<String> {
    if attention.cache != KvCache::Contiguous {
        return Some("it has no form for a paged cache".into());
    }
    let columns = attention.head_dim.max(attention.value_dim);
    if columns > most {
        return Some(format!(
            "a head has {columns} columns, and it takes up to {most}"
        ));
    }
    let aligned = attention.places().iter().all(|p| p.is_multiple_of(4));
    (!aligned).then(|| "head_dim, value_dim, offsets and strides have to be multiples of 4".into())
}

/// Tiles of `attention_backward_flash`, the best first: 64 x 64 pairs in some 45 KiB, 32 x 32 in 16. Wider heads get fewer
/// rows an invocation, since the gradients of these are in registers.
fn tiles_of_rows(attention: &Attention) -> Vec<Constants> {
    let (small, chunk_rows) = match attention.head_dim.max(attention.value_dim) {
        0..=64 => (4, 16),
        65..=128 => (2, 8),
        _ => (1, 4),
    };
    let of = |[rows, elems]: [u32; 2]| {
        vec![
            ("TILE", Constant::Integer(rows)),
            ("BLOCK", Constant::Integer(rows)),
            ("ELEMS", Constant::Integer(elems)),
            ("CHUNK_ROWS", Constant::Integer(chunk_rows)),
        ]
    };
    [[64, 4], [32, small]].map(of).to_vec()
}

/// Tiles of `attention_backward_cooperative`, the best first: subgroups of a workgroup that owns keys, and queries. Eight
/// share each block that is loaded, which wide heads need, where there are rows enough: 16 to a subgroup. On an H200, 128
/// workgroups of 8 subgroups beat 256 of 4 by 27 % (1024 keys, 16 heads of 128 columns), and 64 lose to 128 by 10 % (512 keys).
fn tiles_of_fragments(attention: &Attention) -> Vec<Constants> {
    let wide = attention.head_dim.max(attention.value_dim) > 64;
    let of_eight = |heads: u64, rows: u64| attention.batch * heads * rows.div_ceil(8 * 16);
    let subgroups = |heads, rows| {
        if wide && of_eight(heads, rows) >= BUSY {
            8
        } else {
            4
        }
    };
    let best = [
        subgroups(attention.kv_heads, attention.seq_kv),
        subgroups(attention.heads, attention.seq_q),
    ];
    let of = |[keys, queries]: [u32; 2]| {
        vec![
            ("SUBGROUPS_KEYS", Constant::Integer(keys)),
            ("SUBGROUPS_QUERIES", Constant::Integer(queries)),
        ]
    };
    let narrow = [[4, 4], [2, 2]];
    let others = if wide { &[[8, 8], [4, 8]][..] } else { &[] };
    let all = std::iter::once(&best).chain(others).chain(&narrow);
    all.copied().map(of).collect()
}

/// Fragments that a device multiplies, and its lanes; the reason where it has none. Metal loads fragments of 8 x 8 only
/// from memory of their own element type, which these are not: of that size only a processor has them.
fn fragments(device: &Capabilities) -> std::result::Result<Constants, String> {
    let lanes = ("LANES", Constant::Integer(device.lanes()?));
    match device.fragment_side(Dtype::F16) {
        Some(16) => Ok(vec![
            ("FragmentA", Constant::Type("coop_mat16x16<f16, A>")),
            ("FragmentB", Constant::Type("coop_mat16x16<f16, B>")),
            ("Sums", Constant::Type("coop_mat16x16<f32, C>")),
            ("FRAGMENT", Constant::Integer(16)),
            lanes,
        ]),
        Some(_) if device.kind == AdapterKind::Software => Ok(vec![lanes]),
        _ => Err("the device has no trusted f16 -> f32 shape of 16x16x16".into()),
    }
}
