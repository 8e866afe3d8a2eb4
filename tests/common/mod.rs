//! Helpers that the tests that need an adapter share.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use pollster::block_on;
use ridgepoint::bench::{Coverage, OperandBuffers};
use ridgepoint::data::generate;
use ridgepoint::report::Verified;
use ridgepoint::{Error, Gpu, GpuOptions, Operation, Plan, PlanOptions};

/// Opens the adapter that the environment names, or the fastest, as `change` wants it.
///
/// Without an adapter: says `skipped: no adapter` and gives `None`; under `REQUIRE_GPU=1` it panics.
pub(crate) fn open(change: impl FnOnce(&mut GpuOptions)) -> Option<Gpu> {
    let mut options = GpuOptions::from_env().unwrap();
    change(&mut options);
    match block_on(Gpu::open(&options)) {
        Ok(gpu) => {
            // NVIDIA's driver (580.159, Vulkan) can deadlock within itself when one thread destroys a device while
            // another compiles a pipeline or ends. Tests run on many threads, so their devices stay until the end.
            std::mem::forget(gpu.device().clone());
            Some(gpu)
        }
        Err(error) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => {
            panic!("REQUIRE_GPU=1: {error}")
        }
        Err(error) => {
            println!("skipped: no adapter ({error})");
            None
        }
    }
}

/// A device as any WebGPU implementation has it: default limits, no features.
pub(crate) fn open_default_limits() -> Option<Gpu> {
    open(|options| {
        options.limits = Some(wgpu::Limits::default());
        options.features = wgpu::Features::empty();
    })
}

/// Values for every operand that is read, as the tests of kernels get them.
pub(crate) fn generated(shape: &dyn Operation) -> Vec<Vec<f32>> {
    let operands = shape.operands();
    let read = operands
        .iter()
        .enumerate()
        .filter(|(_, o)| o.role.is_read());
    read.map(|(i, o)| generate(3, i, o.elements as usize, o.dtype, o.distribution))
        .collect()
}

/// Plans `operation`; `None` where the device cannot run it as `options` say.
#[track_caller]
pub(crate) fn plan(gpu: &Gpu, operation: &dyn Operation, options: &PlanOptions) -> Option<Plan> {
    match block_on(Plan::new(gpu, operation, options)) {
        Err(Error::Unsupported { .. }) => None,
        planned => Some(planned.unwrap()),
    }
}

/// Runs a plan on `space` and holds what it leaves against the f64 reference, and gives what was compared.
#[track_caller]
pub(crate) fn verify(
    gpu: &Gpu,
    operation: &dyn Operation,
    plan: &Plan,
    space: &OperandBuffers,
    coverage: Coverage,
) -> Verified {
    let kernel = plan.kernel();
    let launch = plan.bind(&space.views()).unwrap();
    let verified = block_on(space.run_and_verify(gpu, operation, kernel, &launch, coverage));
    let verified = verified.unwrap();
    assert!(
        verified.ok,
        "{} of {operation:?}, {:?} on {}: {}",
        kernel.name,
        plan.constants(),
        gpu.summary().name,
        verified.worst.as_deref().unwrap_or_default()
    );
    verified
}

/// Operands that hold `values`, one for each that is read in their order; generated ones without.
#[track_caller]
pub(crate) fn space(
    gpu: &Gpu,
    operation: &dyn Operation,
    values: Option<&[Vec<f32>]>,
) -> OperandBuffers {
    let space = match values {
        None => block_on(OperandBuffers::new(gpu, operation, 7)),
        Some(values) => block_on(OperandBuffers::with_values(gpu, operation, values)),
    };
    space.unwrap()
}
