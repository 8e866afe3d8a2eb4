//! The library as a program uses it: on its own device and on somebody else's, with right and with wrong arguments.

use crate::common;
use pollster::block_on;
use ridgepoint::bench::{Clock, Coverage, GpuClock, OperandBuffers};
use ridgepoint::data::{Distribution, Dtype, generate};
use ridgepoint::gpu::View;
use ridgepoint::kernel::Constants;
use ridgepoint::shader::{Checks, Loops};
use ridgepoint::{Error, Gpu, Matmul, Operation, Plan, PlanOptions, Softmax, Stream, StreamKind};
use std::sync::Arc;

tests! {
    generated_data_is_the_same_on_both_sides,
    slices_in_vectors_out,
    records_into_somebody_elses_encoder,
    wrong_buffers_are_errors_with_values,
    wrong_plans_are_errors_with_a_remedy,
    pipelines_are_compiled_once,
    an_error_of_wgpu_is_a_value_and_not_a_panic,
    streams_go_beyond_one_binding,
    grids_go_beyond_one_dimension,
    a_result_that_was_not_written_is_not_verified,
    sets_of_operands_take_turns,
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device()
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}

fn generated_data_is_the_same_on_both_sides() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let real = &[Distribution::Uniform, Distribution::Outliers][..];
        let whole = &[
            Distribution::Below(9),
            Distribution::Permutation(1),
            Distribution::Permutation(4096),
            Distribution::Permutation(10_007),
        ][..];
        let bits = &[
            Distribution::Bits {
                random: u32::MAX,
                fixed: 0,
            },
            Distribution::Bits {
                random: 0x83ff_83ff,
                fixed: 0x2c00_2c00,
            },
        ][..];
        let to_bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        for (dtype, distributions) in [
            (Dtype::F32, real),
            (Dtype::F16, real),
            (Dtype::U32, whole),
            (Dtype::Words, bits),
        ] {
            for &distribution in distributions {
                let elements = 10_000;
                let buffer = gpu
                    .create_storage("data", elements * dtype.bytes())
                    .await
                    .unwrap();
                let view = View::part(&buffer, 0, elements, dtype);
                gpu.fill_random(view, 42, 3, distribution).await.unwrap();
                let got = gpu.download(view).await.unwrap();
                let wanted = generate(42, 3, elements as usize, dtype, distribution);
                assert_eq!(to_bits(got), to_bits(wanted), "{dtype:?} {distribution:?}");
                gpu.poison(view).await.unwrap();
                let poisoned = |v: &f32| v.is_nan() || dtype == Dtype::U32 && *v > 1e9;
                assert!(gpu.download(view).await.unwrap().iter().all(poisoned));
            }
        }
    });
}

fn slices_in_vectors_out() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let (a, b) = (
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            [1.0, 0.0, 0.5, -1.0, 2.0, 3.0],
        );
        let c = gpu.run(&Matmul::new(2, 2, 3), &[&a, &b]).await.unwrap();
        assert_eq!(c, [8.0, 7.0, 18.5, 13.0]);
        assert!(
            gpu.run(&Matmul::new(0, 3, 2), &[&[], &a])
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            gpu.run(&Matmul::new(2, 3, 0), &[&[], &[]]).await.unwrap(),
            [0.0; 6]
        );
    });
}

/// Two operations in one encoder, on one buffer at offsets, on a device that the library did not open.
fn records_into_somebody_elses_encoder() {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let Ok(adapter) = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
    else {
        assert!(
            common::gpu().is_none(),
            "an adapter that only the library finds"
        );
        return;
    };
    let (device, queue) =
        block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let gpu = Gpu::from_wgpu(&adapter, device.clone(), queue.clone());
    common::keep_until_the_end(&device);
    block_on(async {
        let (matmul, softmax) = (Matmul::new(8, 24, 16), Softmax::new(8, 24));
        let first = Plan::new(&gpu, &matmul, &PlanOptions::default())
            .await
            .unwrap();
        let second = Plan::new(&gpu, &softmax, &PlanOptions::default())
            .await
            .unwrap();
        let (a, b) = (
            generate(1, 0, 128, Dtype::F32, Distribution::Uniform),
            generate(1, 1, 384, Dtype::F32, Distribution::Uniform),
        );
        // WebGPU forbids a buffer that one dispatch reads and writes, even in parts: inputs share one, outputs do not.
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let buffer = |size| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let (inputs, c, y) = (buffer(4096), buffer(2048), buffer(2048));
        queue.write_buffer(&inputs, 256, &Dtype::F32.encode(&a));
        queue.write_buffer(&inputs, 1024, &Dtype::F32.encode(&b));
        let (a_view, b_view) = (
            View::part(&inputs, 256, 128, Dtype::F32),
            View::part(&inputs, 1024, 384, Dtype::F32),
        );
        let (c_view, y_view) = (
            View::part(&c, 512, 192, Dtype::F32),
            View::part(&y, 256, 192, Dtype::F32),
        );
        let mut encoder = encoder(&gpu);
        first
            .record(&mut encoder, &[a_view, b_view, c_view])
            .unwrap();
        second.record(&mut encoder, &[c_view, y_view]).unwrap();
        queue.submit([encoder.finish()]);
        let (c, y) = (
            gpu.download(c_view).await.unwrap(),
            gpu.download(y_view).await.unwrap(),
        );
        let all: Vec<u64> = (0..192).collect();
        let check = |name: &str, want: Vec<ridgepoint::tolerance::Expected>, got: &[f32]| {
            assert!(
                want.iter()
                    .zip(got)
                    .all(|(e, g)| e.excess(f64::from(*g)) <= 1.0),
                "{name}"
            );
        };
        check(
            "matmul",
            matmul.expected(first.kernel().intermediates, &[a, b].as_slice(), &all),
            &c,
        );
        check(
            "softmax",
            softmax.expected(second.kernel().intermediates, &[c].as_slice(), &all),
            &y,
        );
    });
}

fn wrong_buffers_are_errors_with_values() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let plan = Plan::new(gpu, &Matmul::new(4, 6, 5), &PlanOptions::default())
            .await
            .unwrap();
        let space = OperandBuffers::new(gpu, &Matmul::new(4, 6, 5), 1)
            .await
            .unwrap();
        let views = space.views();
        let [a, b, c] = views[..] else {
            panic!("{}", views.len())
        };
        let bind = |views: &[View<'_>]| plan.bind(views).unwrap_err();
        let short = View { elements: 12, ..a };
        let text = bind(&[short, b, c]).to_string();
        assert_eq!(text, "`a` has 12 elements, matmul 4x6x5 needs 20");
        assert!(matches!(
            bind(&[a, b]),
            Error::OperandCount {
                needed: 3,
                found: 2,
                ..
            }
        ));
        assert!(matches!(
            bind(&[
                View {
                    dtype: Dtype::F16,
                    ..a
                },
                b,
                c
            ]),
            Error::ElementType { .. }
        ));
        let large = gpu.create_storage("large", 4096).await.unwrap();
        let at = |offset, elements| View::part(&large, offset, elements, Dtype::F32);
        assert!(matches!(
            bind(&[at(4, 20), b, c]),
            Error::Alignment { offset: 4, .. }
        ));
        assert_eq!(
            bind(&[at(0, 20), b, at(0, 24)]).to_string(),
            "`c` overlaps `a` in the same buffer; give the output a buffer of its own"
        );
        assert!(matches!(
            bind(&[at(8192, 20), b, c]),
            Error::Length { found: 0, .. }
        ));
        let usage = wgpu::BufferUsages::COPY_DST;
        let descriptor = wgpu::BufferDescriptor {
            label: None,
            size: 80,
            usage,
            mapped_at_creation: false,
        };
        let no_storage = gpu.device().create_buffer(&descriptor);
        assert!(matches!(
            bind(&[View::whole(&no_storage, Dtype::F32), b, c]),
            Error::Usage { .. }
        ));
        let run = gpu
            .run(&Matmul::new(4, 6, 5), &[&[0.0; 20], &[0.0; 29]])
            .await;
        assert_eq!(
            run.unwrap_err().to_string(),
            "`b` has 29 elements, matmul 4x6x5 needs 30"
        );
    });
}

fn wrong_plans_are_errors_with_a_remedy() {
    let Some(gpu) = common::gpu() else { return };
    let plan = |operation: &dyn Operation, options: PlanOptions| {
        block_on(Plan::new(gpu, operation, &options)).map(drop)
    };
    let small = Matmul::new(4, 4, 4);
    let options = PlanOptions {
        kernel: Some("matmul_blockd"),
        ..Default::default()
    };
    assert!(
        plan(&small, options)
            .unwrap_err()
            .to_string()
            .contains("did you mean matmul_blocked?")
    );
    let constants = Constants::from([("TILE_X", 8u32)]);
    assert!(matches!(
        plan(
            &small,
            PlanOptions {
                constants,
                ..Default::default()
            }
        ),
        Err(Error::UnknownName { .. })
    ));
    // 132 KiB of workgroup memory: more than any adapter has through WebGPU.
    let constants = Constants::from([("TILE_M", 128u32), ("TILE_N", 128), ("TILE_K", 128)]);
    let options = PlanOptions {
        kernel: Some("matmul_blocked"),
        constants,
        ..Default::default()
    };
    assert!(matches!(
        plan(&small, options),
        Err(Error::Unsupported { .. })
    ));
    let huge = Matmul::new(1 << 32, 1 << 32, 1);
    assert!(matches!(
        plan(&huge, PlanOptions::default()),
        Err(Error::TooLarge { .. })
    ));
    // What an index reaches may still be more than a binding or a buffer holds.
    let limit = gpu.capabilities().limits.max_buffer_size;
    let beyond = Softmax::new(limit / 4096 + 1, 1024);
    let refused = plan(&beyond, PlanOptions::default());
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
}

fn pipelines_are_compiled_once() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let shader = ridgepoint::ops::family("copy").unwrap().kernels[0].stages[0].shader;
        let compile = |checks| gpu.pipeline(shader, &[], checks, Loops::Unrolled);
        let first = compile(Checks::Off).await.unwrap();
        assert!(Arc::ptr_eq(&first, &compile(Checks::Off).await.unwrap()));
        assert!(!Arc::ptr_eq(&first, &compile(Checks::On).await.unwrap()));
    });
}

fn an_error_of_wgpu_is_a_value_and_not_a_panic() {
    // An error outside of any scope goes to whichever call comes next on the device.
    let Some(gpu) = common::open(|_| {}) else {
        return;
    };
    block_on(async {
        let wrong = || {
            let usage = wgpu::BufferUsages::MAP_READ
                | wgpu::BufferUsages::MAP_WRITE
                | wgpu::BufferUsages::STORAGE;
            let descriptor = wgpu::BufferDescriptor {
                label: Some("wrong"),
                size: 16,
                usage,
                mapped_at_creation: false,
            };
            drop(gpu.device().create_buffer(&descriptor));
        };
        assert!(matches!(
            gpu.catch("a test", wrong).await,
            Err(Error::Gpu { .. })
        ));
        assert_eq!(gpu.catch("a test", || 1).await, Ok(1));
        // Outside of any scope the handler notes it, and the next call tells.
        wrong();
        assert!(matches!(
            gpu.catch("a test", || 1).await,
            Err(Error::Gpu { .. })
        ));
        assert_eq!(gpu.catch("a test", || 1).await, Ok(1));
        assert!(matches!(
            gpu.create_storage("huge", u64::MAX / 2).await,
            Err(Error::TooLarge { .. })
        ));
    });
}

/// A vector beyond one binding is cut into windows.
fn streams_go_beyond_one_binding() {
    let Some(gpu) = common::open(|options| {
        options.limits = Some(wgpu::Limits {
            max_storage_buffer_binding_size: 65_536,
            ..wgpu::Limits::default()
        });
    }) else {
        return;
    };
    let triad = Stream::new(StreamKind::Triad, 50_003);
    let plan = common::plan(&gpu, &triad, &PlanOptions::default()).unwrap();
    assert_eq!(plan.dispatches(), 5);
    let space = common::space(&gpu, &triad, None);
    let verified = common::verify(&gpu, &triad, &plan, &space, Coverage::Full);
    assert_eq!(verified.compared, 50_003);
}

/// More workgroups than one dimension holds are folded into two.
fn grids_go_beyond_one_dimension() {
    let limits = wgpu::Limits {
        max_compute_workgroups_per_dimension: 16,
        ..wgpu::Limits::default()
    };
    let Some(gpu) = common::open(|options| options.limits = Some(limits)) else {
        return;
    };
    let operations: [&dyn Operation; 3] = [
        &Softmax::new(200, 5),
        &Matmul::new(300, 200, 5),
        &Stream::new(StreamKind::Add, 70_001),
    ];
    for operation in operations {
        let space = common::space(&gpu, operation, None);
        for kernel in operation.family().kernels {
            let options = PlanOptions {
                kernel: Some(kernel.name),
                ..Default::default()
            };
            let plan = match block_on(Plan::new(&gpu, operation, &options)) {
                // What a device cannot run is another test's affair.
                Err(Error::Unsupported { .. }) => continue,
                // A workgroup for each few elements of a vector: too many here for a matrix, and said so.
                Err(Error::TooLarge { .. }) if kernel.name.contains("_vector") => continue,
                planned => planned.unwrap(),
            };
            common::verify(&gpu, operation, &plan, &space, Coverage::Full);
        }
    }
}

fn a_result_that_was_not_written_is_not_verified() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        let copy = Stream::new(StreamKind::Copy, 100_000);
        let plan = Plan::new(gpu, &copy, &PlanOptions::default())
            .await
            .unwrap();
        let space = OperandBuffers::new(gpu, &copy, 9).await.unwrap();
        space.poison(gpu).await.unwrap();
        let inputs = space.generated(9);
        let verified = space
            .verify(gpu, &copy, plan.kernel(), &inputs, Coverage::Sampled)
            .await
            .unwrap();
        assert!(!verified.ok && verified.max_error.is_none());
        // The right values of another seed are wrong ones for this.
        let mut encoder = encoder(gpu);
        plan.record(&mut encoder, &space.views()).unwrap();
        gpu.submit(encoder, "a test").await.unwrap();
        let other = space.generated(10);
        let verified = space
            .verify(gpu, &copy, plan.kernel(), &other, Coverage::Sampled)
            .await
            .unwrap();
        assert!(
            !verified.ok
                && verified
                    .worst
                    .is_some_and(|text| text.contains("compared differ"))
        );
    });
}

/// Each repeat uses the next set of operands, and the next sample goes on where the last one ended. Outputs of all sets lie in
/// one buffer, so that the dispatches of two sets are ordered.
fn sets_of_operands_take_turns() {
    let Some(gpu) = common::gpu() else { return };
    block_on(async {
        // C is read too, and no set ends where a binding may begin.
        let matmul = Matmul {
            beta: 0.5,
            ..Matmul::new(3, 5, 7)
        };
        let plan = Plan::new(gpu, &matmul, &PlanOptions::default())
            .await
            .unwrap();
        let sets = OperandBuffers::sets(gpu, &matmul, 1, 3, &|| false)
            .await
            .unwrap();
        let outputs: Vec<View<'_>> = sets.iter().map(|set| set.views()[2]).collect();
        assert!(outputs.iter().all(|c| c.buffer == outputs[0].buffer));
        assert!(!outputs[0].overlaps(&outputs[1]) && !outputs[1].overlaps(&outputs[2]));
        let launches = sets.iter().map(|set| plan.bind(&set.views()).unwrap());
        let launches: Vec<_> = launches.collect();
        let mut clock = GpuClock::rotating(gpu, &launches).await.unwrap();
        for (repeats, written) in [(2, [true, true, false]), (2, [true, false, true])] {
            for set in &sets {
                set.poison(gpu).await.unwrap();
            }
            // C of a set that was not reached still has the values that it began with.
            let before = gpu.download(outputs[0]).await.unwrap();
            clock.sample(repeats).await.unwrap();
            for (output, written) in outputs.iter().zip(written) {
                let changed = gpu.download(*output).await.unwrap() != before;
                assert_eq!(changed, written, "{repeats} {written:?}");
            }
        }
        let kernel = plan.kernel();
        for (set, launch) in sets.iter().zip(&launches) {
            let verified = set.run_and_verify(gpu, &matmul, kernel, launch, Coverage::Full);
            assert!(verified.await.unwrap().ok);
        }
        let stopped = OperandBuffers::sets(gpu, &matmul, 1, 3, &|| true).await;
        assert!(matches!(stopped, Err(Error::Interrupted)));
    });
}
