//! Criterion over the table of kernels: GPU time of one execution of each, on one middling shape.
//!
//! `cargo bench` runs them all, `cargo bench -- matmul` some. Times come from GPU timestamps where the adapter has them
//! and from the wall clock otherwise. For numbers to publish use `ridgepoint run`, which verifies, warms up by plateau
//! and writes down its conditions; this is for comparing two states of the code.

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use pollster::block_on;
use ridgepoint::bench::{Clock, GpuClock, OperandBuffers};
use ridgepoint::ops::FAMILIES;
use ridgepoint::plan::Launch;
use ridgepoint::report::{AdapterKind, Sampling};
use ridgepoint::suite::suite;
use ridgepoint::{Gpu, GpuOptions, Operation, Plan, PlanOptions};
use std::time::Duration;

/// Executions in one submission at most, so that none of them troubles a watchdog.
const SUBMISSION_S: f64 = 0.05;

/// GPU time of `iterations` executions on a device that is awake, in submissions of bounded length.
fn time(gpu: &Gpu, launch: &Launch, iterations: u64) -> Duration {
    block_on(async {
        let mut clock = GpuClock::new(gpu, launch)
            .await
            .expect("the adapter creates a query set");
        clock
            .wake(&Sampling::quick(), &|| false)
            .await
            .expect("the adapter runs arithmetic");
        let one = clock.sample(1).await.expect("the kernel ran before");
        let most = (SUBMISSION_S / one.wall_s).clamp(1.0, 1000.0) as u64;
        let (mut left, mut seconds) = (iterations, 0.0);
        while left > 0 {
            let repeats = left.min(most);
            let tick = clock
                .sample(repeats as u32)
                .await
                .expect("the kernel ran before");
            seconds += tick.gpu_s.filter(|s| *s > 0.0).unwrap_or(tick.wall_s);
            left -= repeats;
        }
        Duration::from_secs_f64(seconds)
    })
}

fn bench_kernels(gpu: &Gpu, group: &mut BenchmarkGroup<'_, WallTime>, operation: &dyn Operation) {
    for kernel in operation.family().kernels {
        let options = PlanOptions {
            kernel: Some(kernel.name),
            ..Default::default()
        };
        let plan = match block_on(Plan::new(gpu, operation, &options)) {
            Ok(plan) => plan,
            Err(error) => {
                eprintln!("{}: {error}", kernel.name);
                continue;
            }
        };
        let space =
            block_on(OperandBuffers::new(gpu, operation, 1)).expect("a middling shape fits");
        let launch = plan
            .bind(&space.views())
            .expect("the operand_buffers fits its operation");
        let work = match operation.flops() / operation.min_bytes().max(1) {
            0..8 => Throughput::BytesDecimal(operation.min_bytes()),
            _ => Throughput::Elements(operation.flops()),
        };
        group.throughput(work);
        group.bench_function(
            BenchmarkId::new(kernel.name, operation.label()),
            |bencher| {
                bencher.iter_custom(|iterations| time(gpu, &launch, iterations));
            },
        );
    }
}

fn kernels(criterion: &mut Criterion) {
    let options = GpuOptions::from_env().expect("WGPU_BACKEND names a backend");
    let gpu = match block_on(Gpu::open(&options)) {
        Ok(gpu) => gpu,
        Err(error) => {
            eprintln!("nothing to bench: {error}");
            return;
        }
    };
    eprintln!("{} ({})", gpu.summary().name, gpu.summary().kind);
    let kind = gpu.summary().kind;
    let sampling = if kind == AdapterKind::Software {
        10
    } else {
        50
    };
    for family in FAMILIES {
        let cases = suite("quick").expect("quick is a suite").cases(kind).all;
        let case = cases
            .iter()
            .find(|case| case.family().name == family.name)
            .expect("quick has every operation");
        let mut group = criterion.benchmark_group(family.name);
        group
            .sample_size(sampling)
            .measurement_time(Duration::from_secs(1))
            .warm_up_time(Duration::from_millis(500));
        bench_kernels(&gpu, &mut group, case.operation.as_ref());
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
