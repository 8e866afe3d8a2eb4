//! Products with random options by every kernel, large f16 values, empty K, and what is refused.

mod common;

use pollster::block_on;
use proptest::prelude::*;
use ridgepoint::bench::{Coverage, Workspace};
use ridgepoint::ops::family;
use ridgepoint::{
    Activation, Bias, Dtype, Error, Gpu, Layout, Matmul, Operation, Order, Plan, PlanOptions,
};

fn verify(gpu: &Gpu, matmul: &Matmul, kernel: &'static str) {
    let options = PlanOptions {
        kernel: Some(kernel),
        ..PlanOptions::default()
    };
    block_on(async {
        let plan = match Plan::new(gpu, matmul, &options).await {
            Err(Error::Unsupported { .. }) => return,
            other => other.unwrap(),
        };
        let space = Workspace::new(gpu, matmul, 3).await.unwrap();
        space.poison(gpu).await.unwrap();
        let mut encoder = gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        plan.record(&mut encoder, &space.views()).unwrap();
        gpu.submit(encoder, "a test").await.unwrap();
        let inputs = space.generated(3);
        let verified = space
            .verify(gpu, matmul, plan.kernel(), &inputs, Coverage::Full)
            .await
            .unwrap();
        assert!(
            verified.ok,
            "{kernel} of {matmul:?}: {}",
            verified.worst.unwrap_or_default()
        );
    });
}

fn layout() -> impl Strategy<Value = (bool, u64, u64)> {
    (any::<bool>(), 0u64..5, 0u64..5)
}

/// A layout with `gap` elements between the rows of a matrix of `shape`.
fn with_gaps((transposed, gap, offset): (bool, u64, u64), shape: [u64; 2]) -> Layout {
    Layout {
        order: if transposed {
            Order::Transposed
        } else {
            Order::AsIs
        },
        row_stride: Some(shape[usize::from(!transposed)] + gap),
        batch_stride: None,
        offset,
    }
}

#[test]
fn any_options_are_right_by_every_kernel() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let config = ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let options = (
        (1u64..70, 1u64..70, 0u64..50, 0u64..3),
        (layout(), layout(), layout()),
        (
            prop_oneof![Just(1f32), Just(-0.5)],
            prop_oneof![Just(0f32), Just(2.0)],
        ),
        (any::<bool>(), 0u8..4, 0u8..3),
    );
    proptest!(config, |((m, n, k, batch) in options.0, layouts in options.1, factors in options.2, extras in options.3)| {
        let (dtype, output) = match extras.2 {
            0 => (Dtype::F32, Dtype::F32),
            1 => (Dtype::F16, Dtype::F32),
            _ => (Dtype::F16, Dtype::F16),
        };
        let matmul = Matmul {
            batch,
            dtype,
            output,
            alpha: factors.0,
            beta: factors.1,
            a: with_gaps(layouts.0, [m, k]),
            b: with_gaps(layouts.1, [k, n]),
            c: with_gaps((false, layouts.2.1, layouts.2.2), [m, n]),
            bias: if extras.0 { Bias::Row } else { Bias::None },
            activation: [Activation::None, Activation::Relu, Activation::Gelu, Activation::Silu][usize::from(extras.1)],
            ..Matmul::new(m, n, k)
        };
        for kernel in family("matmul").unwrap().kernels {
            verify(&gpu, &matmul, kernel.name);
        }
    });
}

#[test]
fn sums_of_large_f16_do_not_overflow() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let half = Matmul {
        dtype: Dtype::F16,
        ..Matmul::new(2, 4, 64)
    };
    let (a, b) = (vec![60_000.0; 128], vec![1.0; 256]);
    match block_on(gpu.run(&half, &[&a, &b])) {
        Ok(c) => assert_eq!(c, [3_840_000.0; 8]),
        Err(Error::Unsupported { reason, .. }) => println!("skipped: {reason}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn empty_k_scales_c() {
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    let matmul = Matmul {
        beta: 0.5,
        ..Matmul::new(1, 3, 0)
    };
    let c = block_on(gpu.run(&matmul, &[&[], &[], &[2.0, 4.0, -6.0]])).unwrap();
    assert_eq!(c, [1.0, 2.0, -3.0]);
}

#[test]
fn what_cannot_be_is_refused() {
    let small = Matmul::new(4, 6, 5);
    let narrow = Layout {
        row_stride: Some(4),
        ..Layout::default()
    };
    let transposed = Layout {
        order: Order::Transposed,
        ..Layout::default()
    };
    let refused = |matmul: Matmul| matmul.validate().unwrap_err();
    let error = refused(Matmul { a: narrow, ..small });
    assert!(
        error.to_string().contains("row stride of `a` is 4"),
        "{error}"
    );
    for wrong in [
        Matmul {
            c: transposed,
            ..small
        },
        Matmul {
            alpha: f32::NAN,
            ..small
        },
    ] {
        assert!(matches!(refused(wrong), Error::Shape { .. }), "{wrong:?}");
    }
    let f16_result = Matmul {
        output: Dtype::F16,
        ..small
    };
    assert!(matches!(refused(f16_result), Error::Unsupported { .. }));
    let huge = Matmul::new(1 << 20, 1, 1 << 20);
    assert!(matches!(refused(huge), Error::TooLarge { .. }));
}
