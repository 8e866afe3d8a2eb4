//! Rearranging quants on the GPU: blocks of a GGUF file become whole words.

use super::device::Gpu;
use crate::error::Result;
use crate::shader::{Checks, Constant, Loops, Shader, files};
use crate::weights::Weights;
use crate::weights::gguf::{BlockLayout, layout};
use std::num::NonZeroU64;

/// `shaders/quants_from_gguf.wgsl`
pub(crate) static QUANTS_FROM_GGUF: Shader = files::QUANTS_FROM_GGUF;

/// Bytes of blocks that lie on the device at once, beside the quants that they become.
const STAGED: u64 = 64 << 20;

/// Blocks whose quants are a multiple of 256 bytes in every format: where a binding may begin.
const ALIGNED_BLOCKS: u64 = 64;

/// Binding 0.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    words: u32,
    stride: u32,
}

impl Gpu {
    /// Writes the quants of the whole GGUF blocks in `bytes` to `quants`, from its beginning on: as many blocks at once as are
    /// staged and bound.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a format that GGUF does not have; errors of an upload and of a
    /// dispatch.
    pub(crate) async fn rearrange_quants(
        &self,
        weights: Weights,
        bytes: &[u8],
        quants: &wgpu::Buffer,
    ) -> Result<()> {
        let layout = layout(weights)?;
        let limits = &self.capabilities().limits;
        let words_of_block = weights.quant_words(weights.block());
        let longest = (layout.bytes as u64).max(4 * words_of_block);
        let most = STAGED.min(limits.max_storage_buffer_binding_size) / longest;
        let at_once = (most / ALIGNED_BLOCKS).max(1) * ALIGNED_BLOCKS;
        let constants = constants(weights, layout, self.capabilities().widest_workgroup());
        let pipeline = self
            .pipeline(&QUANTS_FROM_GGUF, &constants, Checks::Off, Loops::Unrolled)
            .await?;
        let workgroup = pipeline.prepared.constant("WORKGROUP");
        for (part, first) in bytes.chunks(at_once as usize * layout.bytes).zip(0..) {
            let words = (part.len() / layout.bytes) as u64 * words_of_block;
            let workgroups = (words.div_ceil(workgroup.into()))
                .min(limits.max_compute_workgroups_per_dimension.into());
            let params = Params {
                words: words as u32,
                stride: workgroups as u32 * workgroup,
            };
            let uniform = self
                .create_uniforms("rearrange quants", bytemuck::bytes_of(&params))
                .await?;
            let blocks = self.upload_bytes("blocks", part).await?;
            let target = wgpu::BufferBinding {
                buffer: quants,
                offset: first * at_once * words_of_block * 4,
                size: NonZeroU64::new(words * 4),
            };
            let buffers = [
                uniform.as_entire_buffer_binding(),
                blocks.as_entire_buffer_binding(),
                target,
            ];
            let mut encoder = self
                .device()
                .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            self.encode(&mut encoder, &pipeline, &buffers, workgroups as u32)
                .await?;
            self.submit(encoder, "rearrange quants").await?;
        }
        Ok(())
    }
}

/// Constants of the file for blocks of `layout`, on a device that runs `invocations` at most in a workgroup.
fn constants(
    weights: Weights,
    layout: BlockLayout,
    invocations: u64,
) -> [(&'static str, Constant); 7] {
    let integer = |value: usize| Constant::Integer(value as u32);
    [
        ("BITS", Constant::Integer(weights.bits() as u32)),
        ("BLOCK", Constant::Integer(weights.block() as u32)),
        ("BLOCK_BYTES", integer(layout.bytes)),
        ("QUANTS_AT", integer(layout.quants)),
        ("SPAN", integer(layout.span.max(1))),
        ("HIGH_AT", integer(layout.high)),
        (
            "WORKGROUP",
            Constant::Integer(invocations.clamp(1, 64) as u32),
        ),
    ]
}
