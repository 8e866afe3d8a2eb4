//! What the tests that need an adapter share.

use ridgepoint::data::generate;
use ridgepoint::{Gpu, GpuOptions, Operation};

/// Opens the adapter that the environment names, or the fastest, as `change` wants it.
///
/// Without an adapter: says `skipped: no adapter` and gives `None`; under `REQUIRE_GPU=1` it panics.
pub(crate) fn open(change: impl FnOnce(&mut GpuOptions)) -> Option<Gpu> {
    let mut options = GpuOptions::from_env().unwrap();
    change(&mut options);
    match pollster::block_on(Gpu::open(&options)) {
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
#[allow(
    dead_code,
    reason = "each test binary uses its own part of this module"
)]
pub(crate) fn open_default_limits() -> Option<Gpu> {
    open(|options| {
        options.limits = Some(wgpu::Limits::default());
        options.features = wgpu::Features::empty();
    })
}

/// Values for every operand that is read, as the tests of kernels get them.
#[allow(
    dead_code,
    reason = "each test binary uses its own part of this module"
)]
pub(crate) fn generated(shape: &dyn Operation) -> Vec<Vec<f32>> {
    let operands = shape.operands();
    let read = operands
        .iter()
        .enumerate()
        .filter(|(_, o)| o.role.is_read());
    read.map(|(i, o)| generate(3, i, o.elements as usize, o.dtype, o.distribution))
        .collect()
}
