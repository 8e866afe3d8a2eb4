//! The dispatches of the backward: what rows share, then the gradients of keys and of queries.

use super::AttentionBackward;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{KEPT_BYTES, Units, flops_of_dispatch};
use crate::kernel::{Kernel, Schedule, Slot, Step, Window, fold_workgroups};
use crate::ops::attention::cut::{Group, Walks, Work};
use crate::ops::{attention::Attention, attention::params::FinishParams};
use crate::shader::Prepared;

/// Bytes of a pair of numbers.
const ROW_BYTES: u64 = 8;
/// An array of vec4 is never bound shorter.
const UNUSED_BYTES: u64 = 16;
/// Scratch memory: what rows share, nothing, and the sums of walks that are cut.
const UNUSED: usize = 1;
const KEPT: [usize; 2] = [2, 3];

/// Which gradients a stage computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Keys,
    Queries,
}

impl Owner {
    /// FLOPs of a pair of a query and a key: four products, or three, and an exponential with what belongs to it.
    pub(super) fn pair_flops(self, forward: &Attention) -> u64 {
        let (head, value) = (forward.head_dim, forward.value_dim);
        match self {
            Self::Keys => 4 * (head + value) + 32,
            Self::Queries => 4 * head + 2 * value + 32,
        }
    }

    /// Blocks that a workgroup walks at most.
    pub(super) fn longest_walk(self, forward: &Attention, tile: u64, block: u64) -> u64 {
        match self {
            Self::Keys => group(forward) * forward.most_seeing(tile).div_ceil(block),
            Self::Queries => forward.most_visible(tile).div_ceil(block),
        }
    }

    /// Blocks that the workgroup of tile `index` walks at most.
    fn walk(self, forward: &Attention, index: u64, tile: u64, block: u64) -> u64 {
        match self {
            Self::Keys => group(forward) * forward.seen_from(index, tile).div_ceil(block),
            Self::Queries => forward.most_walked(index, tile).div_ceil(block),
        }
    }
}

/// Query heads to a key head.
fn group(forward: &Attention) -> u64 {
    forward.heads / forward.kv_heads.max(1)
}

pub(super) fn schedule(
    backward: &AttentionBackward,
    kernel: &Kernel,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let forward = &backward.forward;
    let rows = rows(backward);
    let [of_rows, of_keys, of_queries] = windows(backward);
    let rows_of_workgroup = u64::from(stages[0].constant("ROWS"));
    let shared = Work {
        stage: 0,
        params: forward.params(std::f64::consts::LOG2_E),
        windows: of_rows,
        parts: rows.div_ceil(rows_of_workgroup),
        // Bound by memory: O and dO take about as long as 16 FLOPs a column.
        flops: rows_of_workgroup * 16 * forward.value_dim,
    };
    let mut found = Schedule {
        steps: shared.steps(device)?,
        scratch: vec![rows * ROW_BYTES, UNUSED_BYTES],
    };
    let units = Units::from(kernel.declares("FRAGMENT"));
    for (owner, windows) in [(Owner::Keys, of_keys), (Owner::Queries, of_queries)] {
        gradients(backward, owner, windows, units, stages, device, &mut found)?;
    }
    Ok(found)
}

/// The dispatches of one owner; where the file says so, after some blocks each workgroup leaves its sums to the next, and
/// a file of their own makes results of the last.
fn gradients(
    backward: &AttentionBackward,
    owner: Owner,
    mut windows: Vec<Window>,
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
    // A file that is being written may not have it.
    let walk = stages[stage].constants.get("WALK").copied().unwrap_or(0);
    let (heads, tiles) = (forward.batch * heads, seq.div_ceil(tile));
    let row_bytes = match owner {
        Owner::Keys => [forward.head_dim * 4, forward.value_dim * 4],
        Owner::Queries => [forward.head_dim * 4, 0],
    };
    let kept_bytes = tile * row_bytes.iter().sum::<u64>();
    let longest = owner.longest_walk(forward, tile, block);
    let (at_once, room) = match walk {
        0 => (longest.max(1), u64::MAX),
        most => (most.into(), (KEPT_BYTES / kept_bytes).max(1)),
    };
    let walks = Walks {
        workgroups: heads * tiles,
        steps: |workgroup: u64| {
            // The longest walks of all heads come first.
            let index = match owner {
                Owner::Keys => workgroup / heads,
                Owner::Queries => tiles - 1 - workgroup / heads,
            };
            owner.walk(forward, index, tile, block)
        },
        at_once,
        granule: 1,
        flops: tile * block * owner.pair_flops(forward),
        budget: flops_of_dispatch(device, units),
        most: room.min(device.limits.max_compute_workgroups_per_dimension.into()),
        multiple: 1,
    };
    let groups = walks.groups();
    let params = forward.params(std::f64::consts::LOG2_E);
    let results = windows.split_off(windows.len() - 2);
    let most = groups.iter().map(Group::len).max().unwrap_or(0);
    let kept = [0, 1].map(|i| {
        let bytes = (most * tile * row_bytes[i]).max(UNUSED_BYTES);
        Window::whole(Slot::Scratch(KEPT[i]), bytes)
    });
    windows.extend(if walk == 0 {
        [results[0], results[1]]
    } else {
        kept
    });
    for group in &groups {
        for part in &group.parts {
            let step = part.step(group, stage, params, &windows, &device.limits)?;
            found.steps.push(step);
        }
        if walk > 0 {
            let finish = FinishParams {
                attention: params,
                first_kept: group.workgroups.start as u32,
                kept: group.len() as u32,
                rows: tile as u32,
                in_turn: 1,
            };
            let vectors = group.len() * kept_bytes / 16;
            let workgroups = vectors.div_ceil(stages[stage + 2].invocations().into());
            found.steps.push(Step {
                stage: stage + 2,
                params: bytemuck::bytes_of(&finish).to_vec(),
                windows: vec![kept[0], kept[1], results[0], results[1]],
                workgroups: fold_workgroups(workgroups, &device.limits)?,
            });
        }
    }
    if walk > 0 {
        found.scratch.resize(4, 0);
        for (place, window) in KEPT.into_iter().zip(kept) {
            found.scratch[place] = window.bytes.max(found.scratch[place]);
        }
    }
    Ok(())
}

/// Entries of the buffer between the stages: a logarithm and a delta for each row, the lengths of each sequence.
fn rows(backward: &AttentionBackward) -> u64 {
    backward.forward.all_heads() * backward.forward.seq_q + backward.forward.batch
}

/// What each stage binds.
fn windows(backward: &AttentionBackward) -> [Vec<Window>; 3] {
    let window = |name| operand(backward, name);
    // An operand that is not there is not read; what stands for it must be nothing that is written.
    let or_q = |name| {
        let found = window(name);
        if found.bytes > 0 { found } else { window("q") }
    };
    let rows = Window::whole(Slot::Scratch(0), rows(backward) * ROW_BYTES);
    // No dV comes with dQ. What is bound for it has to be a buffer of its own, since it could be written.
    let unused = Window::whole(Slot::Scratch(UNUSED), UNUSED_BYTES);
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
fn operand(backward: &AttentionBackward, name: &str) -> Window {
    match backward.operand(name) {
        None => Window::whole(Slot::Operand(0), 0),
        Some((place, operand)) => Window::whole(
            Slot::Operand(place),
            operand.elements * operand.dtype.bytes(),
        ),
    }
}

#[cfg(test)]
mod tests;
