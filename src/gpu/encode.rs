//! One dispatch of a pipeline that no plan has bound.

use super::device::Gpu;
use super::pipeline::Pipeline;
use crate::error::Result;

impl Gpu {
    /// Records a dispatch of `pipeline` into `encoder`, with `buffers` as its bindings from 0 on.
    ///
    /// # Errors
    /// [`Error::Gpu`](crate::Error::Gpu) for buffers that cannot be bound.
    pub(crate) async fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        pipeline: &Pipeline,
        buffers: &[wgpu::BufferBinding<'_>],
        workgroups: u32,
    ) -> Result<()> {
        let name = pipeline.prepared.name;
        let bindings = pipeline.prepared.bindings.iter().zip(buffers);
        let entries: Vec<_> = bindings
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding: binding.index,
                resource: wgpu::BindingResource::Buffer(buffer.clone()),
            })
            .collect();
        let bind = || {
            self.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(name),
                layout: &pipeline.layout,
                entries: &entries,
            })
        };
        let bind_group = self.step(&format!("bind buffers of {name}"), bind).await?;
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&pipeline.raw);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(workgroups, 1, 1);
        Ok(())
    }
}
