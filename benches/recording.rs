//! Criterion over recording: host time of a bound plan's dispatches in a pass, beside wgpu's own calls for the same
//! dispatches, in turn.
//!
//! `cargo bench --bench recording` needs no GPU: wgpu's no-op backend records nothing, and what is left is the host's work.
//! One iteration records 64 dispatches into a pass and finishes the encoder; the numbers are for all 64.

#[path = "../tests/common/noop.rs"]
mod noop;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use noop::noop;
use pollster::block_on;
use ridgepoint::gpu::View;
use ridgepoint::plan::Launch;
use ridgepoint::{Dtype, Gpu, Operation, Plan, PlanOptions, Stream, StreamKind};
use wgpu::util::DeviceExt as _;

/// Dispatches in one iteration.
const DISPATCHES: u64 = 64;
/// Elements of a vector.
const ELEMENTS: u64 = 1024;

/// A copy by wgpu alone: one uniform, one buffer that is read, one that is written, as the library's.
struct Raw {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
}

const COPY: &str = "
struct Params { begin: u32, end: u32, stride: u32, alpha: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.end { y[id.x] = x[id.x]; }
}
";

impl Raw {
    fn new(device: &wgpu::Device, x: &wgpu::Buffer, y: &wgpu::Buffer) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(COPY.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let uniform = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(&[0u32, ELEMENTS as u32, 0, 0]),
            usage: wgpu::BufferUsages::UNIFORM,
        });
        let entries = [&uniform, x, y].into_iter().enumerate();
        let entries: Vec<_> = entries
            .map(|(i, buffer)| wgpu::BindGroupEntry {
                binding: i as u32,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Self {
            pipeline,
            bind_group,
        }
    }

    fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(ELEMENTS as u32 / 64, 1, 1);
    }
}

/// Records `dispatch` as often as one iteration has dispatches, and finishes the encoder.
fn record(gpu: &Gpu, mut dispatch: impl FnMut(&mut wgpu::ComputePass<'_>)) -> wgpu::CommandBuffer {
    let descriptor = wgpu::CommandEncoderDescriptor::default();
    let mut encoder = gpu.device().create_command_encoder(&descriptor);
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        (0..DISPATCHES).for_each(|_| dispatch(&mut pass));
    }
    encoder.finish()
}

fn bound(gpu: &Gpu, operation: &dyn Operation, x: &wgpu::Buffer, y: &wgpu::Buffer) -> Launch {
    let plan = block_on(Plan::new(gpu, operation, &PlanOptions::default()));
    let plan = plan.expect("a copy runs on any device");
    assert_eq!(plan.dispatches(), 1, "the same dispatches are compared");
    let views = [x, y].map(|buffer| View::part(buffer, 0, ELEMENTS, Dtype::F32));
    plan.bind(&views).expect("the buffers fit")
}

fn recording(criterion: &mut Criterion) {
    let gpu = noop(wgpu::Features::empty(), Some(wgpu::Limits::default()));
    let buffer = || block_on(gpu.create_storage("vector", ELEMENTS * 4)).expect("4 KiB fit");
    let (x, y) = (buffer(), buffer());
    let copy = Stream::new(StreamKind::Copy, ELEMENTS);
    let launch = bound(&gpu, &copy, &x, &y);
    let raw = Raw::new(gpu.device(), &x, &y);
    let mut group = criterion.benchmark_group("recording");
    group.throughput(Throughput::Elements(DISPATCHES));
    group.bench_function("plan", |bencher| {
        bencher.iter(|| record(&gpu, |pass| launch.dispatch(pass)));
    });
    group.bench_function("wgpu", |bencher| {
        bencher.iter(|| record(&gpu, |pass| raw.dispatch(pass)));
    });
    group.bench_function("plan again", |bencher| {
        bencher.iter(|| record(&gpu, |pass| launch.dispatch(pass)));
    });
    group.bench_function("wgpu again", |bencher| {
        bencher.iter(|| record(&gpu, |pass| raw.dispatch(pass)));
    });
    group.finish();
}

criterion_group!(benches, recording);
criterion_main!(benches);
