//! Criterion over planning: host time of `Plan::new` where the pipelines are compiled already, on wgpu's no-op backend.
//!
//! `cargo bench --bench planning` needs no GPU: the no-op backend compiles nothing, and what is left is the host's work of
//! choosing a kernel, preparing its text and laying out its dispatches.

#[path = "../tests/common/noop.rs"]
mod noop;

use criterion::{Criterion, criterion_group, criterion_main};
use noop::noop;
use pollster::block_on;
use ridgepoint::ops::family;
use ridgepoint::plan::choose;
use ridgepoint::report::AdapterKind;
use ridgepoint::suite::suite;
use ridgepoint::{Dtype, Gpu, Operation, Plan, PlanOptions};
use std::hint::black_box;

/// Operations and shapes that are planned one at a time.
const SHAPES: [(&str, &str); 2] = [
    ("matmul", "4096x4096x4096"),
    ("attention", "1x32x4096x4096x128xcausal"),
];

fn plan(gpu: &Gpu, operation: &dyn Operation, kernel: Option<&'static str>) -> Plan {
    let options = PlanOptions {
        kernel,
        ..PlanOptions::default()
    };
    block_on(Plan::new(gpu, operation, &options)).expect("the shape has a kernel")
}

fn planning(criterion: &mut Criterion) {
    let gpu = noop(wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP, None);
    let mut group = criterion.benchmark_group("planning");
    group.sample_size(20);
    for (name, shape) in SHAPES {
        for dtype in [Dtype::F32, Dtype::F16] {
            let family = family(name).expect("the operation is in the table");
            let operation =
                (family.parse)(shape, dtype).expect("the shape is one of the operation");
            let planned = plan(&gpu, operation.as_ref(), None);
            eprintln!("{name} {}: {}", dtype.name(), planned.kernel().name);
            group.bench_function(format!("{name}/{}", dtype.name()), |bencher| {
                bencher.iter(|| black_box(plan(&gpu, operation.as_ref(), None)));
            });
            // Without buffers, which the no-op backend fills with zeros: the choice of a kernel is pure.
            let options = PlanOptions::default();
            let choose = || choose(operation.as_ref(), &options, gpu.capabilities());
            group.bench_function(format!("choose/{name}/{}", dtype.name()), |bencher| {
                bencher.iter(|| black_box(choose()));
            });
        }
    }
    // Shapes of a software adapter: the no-op backend fills scratch memory with zeros, which takes seconds for a GPU's.
    let cases: Vec<_> = suite("standard")
        .expect("standard is a suite")
        .cases(AdapterKind::Noop)
        .all
        .into_iter()
        .map(|case| (case.operation, case.kernel))
        .collect();
    let mut plan_all = || {
        for (operation, kernel) in &cases {
            black_box(plan(&gpu, operation.as_ref(), *kernel));
        }
    };
    plan_all();
    group.sample_size(10);
    group.bench_function("standard_suite", |bencher| bencher.iter(&mut plan_all));
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
