//! The dispatches of each kernel of attention.

use super::Attention;
use super::cut::{Walks, Work};
use super::decode;
use super::flash;
use super::kernels::ATTENTION_NAIVE;
use super::subgroup::{self, ATTENTION_FLASH_SUBGROUP};
use super::unfused::{self, ATTENTION_UNFUSED};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch, flops_of_workgroup};
use crate::kernel::{Kernel, Schedule, Slot, Window};
use crate::ops::Operation;
use crate::report::AdapterKind;
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
    flash::schedule(attention, kernel, stages, device)
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
pub(super) fn bound(attention: &Attention, name: &str, scratch: &mut Vec<u64>) -> Window {
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
    let of_scores = vec![of("q"), of("k"), of("lengths"), of("bias"), scores];
    let of_softmax = vec![of("lengths"), of("sinks"), scores, of("lse")];
    let mut of_output = vec![scores, of("v"), of("lengths"), of("o")];
    let heads = attention.all_heads();
    let (keys, columns) = (attention.seq_kv, attention.value_dim);
    let tile = |stage: usize, name: &str| u64::from(stages[stage].constant(name));
    let (tile_q, tile_kv) = (tile(0, "TILE_Q"), tile(0, "TILE_KV"));
    let (tile_rows, tile_d) = (tile(2, "TILE_Q"), tile(2, "TILE_D"));
    // A processor takes long for a barrier every few columns: 0.1 GFLOP/s on llvmpipe.
    let slower = match device.kind {
        AdapterKind::Software => 20,
        _ => 1,
    };
    let params = attention.params(1.0);
    let work = |stage, windows, parts, flops| Work {
        stage,
        params,
        windows,
        parts,
        flops,
    };
    let tiles = heads * attention.seq_q.div_ceil(tile_q) * keys.div_ceil(tile_kv);
    let flops = 2 * tile_q * tile_kv * attention.head_dim * slower;
    let mut steps = work(0, of_scores, tiles, flops).steps(device)?;
    // Softmax reads a score twice and takes as many exponentials.
    steps.extend(work(1, of_softmax, heads * attention.seq_q, 32 * keys).steps(device)?);
    let flops = 2 * tile_rows * tile_d * slower;
    let most = flops_of_workgroup(device, Units::Plain) / flops / tile_rows * tile_rows;
    let walks = Walks {
        workgroups: heads * attention.seq_q.div_ceil(tile_rows) * columns.div_ceil(tile_d),
        steps: |_| keys,
        at_once: most.max(tile_rows),
        granule: tile_rows,
        flops,
        budget: flops_of_dispatch(device, Units::Plain),
        most: device.limits.max_compute_workgroups_per_dimension.into(),
        multiple: 1,
    };
    let sums = if keys > walks.at_once {
        heads * attention.seq_q * columns * 4
    } else {
        UNUSED
    };
    of_output.push(Window::whole(Slot::Scratch(scratch.len()), sums));
    scratch.push(sums);
    for group in walks.groups() {
        for part in &group.parts {
            steps.push(part.step(&group, 2, params, &of_output, &device.limits)?);
        }
    }
    Ok(Schedule { steps, scratch })
}
