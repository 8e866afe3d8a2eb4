//! The number of invocations in the subgroups of a compiled pipeline, where an adapter's subgroups have several sizes.
//!
//! A driver picks one size for each pipeline, and wgpu cannot ask for one. Kernels on matrix units are written for a size:
//! their constant `LANES`. Where `SUBGROUPS_VARY` is set, such a kernel that is dispatched with a uniform of zeros stores
//! its subgroup's size in the first element of an output and does nothing else.

use super::device::Gpu;
use super::pipeline::Pipeline;
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::report::AdapterKind;
use crate::shader::{Access, Prepared};

/// Bytes bound for each storage binding: more than an element of any type has.
const BYTES: u64 = 256;

/// The invocations of a subgroup for which `prepared` is written, if it depends on them and sizes differ.
pub(super) fn wanted_size(prepared: &Prepared) -> Option<u32> {
    let varies = prepared.constants.get("SUBGROUPS_VARY") == Some(&1);
    varies.then(|| prepared.constant("LANES"))
}

impl Gpu {
    /// Refuses a pipeline whose subgroups have another size than its text was written for.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with both sizes; errors that the device reports.
    pub(super) async fn require_subgroup_size(&self, pipeline: &Pipeline) -> Result<()> {
        let Some(wanted) = wanted_size(&pipeline.prepared) else {
            return Ok(());
        };
        if self.capabilities.kind == AdapterKind::Noop {
            return Ok(());
        }
        let found = self.subgroup_size_of(pipeline).await?;
        if found == Some(wanted) {
            return Ok(());
        }
        let found = found.map_or("an unknown number of".to_owned(), |size| size.to_string());
        Err(Error::Unsupported {
            what: format!("shaders/{}.wgsl", pipeline.prepared.name),
            reason: format!(
                "the driver compiled it for subgroups of {found} invocations, and its text is for {wanted}"
            ),
        })
    }

    /// Dispatches one workgroup of `pipeline` with a uniform of zeros, and reads what it says.
    async fn subgroup_size_of(&self, pipeline: &Pipeline) -> Result<Option<u32>> {
        let prepared = &pipeline.prepared;
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let uniform = self
            .create_buffer("zeros", prepared.uniform_bytes.into(), usage)
            .await?;
        let mut buffers = Vec::new();
        for binding in &prepared.bindings {
            // New buffers hold zeros.
            buffers.push(match binding.access {
                Access::Uniform => uniform.clone(),
                Access::Read | Access::ReadWrite => self.allocate_storage("zeros", BYTES).await?,
            });
        }
        let bound: Vec<_> = buffers
            .iter()
            .map(wgpu::Buffer::as_entire_buffer_binding)
            .collect();
        let mut encoder = self
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.encode(&mut encoder, pipeline, &bound, 1).await?;
        self.submit(encoder, prepared.name).await?;
        for (binding, buffer) in prepared.bindings.iter().zip(&buffers) {
            if binding.access == Access::ReadWrite {
                let bits = self.download_bytes(buffer, 0, 4).await?;
                if let Some(size) = size_of(&bits) {
                    return Ok(Some(size));
                }
            }
        }
        Ok(None)
    }
}

/// The size that the first bytes of an output say: an f32, or an f16 and its copy. The lower half of an f32 that is a small
/// integer is 0.
fn size_of(bytes: &[u8]) -> Option<u32> {
    let dtype = if bytes[..2] == [0, 0] {
        Dtype::F32
    } else {
        Dtype::F16
    };
    let size = dtype.element(bytes, 0);
    (size >= 1.0).then_some(size as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_both_types() {
        for size in [1u32, 8, 32, 64, 128] {
            for dtype in [Dtype::F32, Dtype::F16] {
                let bytes = dtype.encode(&[size as f32; 2]);
                assert_eq!(size_of(&bytes[..4]), Some(size));
            }
        }
        assert_eq!(size_of(&[0; 4]), None);
    }
}
