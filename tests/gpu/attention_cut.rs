//! Attention whose KV loops are cut into several dispatches, as long ones are on slow adapters: every option.

use crate::common;
use pollster::block_on;
use proptest::prelude::*;
use ridgepoint::bench::Coverage;
use ridgepoint::kernel::Constants;
use ridgepoint::ops::{Family, family};
use ridgepoint::{Dtype, Error, Gpu, Operation, Plan, PlanOptions};

tests! {
    each_option_goes_through_cuts,
    gradients_go_through_cuts,
    drawn_lengths_go_through_cuts,
    parts_without_keys_disturb_nothing,
    later_parts_may_weigh_far_more_or_less,
    long_loops_are_cut_on_a_slow_adapter,
}

/// Steps of a dispatch: the fewest keys that every tile allows, and a few blocks of the backward.
fn steps(family: &Family) -> Constants {
    let steps = if family.name == "attention" {
        ("KV_PER_DISPATCH", 128u32)
    } else {
        ("BLOCKS_PER_DISPATCH", 3)
    };
    Constants::from([steps])
}

/// Compares the kernels of a family whose loops can be cut with the reference, cut after every few steps; returns the names
/// of the kernels that took several dispatches.
///
/// `values` holds the operands that are read, in their order; `None` for generated ones.
fn compare(gpu: &Gpu, shape: &dyn Operation, values: Option<&[Vec<f32>]>) -> Vec<&'static str> {
    let space = common::space(gpu, shape, values);
    let mut cut = Vec::new();
    for kernel in shape.family().kernels {
        let options = PlanOptions {
            kernel: Some(kernel.name),
            constants: steps(shape.family()),
            ..Default::default()
        };
        let plan = match block_on(Plan::new(gpu, shape, &options)) {
            // A kernel whose loops cannot be cut has no such constant.
            Err(Error::Unsupported { .. } | Error::UnknownName { .. }) => continue,
            planned => planned.unwrap(),
        };
        // Twice, since scratch memory then holds the partial accumulators of the run before.
        for _ in 0..2 {
            common::verify(gpu, shape, &plan, &space, Coverage::Full);
        }
        // One dispatch for each stage, the one that finishes included, would be loops that were not cut.
        if plan.dispatches() > kernel.stages.len() {
            cut.push(kernel.name);
        }
    }
    cut
}

fn attention() -> &'static Family {
    family("attention").unwrap()
}

fn parse(family: &Family, text: &str, dtype: Dtype) -> Box<dyn Operation> {
    (family.parse)(text, dtype).unwrap()
}

/// Each option alone, then several, in both element types.
const OPTIONS: [&str; 16] = [
    "",
    "xcausal",
    "+kv1",
    "+v32",
    "+scale=0.3",
    "+window=150",
    "xcausal+window=200",
    "+bias",
    "+bias=1x2x1",
    "+cap=1.5",
    "+sinks",
    "+lengths",
    "+lse",
    "+bshd",
    "xcausal+kv1+v32+bias+cap=2+sinks+lengths+lse+bshd",
    "+window=300+v128+sinks+lengths+lse",
];

fn each_option_goes_through_cuts() {
    let Some(gpu) = common::gpu() else { return };
    let narrow = gpu
        .capabilities()
        .features
        .contains(wgpu::Features::SHADER_F16);
    for (i, option) in OPTIONS.into_iter().enumerate() {
        let both = narrow && (i < 2 || i >= OPTIONS.len() - 2);
        let dtypes = if both {
            &[Dtype::F32, Dtype::F16][..]
        } else {
            &[Dtype::F32]
        };
        for dtype in dtypes {
            let shape = parse(attention(), &format!("2x2x70x391x64{option}"), *dtype);
            let cut = compare(gpu, shape.as_ref(), None);
            assert!(cut.contains(&"attention_flash"), "{option}: {cut:?}");
        }
    }
}

/// Loops of the backward are cut: sums over keys for queries, and sums over queries of all heads of a group for keys.
fn gradients_go_through_cuts() {
    let Some(gpu) = common::gpu() else { return };
    let narrow = gpu
        .capabilities()
        .features
        .contains(wgpu::Features::SHADER_F16);
    let backward = family("attention_backward").unwrap();
    let dtypes = if narrow {
        &[Dtype::F32, Dtype::F16][..]
    } else {
        &[Dtype::F32]
    };
    for options in [
        "1x2x70x233x32",
        "2x4x150x203x32xcausal+kv2+lengths+bshd",
        "1x3x203x150x32xcausal+kv1+window=120+bias+cap=2+v16",
        "2x2x9x300x32+sinks+lengths",
    ] {
        for dtype in dtypes {
            let shape = parse(backward, options, *dtype);
            let cut = compare(gpu, shape.as_ref(), None);
            assert!(
                cut.contains(&"attention_backward_flash"),
                "{options}: {cut:?}"
            );
        }
    }
}

fn drawn_lengths_go_through_cuts() {
    let Some(gpu) = common::gpu() else { return };
    let options = ["xcausal+lse", "xcausal+window=170+lengths", "+sinks+lse"];
    let config = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let sizes = (1u64..3, 1u64..200, 0u64..700, 0..options.len());
    proptest!(config, |((heads, queries, keys, option) in sizes)| {
        let text = format!("1x{heads}x{queries}x{keys}x32{}", options[option]);
        compare(gpu, parse(attention(), &text, Dtype::F32).as_ref(), None);
    });
}

/// Rows that see nothing in the first part, in the last, or in none at all; hidden by -inf, and by a length.
fn parts_without_keys_disturb_nothing() {
    let Some(gpu) = common::gpu() else { return };
    for options in ["+bias+lse", "+bias+sinks+lse", "+bias+lengths+lse"] {
        let shape = parse(attention(), &format!("1x2x35x391x64{options}"), Dtype::F32);
        let mut values = common::generated(shape.as_ref());
        let place = shape
            .operands()
            .iter()
            .position(|o| o.name == "bias")
            .unwrap();
        for (i, bias) in values[place].iter_mut().enumerate() {
            let (query, key) = (i / 391 % 35, i % 391);
            let hidden = match query % 5 {
                0 => true,
                1 => key < 200,
                2 => key >= 128,
                3 => (128..256).contains(&key),
                _ => false,
            };
            if hidden {
                *bias = f32::NEG_INFINITY;
            }
        }
        if options.contains("lengths") {
            values[3] = vec![33.0, 300.0];
        }
        let cut = compare(gpu, shape.as_ref(), Some(&values));
        assert!(cut.contains(&"attention_flash"), "{cut:?}");
    }
}

/// Scores that grow from part to part, so that each rescales what the ones before have left, and that shrink.
fn later_parts_may_weigh_far_more_or_less() {
    let Some(gpu) = common::gpu() else { return };
    for sign in [1.0, -1.0] {
        let shape = parse(attention(), "1x1x9x500x64+lse", Dtype::F32);
        let mut values = common::generated(shape.as_ref());
        values[0].fill(0.25);
        for (i, k) in values[1].iter_mut().enumerate() {
            *k = sign * (i / 64) as f32 / 2.0;
        }
        let cut = compare(gpu, shape.as_ref(), Some(&values));
        assert!(cut.contains(&"attention_flash"), "{cut:?}");
    }
}

/// Long loops are cut on a software adapter by default, into more dispatches than uncut loops have.
fn long_loops_are_cut_on_a_slow_adapter() {
    let Some(gpu) = common::gpu() else { return };
    let software = gpu.capabilities().kind == ridgepoint::report::AdapterKind::Software;
    let cases = [
        // Whole, each of the four tiles would be one at most.
        ("attention_flash", "1x2x70x9500x64+lse", 4),
        ("attention_naive", "2x1x5x13000x6+v10+lengths", 3),
        ("attention_decode", "1x4x2x20000x64+kv1", 2),
    ];
    for (kernel, text, whole) in cases {
        for dtype in [Dtype::F32, Dtype::F16] {
            let shape = parse(attention(), text, dtype);
            let options = PlanOptions {
                kernel: Some(kernel),
                ..Default::default()
            };
            let Some(plan) = common::plan(gpu, shape.as_ref(), &options) else {
                continue;
            };
            let dispatches = plan.dispatches();
            assert!(!software || dispatches > whole, "{kernel}: {dispatches}");
            let space = common::space(gpu, shape.as_ref(), None);
            common::verify(gpu, shape.as_ref(), &plan, &space, Coverage::Sampled);
        }
    }
}
