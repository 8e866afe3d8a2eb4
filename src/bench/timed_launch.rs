//! Launches with timestamps around them, and the host's clock around those.

use super::clock::{Clock, Tick};
use super::rotation::Turns;
use crate::error::Result;
use crate::gpu::{Gpu, Readback};
use crate::plan::Launch;
use std::time::Duration;
use web_time::Instant;

/// Runs a [`Launch`], or several in turn, between two timestamps of one compute pass, many times in one submission. It watches no
/// device.
#[derive(Debug)]
pub(super) struct TimedLaunch<'a> {
    pub(super) gpu: &'a Gpu,
    launches: &'a [Launch],
    turns: Turns,
    timestamps: Option<Timestamps>,
    began: Instant,
}

#[derive(Debug)]
struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: Readback,
    period_ns: f64,
}

/// Bytes of two timestamps.
const BYTES: u64 = 16;

impl<'a> TimedLaunch<'a> {
    /// A clock for `launch`, with timestamps where the device has them.
    ///
    /// # Errors
    /// [`crate::Error::Gpu`], [`crate::Error::OutOfMemory`].
    pub(super) async fn new(gpu: &'a Gpu, launch: &'a Launch) -> Result<Self> {
        Self::rotating(gpu, std::slice::from_ref(launch)).await
    }

    /// A clock for `launches`, of which each repeat runs the next.
    ///
    /// # Errors
    /// Errors of [`TimedLaunch::new`].
    pub(super) async fn rotating(gpu: &'a Gpu, launches: &'a [Launch]) -> Result<Self> {
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
                let resolved = gpu.create_buffer("timestamps", BYTES, usage).await?;
                Some(Timestamps {
                    queries,
                    resolved,
                    readback: Readback::new(gpu, BYTES).await?,
                    period_ns: f64::from(period_ns),
                })
            }
        };
        Ok(Self {
            gpu,
            launches,
            turns: Turns::of(launches.len()),
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
            for place in self.turns.take(repeats) {
                self.launches[place].dispatch(&mut pass);
            }
        }
        let begin = Instant::now();
        let gpu_s = match &self.timestamps {
            None => {
                self.gpu.submit(encoder, "a sample").await?;
                None
            }
            // In the same submission: another one would leave the device idle after every sample.
            Some(t) => {
                encoder.resolve_query_set(&t.queries, 0..2, &t.resolved, 0);
                encoder.copy_buffer_to_buffer(&t.resolved, 0, t.readback.staging(), 0, BYTES);
                let read = |bytes: &[u8]| t.seconds(bytes);
                let submitted = t
                    .readback
                    .submit(self.gpu, encoder, "a sample", BYTES, read);
                Some(submitted.await?)
            }
        };
        let wall_s = begin.elapsed().as_secs_f64();
        Ok(Tick { gpu_s, wall_s })
    }
}

impl Timestamps {
    /// Seconds between the two timestamps in `bytes`. Backwards stays backwards: the sampler has to see it.
    fn seconds(&self, bytes: &[u8]) -> f64 {
        let at = |place: usize| {
            let ticks = bytes[place..].first_chunk().copied();
            u64::from_le_bytes(ticks.unwrap_or_default())
        };
        let (begin, end) = (at(0), at(8));
        let ticks = if end >= begin {
            (end - begin) as f64
        } else {
            -((begin - end) as f64)
        };
        ticks * self.period_ns * 1e-9
    }
}

impl Clock for TimedLaunch<'_> {
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
