//! `attention_naive`: scores, softmax over their rows, output, with the scores in memory.

use super::bindings::{UNUSED, lse, score_bytes, window};
use super::even_work::EvenWork;
use super::form;
use super::kv_loop::KvLoops;
use super::shape::Attention;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, barrier_slowdown, flops_of_dispatch, flops_of_workgroup};
use crate::kernel::{BindingRange, Kernel, Schedule, Slot, Stage};
use crate::ops::{Fit, Implementation, no_alternatives};
use crate::shader::{Prepared, files};

pub(super) static NAIVE: Implementation<Attention> = Implementation {
    kernel: Kernel::new(
        "attention_naive",
        "three operations, with the scores of all queries and keys in memory",
        &[
            Stage::of(&files::ATTENTION_SCORES),
            Stage::of(&files::ATTENTION_SOFTMAX),
            Stage::of(&files::ATTENTION_OUTPUT),
        ],
    ),
    fit: |attention, _| form::paged(attention).map_or(Fit::Best, Fit::Unable),
    constants: |attention, _, _| Ok(form::form(attention)),
    alternatives: no_alternatives,
    schedule,
    samples: None,
};

/// Scores, softmax over their rows, output, each cut into dispatches below the watchdog limit.
///
/// # Errors
/// [`crate::Error::TooLarge`] with the bytes of the scores.
fn schedule(
    attention: &Attention,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    if attention.has_no_rows() {
        return Ok(Schedule::default());
    }
    let bytes = score_bytes(attention, &device.limits)?.max(UNUSED);
    let mut scratch = vec![bytes];
    let of = |name| window(attention, name);
    let scores = BindingRange::whole(Slot::Scratch(0), bytes);
    let of_scores = vec![of("q"), of("k"), of("lengths"), of("bias"), scores];
    let of_softmax = vec![
        of("lengths"),
        of("sinks"),
        scores,
        lse(attention, &mut scratch),
    ];
    let mut of_output = vec![scores, of("v"), of("lengths"), of("o")];
    let heads = attention.all_heads();
    let (keys, columns) = (attention.seq_kv, attention.value_dim);
    let tile = |stage: usize, name: &str| u64::from(stages[stage].constant(name));
    let (tile_q, tile_kv) = (tile(0, "TILE_Q"), tile(0, "TILE_KV"));
    let (tile_rows, tile_d) = (tile(2, "TILE_Q"), tile(2, "TILE_D"));
    let slower = barrier_slowdown(device);
    let params = attention.params(1.0);
    let work = |stage, windows, parts, flops| EvenWork {
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
    let loops = KvLoops {
        workgroups: heads * attention.seq_q.div_ceil(tile_rows) * columns.div_ceil(tile_d),
        steps: |_| keys,
        steps_per_dispatch: most.max(tile_rows),
        granule: tile_rows,
        step_flops: flops,
        dispatch_flops: flops_of_dispatch(device, Units::Plain),
        max_workgroups: device.limits.max_compute_workgroups_per_dimension.into(),
        multiple: 1,
    };
    let accumulators = if keys > loops.steps_per_dispatch {
        heads * attention.seq_q * columns * 4
    } else {
        UNUSED
    };
    of_output.push(BindingRange::whole(
        Slot::Scratch(scratch.len()),
        accumulators,
    ));
    scratch.push(accumulators);
    for group in loops.groups() {
        for range in &group.ranges {
            steps.push(range.step(&group, 2, params, &of_output, &device.limits)?);
        }
    }
    Ok(Schedule { steps, scratch })
}
