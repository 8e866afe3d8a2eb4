//! Typed views of `wgpu::Buffer`s that anybody may own, and moving data to and from them.

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, oneshot::oneshot};

/// A run of elements in somebody's buffer.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// Where the elements begin, in bytes; a multiple of the device's `min_storage_buffer_offset_alignment`.
    pub offset: u64,
    /// How many elements may be touched.
    pub elements: u64,
    /// Their type.
    pub dtype: Dtype,
}

impl<'a> View<'a> {
    /// All of `buffer`, as elements of `dtype`.
    #[must_use]
    pub fn whole(buffer: &'a wgpu::Buffer, dtype: Dtype) -> Self {
        Self {
            buffer,
            offset: 0,
            elements: buffer.size() / dtype.bytes(),
            dtype,
        }
    }

    /// `elements` of `dtype`, from byte `offset` of `buffer`.
    #[must_use]
    pub fn part(buffer: &'a wgpu::Buffer, offset: u64, elements: u64, dtype: Dtype) -> Self {
        Self {
            buffer,
            offset,
            elements,
            dtype,
        }
    }

    /// One past the last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.elements * self.dtype.bytes()
    }

    /// Whether both are views of the same bytes.
    #[must_use]
    pub fn overlaps(&self, other: &View<'_>) -> bool {
        self.buffer == other.buffer && self.offset < other.end() && other.offset < self.end()
    }
}

impl Gpu {
    /// Creates a buffer with the elements of `values`, rounded to `dtype`.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub async fn upload(&self, label: &str, values: &[f32], dtype: Dtype) -> Result<wgpu::Buffer> {
        let mut bytes = dtype.encode(values);
        let buffer = self.create_storage(label, bytes.len() as u64).await?;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.catch("upload", || self.queue().write_buffer(&buffer, 0, &bytes))
            .await?;
        Ok(buffer)
    }

    /// Copies the elements of `view` to the CPU.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::TimedOut`], [`Error::DeviceLost`].
    pub async fn download(&self, view: View<'_>) -> Result<Vec<f32>> {
        let bytes = view.elements * view.dtype.bytes();
        Ok(view
            .dtype
            .decode(&self.download_bytes(view.buffer, view.offset, bytes).await?))
    }

    /// Copies `bytes` from byte `offset` of `buffer` to the CPU. `offset` is a multiple of 4.
    pub(crate) async fn download_bytes(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
    ) -> Result<Vec<u8>> {
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let padded = bytes.next_multiple_of(4).min(buffer.size() - offset);
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create_buffer("download", padded, usage).await?;
        let mut encoder = self
            .device()
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, padded);
        let submission = self
            .catch("download", || self.queue().submit([encoder.finish()]))
            .await?;
        let (sender, receiver) = oneshot();
        staging
            .slice(..)
            .map_async(wgpu::MapMode::Read, |result| sender.send(result));
        self.wait(submission, "download").await?;
        let failed = |message: String| Error::Gpu {
            what: "map a buffer for reading".into(),
            message,
        };
        let unanswered = || failed("it was never answered".to_owned());
        let answer = receiver.await.ok_or_else(unanswered)?;
        answer.map_err(|e| failed(e.to_string()))?;
        let mapped = staging
            .slice(..)
            .get_mapped_range()
            .map_err(|e| failed(e.to_string()))?;
        let mut found = mapped.to_vec();
        found.truncate(bytes as usize);
        Ok(found)
    }
}
