//! Options of attention on every kernel that has them: each alone, several together, and values at the ends of a type.

use crate::common;
use pollster::block_on;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ridgepoint::bench::Coverage;
use ridgepoint::kernel::Constants;
use ridgepoint::ops::{BiasShape, HeadLayout, Lengths, LogSumExp, Sinks, candidate, family};
use ridgepoint::{Attention, Dtype, Error, Gpu, Mask, Operation, Plan, PlanOptions};

tests! {
    each_option_alone,
    what_a_kernel_lacks_goes_elsewhere,
    drawn_shapes_with_options,
    what_a_bias_hides_is_gone,
    f16_near_its_end_does_not_overflow,
    what_lies_past_a_length_need_not_be_numbers,
    work_in_several_dispatches_stays_right,
}

/// Holds every kernel of attention that takes `shape` against the reference; the names of those that ran.
///
/// `values` holds the operands that are read, in their order; `None` for generated ones.
fn compare(gpu: &Gpu, shape: &dyn Operation, values: Option<&[Vec<f32>]>) -> Vec<&'static str> {
    let space = common::space(gpu, shape, values);
    let mut ran = Vec::new();
    for kernel in family("attention").unwrap().kernels {
        let options = PlanOptions {
            kernel: Some(kernel.name),
            ..Default::default()
        };
        if let Some(plan) = common::plan(gpu, shape, &options) {
            common::verify(gpu, shape, &plan, &space, Coverage::Full);
            ran.push(kernel.name);
        }
    }
    ran
}

fn parse(text: &str, dtype: Dtype) -> Box<dyn Operation> {
    (family("attention").unwrap().parse)(text, dtype).unwrap()
}

const ALONE: [&str; 14] = [
    "",
    "xcausal",
    "+kv1",
    "+kv2",
    "+v32",
    "+scale=0.3",
    "+window=9",
    "xcausal+window=20",
    "+bias",
    "+bias=1x4x1",
    "+cap=1.5",
    "+sinks",
    "+lengths",
    "+lse",
];

fn each_option_alone() {
    let Some(gpu) = common::gpu() else { return };
    for option in ALONE {
        let ran = compare(
            gpu,
            parse(&format!("2x4x37x71x64{option}"), Dtype::F32).as_ref(),
            None,
        );
        for portable in ["attention_naive", "attention_flash"] {
            assert!(ran.contains(&portable), "{portable}{option}");
        }
    }
}

/// An option that a kernel lacks ends in an error where the kernel is named, and in another kernel where none is.
fn what_a_kernel_lacks_goes_elsewhere() {
    let Some(gpu) = common::gpu() else { return };
    let device = gpu.capabilities();
    let lacks = |shape: &dyn Operation, kernel: &str| {
        let candidate = candidate(shape, kernel).unwrap();
        candidate.constants(device, &Constants::new()).is_err()
    };
    let paged = "+page=16";
    for option in ALONE.into_iter().chain([paged, "+bshd"]) {
        let shape = parse(&format!("2x4x37x72x64{option}"), Dtype::F32);
        let chosen = ridgepoint::plan::choose(shape.as_ref(), &PlanOptions::default(), device);
        match chosen {
            Ok(choice) => assert!(!lacks(shape.as_ref(), choice.kernel.name), "{option}"),
            Err(error) => assert!(
                matches!(error, Error::Unsupported { .. }) && option == paged,
                "{option}: {error}"
            ),
        }
        for kernel in family("attention").unwrap().kernels {
            let options = PlanOptions {
                kernel: Some(kernel.name),
                ..Default::default()
            };
            let lacks = lacks(shape.as_ref(), kernel.name);
            let planned = block_on(Plan::new(gpu, shape.as_ref(), &options));
            let refused = matches!(planned, Err(Error::Unsupported { .. }));
            assert!(!lacks || refused, "{} takes {option}", kernel.name);
            let unfused = kernel.name == "attention_unfused";
            let plain = ["", "xcausal", "+v32", "+scale=0.3"].contains(&option);
            assert!(!unfused || plain || refused, "unfused takes {option}");
        }
    }
}

/// Options that are drawn together. Each set is a text of its own to compile, so there are few.
const SETS: [fn(Attention) -> Attention; 4] = [
    |shape| Attention {
        mask: Mask::Causal,
        ..shape
    },
    |shape| Attention {
        mask: Mask::Causal,
        window: Some(17),
        bias: Some(BiasShape {
            batch: 1,
            heads: shape.heads,
            seq_q: shape.seq_q,
        }),
        lengths: Lengths::PerSequence,
        log_sum_exp: LogSumExp::Wanted,
        ..shape
    },
    |shape| Attention {
        soft_cap: Some(3.0),
        sinks: Sinks::PerHead,
        lengths: Lengths::PerSequence,
        log_sum_exp: LogSumExp::Wanted,
        ..shape
    },
    |shape| Attention {
        dtype: Dtype::F16,
        window: Some(40),
        bias: Some(BiasShape {
            batch: shape.batch,
            heads: 1,
            seq_q: 1,
        }),
        soft_cap: Some(3.0),
        sinks: Sinks::PerHead,
        log_sum_exp: LogSumExp::Wanted,
        ..shape
    },
];

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

/// 1, around tiles, and primes.
fn length() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(1),
        31..34u64,
        63..66u64,
        127..130u64,
        prop::sample::select(vec![7, 97, 151])
    ]
}

/// Contiguous, heads within rows, or rows with gaps.
fn layout(heads: u64, gap: u64) -> HeadLayout {
    match gap {
        0 => HeadLayout::default(),
        1 => HeadLayout::interleaved(heads, 64),
        gap => HeadLayout {
            offset: 4 * gap,
            row: Some(64 + 4 * gap),
            ..HeadLayout::default()
        },
    }
}

fn drawn_shapes_with_options() {
    let Some(gpu) = common::gpu() else { return };
    let narrow = gpu
        .capabilities()
        .features
        .contains(wgpu::Features::SHADER_F16);
    let sets = if narrow { SETS.len() } else { SETS.len() - 1 };
    let heads = prop::sample::select(vec![[1, 1], [4, 1], [6, 3]]);
    let gaps = prop::collection::vec(0..4u64, 4);
    let cases = (0..sets, 1..4u64, heads, length(), length(), gaps);
    let check = |(set, batch, heads, seq_q, seq_kv, gaps)| {
        let (set, [heads, kv_heads], gaps): (usize, [u64; 2], Vec<u64>) = (set, heads, gaps);
        let shape = SETS[set](Attention {
            kv_heads,
            seq_kv,
            q: layout(heads, gaps[0]),
            k: layout(kv_heads, gaps[1]),
            v: layout(kv_heads, gaps[2]),
            o: layout(heads, gaps[3]),
            ..Attention::new(batch, heads, seq_q, 64)
        });
        let ran = compare(gpu, &shape, None);
        prop_assert!(ran.contains(&"attention_flash"), "{shape:?}: {ran:?}");
        Ok(())
    };
    runner(24).run(&cases, check).unwrap();
}

/// -inf in a bias hides a key; a row that sees none gives zeros, and -inf as logarithm, with a sink the sink.
fn what_a_bias_hides_is_gone() {
    let Some(gpu) = common::gpu() else { return };
    for options in ["+bias+lse", "+bias+sinks+lse"] {
        let shape = parse(&format!("1x2x35x67x64{options}"), Dtype::F32);
        let mut values = common::generated(shape.as_ref());
        for (i, bias) in values[3].iter_mut().enumerate() {
            let (query, key) = (i / 67 % 35, i % 67);
            if query % 5 == 0 || key % 3 == query % 3 || (query == 7 && key < 64) {
                *bias = f32::NEG_INFINITY;
            }
        }
        let ran = compare(gpu, shape.as_ref(), Some(&values));
        assert!(ran.contains(&"attention_flash"), "{ran:?}");
    }
}

/// Sums of products far beyond f16, results at its end.
fn f16_near_its_end_does_not_overflow() {
    let Some(gpu) = common::gpu() else { return };
    let shape = parse("1x2x33x65x64xcausal", Dtype::F16);
    let mut values = common::generated(shape.as_ref());
    values[0].iter_mut().for_each(|q| *q *= 1000.0);
    values[1].iter_mut().for_each(|k| *k *= 100.0);
    values[2].iter_mut().for_each(|v| *v = 65504.0 * v.signum());
    let rounded: Vec<Vec<f32>> = values
        .iter()
        .map(|values| Dtype::F16.decode(&Dtype::F16.encode(values)))
        .collect();
    let ran = compare(gpu, shape.as_ref(), Some(&rounded));
    let narrow = gpu
        .capabilities()
        .features
        .contains(wgpu::Features::SHADER_F16);
    assert!(!narrow || ran.contains(&"attention_flash"), "{ran:?}");
}

/// Memory behind a sequence's own length is not read, and rows of O there are zeros.
fn what_lies_past_a_length_need_not_be_numbers() {
    let Some(gpu) = common::gpu() else { return };
    let shape = parse("4x1x33x65x64+lengths+lse", Dtype::F32);
    let mut values = common::generated(shape.as_ref());
    let lengths = [[33, 65], [0, 20], [5, 0], [17, 31]];
    values[3] = lengths.iter().flatten().map(|n| *n as f32).collect();
    for (i, [queries, keys]) in lengths.into_iter().enumerate() {
        values[0][(i * 33 + queries) * 64..(i + 1) * 33 * 64].fill(f32::NAN);
        values[1][(i * 65 + keys) * 64..(i + 1) * 65 * 64].fill(f32::NAN);
        values[2][(i * 65 + keys) * 64..(i + 1) * 65 * 64].fill(f32::NAN);
    }
    let ran = compare(gpu, shape.as_ref(), Some(&values));
    assert!(ran.contains(&"attention_naive") && ran.contains(&"attention_flash"));
}

/// More work than a dispatch may hold on a processor is cut, and its parts fit together.
fn work_in_several_dispatches_stays_right() {
    let Some(gpu) = common::gpu() else { return };
    let shape = Attention::new(1, 3, 600, 64);
    if gpu.capabilities().kind == ridgepoint::report::AdapterKind::Software {
        let plan = block_on(Plan::new(gpu, &shape, &PlanOptions::default())).unwrap();
        assert!(plan.dispatches() > 1);
    }
    let ran = compare(gpu, &shape, None);
    assert!(ran.contains(&"attention_naive") && ran.contains(&"attention_flash"));
}
