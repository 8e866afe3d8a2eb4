//! Attention from the library's own fast product and softmax: what fusing has to be measured against.

use super::{Attention, HeadLayout, Lengths, LogSumExp, Mask, Sinks, schedule};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch};
use crate::kernel::{Constants, Kernel, Schedule, Slot, Stage, Step, Window};
use crate::ops::{Causal, Layout, Matmul, Operation, Order, Softmax, Target, matmul, softmax};
use crate::shader::{Constant, Prepared};

pub(super) static ATTENTION_UNFUSED: Kernel = Kernel {
    name: "attention_unfused",
    about: "matmul_blocked, softmax_workgroup, matmul_blocked, with the scores in memory: the fair baseline",
    stages: &[
        Stage {
            shader: &matmul::BLOCKED_FILE,
            constants: &SCORES,
        },
        Stage::of(&softmax::WORKGROUP_SHADER),
        Stage {
            shader: &matmul::BLOCKED_FILE,
            constants: &VALUES,
        },
    ],
    features: wgpu::Features::SUBGROUP,
    dtypes: &[Dtype::F32],
    presets: &[],
};

/// Constants of one product, which win over those that it shares with the other.
const fn product(tiles: matmul::Tiles, transposed: bool) -> [(&'static str, Constant); 8] {
    let mut all = [("TRANSPOSED_B", Constant::Bool(transposed)); 8];
    let mut i = 0;
    while i < tiles.len() {
        all[i + 1] = tiles[i];
        i += 1;
    }
    all
}

// Both are shallow or narrow: many invocations, which hide the ends of few steps, beat the reuse of large blocks.
const SCORES_TILES: matmul::Tiles = &matmul::tiles([64, 128, 16], [8, 4], 1);
const VALUES_TILES: matmul::Tiles = &matmul::tiles([128, 64, 16], [8, 8], 1);
const SCORES: [(&str, Constant); 8] = product(SCORES_TILES, true);
const VALUES: [(&str, Constant); 8] = product(VALUES_TILES, false);

/// The three operations of some heads, one behind the other.
struct Parts {
    scores: Matmul,
    softmax: Softmax,
    values: Matmul,
}

impl Parts {
    fn of(attention: &Attention, first: u64, heads: u64) -> Self {
        let (queries, keys) = (attention.seq_q, attention.seq_kv);
        let at = |offset, order| Layout {
            order,
            offset,
            ..Layout::default()
        };
        let from = |rows: u64, columns: u64, order| at(first * rows * columns, order);
        Self {
            scores: Matmul {
                batch: heads,
                alpha: attention.scale(),
                a: from(queries, attention.head_dim, Order::AsIs),
                b: from(keys, attention.head_dim, Order::Transposed),
                ..Matmul::new(queries, keys, attention.head_dim)
            },
            softmax: Softmax {
                causal: (attention.mask == Mask::Causal).then(|| Causal {
                    queries,
                    seen: keys - queries + 1,
                }),
                target: Target::InPlace,
                ..Softmax::new(heads * queries, keys)
            },
            values: Matmul {
                batch: heads,
                b: from(keys, attention.value_dim, Order::AsIs),
                c: from(queries, attention.value_dim, Order::AsIs),
                ..Matmul::new(queries, attention.value_dim, keys)
            },
        }
    }
}

/// What it has no form for, if this attention needs that.
pub(super) fn lacking(attention: &Attention) -> Option<String> {
    let plain = attention.kv_heads == attention.heads
        && [attention.q, attention.k, attention.v, attention.o] == [HeadLayout::default(); 4]
        && attention.window.is_none()
        && attention.bias.is_none()
        && attention.soft_cap.is_none()
        && attention.sinks == Sinks::None
        && attention.lengths == Lengths::Same
        && attention.log_sum_exp == LogSumExp::Unwanted;
    if !plain {
        return Some("it has no options but the causal mask".into());
    }
    let sizes = [attention.seq_kv, attention.head_dim, attention.value_dim];
    if sizes
        .iter()
        .any(|size| *size == 0 || !size.is_multiple_of(4))
    {
        return Some("it takes keys and columns in multiples of 4".into());
    }
    (attention.mask == Mask::Causal && attention.seq_q > attention.seq_kv)
        .then(|| "it has no causal form for more queries than keys".into())
}

/// Constants of its files.
///
/// # Errors
/// [`crate::Error::Unsupported`] for rows that softmax does not hold.
pub(super) fn constants(attention: &Attention, device: &Capabilities) -> Result<Constants> {
    let parts = Parts::of(attention, 0, 1);
    let mut found = parts.scores.constants(&matmul::BLOCKED, device)?;
    found.extend(parts.softmax.constants(&softmax::WORKGROUP, device)?);
    let [of_scores, of_values] = [(parts.scores, SCORES_TILES), (parts.values, VALUES_TILES)]
        .map(|(product, tiles)| product.derived(&matmul::BLOCKED, &tiles.to_vec(), device));
    // What one of the products needs, both have: guards at an edge, a budget.
    for ((name, one), (_, other)) in of_scores.into_iter().zip(of_values) {
        let value = match (one, other) {
            (Constant::Integer(one), Constant::Integer(other)) => Constant::Integer(one.max(other)),
            _ => Constant::Bool([one, other].contains(&Constant::Bool(true))),
        };
        found.push((name, value));
    }
    Ok(found)
}

/// The operations of as many heads at a time as a dispatch may hold.
///
/// # Errors
/// [`crate::Error::TooLarge`] with the bytes of the scores.
pub(super) fn schedule(
    attention: &Attention,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    schedule::score_bytes(attention, &device.limits)?;
    let all = attention.all_heads();
    let flops =
        2 * attention.seq_q * attention.seq_kv * attention.head_dim.max(attention.value_dim);
    let most = (flops_of_dispatch(device, Units::Plain) / flops.max(1)).clamp(1, all);
    let each = all.div_ceil(all.div_ceil(most));
    let bytes = each * attention.seq_q * attention.seq_kv * 4;
    let scores = Slot::Scratch(0);
    let mut schedule = Schedule {
        steps: Vec::new(),
        scratch: vec![bytes],
    };
    for first in (0..all).step_by(each as usize) {
        let parts = Parts::of(attention, first, each.min(all - first));
        let [q, k, v, o] = [0, 1, 2, 3].map(Slot::Operand);
        let runs = [
            (
                parts
                    .scores
                    .schedule(&matmul::BLOCKED, &stages[..1], device)?,
                vec![q, k, scores],
            ),
            (
                parts
                    .softmax
                    .schedule(&softmax::WORKGROUP, &stages[1..2], device)?,
                vec![scores],
            ),
            (
                parts
                    .values
                    .schedule(&matmul::BLOCKED, &stages[2..], device)?,
                vec![scores, v, o],
            ),
        ];
        for (stage, (run, slots)) in runs.into_iter().enumerate() {
            schedule.steps.extend(
                run.steps
                    .into_iter()
                    .map(|step| placed(step, stage, &slots)),
            );
        }
    }
    Ok(schedule)
}

/// A step of another operation as one of `stage`, with its operands in `slots`.
fn placed(step: Step, stage: usize, slots: &[Slot]) -> Step {
    let placed = |window: Window| match window.slot {
        Slot::Operand(operand) => Window {
            slot: slots[operand],
            ..window
        },
        Slot::Scratch(_) => window,
    };
    Step {
        stage,
        windows: step.windows.into_iter().map(placed).collect(),
        ..step
    }
}
