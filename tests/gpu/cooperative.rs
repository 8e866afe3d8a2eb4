//! Matrix units: every form of the cooperative kernels, and fragments of 16 x 16 where the adapter lists only 8 x 8.
//!
//! `make test-cooperative` runs this on a software adapter that has them.

pub(crate) mod aligned;

use crate::{common, skip};
use pollster::block_on;
use proptest::prelude::*;
use ridgepoint::bench::{Coverage, OperandBuffers};
use ridgepoint::data::{Distribution, generate};
use ridgepoint::kernel::{Constants, Fragments};
use ridgepoint::ops::{BiasShape, Lengths, LogSumExp, Sinks, family};
use ridgepoint::report::AdapterKind;
use ridgepoint::shader::Checks;
use ridgepoint::{
    Activation, Attention, Bias, Dtype, Error, Gpu, HeadLayout, Layout, Mask, Matmul, Operation,
    Order, Plan, PlanOptions,
};

tests! {
    both_sides_and_both_chunk_widths_are_right,
    a_deep_split_is_right,
    products_in_runs_of_workgroups_are_right,
    matrix_units_are_refused_by_name_where_they_do_not_fit,
    attention_is_right_with_both_sides_and_each_option,
    cut_walks_are_right,
    attention_of_rising_scores_does_not_overflow,
    attention_of_scores_that_rise_late_does_not_overflow,
    attention_is_refused_by_name_where_it_has_no_form,
    gradients_of_attention_are_right,
    any_options_are_right,
    attention_with_any_options_is_right,
    the_size_of_subgroups_is_found_where_several_are_possible,
}

/// A shared device whose matrix units were found right. Without matrix units the test is skipped.
fn open() -> Option<&'static Gpu> {
    let gpu = common::gpu()?;
    if gpu.capabilities().cooperative.is_empty() {
        let wanted = std::env::var("REQUIRE_COOPERATIVE").is_ok_and(|v| v == "1");
        assert!(!wanted, "REQUIRE_COOPERATIVE=1: no matrix units here");
        skip("no matrix units");
        return None;
    }
    Some(gpu)
}

/// Fragments of 16 x 16, whatever the adapter lists: the software adapter runs them as well.
fn sixteen() -> Constants {
    Fragments::of(16, Dtype::F16).constants()
}

fn verify(gpu: &Gpu, operation: &dyn Operation, options: &PlanOptions) {
    verify_on(
        gpu,
        operation,
        options,
        &common::space(gpu, operation, None),
    );
}

/// Runs `operation`, which the device can, on what `space` holds, and holds it against the reference.
fn verify_on(gpu: &Gpu, operation: &dyn Operation, options: &PlanOptions, space: &OperandBuffers) {
    let plan = block_on(Plan::new(gpu, operation, options)).unwrap();
    common::verify(gpu, operation, &plan, space, Coverage::Full);
}

fn half(m: u64, n: u64, k: u64) -> Matmul {
    Matmul {
        dtype: Dtype::F16,
        ..Matmul::new(m, n, k)
    }
}

fn both_sides_and_both_chunk_widths_are_right() {
    let Some(gpu) = open() else { return };
    // Whole tiles, ragged edges moved eight, four and one at a time, less than a fragment, K beyond a step.
    let shapes = [
        (Checks::Off, half(64, 64, 32)),
        (Checks::On, half(72, 136, 40)),
        (Checks::Off, half(65, 67, 33)),
        (Checks::On, half(3, 5, 7)),
    ];
    for constants in [Constants::new(), sixteen()] {
        for (checks, matmul) in shapes {
            let options = PlanOptions {
                kernel: Some("matmul_cooperative"),
                checks,
                constants: constants.clone(),
                ..PlanOptions::default()
            };
            verify(gpu, &matmul, &options);
        }
    }
}

fn a_deep_split_is_right() {
    let Some(gpu) = open() else { return };
    let options = PlanOptions {
        kernel: Some("matmul_cooperative"),
        constants: Constants::new().set("SPLIT_K", 11u32),
        ..PlanOptions::default()
    };
    verify(gpu, &half(40, 24, 3000), &options);
    // Whole tiles, at places where fragments may be stored at once and where they may not.
    verify(gpu, &half(70, 132, 1100), &options);
    verify(gpu, &half(70, 131, 1100), &options);
}

/// A dispatch takes one workgroup or two of several tiles, matrices and parts of K.
fn products_in_runs_of_workgroups_are_right() {
    let Some(gpu) = open() else { return };
    let product = Matmul {
        batch: 2,
        beta: 0.5,
        ..half(130, 140, 100)
    };
    for parts in [1u32, 3] {
        let of = |budget: u32| PlanOptions {
            kernel: Some("matmul_cooperative"),
            constants: Constants::from([("BUDGET", budget), ("SPLIT_K", parts)]),
            ..PlanOptions::default()
        };
        let dispatches = |budget| {
            let plan = block_on(Plan::new(gpu, &product, &of(budget)));
            plan.unwrap().dispatches()
        };
        assert!(dispatches(1) > dispatches(0), "{parts} parts");
        verify(gpu, &product, &of(1));
    }
}

fn matrix_units_are_refused_by_name_where_they_do_not_fit() {
    let Some(gpu) = open() else { return };
    let options = PlanOptions {
        kernel: Some("matmul_cooperative"),
        ..PlanOptions::default()
    };
    let refused = block_on(Plan::new(gpu, &Matmul::new(64, 64, 64), &options));
    let lists_f32 = gpu
        .capabilities()
        .cooperative
        .iter()
        .any(|s| s.input == "f32");
    match refused {
        Err(Error::Unsupported { reason, .. }) => {
            assert!(reason.contains("matmul_blocked"), "{reason}");
        }
        other => assert!(lists_f32, "{other:?}"),
    }
}

/// Two tiles of queries, the second ragged, and four blocks of keys.
const ATTENTION: Attention = Attention {
    dtype: Dtype::F16,
    seq_kv: 61,
    mask: Mask::Causal,
    ..Attention::new(1, 2, 37, 24)
};

fn of_attention(constants: Constants) -> PlanOptions {
    PlanOptions {
        kernel: Some("attention_cooperative"),
        constants,
        ..PlanOptions::default()
    }
}

fn attention_is_right_with_both_sides_and_each_option() {
    let Some(gpu) = open() else { return };
    let interleaved = HeadLayout::interleaved;
    let all = Attention {
        batch: 2,
        kv_heads: 1,
        value_dim: 12,
        q: interleaved(2, 24),
        k: interleaved(1, 24),
        v: interleaved(1, 12),
        o: interleaved(2, 12),
        scale: Some(1.5),
        window: Some(23),
        bias: Some(BiasShape {
            batch: 1,
            heads: 2,
            seq_q: 37,
        }),
        soft_cap: Some(3.0),
        sinks: Sinks::PerHead,
        lengths: Lengths::PerSequence,
        log_sum_exp: LogSumExp::Wanted,
        ..ATTENTION
    };
    let shapes = [
        // Whole tiles.
        Attention {
            seq_q: 32,
            seq_kv: 32,
            mask: Mask::None,
            ..ATTENTION
        },
        // The first queries see no key.
        Attention {
            seq_kv: 7,
            log_sum_exp: LogSumExp::Wanted,
            ..ATTENTION
        },
        Attention {
            seq_kv: 0,
            ..ATTENTION
        },
        // The last query sees no key of the first block of its tile's KV loop, and all keys of the second.
        Attention {
            seq_q: 81,
            seq_kv: 81,
            window: Some(32),
            log_sum_exp: LogSumExp::Wanted,
            ..ATTENTION
        },
        // A bias in a window.
        Attention {
            seq_kv: 64,
            window: Some(9),
            bias: Some(BiasShape {
                batch: 1,
                heads: 2,
                seq_q: 37,
            }),
            ..ATTENTION
        },
        all,
    ];
    for constants in [Constants::new(), sixteen()] {
        for shape in &shapes {
            verify(gpu, shape, &of_attention(constants.clone()));
        }
    }
    // KV loops that all begin at the first block, as for long sequences.
    let straight = Constants::new().set("STAGGER", false);
    for shape in &shapes[3..] {
        verify(gpu, shape, &of_attention(straight.clone()));
    }
    // Memory of single elements, which Metal's 8 x 8 want, where a device runs that with any side; shaders with checks.
    if gpu.capabilities().kind != AdapterKind::Software {
        return;
    }
    let by_one = Constants::new()
        .set("Cell", "f16")
        .set("Score", "f32")
        .set("FourCells", "vec4<f16>")
        .set("WIDTH", 1u32);
    let options = PlanOptions {
        checks: Checks::On,
        ..of_attention(by_one)
    };
    verify(gpu, &ATTENTION, &options);
}

/// Keys, and queries of the backward, in several dispatches.
fn cut_walks_are_right() {
    let Some(gpu) = open() else { return };
    let shapes = [
        ("attention", "1x2x33x151x16xcausal+lse", 48u32),
        (
            "attention",
            "2x2x37x151x16+kv1+window=70+bias+cap=2+sinks+lengths+lse+bshd",
            48,
        ),
        ("attention_backward", "1x2x37x70x16xcausal+kv1+lengths", 3),
    ];
    for (name, text, walk) in shapes {
        let family = family(name).unwrap();
        let operation = (family.parse)(text, Dtype::F16).unwrap();
        let (kernel, steps) = match name {
            "attention" => ("attention_cooperative", "KV_PER_DISPATCH"),
            _ => ("attention_backward_cooperative", "BLOCKS_PER_DISPATCH"),
        };
        let options = PlanOptions {
            kernel: Some(kernel),
            constants: Constants::new().set(steps, walk),
            ..PlanOptions::default()
        };
        let plan = block_on(Plan::new(gpu, operation.as_ref(), &options)).unwrap();
        assert!(plan.dispatches() > 3, "{text}: {}", plan.dispatches());
        verify(gpu, operation.as_ref(), &options);
    }
}

/// Scores that climb from -1e4 to 1e4 over the keys from `flat` on, so that every block from there raises the maximum by
/// more than f16 holds, with values near the largest f16.
fn rising_scores_do_not_overflow(keys: u64, flat: usize) {
    let Some(gpu) = open() else { return };
    let shape = Attention {
        seq_kv: keys,
        mask: Mask::None,
        scale: Some(1.0),
        ..ATTENTION
    };
    let operands = shape.operands();
    let [mut q, mut k, mut v] = [0, 1, 2].map(|i| {
        let count = operands[i].elements as usize;
        generate(9, i, count, Dtype::F16, Distribution::Uniform)
    });
    for (i, element) in q.iter_mut().enumerate().filter(|(i, _)| i % 24 == 0) {
        *element = if i / 24 % 3 == 0 { 100.0 } else { 1.0 };
    }
    for (i, element) in k.iter_mut().enumerate().filter(|(i, _)| i % 24 == 0) {
        let key = i / 24 % keys as usize;
        let climbed = key.saturating_sub(flat) as f32 / (keys as usize - flat) as f32;
        *element = 200.0 * climbed - 100.0;
    }
    for element in &mut v {
        *element *= 60_000.0;
    }
    let rounded = |values: Vec<f32>| Dtype::F16.decode(&Dtype::F16.encode(&values));
    let values = [rounded(q), rounded(k), rounded(v)];
    let space = common::space(gpu, &shape, Some(&values));
    for constants in [Constants::new(), sixteen()] {
        let options = of_attention(constants);
        verify_on(gpu, &shape, &options, &space);
    }
}

fn attention_of_rising_scores_does_not_overflow() {
    rising_scores_do_not_overflow(61, 0);
}

/// Far from the first keys, after the kernel has looked for overflow and found none.
fn attention_of_scores_that_rise_late_does_not_overflow() {
    rising_scores_do_not_overflow(300, 170);
}

fn attention_is_refused_by_name_where_it_has_no_form() {
    let Some(gpu) = open() else { return };
    let shape = Attention {
        head_dim: 30,
        value_dim: 30,
        ..ATTENTION
    };
    let refused = block_on(Plan::new(gpu, &shape, &of_attention(Constants::new())));
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("multiples of 4"), "{message}");
}

/// Heads of one and of several fragments, columns and rows beyond the last whole one, every option. Small ones: the
/// driver takes long to compile these.
fn gradients_of_attention_are_right() {
    let Some(gpu) = open() else { return };
    let family = family("attention_backward").unwrap();
    let cases = [
        (Checks::Off, "1x2x37x70x16xcausal", Constants::new()),
        (
            Checks::On,
            "2x4x40x25x16+kv2+window=11+bias+cap=2+lengths+bshd",
            Constants::new(),
        ),
        (Checks::Off, "1x1x33x37x12+v24", sixteen()),
    ];
    for (checks, shape, constants) in cases {
        let operation = (family.parse)(shape, Dtype::F16).unwrap();
        let options = PlanOptions {
            kernel: Some("attention_backward_cooperative"),
            checks,
            constants,
            ..PlanOptions::default()
        };
        verify(gpu, operation.as_ref(), &options);
    }
}

fn transposed(yes: bool) -> Layout {
    Layout {
        order: if yes {
            Order::ColumnMajor
        } else {
            Order::RowMajor
        },
        ..Layout::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    fn any_options_are_right(
        sizes in (1u64..90, 1u64..90, 0u64..70),
        orders in any::<(bool, bool)>(),
        batch in 1u64..3,
        factors in (prop_oneof![Just(1f32), Just(-0.5)], prop_oneof![Just(0f32), Just(2.0)]),
        extras in (any::<bool>(), 0u8..4, any::<bool>()),
        large in any::<bool>(),
    ) {
        let Some(gpu) = open() else { return Ok(()) };
        let matmul = Matmul {
            batch,
            output: if extras.2 { Dtype::F16 } else { Dtype::F32 },
            alpha: factors.0,
            beta: factors.1,
            a: transposed(orders.0),
            b: transposed(orders.1),
            bias: if extras.0 { Bias::Row } else { Bias::None },
            activation: match extras.1 {
                0 => Activation::None,
                1 => Activation::Relu,
                2 => Activation::Gelu,
                _ => Activation::Silu,
            },
            ..half(sizes.0, sizes.1, sizes.2)
        };
        prop_assume!(matmul.validate().is_ok());
        let options = PlanOptions {
            kernel: Some("matmul_cooperative"),
            constants: if large { sixteen() } else { Constants::new() },
            ..PlanOptions::default()
        };
        verify(gpu, &matmul, &options);
    }
}

proptest! {
    // Few, for a software adapter compiles each set of options anew.
    #![proptest_config(ProptestConfig { cases: 5, failure_persistence: None, ..ProptestConfig::default() })]
    fn attention_with_any_options_is_right(
        lengths in (1u64..70, 0u64..90),
        heads in (1u64..3, 1u64..3),
        flags in any::<[bool; 7]>(),
        window in prop_oneof![Just(None), (1u64..40).prop_map(Some)],
        scale in prop_oneof![Just(None), Just(Some(2.0)), Just(Some(-30.0))],
    ) {
        let Some(gpu) = open() else { return Ok(()) };
        let [causal, bias, cap, sinks, by_sequence, log_sum_exp, around] = flags;
        let (kv_heads, group) = heads;
        let shape = Attention {
            dtype: Dtype::F16,
            kv_heads,
            seq_kv: lengths.1,
            mask: if causal { Mask::Causal } else { Mask::None },
            window,
            scale,
            bias: bias.then_some(BiasShape { batch: 2, heads: 1, seq_q: 1 }),
            soft_cap: cap.then_some(20.0),
            sinks: if sinks { Sinks::PerHead } else { Sinks::None },
            lengths: if by_sequence { Lengths::PerSequence } else { Lengths::Same },
            log_sum_exp: if log_sum_exp { LogSumExp::Wanted } else { LogSumExp::Unwanted },
            ..Attention::new(2, kv_heads * group, lengths.0, 24)
        };
        verify(gpu, &shape, &of_attention(Constants::new().set("STAGGER", around)));
    }
}

/// Sizes of subgroups that an adapter does not have, as on AMD's Linux driver, which has two: kernels are used with the
/// size that their pipelines got, and a pipeline that was written for another size is refused before it runs.
fn the_size_of_subgroups_is_found_where_several_are_possible() {
    if open().is_none() {
        return;
    }
    let Some(mut gpu) = common::open(|_| {}) else {
        return;
    };
    let size = gpu.capabilities().subgroup_sizes.1;
    gpu.assume_subgroup_sizes(size / 2, 4 * size);
    assert!(gpu.capabilities().cooperative.is_empty());
    block_on(gpu.run_trials()).unwrap();
    assert_eq!(gpu.capabilities().matrix_lanes, Some(size));
    assert!(!gpu.capabilities().cooperative.is_empty());
    let options = PlanOptions {
        kernel: Some("matmul_cooperative"),
        ..PlanOptions::default()
    };
    verify(&gpu, &half(65, 67, 33), &options);
    // Twice the size is named by the caller: nothing runs.
    let options = PlanOptions {
        constants: Constants::new().set("LANES", 2 * size),
        ..options
    };
    let refused = block_on(Plan::new(&gpu, &half(64, 64, 32), &options)).unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains(&format!("{size} invocations")), "{text}");
}
