//! Opening an adapter, for every test binary that needs one.

use pollster::block_on;
use ridgepoint::{Gpu, GpuOptions};

/// Opens the adapter that the environment names, or the fastest, as `change` wants it.
///
/// Without an adapter: says `skipped: no adapter` and gives `None`; under `REQUIRE_GPU=1` it panics.
pub(crate) fn open(change: impl FnOnce(&mut GpuOptions)) -> Option<Gpu> {
    let mut options = GpuOptions::from_env().unwrap();
    change(&mut options);
    match block_on(Gpu::open(&options)) {
        Ok(gpu) => {
            keep_until_the_end(gpu.device());
            Some(gpu)
        }
        Err(error) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => {
            panic!("REQUIRE_GPU=1: {error}")
        }
        Err(error) => {
            eprintln!("skipped: no adapter ({error})");
            None
        }
    }
}

/// Leaks `device`: NVIDIA's driver (580.159, Vulkan) can deadlock within itself when one thread destroys a device while
/// another compiles a pipeline or ends, and tests run on many threads.
pub(crate) fn keep_until_the_end(device: &wgpu::Device) {
    std::mem::forget(device.clone());
}
