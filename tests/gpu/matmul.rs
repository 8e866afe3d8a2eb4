//! Products with random options by every kernel, large f16 values, empty K, and what is refused.

use crate::{common, skip};
use pollster::block_on;
use proptest::prelude::*;
use ridgepoint::bench::Coverage;
use ridgepoint::kernel::{Constants, Kernel};
use ridgepoint::ops::family;
use ridgepoint::{
    Activation, Bias, Dtype, Error, Gpu, Layout, Matmul, Operation, Order, Plan, PlanOptions,
};

tests! {
    any_options_are_right_by_every_kernel,
    sums_of_large_f16_do_not_overflow,
    empty_k_scales_c,
    operands_go_beyond_one_binding,
    products_are_cut_into_runs_of_workgroups,
    long_products_are_cut_on_a_slow_adapter,
    a_binding_that_cannot_be_cut_is_refused_with_the_limit,
    a_type_that_the_adapter_lacks_is_named_with_what_would_be_used_instead,
    what_cannot_be_is_refused,
}

/// Every kernel; with K at once and in three parts, where it can sum parts side by side.
fn kernels_and_parts() -> Vec<(&'static Kernel, Constants)> {
    let kernels = family("matmul").unwrap().kernels.iter();
    let with_parts = |kernel: &&'static Kernel| {
        let kernel = *kernel;
        let parts: &[u32] = if kernel.declares("SPLIT_K") {
            &[1, 3]
        } else {
            &[]
        };
        let set = |parts: &u32| (kernel, Constants::new().set("SPLIT_K", *parts));
        match parts {
            [] => vec![(kernel, Constants::new())],
            parts => parts.iter().map(set).collect(),
        }
    };
    kernels.flat_map(with_parts).collect()
}

/// Verifies a product by every kernel that runs it.
fn verify_all(gpu: &Gpu, matmul: &Matmul) {
    for (kernel, constants) in kernels_and_parts() {
        let options = PlanOptions {
            kernel: Some(kernel.name),
            constants,
            ..PlanOptions::default()
        };
        verify_with(gpu, matmul, &options);
    }
}

/// The kernel and its dispatches; `None` where it does not run.
fn verify_with(gpu: &Gpu, matmul: &Matmul, options: &PlanOptions) -> Option<(&'static str, usize)> {
    let plan = common::plan(gpu, matmul, options)?;
    let space = common::space(gpu, matmul, None);
    common::verify(gpu, matmul, &plan, &space, Coverage::Full);
    Some((plan.kernel().name, plan.dispatches()))
}

fn layout() -> impl Strategy<Value = (bool, u64, u64)> {
    (any::<bool>(), 0u64..5, 0u64..5)
}

/// A layout with `gap` elements between the rows of a matrix of `shape`.
fn with_gaps((transposed, gap, offset): (bool, u64, u64), shape: [u64; 2]) -> Layout {
    Layout {
        order: if transposed {
            Order::ColumnMajor
        } else {
            Order::RowMajor
        },
        row_stride: Some(shape[usize::from(!transposed)] + gap),
        batch_stride: None,
        offset,
    }
}

fn any_options_are_right_by_every_kernel() {
    let Some(gpu) = common::gpu() else { return };
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
        verify_all(gpu, &matmul);
    });
}

fn sums_of_large_f16_do_not_overflow() {
    let Some(gpu) = common::gpu() else { return };
    let half = Matmul {
        dtype: Dtype::F16,
        ..Matmul::new(2, 4, 64)
    };
    let (a, b) = (vec![60_000.0; 128], vec![1.0; 256]);
    match block_on(gpu.run(&half, &[&a, &b])) {
        Ok(c) => assert_eq!(c, [3_840_000.0; 8]),
        Err(Error::Unsupported { reason, .. }) => skip(&reason),
        Err(error) => panic!("{error}"),
    }
}

fn empty_k_scales_c() {
    let Some(gpu) = common::gpu() else { return };
    let matmul = Matmul {
        beta: 0.5,
        ..Matmul::new(1, 3, 0)
    };
    let c = block_on(gpu.run(&matmul, &[&[], &[], &[2.0, 4.0, -6.0]])).unwrap();
    assert_eq!(c, [1.0, 2.0, -3.0]);
}

/// A device whose bindings hold 64 KiB.
fn with_small_bindings() -> Option<Gpu> {
    common::open(|options| {
        options.limits = Some(wgpu::Limits {
            max_storage_buffer_binding_size: 1 << 16,
            ..wgpu::Limits::default()
        });
    })
}

/// Products with an operand beyond one binding: each operand in turn, in both orders, with gaps, batches and extras.
fn beyond_a_binding() -> Vec<Matmul> {
    let transposed = |matmul: Matmul| {
        let order = Order::ColumnMajor;
        Matmul {
            a: Layout { order, ..matmul.a },
            b: Layout { order, ..matmul.b },
            ..matmul
        }
    };
    let gaps = |stride, offset| Layout {
        row_stride: Some(stride),
        offset,
        ..Layout::default()
    };
    let (rows, depth, sides) = (
        Matmul::new(530, 20, 70),
        Matmul::new(36, 68, 600),
        Matmul::new(300, 200, 240),
    );
    let extras = |matmul| Matmul {
        bias: Bias::Row,
        activation: Activation::Silu,
        alpha: -0.5,
        beta: 2.0,
        ..matmul
    };
    let columns = transposed(Matmul::new(20, 530, 70));
    vec![
        rows,
        // Parts of 256 rows, which need no guards at edges.
        Matmul::new(1024, 32, 40),
        depth,
        extras(depth),
        extras(sides),
        columns,
        extras(columns),
        transposed(depth),
        transposed(Matmul::new(100, 36, 600)),
        extras(transposed(sides)),
        Matmul {
            a: gaps(77, 5),
            b: gaps(23, 3),
            c: gaps(41, 7),
            ..extras(rows)
        },
        Matmul {
            batch: 9,
            ..extras(Matmul::new(60, 52, 44))
        },
        Matmul {
            batch: 2,
            b: Layout {
                batch_stride: Some(0),
                ..Layout::default()
            },
            ..depth
        },
        Matmul {
            dtype: Dtype::F16,
            output: Dtype::F16,
            ..extras(Matmul::new(150, 200, 420))
        },
    ]
}

fn operands_go_beyond_one_binding() {
    let Some(gpu) = with_small_bindings() else {
        return;
    };
    for matmul in beyond_a_binding() {
        let plan = match block_on(Plan::new(&gpu, &matmul, &PlanOptions::default())) {
            Err(Error::Unsupported { .. }) if matmul.dtype == Dtype::F16 => continue,
            other => other.unwrap(),
        };
        assert!(plan.dispatches() > 1, "{matmul:?}");
        verify_all(&gpu, &matmul);
    }
}

/// Products by every kernel with the smallest watchdog limit that can be given: a short dispatch range a dispatch, in
/// windows of a few rows or without.
fn products_are_cut_into_runs_of_workgroups() {
    let transposed = Layout {
        order: Order::ColumnMajor,
        ..Layout::default()
    };
    let extras = |matmul| Matmul {
        bias: Bias::Row,
        activation: Activation::Gelu,
        alpha: -0.5,
        beta: 2.0,
        ..matmul
    };
    let half = |matmul| Matmul {
        dtype: Dtype::F16,
        output: Dtype::F16,
        ..matmul
    };
    let products = [
        extras(Matmul::new(133, 201, 117)),
        half(extras(Matmul::new(160, 192, 100))),
        Matmul {
            batch: 3,
            a: transposed,
            b: transposed,
            ..extras(Matmul::new(70, 140, 110))
        },
        extras(Matmul::new(65, 70, 1000)),
        half(extras(Matmul::new(900, 14, 200))),
    ];
    let (Some(whole), Some(small)) = (common::gpu(), with_small_bindings()) else {
        return;
    };
    for gpu in [whole, &small] {
        let is_small = gpu.capabilities().limits.max_storage_buffer_binding_size < 1 << 20;
        let some = if is_small { 2 } else { products.len() };
        for matmul in &products[..some] {
            for (kernel, parts) in kernels_and_parts() {
                let dispatches = |budget: u32| {
                    let options = PlanOptions {
                        kernel: Some(kernel.name),
                        constants: parts.clone().set("BUDGET", budget),
                        ..PlanOptions::default()
                    };
                    verify_with(gpu, matmul, &options).map(|(_, dispatches)| dispatches)
                };
                let (cut, whole) = (dispatches(1), dispatches(0));
                // Sub-problems that small bindings ask for may be within the limit already.
                let more = cut.is_none() || cut > whole || is_small && cut == whole;
                let name = kernel.name;
                assert!(more, "{name} {parts:?} {matmul:?}: {cut:?} {whole:?}");
            }
        }
    }
}

/// Long products are cut on a software adapter by default, over C and over K.
fn long_products_are_cut_on_a_slow_adapter() {
    let Some(gpu) = common::gpu() else { return };
    let software = gpu.capabilities().kind == ridgepoint::report::AdapterKind::Software;
    let cases = [
        (Matmul::new(600, 500, 400), "matmul_blocked", 1),
        (Matmul::new(70, 70, 20_000), "matmul_blocked", 2),
        (Matmul::new(1, 20, 250_000), "matmul_vector", 2),
        (Matmul::new(2, 3000, 2000), "matmul_vector", 1),
    ];
    for (matmul, kernel, whole) in cases {
        let found = verify_with(gpu, &matmul, &PlanOptions::default());
        let (chosen, dispatches) = found.unwrap();
        let cut = chosen == kernel && dispatches > whole;
        assert!(!software || cut, "{chosen}: {dispatches}");
    }
}

fn a_binding_that_cannot_be_cut_is_refused_with_the_limit() {
    let Some(gpu) = with_small_bindings() else {
        return;
    };
    let refused = |matmul: &Matmul, kernel| {
        let options = PlanOptions {
            kernel,
            ..PlanOptions::default()
        };
        let plan = block_on(Plan::new(&gpu, matmul, &options));
        plan.map(drop).unwrap_err().to_string()
    };
    // A row of C is longer than a binding.
    let text = refused(&Matmul::new(2, 20_000, 4), None);
    assert!(
        text.contains("max_storage_buffer_binding_size is 65536"),
        "{text}"
    );
    // B can be cut along K alone, which a kernel without sums of parts cannot do.
    let text = refused(&Matmul::new(36, 68, 600), Some("matmul_naive"));
    assert!(
        text.contains("65536") && text.contains("matmul_blocked does"),
        "{text}"
    );
    // Beyond what a buffer holds there is nothing to bind.
    let text = refused(&Matmul::new(1 << 17, 4, 1 << 10), None);
    assert!(
        text.contains("`a`, in bytes,") && text.contains("max_buffer_size is 268435456"),
        "{text}"
    );
}

fn a_type_that_the_adapter_lacks_is_named_with_what_would_be_used_instead() {
    let Some(gpu) = common::gpu_of_default_limits() else {
        return;
    };
    let half = Matmul {
        dtype: Dtype::F16,
        output: Dtype::F16,
        ..Matmul::new(64, 64, 64)
    };
    let instead = block_on(Plan::new(
        gpu,
        &Matmul::new(64, 64, 64),
        &PlanOptions::default(),
    ));
    let instead = instead.unwrap().kernel().name;
    for kernel in [None, Some("matmul_naive")] {
        let options = PlanOptions {
            kernel,
            ..PlanOptions::default()
        };
        let error = block_on(Plan::new(gpu, &half, &options)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "matmul f16 64x64x64+f16 is not supported here: the device lacks shader_f16, which f16 elements need; \
                 as f32 it would be {instead}"
            )
        );
    }
}

fn what_cannot_be_is_refused() {
    let small = Matmul::new(4, 6, 5);
    let narrow = Layout {
        row_stride: Some(4),
        ..Layout::default()
    };
    let transposed = Layout {
        order: Order::ColumnMajor,
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
    let huge = refused(Matmul::new(1 << 20, 1, 1 << 20)).to_string();
    assert_eq!(
        huge,
        "`a`, 1 x 1048576 x 1048576, in elements, needs 1099511627776, the limit of 32-bit indices is 4294967295; \
         use a smaller size"
    );
    let long = refused(Matmul::new(1 << 32, 0, 0)).to_string();
    assert!(
        long.contains("the m of a matmul, in elements, needs 4294967296"),
        "{long}"
    );
    let overlapping = Layout {
        batch_stride: Some(20),
        ..Layout::default()
    };
    let rows = refused(Matmul {
        batch: 2,
        c: overlapping,
        ..small
    });
    assert!(
        rows.to_string()
            .contains("its matrices span 24 elements and would overlap"),
        "{rows}"
    );
}
