//! A page of your own that multiplies on its own device: `make web` builds it, `web/dist/example` has it.
//!
//! The page opens the device, as for whatever else it draws or computes, and hands it to the library.

use ridgepoint::Gpu;
use wasm_bindgen::prelude::wasm_bindgen;

/// The product of a matrix of `rows` by `inner` and one of `inner` by `columns`, row after row; the elements of both count
/// from 0 to 6 over and over.
///
/// # Errors
/// The reason in words.
#[wasm_bindgen]
pub async fn multiply(rows: u32, inner: u32, columns: u32) -> Result<Vec<f32>, String> {
    product(rows.into(), inner.into(), columns.into())
        .await
        .map_err(|error| error.to_string())
}

async fn product(m: u64, k: u64, n: u64) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let instance = wgpu::Instance::default();
    let adapter = instance
        .request_adapter(&wgpu::RequestAdapterOptions::default())
        .await?;
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            required_features: Gpu::wanted_features(&adapter),
            required_limits: Gpu::wanted_limits(&adapter),
            ..Default::default()
        })
        .await?;
    let gpu = Gpu::from_wgpu(&adapter, device, queue);
    let counted = |count: u64| -> Vec<f32> { (0..count).map(|i| (i % 7) as f32).collect() };
    let a = gpu.tensor([m, k], &counted(m * k)).await?;
    let b = gpu.tensor([k, n], &counted(k * n)).await?;
    let c = gpu.matmul(&a, &b).await?;
    Ok(gpu.download_tensor(&c).await?)
}
