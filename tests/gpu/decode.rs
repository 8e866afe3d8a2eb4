//! Attention of few queries over many keys, and over paged caches: options in drawn combinations, wrong tables, lengths.

use crate::common;
use pollster::block_on;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ridgepoint::bench::Coverage;
use ridgepoint::data::generate;
use ridgepoint::ops::{BiasShape, KvCache, Lengths, LogSumExp, Sinks};
use ridgepoint::{Attention, Dtype, Gpu, HeadLayout, Mask, Operation, Plan, PlanOptions};

tests! {
    drawn_options_agree_with_the_reference,
    pages_that_are_not_there_are_the_last,
    lengths_of_nothing_and_beyond_all_are_right,
    scores_beyond_exp_do_not_overflow,
    what_is_refused_is_named,
}

const KERNELS: [&str; 2] = ["attention_decode", "attention_decode_subgroup"];

/// Runs both kernels on `values`, or on generated ones, and holds them against the reference; gives how many ran.
fn check(gpu: &Gpu, shape: &Attention, values: Option<&[Vec<f32>]>) -> usize {
    let space = common::space(gpu, shape, values);
    let runs = |kernel: &&&'static str| {
        let options = PlanOptions {
            kernel: Some(**kernel),
            ..Default::default()
        };
        let plan = common::plan(gpu, shape, &options);
        if let Some(plan) = &plan {
            common::verify(gpu, shape, plan, &space, Coverage::Full);
        }
        plan.is_some()
    };
    KERNELS.iter().filter(runs).count()
}

/// An attention of drawn sizes and options; the type is f16 where `halves` are.
fn shapes(halves: bool) -> impl Strategy<Value = Attention> {
    let sizes = (1..3u64, 1..3u64, 1..6u64, 1..5u64, 0..300u64);
    let widths = (
        prop::sample::select(vec![16, 32, 64, 80, 128]),
        prop::option::weighted(0.3, prop::sample::select(vec![16, 48])),
    );
    let seen = (
        any::<bool>(),
        prop::option::weighted(0.3, 1..200u64),
        prop::option::weighted(0.5, any::<[bool; 3]>()),
        any::<bool>(),
    );
    let rest = (
        any::<[bool; 5]>(),
        prop::option::weighted(0.6, prop::sample::select(vec![1, 16, 17])),
    );
    (sizes, widths, seen, rest).prop_map(move |(sizes, widths, seen, rest)| {
        let (batch, kv_heads, group, seq_q, seq_kv) = sizes;
        let (head_dim, value_dim) = (widths.0, widths.1.unwrap_or(widths.0));
        let (causal, window, bias, capped) = seen;
        let ([sinks, lengths, sums, interleaved, half], page_size) = rest;
        let heads = kv_heads * group;
        let lay = |heads, columns| {
            if interleaved {
                HeadLayout::interleaved(heads, columns)
            } else {
                HeadLayout::default()
            }
        };
        Attention {
            kv_heads,
            seq_kv,
            value_dim,
            dtype: if half && halves {
                Dtype::F16
            } else {
                Dtype::F32
            },
            q: lay(heads, head_dim),
            k: lay(kv_heads, head_dim),
            v: lay(kv_heads, value_dim),
            o: lay(heads, value_dim),
            mask: if causal { Mask::Causal } else { Mask::None },
            window,
            bias: bias.map(|own| BiasShape {
                batch: if own[0] { batch } else { 1 },
                heads: if own[1] { heads } else { 1 },
                seq_q: if own[2] { seq_q } else { 1 },
            }),
            soft_cap: capped.then_some(2.0),
            sinks: if sinks { Sinks::PerHead } else { Sinks::None },
            lengths: if lengths {
                Lengths::PerSequence
            } else {
                Lengths::Same
            },
            cache: page_size.map_or(KvCache::Contiguous, |page_size| KvCache::Paged {
                pages: 1 + batch * seq_kv.div_ceil(page_size),
                page_size,
            }),
            log_sum_exp: if sums {
                LogSumExp::Wanted
            } else {
                LogSumExp::Unwanted
            },
            ..Attention::new(batch, heads, seq_q, head_dim)
        }
    })
}

fn drawn_options_agree_with_the_reference() {
    let Some(gpu) = common::gpu() else { return };
    let features = gpu.capabilities().features;
    let strategy = shapes(features.contains(wgpu::Features::SHADER_F16));
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&strategy, |shape| {
        prop_assert!(check(gpu, &shape, None) > 0, "{shape:?}");
        Ok(())
    });
    result.unwrap();
}

/// Values for every operand that is read, with `table` and `lengths` in their places.
fn inputs(shape: &Attention, table: &[f32], lengths: &[f32]) -> Vec<Vec<f32>> {
    let operands = shape.operands();
    let read = operands.iter().filter(|operand| operand.role.is_read());
    let values = |(i, operand): (usize, &ridgepoint::ops::Operand)| match operand.name {
        "table" => table.to_vec(),
        "lengths" => lengths.to_vec(),
        _ => generate(
            3,
            i,
            operand.elements as usize,
            operand.dtype,
            operand.distribution,
        ),
    };
    read.enumerate().map(values).collect()
}

const CACHE: Attention = Attention {
    kv_heads: 2,
    seq_kv: 50,
    lengths: Lengths::PerSequence,
    cache: KvCache::Paged {
        pages: 9,
        page_size: 16,
    },
    log_sum_exp: LogSumExp::Wanted,
    sinks: Sinks::PerHead,
    ..Attention::new(4, 4, 2, 16)
};

fn pages_that_are_not_there_are_the_last() {
    let Some(gpu) = common::gpu() else { return };
    let mut table: Vec<f32> = (0..16u8).map(|page| f32::from(page % 9)).collect();
    table[1] = 9.0;
    table[6] = 16_777_215.0;
    let lengths = [2.0, 50.0, 2.0, 33.0, 2.0, 17.0, 2.0, 16.0];
    let values = inputs(&CACHE, &table, &lengths);
    assert!(check(gpu, &CACHE, Some(&values)) > 0);
}

fn lengths_of_nothing_and_beyond_all_are_right() {
    let Some(gpu) = common::gpu() else { return };
    let table: Vec<f32> = (0..16u8).map(|page| f32::from(page % 9)).collect();
    let lengths = [0.0, 0.0, 2.0, 0.0, 0.0, 50.0, 9.0, 16_777_215.0];
    for mask in [Mask::None, Mask::Causal] {
        for sinks in [Sinks::None, Sinks::PerHead] {
            let shape = Attention {
                mask,
                sinks,
                ..CACHE
            };
            let values = inputs(&shape, &table, &lengths);
            assert!(check(gpu, &shape, Some(&values)) > 0);
        }
    }
}

fn scores_beyond_exp_do_not_overflow() {
    let Some(gpu) = common::gpu() else { return };
    let shape = Attention {
        seq_kv: 300,
        mask: Mask::Causal,
        ..Attention::new(1, 2, 3, 32)
    };
    for factor in [3e4, -3e4] {
        let mut values = inputs(&shape, &[], &[]);
        values[0].iter_mut().for_each(|q| *q *= factor);
        assert!(check(gpu, &shape, Some(&values)) > 0);
    }
}

fn what_is_refused_is_named() {
    let Some(gpu) = common::gpu() else { return };
    let refusal = |shape: &Attention| {
        let plan = block_on(Plan::new(gpu, shape, &PlanOptions::default()));
        plan.map(|plan| plan.kernel().name).unwrap_err().to_string()
    };
    let narrow = Attention {
        head_dim: 18,
        ..CACHE
    };
    let text = refusal(&narrow);
    assert!(
        text.contains("`q`") && text.contains("multiples of 4 elements"),
        "{text}"
    );
}
