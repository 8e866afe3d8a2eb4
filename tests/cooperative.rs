//! Matrix units: every form of the cooperative kernels, and fragments of 16 x 16 where the adapter lists only 8 x 8.
//!
//! `make test-cooperative` runs this on a software adapter that has them. Elsewhere it says that it is skipped.

mod common;

use pollster::block_on;
use proptest::prelude::*;
use ridgepoint::bench::{Coverage, Workspace};
use ridgepoint::ops::family;
use ridgepoint::shader::{Checks, Constant};
use ridgepoint::{
    Activation, Bias, Dtype, Error, Gpu, Layout, Matmul, Operation, Order, Plan, PlanOptions,
};
use std::sync::OnceLock;

/// A device with matrix units that were found right; `None`, with a word, without.
fn open() -> Option<&'static Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    GPU.get_or_init(open_once).as_ref()
}

fn open_once() -> Option<Gpu> {
    let gpu = common::open(|_| {})?;
    println!("on {}: {:?}", gpu.summary().name, gpu.warnings());
    if gpu.capabilities().cooperative.is_empty() {
        let wanted = std::env::var("REQUIRE_COOPERATIVE").is_ok_and(|v| v == "1");
        assert!(!wanted, "REQUIRE_COOPERATIVE=1: no matrix units here");
        println!("skipped: no matrix units");
        return None;
    }
    Some(gpu)
}

/// Fragments of 16 x 16, whatever the adapter lists: the software adapter runs them as well.
fn sixteen() -> Vec<(&'static str, Constant)> {
    vec![
        ("FragmentA", Constant::Type("coop_mat16x16<f16, A>")),
        ("FragmentB", Constant::Type("coop_mat16x16<f16, B>")),
        ("Sums", Constant::Type("coop_mat16x16<f32, C>")),
        ("FRAGMENT", Constant::Integer(16)),
    ]
}

fn verify(gpu: &Gpu, operation: &dyn Operation, options: &PlanOptions) {
    block_on(async {
        let plan = Plan::new(gpu, operation, options).await.unwrap();
        let space = Workspace::new(gpu, operation, 7).await.unwrap();
        space.poison(gpu).await.unwrap();
        let mut encoder = gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        plan.record(&mut encoder, &space.views()).unwrap();
        gpu.submit(encoder, "a test").await.unwrap();
        let inputs = space.generated(7);
        let verified = space
            .verify(gpu, operation, plan.kernel(), &inputs, Coverage::Full)
            .await
            .unwrap();
        assert!(
            verified.ok,
            "{} of {operation:?}, {:?}: {}",
            plan.kernel().name,
            plan.constants(),
            verified.worst.unwrap_or_default()
        );
    });
}

fn half(m: u64, n: u64, k: u64) -> Matmul {
    Matmul {
        dtype: Dtype::F16,
        ..Matmul::new(m, n, k)
    }
}

#[test]
fn both_sides_and_both_chunk_widths_are_right() {
    let Some(gpu) = open() else { return };
    // Whole tiles, ragged edges moved eight, four and one at a time, less than a fragment, K beyond a step.
    let shapes = [
        (Checks::Off, half(64, 64, 32)),
        (Checks::On, half(72, 136, 40)),
        (Checks::Off, half(65, 67, 33)),
        (Checks::On, half(3, 5, 7)),
    ];
    for constants in [vec![], sixteen()] {
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

#[test]
fn a_deep_split_is_right() {
    let Some(gpu) = open() else { return };
    let options = PlanOptions {
        kernel: Some("matmul_cooperative_split"),
        ..PlanOptions::default()
    };
    verify(gpu, &half(40, 24, 3000), &options);
}

#[test]
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

/// Heads of one and of several fragments, columns and rows beyond the last whole one, every option. Small ones: the
/// driver takes long to compile these.
#[test]
fn gradients_of_attention_are_right() {
    let Some(gpu) = open() else { return };
    let family = family("attention_backward").unwrap();
    let cases = [
        (Checks::Off, "1x2x37x70x16xcausal", vec![]),
        (
            Checks::On,
            "2x4x40x25x16+kv2+window=11+bias+cap=2+lengths+bshd",
            vec![],
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
        order: if yes { Order::Transposed } else { Order::AsIs },
        ..Layout::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
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
            constants: if large { sixteen() } else { vec![] },
            ..PlanOptions::default()
        };
        verify(gpu, &matmul, &options);
    }
}
