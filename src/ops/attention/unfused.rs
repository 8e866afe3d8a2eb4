//! `attention_unfused`: the library's own fast product and softmax, one after the other; what fusing is measured against.

use super::bindings::score_bytes;
use super::form;
use super::options::{HeadLayout, Lengths, LogSumExp, Mask, Sinks};
use super::shape::Attention;
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch};
use crate::kernel::{BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage};
use crate::ops::{Causal, Layout, Matmul, Order, Softmax, Target, matmul, softmax};
use crate::ops::{Fit, Implementation, no_alternatives};
use crate::shader::{Constant, Prepared, files};

pub(super) static UNFUSED: Implementation<Attention> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        dtypes: &[Dtype::F32],
        ..Kernel::new(
            "attention_unfused",
            "matmul_blocked, softmax_workgroup, matmul_blocked, with the scores in memory: the fair baseline",
            &[
                Stage {
                    shader: &files::MATMUL_BLOCKED,
                    constants: &SCORES,
                },
                Stage::of(&files::SOFTMAX_WORKGROUP),
                Stage {
                    shader: &files::MATMUL_BLOCKED,
                    constants: &VALUES,
                },
            ],
        )
    },
    fit: |attention, _| lacking(attention).map_or(Fit::Best, Fit::Unable),
    constants,
    alternatives: no_alternatives,
    schedule,
    samples: None,
};

/// Constants of one product, which win over those that it shares with the other: its tiles, and K at once.
const fn product(tiles: matmul::Tiles, transposed_b: bool) -> [(&'static str, Constant); 8] {
    let mut all = [("TRANSPOSED_B", Constant::Bool(transposed_b)); 8];
    let mut i = 0;
    while i < tiles.len() {
        all[i + 1] = tiles[i];
        i += 1;
    }
    all[7] = ("SPLIT_K", Constant::Integer(1));
    all
}

// Both are shallow or narrow: many invocations, which hide the ends of few steps, beat the reuse of large blocks.
const SCORES_TILES: matmul::Tiles = &matmul::tiles([64, 128, 16], [8, 4], 1);
const VALUES_TILES: matmul::Tiles = &matmul::tiles([128, 64, 16], [8, 8], 1);
const SCORES: [(&str, Constant); 8] = product(SCORES_TILES, true);
const VALUES: [(&str, Constant); 8] = product(VALUES_TILES, false);

/// The three operations of some neighbouring heads.
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
                a: from(queries, attention.head_dim, Order::RowMajor),
                b: from(keys, attention.head_dim, Order::ColumnMajor),
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
                b: from(keys, attention.value_dim, Order::RowMajor),
                c: from(queries, attention.value_dim, Order::RowMajor),
                ..Matmul::new(queries, attention.value_dim, keys)
            },
        }
    }
}

/// Why the kernel has no form for an attention, if it has none.
fn lacking(attention: &Attention) -> Option<String> {
    if let Some(reason) = form::paged(attention) {
        return Some(reason);
    }
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

/// Constants of the product and of softmax.
///
/// # Errors
/// [`crate::Error::Unsupported`] for rows that softmax does not hold.
fn constants(attention: &Attention, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let parts = Parts::of(attention, 0, 1);
    let softmax = softmax::WORKGROUP.bound(&parts.softmax);
    let softmax = softmax.constants(device, &Constants::new())?;
    let [of_scores, of_values] =
        [(parts.scores, SCORES_TILES), (parts.values, VALUES_TILES)].map(|(product, tiles)| {
            matmul::BLOCKED
                .bound(&product)
                .constants(device, &Constants::from(tiles).set("SPLIT_K", 1u32))
        });
    let (of_scores, of_values) = (of_scores?, of_values?);
    // Both products get the guards at an edge, and the watchdog limit, that either of them needs.
    let mut found = of_scores.clone();
    for name in ["CLAMP", "RAGGED_K", "EDGES", "BUDGET"] {
        let value = match (of_scores.get(name), of_values.get(name)) {
            (Some(Constant::Integer(one)), Some(Constant::Integer(other))) => {
                Constant::Integer(one.max(other))
            }
            (one, other) => Constant::Bool([one, other].contains(&Some(Constant::Bool(true)))),
        };
        found = found.set(name, value);
    }
    let is_tile = |name: &str| SCORES_TILES.iter().any(|(known, _)| *known == name);
    let found = found.merged(&softmax);
    let shared = found.iter().copied().filter(|(name, _)| !is_tile(name));
    Ok(shared.collect())
}

/// The operations of as many heads at a time as a dispatch may hold.
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
    score_bytes(attention, &device.limits)?;
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
                matmul::BLOCKED
                    .bound(&parts.scores)
                    .schedule(&stages[..1], device)?,
                vec![q, k, scores],
            ),
            (
                softmax::WORKGROUP
                    .bound(&parts.softmax)
                    .schedule(&stages[1..2], device)?,
                vec![scores],
            ),
            (
                matmul::BLOCKED
                    .bound(&parts.values)
                    .schedule(&stages[2..], device)?,
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
fn placed(step: Dispatch, stage: usize, slots: &[Slot]) -> Dispatch {
    let placed = |window: BindingRange| match window.slot {
        Slot::Operand(operand) => BindingRange {
            slot: slots[operand],
            ..window
        },
        Slot::Scratch(_) => window,
    };
    Dispatch {
        stage,
        windows: step.windows.into_iter().map(placed).collect(),
        ..step
    }
}
