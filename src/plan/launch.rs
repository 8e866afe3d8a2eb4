//! A plan bound to buffers.

use crate::error::Result;
use crate::gpu::{Gpu, Pipeline};
use std::sync::Arc;

/// A plan bound to buffers: dispatches that are ready to be recorded. It keeps its buffers alive.
#[derive(Debug)]
pub struct Launch {
    label: &'static str,
    steps: Vec<(Arc<Pipeline>, wgpu::BindGroup, [u32; 3])>,
}

impl Launch {
    /// Dispatches in order: a plan's, or a probe's own.
    pub(crate) fn of(
        label: &'static str,
        steps: Vec<(Arc<Pipeline>, wgpu::BindGroup, [u32; 3])>,
    ) -> Self {
        Self { label, steps }
    }

    /// All dispatches of several launches, in order: a model as one launch.
    #[must_use]
    pub fn joined(launches: Vec<Self>) -> Self {
        Self {
            label: launches.first().map_or("nothing", |launch| launch.label),
            steps: launches.into_iter().flat_map(|l| l.steps).collect(),
        }
    }

    /// A launch for each dispatch, so that each can be timed.
    #[must_use]
    pub fn apart(self) -> Vec<Self> {
        let label = self.label;
        let alone = |step| Self {
            label,
            steps: vec![step],
        };
        self.steps.into_iter().map(alone).collect()
    }

    /// Records the dispatches into `encoder`, as one compute pass.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        let descriptor = wgpu::ComputePassDescriptor {
            label: Some(self.label),
            timestamp_writes: None,
        };
        self.dispatch(&mut encoder.begin_compute_pass(&descriptor));
    }

    /// Records and submits the launch alone, and returns when the GPU has finished it.
    ///
    /// # Errors
    /// Errors of [`Gpu::submit`].
    pub async fn run(&self, gpu: &Gpu) -> Result<()> {
        let descriptor = wgpu::CommandEncoderDescriptor::default();
        let mut encoder = gpu.device().create_command_encoder(&descriptor);
        gpu.step(self.label, || self.record(&mut encoder)).await?;
        gpu.submit(encoder, self.label).await
    }

    /// Records the dispatches into a pass that is open.
    pub fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>) {
        for (pipeline, bind_group, [x, y, z]) in &self.steps {
            pass.set_pipeline(&pipeline.raw);
            pass.set_bind_group(0, bind_group, &[]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
    }
}
