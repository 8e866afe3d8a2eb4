//! Dispatches of the fused kernels: tiles of queries, whose KV loops are cut where they are long.

use super::bindings::{lse, window};
use super::cost::{keys_per_dispatch, pair_flops};
use super::kv_loop::{KvLoops, LoopGroup};
use super::mask::MAX_SEQ;
use super::params::FinishParams;
use super::shape::Attention;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch, most_kept, workgroup_multiple};
use crate::kernel::{BindingRange, Constants, Dispatch, Schedule, Slot, Stage, fold_workgroups};
use crate::shader::{Prepared, files};

/// The stage that makes results of partial accumulators where KV loops are cut.
pub(super) const FINISH: Stage = Stage::of(&files::ATTENTION_FLASH_FINISH);

/// Constants, and the keys that a tile of `tile` queries visits in one dispatch where its KV loop may be longer.
pub(super) fn with_cuts(
    constants: Constants,
    attention: &Attention,
    tile: Option<u64>,
    device: &Capabilities,
    units: Units,
) -> Constants {
    match tile.and_then(|tile| keys_per_dispatch(attention, tile, device, units)) {
        Some(keys) => constants.set("KV_PER_DISPATCH", keys),
        None => constants,
    }
}

/// Whether every row of Q, K, V and O begins at a multiple of four elements and has a multiple of four.
pub(super) fn is_by_four(attention: &Attention) -> bool {
    let mut places = attention.strides().into_iter();
    places.all(|places| places.is_multiple_of(4))
}

/// Why kernels that load vectors of four cannot compute an attention, if they cannot.
pub(super) fn odd(attention: &Attention) -> Option<String> {
    let [of_keys, of_values] = [attention.head_dim, attention.value_dim];
    (!is_by_four(attention)).then(|| {
        format!(
            "it takes columns and strides in multiples of 4; these have {of_keys} and {of_values} columns, and strides \
            of their own if these fit"
        )
    })
}

/// Whether neighbouring workgroups have tiles of different heads, or else all tiles of a head.
fn heads_in_turn(attention: &Attention) -> bool {
    let (_, right) = attention.window_sides();
    right < attention.seq_kv
}

/// Dispatches over tiles of queries. Where `KV_PER_DISPATCH` is set, a tile leaves its partial accumulators to the next
/// dispatch after that many keys, and the second file computes results from the partial accumulators of the last dispatch.
///
/// # Errors
/// [`crate::Error::TooLarge`] beyond what a grid holds.
pub(super) fn schedule(
    attention: &Attention,
    stages: &[&Prepared],
    device: &Capabilities,
    units: Units,
) -> Result<Schedule> {
    if attention.has_no_rows() {
        return Ok(Schedule::default());
    }
    let tile = u64::from(stages[0].constant("TILE_Q"));
    let (heads, tiles) = (attention.all_heads(), attention.seq_q.div_ceil(tile));
    // A file that is being written may have no constant for it.
    let keys = stages[0]
        .constants
        .get("KV_PER_DISPATCH")
        .copied()
        .unwrap_or(0);
    let is_cut = keys > 0;
    let (keys, accumulator_bytes) = if is_cut {
        (keys.into(), tile * (attention.value_dim + 2) * 4)
    } else {
        (MAX_SEQ, 0)
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
    let loops = KvLoops {
        workgroups: heads * tiles,
        steps: |workgroup: u64| attention.loop_length(of_head(workgroup), tile),
        steps_per_dispatch: keys,
        granule: stages[0].constant("TILE_KV").into(),
        step_flops: tile * pair_flops(attention),
        dispatch_flops: flops_of_dispatch(device, units),
        max_workgroups: grid.min((most_kept(device) / accumulator_bytes.max(1)).max(1)),
        multiple: workgroup_multiple(device, stages[0].invocations()),
    };
    let groups = loops.groups();
    // Matrix units take f16, whose lowest number times log2(e) is far from the end of f32.
    let params = match units {
        Units::Matrix => attention.params(std::f64::consts::LOG2_E),
        Units::Plain => attention.params_of_powers(),
    };
    let mut scratch = Vec::new();
    let inputs = ["q", "k", "v", "lengths", "bias", "sinks", "o"];
    let mut windows = inputs.map(|name| window(attention, name)).to_vec();
    let lse = lse(attention, &mut scratch);
    let longest = groups.iter().map(LoopGroup::len).max().unwrap_or(0);
    let accumulators =
        BindingRange::whole(Slot::Scratch(scratch.len()), longest * accumulator_bytes);
    windows.push(if is_cut { accumulators } else { lse });
    let mut steps = Vec::new();
    for group in &groups {
        for range in &group.ranges {
            steps.push(range.step(group, 0, params, &windows, &device.limits)?);
        }
        if is_cut {
            let finish = FinishParams {
                attention: params,
                first_kept: group.workgroups.start as u32,
                kept: group.len() as u32,
                rows: tile as u32,
                in_turn: in_turn.into(),
            };
            let vectors = group.len() * tile * attention.value_dim / 4;
            let workgroups = vectors.div_ceil(stages[1].invocations().into());
            steps.push(Dispatch {
                stage: 1,
                params: bytemuck::bytes_of(&finish).to_vec(),
                windows: vec![
                    accumulators,
                    window(attention, "lengths"),
                    window(attention, "o"),
                    lse,
                ],
                workgroups: fold_workgroups(workgroups, &device.limits)?,
            });
        }
    }
    if is_cut {
        scratch.push(accumulators.bytes);
    }
    Ok(Schedule { steps, scratch })
}

#[cfg(test)]
mod tests;
