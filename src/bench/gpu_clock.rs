//! The clock of a real device: a launch, timestamps around it, and the host's clock around those.

use super::clock::{Clock, Tick};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::Launch;
use std::time::{Duration, Instant};

/// Runs a [`Launch`] between two timestamps of one compute pass, many times in one submission.
#[derive(Debug)]
pub struct GpuClock<'a> {
    gpu: &'a Gpu,
    launch: &'a Launch,
    timestamps: Option<Timestamps>,
    began: Instant,
}

#[derive(Debug)]
struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    period_ns: f64,
}

impl<'a> GpuClock<'a> {
    /// A clock for `launch`, with timestamps where the device has them.
    ///
    /// # Errors
    /// [`Error::Gpu`], [`Error::OutOfMemory`].
    pub async fn new(gpu: &'a Gpu, launch: &'a Launch) -> Result<Self> {
        let timestamps = match gpu.timestamp_period_ns() {
            None => None,
            Some(period_ns) => {
                let descriptor = wgpu::QuerySetDescriptor {
                    label: None,
                    ty: wgpu::QueryType::Timestamp,
                    count: 2,
                };
                let queries = gpu
                    .catch("create timestamps", || {
                        gpu.device().create_query_set(&descriptor)
                    })
                    .await?;
                let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
                let resolved = gpu.create_buffer("timestamps", 16, usage).await?;
                Some(Timestamps {
                    queries,
                    resolved,
                    period_ns: f64::from(period_ns),
                })
            }
        };
        Ok(Self {
            gpu,
            launch,
            timestamps,
            began: Instant::now(),
        })
    }

    async fn run(&mut self, repeats: u32) -> Result<Tick> {
        let mut encoder = self
            .gpu
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes =
                self.timestamps
                    .as_ref()
                    .map(|t| wgpu::ComputePassTimestampWrites {
                        query_set: &t.queries,
                        beginning_of_pass_write_index: Some(0),
                        end_of_pass_write_index: Some(1),
                    });
            let descriptor = wgpu::ComputePassDescriptor {
                label: Some("sample"),
                timestamp_writes,
            };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            for _ in 0..repeats {
                self.launch.dispatch(&mut pass);
            }
        }
        if let Some(t) = &self.timestamps {
            encoder.resolve_query_set(&t.queries, 0..2, &t.resolved, 0);
        }
        let begin = Instant::now();
        self.gpu.submit(encoder, "a sample").await?;
        let wall_s = begin.elapsed().as_secs_f64();
        Ok(Tick {
            gpu_s: self.read().await?,
            wall_s,
        })
    }

    async fn read(&self) -> Result<Option<f64>> {
        let Some(t) = &self.timestamps else {
            return Ok(None);
        };
        let bytes = self.gpu.download_bytes(&t.resolved, 0, 16).await?;
        let ticks: &[[u8; 8]] = bytemuck::cast_slice(&bytes);
        let &[begin, end] = ticks else {
            return Err(Error::Gpu {
                what: "read timestamps".into(),
                message: "none were written".into(),
            });
        };
        let (begin, end) = (u64::from_le_bytes(begin), u64::from_le_bytes(end));
        // Backwards stays backwards: the sampler has to see it.
        let ticks = if end >= begin {
            (end - begin) as f64
        } else {
            -((begin - end) as f64)
        };
        Ok(Some(ticks * t.period_ns * 1e-9))
    }
}

impl Clock for GpuClock<'_> {
    async fn sample(&mut self, repeats: u32) -> Result<Tick> {
        self.run(repeats).await
    }

    async fn empty(&mut self) -> Result<Tick> {
        self.run(0).await
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}
