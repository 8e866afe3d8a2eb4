//! The dispatches of each kernel of attention.

use super::Attention;
use super::cut::Work;
use super::decode;
use super::kernels::ATTENTION_NAIVE;
use super::subgroup::{self, ATTENTION_FLASH_SUBGROUP};
use super::unfused::{self, ATTENTION_UNFUSED};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Kernel, Schedule, Slot, Window};
use crate::ops::Operation;
use crate::shader::Prepared;

pub(super) fn schedule(
    attention: &Attention,
    kernel: &'static Kernel,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    if attention.all_heads() * attention.seq_q == 0 {
        return Ok(Schedule::default());
    }
    if decode::owns(kernel) {
        return Ok(decode::schedule(attention, stages, device));
    }
    if kernel.name == ATTENTION_NAIVE.name {
        return naive(attention, stages, device);
    }
    if kernel.name == ATTENTION_UNFUSED.name {
        return unfused::schedule(attention, stages, device);
    }
    if kernel.name == ATTENTION_FLASH_SUBGROUP.name {
        subgroup::require_whole_rows(stages[0], device)?;
    }
    let tile = u64::from(stages[0].constant("TILE_Q"));
    let tiles = attention.seq_q.div_ceil(tile);
    let mut scratch = Vec::new();
    let work = Work {
        stage: 0,
        params: attention.params(std::f64::consts::LOG2_E),
        windows: ["q", "k", "v", "lengths", "bias", "sinks", "o", "lse"]
            .map(|name| bound(attention, name, &mut scratch))
            .to_vec(),
        parts: attention.all_heads() * tiles,
        flops: attention.flops().div_ceil(attention.all_heads() * tiles),
    };
    Ok(Schedule {
        steps: work.steps(device)?,
        scratch,
    })
}

/// Bytes bound where a kernel writes nothing: no binding may be empty.
const UNUSED: u64 = 16;

/// All of the operand `name`; nothing where the attention has none.
pub(super) fn window(attention: &Attention, name: &str) -> Window {
    match attention.operand(name) {
        None => Window::whole(Slot::Operand(0), 0),
        Some((place, operand)) => Window::whole(
            Slot::Operand(place),
            operand.elements * operand.dtype.bytes(),
        ),
    }
}

/// The same, with memory of the plan's own for an output that the attention lacks: WebGPU forbids a buffer that a dispatch
/// both reads and writes, as what stands for nothing would be.
fn bound(attention: &Attention, name: &str, scratch: &mut Vec<u64>) -> Window {
    if name == "lse" && attention.operand(name).is_none() {
        scratch.push(UNUSED);
        return Window::whole(Slot::Scratch(scratch.len() - 1), UNUSED);
    }
    window(attention, name)
}

/// Bytes of a score for each query and key of each head, as a kernel that keeps them needs.
///
/// # Errors
/// [`Error::TooLarge`] with the bytes, where a binding or an index does not reach them.
pub(super) fn score_bytes(attention: &Attention, limits: &wgpu::Limits) -> Result<u64> {
    let needed = attention.all_heads() * attention.seq_q * attention.seq_kv * 4;
    let limits = [
        (
            "max_storage_buffer_binding_size",
            limits.max_storage_buffer_binding_size,
        ),
        ("max_buffer_size", limits.max_buffer_size),
        ("of 32-bit indices, in bytes,", u64::from(u32::MAX) * 4),
    ];
    match limits.into_iter().find(|(_, limit)| needed > *limit) {
        None => Ok(needed),
        Some((limit_name, limit)) => Err(Error::TooLarge {
            what: format!("the matrix of scores of {}, in bytes,", attention.label()),
            needed,
            limit_name,
            limit,
        }),
    }
}

/// Scores, softmax over their rows, output.
fn naive(attention: &Attention, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let bytes = score_bytes(attention, &device.limits)?.max(UNUSED);
    let mut scratch = vec![bytes];
    let mut of = |name| bound(attention, name, &mut scratch);
    let scores = Window::whole(Slot::Scratch(0), bytes);
    let windows = [
        vec![of("q"), of("k"), of("lengths"), of("bias"), scores],
        vec![of("lengths"), of("sinks"), scores, of("lse")],
        vec![scores, of("v"), of("lengths"), of("o")],
    ];
    let heads = attention.all_heads();
    let (keys, columns) = (attention.seq_kv, attention.value_dim);
    let tile = |stage: usize, name: &str| u64::from(stages[stage].constant(name));
    let (tile_q, tile_kv) = (tile(0, "TILE_Q"), tile(0, "TILE_KV"));
    let (tile_rows, tile_d) = (tile(2, "TILE_Q"), tile(2, "TILE_D"));
    // How many parts each stage has, and the FLOPs of one. Softmax reads a score twice and takes as many exponentials.
    let parts = [
        (
            heads * attention.seq_q.div_ceil(tile_q) * keys.div_ceil(tile_kv),
            2 * tile_q * tile_kv * attention.head_dim,
        ),
        (heads * attention.seq_q, 32 * keys),
        (
            heads * attention.seq_q.div_ceil(tile_rows) * columns.div_ceil(tile_d),
            2 * tile_rows * tile_d * keys,
        ),
    ];
    let mut steps = Vec::new();
    for (stage, (windows, (parts, flops))) in windows.into_iter().zip(parts).enumerate() {
        let work = Work {
            stage,
            params: attention.params(1.0),
            windows,
            parts,
            flops,
        };
        steps.extend(work.steps(device)?);
    }
    Ok(Schedule { steps, scratch })
}
