//! Moving data to the device and back.

use super::peak::screening;
use super::probe::measured;
use super::system::{by_host, finish, recorded};
use crate::bench::Measurement;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::report::{Sampling, Status, TransferPoint};
use std::time::Duration;

/// Memory of the host that the device reads and writes, and memory of the device, as large as each other.
#[derive(Debug)]
pub(super) struct Ends {
    host: Result<wgpu::Buffer>,
    device: wgpu::Buffer,
    bytes: u64,
    /// Whether the device can copy out of memory that the host can read. Memory that the host can only write is the
    /// device's own on many adapters, and a copy out of it shows nothing of the way between them.
    both_ways: bool,
}

impl Ends {
    pub(super) async fn new(gpu: &Gpu, device: &wgpu::Buffer, bytes: u64) -> Self {
        let features = gpu.capabilities().features;
        let both_ways = features.contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS);
        let mut usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        if both_ways {
            usage |= wgpu::BufferUsages::COPY_SRC;
        }
        Self {
            host: gpu.create_buffer("host memory", bytes, usage).await,
            device: device.clone(),
            bytes,
            both_ways,
        }
    }

    /// Moves `bytes` between host and device in each direction. Copies go through all of both buffers in turn: what the
    /// device has just read of the host may be in its cache.
    ///
    /// # Errors
    /// [`Error::Interrupted`], [`Error::DeviceLost`]; whatever else happens is the point's status.
    pub(super) async fn transfer(
        &self,
        gpu: &Gpu,
        bytes: u64,
        sampling: &Sampling,
        stop: &dyn Fn() -> bool,
    ) -> Result<TransferPoint> {
        let sampling = Sampling {
            min_samples: 5,
            max_time: Duration::from_millis(300),
            ..screening(sampling)
        };
        let host = match &self.host {
            Ok(host) => host,
            Err(error) => {
                let ended = measured(Err(error.clone()))?;
                return Ok(point(bytes, &ended, &ended, &ended));
            }
        };
        let mut turn = 0;
        let places = self.bytes / bytes;
        let mut copies = async |from: &wgpu::Buffer, to: &wgpu::Buffer| {
            by_host(gpu, &sampling, stop, async |repeats: u32| {
                let buffer = recorded(gpu, |encoder| {
                    for _ in 0..repeats {
                        let offset = turn % places * bytes;
                        turn += 1;
                        encoder.copy_buffer_to_buffer(from, offset, to, offset, bytes);
                    }
                });
                finish(gpu, gpu.queue().submit([buffer])).await
            })
            .await
        };
        let from_device = copies(&self.device, host).await?;
        let to_device = if self.both_ways {
            copies(host, &self.device).await?
        } else {
            Measurement::unsupported("the device cannot copy out of memory that the host reads")
        };
        let data = vec![0x5a_u8; bytes as usize];
        let written = by_host(gpu, &sampling, stop, async |repeats: u32| {
            for _ in 0..repeats {
                gpu.queue().write_buffer(&self.device, 0, &data);
                let submission = gpu.queue().submit([]);
                finish(gpu, submission).await?;
            }
            Ok(())
        })
        .await?;
        Ok(point(bytes, &to_device, &from_device, &written))
    }
}

fn point(
    bytes: u64,
    to_device: &Measurement,
    from_device: &Measurement,
    written: &Measurement,
) -> TransferPoint {
    let rate = |m: &Measurement| m.time.as_ref().map(|t| bytes as f64 / t.best_stable());
    let all = [to_device, from_device, written];
    let worst = all.into_iter().find(|m| m.status != Status::Ok);
    TransferPoint {
        bytes,
        to_device: rate(to_device),
        from_device: rate(from_device),
        write_buffer: rate(written),
        warnings: all.into_iter().flat_map(Measurement::drift_marks).collect(),
        status: worst.map_or(Status::Ok, |m| m.status),
        reason: worst.and_then(|m| m.reason.clone()),
    }
}
