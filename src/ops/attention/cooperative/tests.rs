//! Which tile a shape gets, and how long work is cut.

use super::super::options::Mask;
use super::super::params::LoopParams;
use super::*;
use crate::ops::scheduled::scheduled;
use crate::plan::{PlanOptions, choose};
use crate::report::AdapterKind;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const LONG: Attention = Attention {
    dtype: Dtype::F16,
    mask: Mask::Causal,
    ..Attention::new(1, 32, 65_536, 128)
};

fn device(kind: AdapterKind) -> Capabilities {
    Capabilities::fake(kind)
        .with_f16()
        .with_subgroups((32, 32))
        .with_matrix_units(16)
        .with_workgroup_memory()
        .with_invocations(1024)
}

#[test]
fn f16_gets_matrix_units_where_there_are_any() {
    let chosen = |device: &Capabilities| choose(&LONG, &PlanOptions::default(), device);
    let choice = chosen(&device(AdapterKind::Discrete)).unwrap();
    assert_eq!(choice.kernel.name, COOPERATIVE.kernel.name);
    let without = device(AdapterKind::Discrete).with_matrix_units(0);
    let candidate = COOPERATIVE.bound(&LONG);
    let constants = candidate.constants(&without, &Constants::new());
    let message = constants.unwrap_err().to_string();
    assert!(message.contains("no trusted f16"), "{message}");
}

#[test]
fn tiles_follow_the_columns_and_the_number_of_queries() {
    let gpu = device(AdapterKind::Discrete);
    let chosen = |shape: Attention| {
        let candidate = COOPERATIVE.bound(&shape);
        let found = candidate.constants(&gpu, &Constants::new()).unwrap();
        let number = |name: &str| found.integer(name).unwrap() as u32;
        FragmentTile {
            subgroups: number("SUBGROUPS"),
            subgroup_q: number("SUBGROUP_Q"),
            kv: number("TILE_KV"),
        }
    };
    let of = |heads, seq, columns| Attention {
        dtype: Dtype::F16,
        ..Attention::new(1, heads, seq, columns)
    };
    assert_eq!(chosen(LONG), ROWS_256);
    assert_eq!(chosen(of(64, 2048, 64)), ROWS_128);
    assert_eq!(chosen(of(64, 2048, 256)), ROWS_128_BY_16);
    // Three workgroups for two cores, one for each, fewer.
    assert_eq!(chosen(of(192, 128, 64)), ROWS_64);
    assert_eq!(chosen(of(16, 512, 64)), ROWS_64_DEEP);
    assert_eq!(chosen(of(8, 512, 64)), ROWS_32);
    assert_eq!(chosen(of(16, 1024, 96)), ROWS_128_DEEP);
    assert_eq!(chosen(of(32, 4096, 96)), ROWS_256);
    assert_eq!(chosen(of(1, 1, 128)), ROWS_32);
}

/// Keys of the KV loops of each dispatch on an H200, and how many workgroups it has room for at a time.
fn dispatches(shape: &Attention) -> (Vec<Vec<u64>>, usize) {
    let gpu = device(AdapterKind::Discrete);
    let options = PlanOptions::default();
    let (stages, schedule) = scheduled(shape, &COOPERATIVE.kernel, &options, &gpu);
    assert!(schedule.scratch.iter().sum::<u64>() <= 65 << 20);
    let tile = u64::from(stages[0].constant("TILE_Q"));
    let (heads, tiles) = (shape.all_heads(), shape.seq_q.div_ceil(tile));
    let causal = shape.mask == Mask::Causal;
    let loops = schedule.steps.iter().filter(|step| step.stage == 0);
    let loops = loops
        .map(|step| {
            let params: &LoopParams = bytemuck::from_bytes(&step.params);
            let first = u64::from(params.attention.first);
            let workgroups = first..first + u64::from(step.workgroups[0] * step.workgroups[1]);
            workgroups
                .map(|workgroup| {
                    let index = if causal {
                        workgroup / heads
                    } else {
                        workgroup % tiles
                    };
                    let whole = shape.loop_length(tiles - 1 - index, tile);
                    let left = whole.saturating_sub(params.first_step.into());
                    left.min(params.steps.into())
                })
                .collect()
        })
        .collect();
    (loops, 132 * 256 / stages[0].invocations() as usize)
}

/// The time of a dispatch where there is room for `room` workgroups at a time, in keys of a KV loop.
fn time(loops: &[u64], room: usize) -> u64 {
    let mut busy_until = BinaryHeap::from(vec![Reverse(0); room]);
    for keys in loops {
        let Reverse(free) = busy_until.pop().unwrap();
        busy_until.push(Reverse(free + keys));
    }
    let ends = busy_until.into_iter().map(|Reverse(end)| end);
    ends.max().unwrap()
}

#[test]
fn dispatches_of_long_attention_fill_a_large_device() {
    let masks = [Mask::Causal, Mask::None];
    let sizes = [1 << 15, 50_000, 1 << 16, 1 << 17];
    for (columns, mask) in [64, 128]
        .into_iter()
        .flat_map(|c| masks.map(|mask| (c, mask)))
    {
        for keys in sizes {
            let shape = Attention {
                mask,
                dtype: Dtype::F16,
                ..Attention::new(1, 32, keys, columns)
            };
            let (dispatches, room) = dispatches(&shape);
            assert!(dispatches.len() > 1);
            let all: u64 = dispatches.iter().flatten().sum();
            let times: u64 = dispatches.iter().map(|loops| time(loops, room)).sum();
            let busy = all as f64 / (room as u64 * times) as f64;
            assert!(busy > 0.95, "{mask:?} {columns} {keys}: {busy}");
        }
    }
}

/// Attention that fits one dispatch is not cut, and needs no scratch memory for partial accumulators.
#[test]
fn shorter_attention_needs_no_memory_of_its_own() {
    let shape = Attention {
        seq_q: 8192,
        seq_kv: 8192,
        ..LONG
    };
    let (dispatches, _) = dispatches(&shape);
    let [whole] = &dispatches[..] else {
        panic!("cut");
    };
    assert_eq!(whole.len(), 32 * 8192 / 256);
    assert_eq!(whole.iter().max(), Some(&8192));
}
