//! The dispatches of each kernel of attention.

use super::Attention;
use super::decode;
use super::kernels::ATTENTION_NAIVE;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Kernel, Schedule, Slot, Step, Window, fold_workgroups};
use crate::ops::Operation;
use crate::ops::softmax::plain_params;
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
        return naive(attention, stages, &device.limits);
    }
    let tiles = attention
        .seq_q
        .div_ceil(u64::from(stages[0].constant("TILE_Q")));
    let step = Step {
        stage: 0,
        params: bytemuck::bytes_of(&attention.params(std::f64::consts::LOG2_E)).to_vec(),
        windows: ["q", "k", "v", "o"]
            .map(|name| window(attention, name))
            .to_vec(),
        workgroups: fold_workgroups(attention.all_heads() * tiles, &device.limits)?,
    };
    Ok(Schedule {
        steps: vec![step],
        scratch: vec![],
    })
}

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

/// Bytes of a score for each query and key of each head, as a kernel that keeps them needs.
///
/// # Errors
/// [`Error::TooLarge`] with the bytes, where a binding or an index does not reach them.
fn score_bytes(attention: &Attention, limits: &wgpu::Limits) -> Result<u64> {
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

/// Scores, softmax over their rows, output: three dispatches.
fn naive(attention: &Attention, stages: &[&Prepared], limits: &wgpu::Limits) -> Result<Schedule> {
    let bytes = score_bytes(attention, limits)?;
    let params = bytemuck::bytes_of(&attention.params(1.0)).to_vec();
    let [q, k, v, o] = ["q", "k", "v", "o"].map(|name| window(attention, name));
    let scores = Window::whole(Slot::Scratch(0), bytes);
    let weights = Window::whole(Slot::Scratch(1), bytes);
    let heads = attention.all_heads();
    let tiles = |stage: usize, size: u64, tile: &str| {
        size.div_ceil(u64::from(stages[stage].constant(tile)))
    };
    let workgroups = [
        heads * tiles(0, attention.seq_q, "TILE_Q") * tiles(0, attention.seq_kv, "TILE_KV"),
        heads * attention.seq_q,
        heads * tiles(2, attention.seq_q, "TILE_Q") * tiles(2, attention.head_dim, "TILE_D"),
    ];
    let step = |stage: usize, params: Vec<u8>, windows: Vec<Window>| -> Result<Step> {
        Ok(Step {
            stage,
            params,
            windows,
            workgroups: fold_workgroups(workgroups[stage], limits)?,
        })
    };
    let output = step(2, params.clone(), vec![weights, v, o])?;
    let steps = if attention.seq_kv == 0 {
        vec![output]
    } else {
        let of_rows = plain_params(heads * attention.seq_q, attention.seq_kv);
        let no_mask = Window::whole(Slot::Scratch(0), 0);
        vec![
            step(0, params, vec![q, k, scores])?,
            step(1, of_rows, vec![scores, no_mask, weights])?,
            output,
        ]
    };
    Ok(Schedule {
        steps,
        scratch: vec![bytes, bytes],
    })
}
