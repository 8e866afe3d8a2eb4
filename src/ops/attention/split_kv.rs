//! The kernels that split keys over workgroups, for few queries and for paged caches: when they are the ones to take, and
//! the constants that they share.

mod samples;

pub(super) use samples::samples;

use super::options::{KvCache, LogSumExp, Sinks};
use super::shape::Attention;
use crate::data::Dtype;
use crate::gpu::Capabilities;
use crate::gpu::profile::attention_registers;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::Fit;
use crate::report::AdapterKind;
use crate::shader::files;

/// The stage that merges the partial accumulators of all splits.
pub(super) const MERGE: Stage = Stage::of(&files::ATTENTION_DECODE_MERGE);

/// Rows that a workgroup holds in registers. More rows of a key head are several units, which read the keys again.
const MOST_ROWS: u64 = 8;
/// Scores of a block that an invocation sums: each is code of its own.
const MOST_SCORES: u64 = 4;
/// Rows of a key head up to which reading keys and values once is most of the work.
const FEW_ROWS: u64 = 16;
/// Keys from which on a row is long enough to be split.
const MANY_KEYS: u64 = 128;

/// Invocations of a workgroup, and workgroups that keys are split for.
pub(super) type Size = (u64, u32);

/// Rows that share keys: the queries of all heads of a key head.
pub(super) fn rows(attention: &Attention) -> u64 {
    attention.heads / attention.kv_heads.max(1) * attention.seq_q
}

/// Rows of a unit: an even share of all rows of a key head, as many as an invocation has registers for.
fn rows_of_unit(attention: &Attention, device: &Capabilities) -> u64 {
    let rows = rows(attention).max(1);
    let holds = |rows: &u64| registers(attention, *rows, 1) <= attention_registers(device);
    let most = (1..=MOST_ROWS).rev().find(holds).unwrap_or(1);
    rows.div_ceil(rows.div_ceil(most))
}

/// Registers of 32 bits that an invocation needs: its parts of Q and O for each row; four for each load in flight, and
/// scores.
fn registers(attention: &Attention, rows: u64, loads: u32) -> u64 {
    2 * rows * vector(attention.dtype) + u64::from(loads) * (rows + 4)
}

/// Elements in 16 bytes.
fn vector(dtype: Dtype) -> u64 {
    16 / dtype.bytes()
}

/// Lanes that share a key.
pub(super) fn lanes(attention: &Attention) -> u64 {
    attention.head_dim.max(attention.value_dim) / vector(attention.dtype)
}

/// Whether the kernels are made for `rows` that share `keys`.
pub(super) fn is_for(rows: u64, keys: u64) -> bool {
    rows <= FEW_ROWS && keys >= MANY_KEYS
}

/// How well the kernels fit an attention that they have a form for. No other kernel has a form for a paged cache.
pub(super) fn fit(attention: &Attention) -> Fit {
    let (rows, keys) = (rows(attention), attention.seq_kv);
    if attention.cache != KvCache::Contiguous || is_for(rows, keys) {
        Fit::Best
    } else if rows > FEW_ROWS {
        Fit::Able(format!(
            "{rows} rows to a key head, it is for {FEW_ROWS} at most"
        ))
    } else {
        Fit::Able(format!("{keys} keys, it is for {MANY_KEYS} and more"))
    }
}

/// Name of the operand of Q, K and V that does not begin at multiples of 16 bytes, if one does not.
pub(super) fn unaligned(attention: &Attention) -> Option<String> {
    let vector = vector(attention.dtype);
    let mut inputs = ["q", "k", "v"].into_iter().zip(attention.strides());
    let (name, _) = inputs.find(|(_, places)| !places.is_multiple_of(vector))?;
    Some(format!(
        "columns, strides and offset of `{name}` have to be multiples of {vector} elements"
    ))
}

/// Constants of `kernel`, whose workgroups have at least `least` invocations: the first of `sizes` that fits the device,
/// with as many loads in flight as workgroup memory has room for their partial accumulators.
pub(super) fn constants(
    attention: &Attention,
    kernel: &Kernel,
    sizes: &[Size],
    least: u64,
    device: &Capabilities,
) -> Constants {
    let form = form(attention, device);
    let with = |size: Size, loads| form.clone().merged(&split(attention, size, least, loads));
    let fits = |constants: &Constants| {
        let supported = kernel.supported(attention.dtype, constants, device);
        supported.is_ok()
    };
    let of_loads = |loads| sizes.iter().map(move |&size| with(size, loads));
    let loads = loads(attention, least, device);
    let found = loads.into_iter().flat_map(of_loads).find(fits);
    // Where none fits, the smallest is refused with the limit that it passes.
    found.unwrap_or_else(|| with(sizes[sizes.len() - 1], 1))
}

/// Loads in flight, the most first: as many as lanes share, and as leave an invocation few scores to sum and registers for
/// them. Lanes of workgroups of any size, `least` being 1, need eight registers more to merge through workgroup memory.
fn loads(attention: &Attention, least: u64, device: &Capabilities) -> Vec<u32> {
    let rows = rows_of_unit(attention, device);
    let most = MOST_SCORES * lanes(attention) / rows;
    let merging = if least == 1 { 8 } else { 0 };
    let holds = |loads: &u32| {
        registers(attention, rows, *loads).saturating_add(merging) <= attention_registers(device)
    };
    let suited = [4, 2].into_iter().filter(|loads| u64::from(*loads) <= most);
    let suited: Vec<u32> = suited.collect();
    let mut kept: Vec<u32> = suited.iter().copied().filter(holds).collect();
    if kept.len() < suited.len() {
        kept.push(1);
    }
    kept
}

/// Constants of a size. A workgroup has whole keys, and at least `least` invocations.
fn split(
    attention: &Attention,
    (invocations, workgroups): Size,
    least: u64,
    loads: u32,
) -> Constants {
    let keys = lanes(attention).next_power_of_two();
    Constants::new()
        .set("WORKGROUP", keys.max(invocations).max(least))
        .set("WORKGROUPS", workgroups)
        .set("LOADS", loads)
}

/// Other sizes for a search, then fewer loads in flight with the first two sizes.
pub(super) fn alternatives(
    attention: &Attention,
    least: u64,
    device: &Capabilities,
) -> Vec<Constants> {
    let sizes: &[Size] = match device.kind {
        AdapterKind::Software => &[(32, 4), (64, 4), (32, 16)],
        AdapterKind::Discrete => &[(256, 256), (128, 512), (128, 256), (256, 512)],
        _ => &[(128, 64), (256, 64), (64, 128)],
    };
    let mut loads = loads(attention, least, device);
    if !loads.contains(&1) {
        loads.push(1);
    }
    let fewer = loads[1..].iter().flat_map(|loads| {
        let first = sizes[..2].iter();
        first.map(|size| (*size, *loads))
    });
    let all = sizes.iter().map(|size| (*size, loads[0])).chain(fewer);
    all.map(|(size, loads)| split(attention, size, least, loads))
        .collect()
}

/// Constants that sizes, element type and options set.
fn form(attention: &Attention, device: &Capabilities) -> Constants {
    let group = attention.heads / attention.kv_heads.max(1);
    let page_size = match attention.cache {
        KvCache::Contiguous => None,
        KvCache::Paged { page_size, .. } => Some(page_size),
    };
    Constants::new()
        .set("Elem", attention.dtype)
        .set("HALF", attention.dtype == Dtype::F16)
        .set("HEAD_DIM", attention.head_dim)
        .set("VALUE_DIM", attention.value_dim)
        .set("KV_HEADS", attention.kv_heads.max(1))
        .set("GROUP", group.max(1))
        .set("ROWS", rows_of_unit(attention, device))
        .set("PAGED", page_size.is_some())
        .set("PAGE_SIZE", page_size.unwrap_or(1).max(1))
        .set("LENGTHS", attention.has_lengths())
        .set("BIAS", attention.bias.is_some())
        .set("NATURAL", attention.has_natural_scores())
        .set("CAP", attention.soft_cap.is_some())
        .set("SINKS", attention.sinks == Sinks::PerHead)
        .set("SUMS", attention.log_sum_exp == LogSumExp::Wanted)
}

#[cfg(test)]
mod tests;
