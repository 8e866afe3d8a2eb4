//! Typed views of `wgpu::Buffer`s that anybody may own, and moving data to and from them.

use super::device::Gpu;
use super::oneshot::oneshot;
use crate::data::Dtype;
use crate::error::{Error, Result};

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
        let readback = Readback::new(self, padded).await?;
        let copied = readback.read(self, buffer, offset, padded, <[u8]>::to_vec);
        let mut found = copied.await?;
        found.truncate(bytes as usize);
        Ok(found)
    }
}

/// Memory of the host that parts of buffers are read through, one after the other: memory is mapped once and not copied.
#[derive(Debug)]
pub(crate) struct Readback {
    staging: wgpu::Buffer,
}

impl Readback {
    /// Room for `most` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub(crate) async fn new(gpu: &Gpu, most: u64) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = gpu.create_buffer("readback", most, usage).await?;
        Ok(Self { staging })
    }

    /// Hands `bytes` from byte `offset` of `buffer` to `with`; both are multiples of 4.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::DeviceLost`], [`Error::Gpu`].
    pub(crate) async fn read<T>(
        &self,
        gpu: &Gpu,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        with: impl FnOnce(&[u8]) -> T,
    ) -> Result<T> {
        let descriptor = wgpu::CommandEncoderDescriptor::default();
        let mut encoder = gpu.device().create_command_encoder(&descriptor);
        encoder.copy_buffer_to_buffer(buffer, offset, &self.staging, 0, bytes);
        self.submit(gpu, encoder, "download", bytes, with).await
    }

    /// The buffer that an encoder for [`Readback::submit`] copies to.
    #[cfg(feature = "bench")]
    pub(crate) fn staging(&self) -> &wgpu::Buffer {
        &self.staging
    }

    /// Submits `encoder`, which copies to the beginning of the staging buffer, waits for its end, and hands the first
    /// `bytes` to `with`.
    ///
    /// # Errors
    /// Errors of [`Readback::read`].
    pub(crate) async fn submit<T>(
        &self,
        gpu: &Gpu,
        encoder: wgpu::CommandEncoder,
        what: &str,
        bytes: u64,
        with: impl FnOnce(&[u8]) -> T,
    ) -> Result<T> {
        let submission = gpu
            .catch(what, || gpu.queue().submit([encoder.finish()]))
            .await?;
        let (sender, receiver) = oneshot();
        let part = self.staging.slice(..bytes);
        part.map_async(wgpu::MapMode::Read, |result| sender.send(result));
        gpu.wait(submission, what).await?;
        let failed = |message: String| Error::Gpu {
            what: "map a buffer for reading".into(),
            message,
        };
        let unanswered = || failed("it was never answered".to_owned());
        let answer = receiver.await.ok_or_else(unanswered)?;
        answer.map_err(|e| failed(e.to_string()))?;
        let read = part.get_mapped_range().map(|mapped| with(&mapped));
        self.staging.unmap();
        read.map_err(|e| failed(e.to_string()))
    }
}
