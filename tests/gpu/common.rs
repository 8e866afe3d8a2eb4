//! Devices that tests share, and planning, running and verifying on them.

#[path = "../common/mod.rs"]
mod adapter;
#[path = "../common/noop.rs"]
mod noop;

pub(crate) use adapter::keep_until_the_end;
pub(crate) use noop::noop;

use crate::skip;
use pollster::block_on;
use ridgepoint::bench::{Coverage, OperandBuffers};
use ridgepoint::data::generate;
use ridgepoint::report::Verified;
use ridgepoint::{Error, Gpu, GpuOptions, Operation, Plan, PlanOptions};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shared devices of one kind. llvmpipe compiles kernels on the one thread of a device's queue, so tests that run side by side
/// take several devices.
const DEVICES: usize = 4;

/// Devices that are opened alike, each when a test first asks for it. They stay until the end, as those of `open` do.
struct Shared {
    change: fn(&mut GpuOptions),
    devices: [OnceLock<Option<Gpu>>; DEVICES],
}

impl Shared {
    const fn new(change: fn(&mut GpuOptions)) -> Self {
        Self {
            change,
            devices: [const { OnceLock::new() }; DEVICES],
        }
    }

    /// The device of the calling thread. Without an adapter the test is skipped.
    fn get(&'static self) -> Option<&'static Gpu> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static PLACE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % DEVICES;
        }
        let place = PLACE.with(|place| *place);
        let device = self.devices[place].get_or_init(|| {
            let gpu = adapter::open(self.change)?;
            if place == 0 {
                let (adapter, warnings) = (gpu.summary(), gpu.warnings());
                eprintln!("on {} ({}), {warnings:?}", adapter.name, adapter.backend);
            }
            Some(gpu)
        });
        or_skip(device.as_ref())
    }
}

/// A shared device with all that the adapter has.
pub(crate) fn gpu() -> Option<&'static Gpu> {
    static SHARED: Shared = Shared::new(|_| {});
    SHARED.get()
}

/// A shared device as any WebGPU implementation has it: default limits, no features.
pub(crate) fn gpu_of_default_limits() -> Option<&'static Gpu> {
    static SHARED: Shared = Shared::new(default_limits);
    SHARED.get()
}

/// Options of a device with default limits and no features.
pub(crate) fn default_limits(options: &mut GpuOptions) {
    options.limits = Some(wgpu::Limits::default());
    options.features = wgpu::Features::empty();
}

/// A device of the test's own: with special options, for errors that belong to no call, or for measuring.
pub(crate) fn open(change: impl FnOnce(&mut GpuOptions)) -> Option<Gpu> {
    or_skip(adapter::open(change))
}

fn or_skip<T>(opened: Option<T>) -> Option<T> {
    if opened.is_none() {
        skip("no adapter");
    }
    opened
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

/// What `operation` gives for `values`, one for each operand that is read: each output, in their order. `None` where the device
/// cannot run it as `options` say.
#[track_caller]
pub(crate) fn answers(
    gpu: &Gpu,
    operation: &dyn Operation,
    options: &PlanOptions,
    values: &[Vec<f32>],
) -> Option<Vec<Vec<f32>>> {
    let plan = plan(gpu, operation, options)?;
    let space = space(gpu, operation, Some(values));
    block_on(async {
        space.poison(gpu).await.unwrap();
        let launch = plan.bind(&space.views()).unwrap();
        launch.run(gpu).await.unwrap();
        let mut found = Vec::new();
        for (operand, view) in operation.operands().iter().zip(space.views()) {
            if operand.role.is_written() {
                found.push(gpu.download(view).await.unwrap());
            }
        }
        Some(found)
    })
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
