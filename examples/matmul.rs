//! A product of two matrices on the fastest GPU of this machine.
//!
//! ```text
//! cargo run --release --example matmul
//! ```

use pollster::block_on;
use ridgepoint::{Gpu, GpuOptions};

fn main() -> ridgepoint::Result<()> {
    let gpu = block_on(Gpu::open(&GpuOptions::from_env()?))?;
    let a = block_on(gpu.tensor([2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]))?;
    let b = block_on(gpu.tensor([3, 2], &[1.0f32, 0.0, 0.5, -1.0, 2.0, 3.0]))?;
    let c = block_on(gpu.matmul(&a, &b))?;
    println!(
        "{:?} on {}",
        block_on(gpu.download_tensor(&c))?,
        gpu.summary().name
    );
    Ok(())
}
