//! Devices that lack what others have: few bindings, small bindings, no compute, one feature alone.

use crate::common;
use pollster::block_on;
use ridgepoint::bench::Coverage;
use ridgepoint::gpu::View;
use ridgepoint::ops::FAMILIES;
use ridgepoint::{
    Attention, AttentionBackward, Dtype, Error, Gpu, Matmul, Norm, NormKind, Operation, Plan,
    PlanOptions, Softmax,
};
use wgpu::{Features, Limits};

tests! {
    every_plan_of_a_small_device_binds_or_says_what_is_missing,
    small_devices_give_right_results,
    each_feature_alone_gives_right_results,
    a_device_without_compute_says_so,
    wanted_features_and_limits_open_a_device,
}

/// Limits of a kind of device, with its name.
fn small_devices() -> Vec<(&'static str, Limits)> {
    let default = Limits::default;
    let buffers = |count| Limits {
        max_storage_buffers_per_shader_stage: count,
        ..default()
    };
    let bindings = |bytes| Limits {
        max_storage_buffer_binding_size: bytes,
        ..default()
    };
    vec![
        ("WebGPU's defaults", default()),
        ("downlevel_defaults", Limits::downlevel_defaults()),
        ("3 storage buffers", buffers(3)),
        ("4 storage buffers", buffers(4)),
        ("6 storage buffers", buffers(6)),
        ("8 storage buffers", buffers(8)),
        ("bindings of 1 MiB", bindings(1 << 20)),
        ("bindings of 64 KiB", bindings(1 << 16)),
        (
            "2 bindings in a group",
            Limits {
                max_bindings_per_bind_group: 2,
                ..default()
            },
        ),
        (
            "uniforms of 16 bytes",
            Limits {
                max_uniform_buffer_binding_size: 16,
                ..default()
            },
        ),
        (
            "32 invocations",
            Limits {
                max_compute_invocations_per_workgroup: 32,
                max_compute_workgroup_size_x: 32,
                max_compute_workgroup_size_y: 32,
                max_compute_workgroup_size_z: 32,
                ..default()
            },
        ),
        (
            "1 KiB of workgroup memory",
            Limits {
                max_compute_workgroup_storage_size: 1 << 10,
                ..default()
            },
        ),
    ]
}

/// Shapes that bind much: many operands, more bytes than a small binding holds, sizes that no tile divides.
fn demanding() -> Vec<Box<dyn Operation>> {
    let plain = Attention::new(1, 2, 70, 64);
    let wide = |seq_kv, head_dim| Attention {
        seq_kv,
        seq_q: 1,
        ..Attention::new(1, 1, 1, head_dim)
    };
    let mut found: Vec<Box<dyn Operation>> = vec![
        Box::new(plain),
        Box::new(AttentionBackward { forward: plain }),
        Box::new(wide(300, 2048)),
        Box::new(wide(8000, 4096)),
        Box::new(Matmul::new(1, 66, 670)),
        Box::new(Matmul::new(900, 700, 800)),
        Box::new(Softmax::new(70, 100)),
        Box::new(Softmax::new(3, 300_001)),
        Box::new(Norm::new(NormKind::Layer, 9, 40_000)),
    ];
    // A class of each family; the shapes above have the sizes that are hard to bind.
    let classes = FAMILIES
        .iter()
        .filter_map(|family| Some((family, family.classes.last()?)));
    found.extend(classes.map(|(family, class)| {
        let dtype = Dtype::F16;
        (family.parse)(class.software_shape, dtype).unwrap()
    }));
    found
}

/// Every kernel of every operation, on every small device: a plan whose bindings wgpu accepts, or an error in words.
fn every_plan_of_a_small_device_binds_or_says_what_is_missing() {
    let features = Features::SHADER_F16 | Features::SUBGROUP;
    let devices = small_devices().into_iter();
    let devices: Vec<_> = devices
        .map(|(name, limits)| (name, common::noop(features, Some(limits))))
        .collect();
    for operation in demanding() {
        let operation = operation.as_ref();
        let names = operation.family().kernels.iter().map(|kernel| kernel.name);
        let kernels: Vec<_> = std::iter::once(None).chain(names.map(Some)).collect();
        for (device, gpu) in &devices {
            // The backend fills new buffers with zeros, which takes longer than all else here: kernels share them.
            let mut buffers = Vec::new();
            for &kernel in &kernels {
                let options = PlanOptions {
                    kernel,
                    ..PlanOptions::default()
                };
                let what = format!("{device}: {} by {kernel:?}", operation.label());
                match block_on(Plan::new(gpu, operation, &options)) {
                    Ok(plan) => bind(gpu, operation, &plan, &mut buffers, &what),
                    Err(Error::Unsupported { .. } | Error::TooLarge { .. }) => {}
                    Err(error) => panic!("{what}: {error}"),
                }
            }
        }
    }
}

/// Binds buffers to a plan and records it; wgpu checks both. `buffers` are those of the operands, or none yet.
#[track_caller]
fn bind(
    gpu: &Gpu,
    operation: &dyn Operation,
    plan: &Plan,
    buffers: &mut Vec<wgpu::Buffer>,
    what: &str,
) {
    block_on(async {
        let operands = operation.operands();
        for operand in &operands[buffers.len()..] {
            let bytes = operand.elements * operand.dtype.bytes();
            buffers.push(gpu.create_storage(operand.name, bytes).await.unwrap());
        }
        let views: Vec<View<'_>> = operands
            .iter()
            .zip(&*buffers)
            .map(|(operand, buffer)| View::part(buffer, 0, operand.elements, operand.dtype))
            .collect();
        let launch = plan.bind(&views).unwrap_or_else(|e| panic!("{what}: {e}"));
        let recorded = gpu.catch(what, || {
            let mut encoder = gpu
                .device()
                .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            launch.record(&mut encoder);
            encoder.finish()
        });
        recorded.await.unwrap_or_else(|e| panic!("{what}: {e}"));
    });
}

/// One small shape of each operation that has several kernels.
fn few() -> Vec<Box<dyn Operation>> {
    let attention = Attention::new(1, 2, 37, 16);
    vec![
        Box::new(Matmul::new(33, 20, 47)),
        Box::new(Softmax::new(5, 301)),
        Box::new(Norm::new(NormKind::Rms, 5, 301)),
        Box::new(Norm::new(NormKind::Layer, 5, 301)),
        Box::new(attention),
        Box::new(AttentionBackward { forward: attention }),
    ]
}

/// Plans each of `shapes` on `gpu` and holds its result against the reference; gives how many ran.
fn run_all(gpu: &Gpu, shapes: Vec<Box<dyn Operation>>) -> usize {
    let mut ran = 0;
    for operation in shapes {
        let operation = operation.as_ref();
        if let Some(plan) = common::plan(gpu, operation, &PlanOptions::default()) {
            let space = common::space(gpu, operation, None);
            common::verify(gpu, operation, &plan, &space, Coverage::Full);
            ran += 1;
        }
    }
    ran
}

fn small_devices_give_right_results() {
    // The uniform that fills operands has more bytes; what is left of such a device is planned without running it.
    let devices = small_devices().into_iter();
    for (device, limits) in devices.filter(|(name, _)| *name != "uniforms of 16 bytes") {
        let opened = common::open(|options| {
            options.limits = Some(limits);
            options.features = Features::empty();
        });
        let Some(gpu) = opened else { return };
        let ran = run_all(&gpu, few());
        let least = match device {
            "WebGPU's defaults" | "8 storage buffers" | "bindings of 1 MiB" => 6,
            "2 bindings in a group" => 0,
            _ => 1,
        };
        assert!(ran >= least, "{device}: {ran} of 6 operations ran");
    }
}

fn each_feature_alone_gives_right_results() {
    let Some(all) = common::gpu() else { return };
    let present = all.capabilities().features;
    for feature in (present - Features::EXPERIMENTAL_COOPERATIVE_MATRIX).iter() {
        let Some(gpu) = common::open(|options| options.features = feature) else {
            return;
        };
        assert_eq!(gpu.capabilities().features, feature);
        assert_eq!(run_all(&gpu, few()), 6, "{feature:?}");
    }
}

fn a_device_without_compute_says_so() {
    let opened = common::open(|options| options.limits = Some(Limits::downlevel_webgl2_defaults()));
    let Some(gpu) = opened else { return };
    for operation in demanding() {
        let planned = block_on(Plan::new(&gpu, operation.as_ref(), &PlanOptions::default()));
        match planned {
            Err(Error::Unsupported { reason, .. }) => {
                assert!(reason.contains("without compute shaders"), "{reason}");
            }
            other => panic!("{}: {other:?}", operation.label()),
        }
    }
    let sliced = block_on(gpu.run(&Softmax::new(1, 2), &[&[1.0, 2.0]]));
    assert!(
        matches!(sliced, Err(Error::Unsupported { .. })),
        "{sliced:?}"
    );
}

fn wanted_features_and_limits_open_a_device() {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let Ok(adapter) = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
    else {
        crate::skip("no adapter");
        return;
    };
    let features = Gpu::wanted_features(&adapter) - Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    let descriptor = wgpu::DeviceDescriptor {
        required_features: features,
        required_limits: Gpu::wanted_limits(&adapter),
        ..Default::default()
    };
    let (device, queue) = block_on(adapter.request_device(&descriptor)).unwrap();
    common::keep_until_the_end(&device);
    let gpu = Gpu::from_wgpu(&adapter, device, queue);
    assert_eq!(gpu.capabilities().features, features);
    assert_eq!(run_all(&gpu, few()), 6);
}
