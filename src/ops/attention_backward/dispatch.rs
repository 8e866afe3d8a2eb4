//! Dispatches of the backward: what rows share, then the gradients of keys and of queries.

use super::owner::Owner;
use super::shape::AttentionBackward;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{KEPT_BYTES, Units, flops_of_dispatch};
use crate::kernel::{BindingRange, Dispatch, Schedule, Slot, fold_workgroups};
use crate::ops::attention::even_work::EvenWork;
use crate::ops::attention::kv_loop::{KvLoops, LoopGroup};
use crate::ops::attention::params::FinishParams;
use crate::shader::Prepared;

/// Bytes of a pair of numbers.
const ROW_BYTES: u64 = 8;
/// Bytes bound where nothing is read or written: an array of vec4 is never bound shorter.
const UNUSED_BYTES: u64 = 16;
/// Scratch buffer that stands for nothing; the first scratch buffer has what rows share.
const UNUSED: usize = 1;
/// Scratch buffers of partial accumulators, where loops are cut.
const ACCUMULATORS: [usize; 2] = [2, 3];

/// Dispatches for the values that each row shares, then for the gradients of keys, then for the gradients of queries.
///
/// # Errors
/// [`crate::Error::TooLarge`] beyond what a grid holds.
pub(super) fn schedule(
    backward: &AttentionBackward,
    stages: &[&Prepared],
    device: &Capabilities,
    units: Units,
) -> Result<Schedule> {
    let forward = &backward.forward;
    let rows = rows(backward);
    let [of_rows, of_keys, of_queries] = windows(backward);
    let rows_of_workgroup = u64::from(stages[0].constant("ROWS"));
    let shared = EvenWork {
        stage: 0,
        params: forward.params_of_powers(),
        windows: of_rows,
        parts: rows.div_ceil(rows_of_workgroup),
        // Bound by memory: O and dO take about as long as 16 FLOPs a column.
        flops: rows_of_workgroup * 16 * forward.value_dim,
    };
    let mut found = Schedule {
        steps: shared.steps(device)?,
        scratch: vec![rows * ROW_BYTES, UNUSED_BYTES],
    };
    for (owner, windows) in [(Owner::Keys, of_keys), (Owner::Queries, of_queries)] {
        gradients(backward, owner, windows, units, stages, device, &mut found)?;
    }
    Ok(found)
}

/// Dispatches of one owner. Where `BLOCKS_PER_DISPATCH` is set, a workgroup leaves its partial accumulators to the next
/// dispatch after that many blocks, and the file that finishes computes results from the partial accumulators of the last
/// dispatch.
fn gradients(
    backward: &AttentionBackward,
    owner: Owner,
    mut windows: Vec<BindingRange>,
    units: Units,
    stages: &[&Prepared],
    device: &Capabilities,
    found: &mut Schedule,
) -> Result<()> {
    let forward = &backward.forward;
    let (stage, heads, seq) = match owner {
        Owner::Keys => (1, forward.kv_heads, forward.seq_kv),
        Owner::Queries => (2, forward.heads, forward.seq_q),
    };
    let constant = |name| u64::from(stages[stage].constant(name));
    let [tile, block] = ["TILE", "BLOCK"].map(constant);
    // A file that is being written may have no constant for it.
    let blocks = stages[stage]
        .constants
        .get("BLOCKS_PER_DISPATCH")
        .copied()
        .unwrap_or(0);
    let (heads, tiles) = (forward.batch * heads, seq.div_ceil(tile));
    let row_bytes = match owner {
        Owner::Keys => [forward.head_dim * 4, forward.value_dim * 4],
        Owner::Queries => [forward.head_dim * 4, 0],
    };
    let is_cut = blocks > 0;
    let accumulator_bytes = tile * row_bytes.iter().sum::<u64>();
    let longest = owner.longest_loop(forward, tile, block);
    let (blocks, room) = if is_cut {
        (blocks.into(), (KEPT_BYTES / accumulator_bytes).max(1))
    } else {
        (longest.max(1), u64::MAX)
    };
    let loops = KvLoops {
        workgroups: heads * tiles,
        steps: |workgroup: u64| {
            // The longest loops of all heads come first.
            let index = match owner {
                Owner::Keys => workgroup / heads,
                Owner::Queries => tiles - 1 - workgroup / heads,
            };
            owner.loop_length(forward, index, tile, block)
        },
        steps_per_dispatch: blocks,
        granule: 1,
        step_flops: tile * block * owner.pair_flops(forward),
        dispatch_flops: flops_of_dispatch(device, units),
        max_workgroups: room.min(device.limits.max_compute_workgroups_per_dimension.into()),
        multiple: 1,
    };
    let groups = loops.groups();
    let params = forward.params_of_powers();
    let results = windows.split_off(windows.len() - 2);
    let most = groups.iter().map(LoopGroup::len).max().unwrap_or(0);
    let accumulators = [0, 1].map(|i| {
        let bytes = (most * tile * row_bytes[i]).max(UNUSED_BYTES);
        BindingRange::whole(Slot::Scratch(ACCUMULATORS[i]), bytes)
    });
    windows.extend(if is_cut {
        accumulators
    } else {
        [results[0], results[1]]
    });
    for group in &groups {
        for range in &group.ranges {
            let step = range.step(group, stage, params, &windows, &device.limits)?;
            found.steps.push(step);
        }
        if is_cut {
            let finish = FinishParams {
                attention: params,
                first_kept: group.workgroups.start as u32,
                kept: group.len() as u32,
                rows: tile as u32,
                in_turn: 1,
            };
            let vectors = group.len() * accumulator_bytes / 16;
            let workgroups = vectors.div_ceil(stages[stage + 2].invocations().into());
            found.steps.push(Dispatch {
                stage: stage + 2,
                params: bytemuck::bytes_of(&finish).to_vec(),
                windows: vec![accumulators[0], accumulators[1], results[0], results[1]],
                workgroups: fold_workgroups(workgroups, &device.limits)?,
            });
        }
    }
    if is_cut {
        found.scratch.resize(4, 0);
        for (place, window) in ACCUMULATORS.into_iter().zip(accumulators) {
            found.scratch[place] = window.bytes.max(found.scratch[place]);
        }
    }
    Ok(())
}

/// Entries of the buffer between the stages: a logarithm and a delta for each row, the lengths of each sequence.
fn rows(backward: &AttentionBackward) -> u64 {
    backward.forward.all_heads() * backward.forward.seq_q + backward.forward.batch
}

/// Bindings of the three stages that compute.
fn windows(backward: &AttentionBackward) -> [Vec<BindingRange>; 3] {
    let window = |name| operand(backward, name);
    // An operand that is not there is not read; what stands for it must be nothing that is written.
    let or_q = |name| {
        let found = window(name);
        if found.bytes > 0 { found } else { window("q") }
    };
    let rows = BindingRange::whole(Slot::Scratch(0), rows(backward) * ROW_BYTES);
    // No dV comes with dQ. What is bound for it has to be a buffer of its own, since it could be written.
    let unused = BindingRange::whole(Slot::Scratch(UNUSED), UNUSED_BYTES);
    let [o, d_o, lse] = ["o", "d_o", "lse"].map(window);
    let [q, k, v] = ["q", "k", "v"].map(window);
    let [d_q, d_k, d_v] = ["d_q", "d_k", "d_v"].map(window);
    let bias = or_q("bias");
    [
        vec![o, d_o, lse, or_q("lengths"), rows],
        vec![q, k, v, d_o, rows, bias, d_k, d_v],
        vec![q, k, v, d_o, rows, bias, d_q, unused],
    ]
}

/// All of the operand `name`; nothing where the backward has none.
fn operand(backward: &AttentionBackward, name: &str) -> BindingRange {
    match backward.operand(name) {
        None => BindingRange::whole(Slot::Operand(0), 0),
        Some((place, operand)) => BindingRange::whole(
            Slot::Operand(place),
            operand.elements * operand.dtype.bytes(),
        ),
    }
}

#[cfg(test)]
mod tests;
