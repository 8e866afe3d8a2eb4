//! The dispatches of the fused kernels: tiles of queries, whose walks over keys are cut where they are long.

use super::Attention;
use super::cooperative;
use super::cut::{Group, Walks, pair_flops, walk};
use super::kernels::can_stop;
use super::params::{FinishParams, MAX_SEQ};
use super::schedule::{bound, window};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{flops_of_dispatch, most_kept, workgroup_multiple};
use crate::kernel::{Constants, Kernel, Schedule, Slot, Step, Window, fold_workgroups, integer};
use crate::shader::{Constant, Prepared};

/// What follows from a tile: after how many keys it has to stop, where it may see more.
pub(super) fn derived(
    attention: &Attention,
    kernel: &Kernel,
    chosen: &Constants,
    device: &Capabilities,
) -> Constants {
    let number = |name| integer(chosen, name);
    let matrix = cooperative::is_cooperative(kernel);
    let tile = if matrix {
        number("SUBGROUPS").zip(number("SUBGROUP_Q"))
    } else {
        number("TILE_Q").zip(Some(1))
    };
    let keys = tile
        .filter(|_| can_stop(kernel))
        .and_then(|(parts, rows)| walk(attention, parts * rows, device, matrix.into()));
    let found = keys.map(|keys| ("WALK", Constant::Integer(keys)));
    found.into_iter().collect()
}

/// Whether a tile of each head comes in turn, or else all tiles of a head.
fn heads_in_turn(attention: &Attention) -> bool {
    let (_, ahead) = attention.reach();
    ahead < attention.seq_kv
}

/// Tiles of queries; where the file says so, after some keys each of them leaves its sums to the next dispatch, and the
/// second file makes results of the last.
pub(super) fn schedule(
    attention: &Attention,
    kernel: &Kernel,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let tile = u64::from(stages[0].constant("TILE_Q"));
    let (heads, tiles) = (attention.all_heads(), attention.seq_q.div_ceil(tile));
    // A file that is being written may not have it.
    let walk = stages[0].constants.get("WALK").copied().unwrap_or(0);
    let (at_once, kept_bytes) = match walk {
        0 => (MAX_SEQ, 0),
        keys => (keys.into(), tile * (attention.value_dim + 2) * 4),
    };
    let in_turn = heads_in_turn(attention);
    // Both orders begin with the last rows of a head.
    let of_head = |workgroup: u64| {
        tiles
            - 1
            - if in_turn {
                workgroup / heads
            } else {
                workgroup % tiles
            }
    };
    let grid = u64::from(device.limits.max_compute_workgroups_per_dimension);
    let walks = Walks {
        workgroups: heads * tiles,
        steps: |workgroup: u64| attention.most_walked(of_head(workgroup), tile),
        at_once,
        granule: stages[0].constant("TILE_KV").into(),
        flops: tile * pair_flops(attention),
        budget: flops_of_dispatch(device, cooperative::is_cooperative(kernel).into()),
        most: grid.min((most_kept(device) / kept_bytes.max(1)).max(1)),
        multiple: workgroup_multiple(device, stages[0].invocations()),
    };
    let groups = walks.groups();
    let params = attention.params(std::f64::consts::LOG2_E);
    let mut scratch = Vec::new();
    let inputs = ["q", "k", "v", "lengths", "bias", "sinks", "o"];
    let mut windows = inputs.map(|name| window(attention, name)).to_vec();
    let lse = bound(attention, "lse", &mut scratch);
    let longest = groups.iter().map(Group::len).max().unwrap_or(0);
    let kept = Window::whole(Slot::Scratch(scratch.len()), longest * kept_bytes);
    windows.push(if walk == 0 { lse } else { kept });
    let mut steps = Vec::new();
    for group in &groups {
        for part in &group.parts {
            steps.push(part.step(group, 0, params, &windows, &device.limits)?);
        }
        if walk > 0 {
            let finish = FinishParams {
                attention: params,
                first_kept: group.workgroups.start as u32,
                kept: group.len() as u32,
                rows: tile as u32,
                in_turn: in_turn.into(),
            };
            let vectors = group.len() * tile * attention.value_dim / 4;
            let workgroups = vectors.div_ceil(stages[1].invocations().into());
            steps.push(Step {
                stage: 1,
                params: bytemuck::bytes_of(&finish).to_vec(),
                windows: vec![
                    kept,
                    window(attention, "lengths"),
                    window(attention, "o"),
                    lse,
                ],
                workgroups: fold_workgroups(workgroups, &device.limits)?,
            });
        }
    }
    if walk > 0 {
        scratch.push(kept.bytes);
    }
    Ok(Schedule { steps, scratch })
}
