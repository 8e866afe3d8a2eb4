//! Filling buffers on the GPU: seeded random values, or one value everywhere.

use super::buffer::View;
use super::device::Gpu;
use crate::data::{Distribution, Dtype, stream_seed};
use crate::error::Result;
use crate::shader::{Checks, Constant, Loops, Shader, files};
use std::num::NonZeroU64;

/// `shaders/fill.wgsl`
pub(crate) static FILL: Shader = files::FILL;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    words: u32,
    stride: u32,
    stream: u32,
    mode: u32,
    distribution: u32,
    constant: u32,
    first: u32,
    bound: u32,
}

const MODE_F32: u32 = 0;
const MODE_F16: u32 = 1;
const MODE_CONSTANT: u32 = 2;
#[cfg(feature = "bench")]
const MODE_BITS: u32 = 3;
const MODE_U32: u32 = 4;
const MODE_WORDS: u32 = 5;

impl Gpu {
    /// Fills the elements of `view` with the values that [`crate::data::generate`] gives for this seed and operand.
    ///
    /// The last word of a view of an odd number of f16 is written whole.
    ///
    /// # Errors
    /// [`crate::Error::Gpu`] for a view that the buffer does not hold or that cannot be bound; [`crate::Error::OutOfMemory`],
    /// [`crate::Error::TimedOut`], [`crate::Error::DeviceLost`].
    pub async fn fill_random(
        &self,
        view: View<'_>,
        seed: u32,
        operand: usize,
        distribution: Distribution,
    ) -> Result<()> {
        let mode = match view.dtype {
            Dtype::F32 => MODE_F32,
            Dtype::F16 => MODE_F16,
            Dtype::U32 => MODE_U32,
            Dtype::Words => MODE_WORDS,
        };
        let stream = stream_seed(seed, operand);
        let bound = match distribution {
            Distribution::Below(bound) | Distribution::Permutation(bound) => bound.max(1),
            Distribution::Bits { random, .. } => random,
            Distribution::Uniform | Distribution::Outliers => 1,
        };
        let constant = match distribution {
            Distribution::Bits { fixed, .. } => fixed,
            _ => 0,
        };
        let distribution = distribution.code();
        self.fill(
            view,
            Params {
                stream,
                mode,
                distribution,
                constant,
                bound,
                ..bytemuck::Zeroable::zeroed()
            },
        )
        .await
    }

    /// Fills the words of `view` with hashed bits: word `i` is `mix(i ^ stream_seed(seed, operand))`, all 32 of them.
    ///
    /// # Errors
    /// Errors of [`Gpu::fill_random`].
    #[cfg(feature = "bench")]
    pub(crate) async fn fill_bits(&self, view: View<'_>, seed: u32, operand: usize) -> Result<()> {
        let stream = stream_seed(seed, operand);
        let mode = MODE_BITS;
        let params = Params {
            stream,
            mode,
            ..bytemuck::Zeroable::zeroed()
        };
        self.fill(view, params).await
    }

    /// Fills the elements of `view` with NaN, so that an element that a kernel does not write is found; integers with
    /// ones in every bit.
    ///
    /// # Errors
    /// Errors of [`Gpu::fill_random`].
    pub async fn poison(&self, view: View<'_>) -> Result<()> {
        let constant = match view.dtype {
            Dtype::F32 => f32::NAN.to_bits(),
            Dtype::F16 => 0x7e00_7e00,
            Dtype::U32 | Dtype::Words => u32::MAX,
        };
        self.fill(
            view,
            Params {
                constant,
                mode: MODE_CONSTANT,
                ..bytemuck::Zeroable::zeroed()
            },
        )
        .await
    }

    async fn fill(&self, view: View<'_>, params: Params) -> Result<()> {
        let limits = &self.capabilities().limits;
        let most = self.capabilities().widest_workgroup().clamp(1, 256) as u32;
        let constants = [("WORKGROUP", Constant::Integer(most))];
        let pipeline = self
            .pipeline(&FILL, &constants, Checks::Off, Loops::Unrolled)
            .await?;
        let prepared = &pipeline.prepared;
        prepared.check_params(FILL.name, bytemuck::bytes_of(&params))?;
        let workgroup = prepared.constant("WORKGROUP");
        let window = limits.max_storage_buffer_binding_size / 256 * 256;
        let total = (view.elements * view.dtype.bytes()).next_multiple_of(4);
        let mut encoder = self
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for offset in (0..total).step_by(window as usize) {
            let bytes = (total - offset).min(window);
            let words = (bytes / 4) as u32;
            let workgroups = words
                .div_ceil(workgroup)
                .min(limits.max_compute_workgroups_per_dimension);
            let first = (offset / view.dtype.bytes()) as u32;
            let params = Params {
                words,
                stride: workgroups * workgroup,
                first,
                ..params
            };
            let bytes_of_params = bytemuck::bytes_of(&params);
            let uniform = self.create_uniforms("fill", bytes_of_params).await?;
            let target = wgpu::BufferBinding {
                buffer: view.buffer,
                offset: view.offset + offset,
                size: NonZeroU64::new(bytes),
            };
            let buffers = [uniform.as_entire_buffer_binding(), target];
            self.encode(&mut encoder, &pipeline, &buffers, workgroups)
                .await?;
        }
        self.submit(encoder, "fill a buffer").await
    }
}
