//! The kernels for few queries and many keys, and for paged caches: their forms for a shape, when they are the ones to
//! take, and their dispatches.

mod cut;

pub(super) use cut::schedule;

use super::{Attention, KvCache, LogSumExp, Sinks, text};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::Operation;
use crate::report::AdapterKind;
use crate::shader::{Constant, Shader};

pub(super) static ATTENTION_DECODE: Kernel = Kernel {
    name: "attention_decode",
    about: "rows of a key head together, keys split over workgroups, parts merged; pages of a cache",
    stages: &[
        Stage::of(&Shader {
            name: "attention_decode",
            wgsl: include_str!("../../../shaders/attention_decode.wgsl"),
        }),
        MERGE,
    ],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32, Dtype::F16],
    presets: &[],
};

pub(super) static ATTENTION_DECODE_SUBGROUP: Kernel = Kernel {
    name: "attention_decode_subgroup",
    about: "the same, with a key's lanes in one subgroup and no barrier in the loop",
    stages: &[
        Stage::of(&Shader {
            name: "attention_decode_subgroup",
            wgsl: include_str!("../../../shaders/attention_decode_subgroup.wgsl"),
        }),
        MERGE,
    ],
    features: wgpu::Features::SUBGROUP,
    dtypes: &[Dtype::F32, Dtype::F16],
    presets: &[],
};

const MERGE: Stage = Stage::of(&Shader {
    name: "attention_decode_merge",
    wgsl: include_str!("../../../shaders/attention_decode_merge.wgsl"),
});

/// Whether `kernel` is one of those of this file.
pub(super) fn owns(kernel: &Kernel) -> bool {
    [ATTENTION_DECODE.name, ATTENTION_DECODE_SUBGROUP.name].contains(&kernel.name)
}

/// Whether a kernel of this file has a stage of this name.
pub(super) fn has_stage(name: &str) -> bool {
    name == MERGE.shader.name
}

/// Rows that a workgroup holds in registers: more of them walk the keys in several units.
const MOST_ROWS: u64 = 8;
/// Scores of a block that an invocation sums: each is code of its own.
const MOST_SCORES: u64 = 4;
/// Rows of a key head up to which keys and values, read once, are most of the work.
const FEW_ROWS: u64 = 16;
/// Keys from which on a row is long enough to be shared.
const MANY_KEYS: u64 = 128;
/// Rows that share keys: the queries of all heads of a key head.
fn rows(attention: &Attention) -> u64 {
    attention.heads / attention.kv_heads.max(1) * attention.seq_q
}

/// Rows of a unit: as even a part of all of them as there is.
fn rows_of_unit(attention: &Attention) -> u64 {
    let rows = rows(attention).max(1);
    rows.div_ceil(rows.div_ceil(MOST_ROWS))
}

/// Elements in 16 bytes.
fn vector(dtype: Dtype) -> u64 {
    16 / dtype.bytes()
}

/// Why the kernels should leave this attention to others.
pub(super) fn unsuited(attention: &Attention) -> Option<String> {
    if attention.cache != KvCache::Contiguous {
        return None;
    }
    let rows = rows(attention);
    if is_for(rows, attention.seq_kv) {
        return None;
    }
    if rows > FEW_ROWS {
        return Some(format!(
            "{rows} rows to a key head, it is for {FEW_ROWS} at most"
        ));
    }
    let keys = attention.seq_kv;
    Some(format!("{keys} keys, it is for {MANY_KEYS} and more"))
}

/// Whether `rows` that share `keys` are what the kernels are made for.
pub(super) fn is_for(rows: u64, keys: u64) -> bool {
    rows <= FEW_ROWS && keys >= MANY_KEYS
}

/// Constants of `kernel` for an attention on a device.
///
/// # Errors
/// [`Error::Unsupported`] where rows are no multiples of 16 bytes, or lanes do not make a subgroup.
pub(super) fn constants(
    attention: &Attention,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let lanes = lanes(attention);
    let by_subgroup = kernel.name == ATTENTION_DECODE_SUBGROUP.name;
    let mut lacks = unaligned(attention);
    if by_subgroup {
        lacks = lacks.or_else(|| apart(attention, lanes, device));
    }
    if let Some(reason) = lacks {
        return Err(Error::Unsupported {
            what: format!("kernel {}", kernel.name),
            reason,
        });
    }
    let sizes: &[Size] = match device.kind {
        AdapterKind::Software => &[(32, 4)],
        AdapterKind::Discrete if by_subgroup => &[(256, 256), (128, 512)],
        AdapterKind::Discrete => &[(128, 512)],
        _ => &[(128, 64)],
    };
    let form = form(attention);
    let with = |size: Size, loads| {
        let mut constants = form.clone();
        constants.extend(split(attention, kernel, device, size, loads));
        constants
    };
    let fits = |constants: &Constants| {
        let supported = kernel.supported(attention.dtype, constants, device);
        supported.is_ok()
    };
    // As many loads in flight as workgroup memory has room for their parts. Where none fits, the smallest is refused with
    // the limit that it passes.
    let of_loads = |loads| sizes.iter().map(move |&size| with(size, loads));
    let found = loads(attention).flat_map(of_loads).find(fits);
    Ok(found.unwrap_or_else(|| with(sizes[sizes.len() - 1], 1)))
}

/// Invocations of a workgroup, and workgroups that keys are split for.
type Size = (u64, u32);

/// Lanes that share a key.
fn lanes(attention: &Attention) -> u64 {
    attention.head_dim.max(attention.value_dim) / vector(attention.dtype)
}

/// Loads in flight, the most first: as many as lanes share, and as leave an invocation few scores to sum.
fn loads(attention: &Attention) -> impl Iterator<Item = u32> + use<> {
    let most = MOST_SCORES * lanes(attention) / rows_of_unit(attention);
    [4, 2]
        .into_iter()
        .filter(move |loads| u64::from(*loads) <= most)
}

/// The constants of a size: a workgroup has whole keys, and whole subgroups where the kernel counts on them.
fn split(
    attention: &Attention,
    kernel: &Kernel,
    device: &Capabilities,
    (invocations, workgroups): Size,
    loads: u32,
) -> [(&'static str, Constant); 3] {
    let mut workgroup = lanes(attention).next_power_of_two().max(invocations);
    if kernel.name == ATTENTION_DECODE_SUBGROUP.name {
        workgroup = workgroup.max(device.subgroup_sizes.1.into());
    }
    [
        ("WORKGROUP", Constant::Integer(workgroup as u32)),
        ("WORKGROUPS", Constant::Integer(workgroups)),
        ("LOADS", Constant::Integer(loads)),
    ]
}

/// Other sizes for a search, then fewer loads in flight with the first of them.
pub(super) fn alternatives(
    attention: &Attention,
    kernel: &Kernel,
    device: &Capabilities,
) -> Vec<Constants> {
    let sizes: &[Size] = match device.kind {
        AdapterKind::Software => &[(32, 4), (64, 4), (32, 16)],
        AdapterKind::Discrete => &[(256, 256), (128, 512), (128, 256), (256, 512)],
        _ => &[(128, 64), (256, 64), (64, 128)],
    };
    let loads: Vec<u32> = loads(attention).chain([1]).collect();
    let fewer = loads[1..].iter().flat_map(|loads| {
        let first = sizes[..2].iter();
        first.map(|size| (*size, *loads))
    });
    let all = sizes.iter().map(|size| (*size, loads[0])).chain(fewer);
    all.map(|(size, loads)| split(attention, kernel, device, size, loads).to_vec())
        .collect()
}

/// What does not begin at multiples of 16 bytes, if something does not.
fn unaligned(attention: &Attention) -> Option<String> {
    let vector = vector(attention.dtype);
    let mut inputs = ["q", "k", "v"].into_iter().zip(attention.places());
    let (name, _) = inputs.find(|(_, places)| !places.is_multiple_of(vector))?;
    Some(format!(
        "columns, strides and offset of `{name}` have to be multiples of {vector} elements"
    ))
}

/// Why the `lanes` of a key are not lanes of one subgroup, if they are not.
fn apart(attention: &Attention, lanes: u64, device: &Capabilities) -> Option<String> {
    let smallest = u64::from(device.subgroup_sizes.0);
    if attention.value_dim != attention.head_dim {
        return Some("K and V have to be of a width".to_owned());
    }
    (!lanes.is_power_of_two() || lanes > smallest).then(|| {
        format!(
            "{lanes} lanes to a key, it takes powers of two up to the smallest subgroup, {smallest}"
        )
    })
}

/// What the options make of the files.
fn form(attention: &Attention) -> Constants {
    let integer = |size: u64| Constant::Integer(size as u32);
    let group = attention.heads / attention.kv_heads.max(1);
    let page_size = match attention.cache {
        KvCache::Contiguous => None,
        KvCache::Paged { page_size, .. } => Some(page_size),
    };
    vec![
        ("Elem", Constant::Type(attention.dtype.name())),
        ("HALF", Constant::Bool(attention.dtype == Dtype::F16)),
        ("HEAD_DIM", integer(attention.head_dim)),
        ("VALUE_DIM", integer(attention.value_dim)),
        ("KV_HEADS", integer(attention.kv_heads.max(1))),
        ("GROUP", integer(group.max(1))),
        ("ROWS", integer(rows_of_unit(attention))),
        ("PAGED", Constant::Bool(page_size.is_some())),
        ("PAGE_SIZE", integer(page_size.unwrap_or(1).max(1))),
        ("LENGTHS", Constant::Bool(attention.has_lengths())),
        ("BIAS", Constant::Bool(attention.bias.is_some())),
        ("CAP", Constant::Bool(attention.soft_cap.is_some())),
        ("SINKS", Constant::Bool(attention.sinks == Sinks::PerHead)),
        (
            "SUMS",
            Constant::Bool(attention.log_sum_exp == LogSumExp::Wanted),
        ),
    ]
}

/// Shapes that the kernels are tested on: single keys, pages of odd sizes, many splits, rows in several units, each
/// option, nothing. Each is a pipeline of its own, which some drivers take seconds to compile.
pub(super) fn samples() -> Vec<Box<dyn Operation>> {
    let shapes = [
        "1x6x1x1x16+page=1",
        "2x8x3x777x80xcausal+kv2+v64+window=300+bias+cap=5+sinks+lengths+lse+page=17",
        "2x8x3x777x32xcausal+kv2+window=300+bias=1x8x1+cap=5+sinks+lengths+lse+page=17",
        "1x4x40x200x64xcausal+page=16",
        "2x2x5x0x64+sinks+lse",
        "1x9x7x300x16+kv3+bshd",
        "1x2x1x2500x256",
        "1x1x3x5x8xcausal",
        "1x2x33x31x128xcausal",
        "2x3x7x127x64",
        "0x2x5x5x64",
        "1x1x0x5x64",
    ];
    let of_type = |dtype| shapes.map(|text| text::parse(text, dtype));
    let parsed = [Dtype::F32, Dtype::F16].map(of_type);
    parsed.into_iter().flatten().flatten().collect()
}

#[cfg(test)]
mod tests;
