//! Softmax, norms and reductions where data or layout is special: cases that the generated data in `correctness.rs` does not
//! reach.

pub(crate) mod properties;

use crate::common;
use pollster::block_on;
use ridgepoint::bench::{Coverage, OperandBuffers};
use ridgepoint::gpu::View;
use ridgepoint::kernel::Kernel;
use ridgepoint::ops::{
    Causal, Norm, NormKind, Reduction, ReductionKind, RowLayout, SoftmaxForm, SoftmaxMask, Target,
};
use ridgepoint::tolerance::{Expected, storing};
use ridgepoint::{Dtype, Error, Gpu, Operation, Plan, PlanOptions, Softmax};

tests! {
    rows_of_nothing_are_zero_and_ieee_values_pass,
    masked_rows_are_zero,
    f16_does_not_overflow_inside,
    what_lies_between_rows_stays,
    rows_go_beyond_one_binding,
    the_largest_of_nothing_and_of_nan,
    a_reduction_runs_again_and_again_over_several_bindings,
    an_option_that_a_kernel_lacks_is_an_error_and_the_choice_goes_elsewhere,
}

const INF: f32 = f32::INFINITY;

/// Runs on `inputs`, with an output that holds `before`; `None` where the device cannot run the kernel.
fn run(
    gpu: &Gpu,
    operation: &dyn Operation,
    kernel: Option<&'static str>,
    inputs: &[Vec<f32>],
    before: f32,
) -> Option<Vec<f32>> {
    let options = PlanOptions {
        kernel,
        ..Default::default()
    };
    block_on(async {
        let plan = match Plan::new(gpu, operation, &options).await {
            Err(Error::Unsupported { .. }) => return None,
            other => other.unwrap(),
        };
        let (mut buffers, mut given) = (Vec::new(), inputs.iter());
        let operands = operation.operands();
        for operand in &operands {
            let values = if operand.role.is_read() {
                given.next().unwrap().clone()
            } else {
                vec![before; operand.elements as usize]
            };
            buffers.push(
                gpu.upload(operand.name, &values, operand.dtype)
                    .await
                    .unwrap(),
            );
        }
        let views: Vec<View<'_>> = operands
            .iter()
            .zip(&buffers)
            .map(|(o, buffer)| View::part(buffer, 0, o.elements, o.dtype))
            .collect();
        let mut encoder = gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        plan.record(&mut encoder, &views).unwrap();
        gpu.submit(encoder, "a test").await.unwrap();
        let output = operands.iter().position(|o| o.role.is_written()).unwrap();
        Some(gpu.download(views[output]).await.unwrap())
    })
}

fn kernels(family: &str) -> &'static [&'static Kernel] {
    ridgepoint::ops::family(family).unwrap().kernels
}

/// NaN where the reference is NaN, infinite where it is beyond f32, within the tolerance elsewhere.
fn agrees(got: f32, want: &Expected, dtype: Dtype) -> bool {
    if want.value.is_nan() {
        return got.is_nan();
    }
    if want.value.abs() > f64::from(f32::MAX) {
        return got.is_infinite() && f64::from(got).signum() == want.value.signum();
    }
    let allowed = want.allowed + storing(want.value, dtype);
    Expected::new(want.value, allowed).excess(f64::from(got)) <= 1.0
}

/// Holds every kernel of a softmax against the reference on the caller's values; gives how many ran.
fn compare(gpu: &Gpu, softmax: &Softmax, inputs: &[Vec<f32>]) -> usize {
    let mut ran = 0;
    for kernel in kernels("softmax") {
        let Some(got) = run(gpu, softmax, Some(kernel.name), inputs, 0.0) else {
            continue;
        };
        ran += 1;
        let indices: Vec<u64> = (0..got.len() as u64).collect();
        let expected = softmax.expected(kernel.intermediates, &inputs, &indices);
        for (index, (got, want)) in got.iter().zip(&expected).enumerate() {
            assert!(
                agrees(*got, want, softmax.dtype),
                "{} of {softmax:?}: index {index}: got {got}, want {want:?}",
                kernel.name
            );
        }
    }
    ran
}

fn rows_of_nothing_are_zero_and_ieee_values_pass() {
    let Some(gpu) = common::gpu() else { return };
    let mut rows = vec![
        [-INF; 8],
        [-INF, -INF, -INF, 2.0, -INF, -INF, -INF, -INF],
        [f32::MIN; 8],
        [f32::MAX, f32::MIN, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [1e4, -1e4, 1e4, 0.0, 88.0, -88.0, 1e4, 9999.0],
        [f32::NAN, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        [INF, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -INF],
    ];
    // What exp gives for NaN there is a number.
    if gpu.summary().name.contains("SwiftShader") {
        rows.retain(|row| !row[0].is_nan());
    }
    let scaled = |softmax: &Softmax| {
        compare(
            gpu,
            &Softmax {
                scale: 1.5,
                ..*softmax
            },
            &[rows.concat().iter().map(|x| x / 1.5).collect()],
        )
    };
    let plain = Softmax::new(rows.len() as u64, 8);
    assert!(scaled(&plain) >= 3);
    // The unfused baseline has no scale.
    assert!(compare(gpu, &plain, &[rows.concat()]) >= 4);
    let form = SoftmaxForm::Logarithms;
    assert!(scaled(&Softmax { form, ..plain }) >= 3);
    let logarithms = Softmax {
        form,
        ..Softmax::new(2, 4)
    };
    let got = run(gpu, &logarithms, None, &[vec![-INF; 8]], 0.0).unwrap();
    assert!(got.iter().all(|y| *y == -INF), "{got:?}");
}

fn masked_rows_are_zero() {
    let Some(gpu) = common::gpu() else { return };
    for cols in [7, 12, 600] {
        let cells = 4 * cols as usize;
        let x: Vec<f32> = (0..cells).map(|i| (i % 13) as f32 - 6.0).collect();
        let mask = |i: usize| {
            if i / cols as usize == 2 || i.is_multiple_of(5) {
                -INF
            } else {
                0.25
            }
        };
        let full = Softmax {
            mask: SoftmaxMask::Full,
            target: Target::InPlace,
            ..Softmax::new(4, cols)
        };
        assert!(compare(gpu, &full, &[x.clone(), (0..cells).map(mask).collect()]) >= 3);
        let broadcast = Softmax {
            mask: SoftmaxMask::Broadcast,
            ..Softmax::new(4, cols)
        };
        let hidden = vec![-INF; cols as usize];
        let got = run(gpu, &broadcast, None, &[x.clone(), hidden], 1.0).unwrap();
        assert!(got.iter().all(|y| *y == 0.0), "{got:?}");
        let unseen = Softmax {
            causal: Some(Causal {
                queries: 4,
                seen: 0,
            }),
            ..Softmax::new(4, cols)
        };
        assert!(compare(gpu, &unseen, &[x]) >= 3);
    }
}

/// Sums of exp beyond f16, and inputs at its ends, are computed in f32.
fn f16_does_not_overflow_inside() {
    let Some(gpu) = common::gpu() else { return };
    let half = |rows, cols| Softmax {
        dtype: Dtype::F16,
        ..Softmax::new(rows, cols)
    };
    let ends = [65504.0, -65504.0, 65504.0, 0.0];
    let long: Vec<f32> = (0..2 * 3000).map(|i| (i % 7) as f32 / 8.0).collect();
    for (softmax, x) in [(half(1, 4), ends.to_vec()), (half(2, 3000), long)] {
        let scaled = Softmax {
            scale: 4.0,
            ..softmax
        };
        let ran = compare(gpu, &softmax, std::slice::from_ref(&x)) + compare(gpu, &scaled, &[x]);
        assert!(
            ran > 0
                || !gpu
                    .capabilities()
                    .features
                    .contains(wgpu::Features::SHADER_F16)
        );
    }
}

fn what_lies_between_rows_stays() {
    let Some(gpu) = common::gpu() else { return };
    for (cols, offset, stride) in [(5, 3, 9), (8, 4, 12), (600, 8, 640)] {
        let y = RowLayout {
            offset,
            stride: Some(stride),
        };
        let softmax = Softmax {
            y,
            ..Softmax::new(3, cols)
        };
        let x: Vec<f32> = (0..3 * cols).map(|i| (i % 11) as f32).collect();
        for kernel in kernels("softmax") {
            let Some(got) = run(
                gpu,
                &softmax,
                Some(kernel.name),
                std::slice::from_ref(&x),
                7.0,
            ) else {
                continue;
            };
            let inside = |i: u64| i >= offset && (i - offset) % stride < cols;
            let places: Vec<u64> = (0..got.len() as u64).filter(|i| inside(*i)).collect();
            let want = softmax.expected(kernel.intermediates, &std::slice::from_ref(&x), &places);
            for (place, want) in places.iter().zip(&want) {
                assert!(
                    agrees(got[*place as usize], want, Dtype::F32),
                    "{}",
                    kernel.name
                );
            }
            let between = (0..got.len()).filter(|i| !inside(*i as u64));
            assert!(
                between
                    .into_iter()
                    .all(|i| got[i].to_bits() == 7f32.to_bits())
            );
        }
    }
}

/// Rows beyond one binding are cut into windows that begin where a binding may, and workgroups beyond one dimension of
/// a dispatch go to two.
fn rows_go_beyond_one_binding() {
    let limits = wgpu::Limits {
        max_storage_buffer_binding_size: 65_536,
        max_compute_workgroups_per_dimension: 64,
        ..wgpu::Limits::default()
    };
    let Some(gpu) = common::open(|options| options.limits = Some(limits)) else {
        return;
    };
    let values = |salt: u64, count: u64| -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 7 + salt) % 31) as f32 / 8.0)
            .collect()
    };
    for (rows, cols) in [(1000, 99), (7, 3001), (40, 1000)] {
        let softmax = Softmax {
            mask: SoftmaxMask::Full,
            causal: Some(Causal {
                queries: 97,
                seen: 3,
            }),
            ..Softmax::new(rows, cols)
        };
        let inputs = [values(1, rows * cols), values(2, rows * cols)];
        assert!(compare(&gpu, &softmax, &inputs) >= 3);
    }
    let norm = Norm::new(NormKind::Layer, 1000, 99);
    let inputs = [values(3, 99_000), vec![0.5; 99]];
    let got = run(&gpu, &norm, None, &inputs, 0.0).unwrap();
    let indices: Vec<u64> = (0..99_000).collect();
    let want = norm.expected(Dtype::F32, &inputs.as_slice(), &indices);
    assert!(
        got.iter()
            .zip(&want)
            .all(|(g, w)| agrees(*g, w, Dtype::F32))
    );
}

fn the_largest_of_nothing_and_of_nan() {
    let Some(gpu) = common::gpu() else { return };
    let max = |values: Vec<f32>| {
        let reduction = Reduction::new(ReductionKind::Max, values.len() as u64);
        run(gpu, &reduction, None, &[values], 0.0).unwrap()[0]
    };
    assert_eq!(max(vec![]).to_bits(), (-INF).to_bits());
    assert_eq!(max(vec![-3.0, -INF]).to_bits(), (-3f32).to_bits());
    assert!(max(vec![1.0, 2.0, f32::NAN, 3.0, 4.0]).is_nan());
    for place in [0, 3, 4, 1030, 4096] {
        let mut values = vec![-1.0; 4097];
        values[place] = -f32::NAN;
        assert!(max(values).is_nan(), "{place}");
    }
}

/// Whoever counts last sets the count back, and takes what others have left.
fn a_reduction_runs_again_and_again_over_several_bindings() {
    let limits = wgpu::Limits {
        max_storage_buffer_binding_size: 65_536,
        ..wgpu::Limits::default()
    };
    let Some(gpu) = common::open(|options| options.limits = Some(limits)) else {
        return;
    };
    for kind in [ReductionKind::Sum, ReductionKind::Max] {
        // Three bindings, and elements behind the last whole load.
        let reduction = Reduction::new(kind, 3 * (16 << 10) - 5);
        let plan = block_on(Plan::new(&gpu, &reduction, &PlanOptions::default())).unwrap();
        let mut space = block_on(OperandBuffers::new(&gpu, &reduction, 1)).unwrap();
        for seed in 2..12 {
            let mut encoder = gpu
                .device()
                .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            for _ in 0..=(seed % 3) {
                plan.record(&mut encoder, &space.views()).unwrap();
            }
            block_on(gpu.submit(encoder, "a test")).unwrap();
            let inputs = space.generated(seed - 1);
            let coverage = Coverage::Full;
            let verified =
                block_on(space.verify(&gpu, &reduction, plan.kernel(), &inputs, coverage)).unwrap();
            assert!(verified.ok, "{kind:?} {seed}: {:?}", verified.worst);
            space = block_on(OperandBuffers::new(&gpu, &reduction, seed)).unwrap();
        }
    }
}

fn an_option_that_a_kernel_lacks_is_an_error_and_the_choice_goes_elsewhere() {
    let Some(gpu) = common::gpu() else { return };
    let softmax = Softmax {
        mask: SoftmaxMask::Broadcast,
        ..Softmax::new(2, 8)
    };
    let plan = |kernel| {
        let options = PlanOptions {
            kernel,
            ..Default::default()
        };
        block_on(Plan::new(gpu, &softmax, &options))
    };
    let error = plan(Some("softmax_unfused")).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let chosen = plan(None).unwrap();
    assert!(chosen.kernel().name != "softmax_unfused" && !chosen.reason().is_empty());
    for wrong in [
        Softmax {
            scale: f32::NAN,
            ..softmax
        },
        Softmax {
            causal: Some(Causal {
                queries: 0,
                seen: 1,
            }),
            ..softmax
        },
        Softmax {
            x: RowLayout {
                offset: 0,
                stride: Some(7),
            },
            ..softmax
        },
    ] {
        assert!(
            matches!(wrong.validate(), Err(Error::Shape { .. })),
            "{wrong:?}"
        );
    }
}
