//! Typed views of `wgpu::Buffer`s that anybody may own, and moving data to and from them.

use super::device::Gpu;
use super::oneshot::oneshot;
use crate::data::Dtype;
use crate::error::{Error, Result};
use std::borrow::Cow;

/// Bytes that wgpu's queue may take through memory of its own.
const SMALL: usize = 1 << 20;

/// Bytes that are uploaded at a time through memory of the host; a multiple of 4.
const STAGED: usize = 64 << 20;

/// `bytes`, with zeros up to a multiple of 4 bytes.
fn padded(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len().is_multiple_of(4) {
        return Cow::Borrowed(bytes);
    }
    let mut longer = bytes.to_vec();
    longer.resize(bytes.len().next_multiple_of(4), 0);
    Cow::Owned(longer)
}

/// A run of elements in somebody's buffer.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// First byte of the elements; a multiple of the device's `min_storage_buffer_offset_alignment`.
    pub offset: u64,
    /// Number of elements.
    pub elements: u64,
    /// Type of the elements.
    pub dtype: Dtype,
}

impl<'a> View<'a> {
    /// All whole elements of `dtype` in `buffer`.
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

    /// Byte of the buffer behind the last element.
    #[must_use]
    pub fn end(&self) -> u64 {
        let bytes = self.elements.saturating_mul(self.dtype.bytes());
        self.offset.saturating_add(bytes)
    }

    /// Elements of the view that lie within its buffer.
    pub(crate) fn present(&self) -> u64 {
        let room = self.buffer.size().saturating_sub(self.offset) / self.dtype.bytes();
        self.elements.min(room)
    }

    /// Whether the views have bytes in common.
    #[must_use]
    pub fn overlaps(&self, other: &View<'_>) -> bool {
        self.buffer == other.buffer && self.offset < other.end() && other.offset < self.end()
    }
}

impl Gpu {
    /// Creates a buffer with the elements of `values`, rounded to `dtype`. Waits for the upload of more than a mebibyte.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond `max_buffer_size`; [`Error::OutOfMemory`], [`Error::TimedOut`], [`Error::DeviceLost`].
    pub async fn upload(&self, label: &str, values: &[f32], dtype: Dtype) -> Result<wgpu::Buffer> {
        self.upload_bytes(label, &dtype.encode(values)).await
    }

    /// Creates a buffer that holds `bytes`.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub(crate) async fn upload_bytes(&self, label: &str, bytes: &[u8]) -> Result<wgpu::Buffer> {
        let buffer = self.allocate_storage(label, bytes.len() as u64).await?;
        self.write(&buffer, 0, bytes).await?;
        Ok(buffer)
    }

    /// Writes `bytes` from byte `offset` of `buffer` on, a multiple of 4. Up to 3 bytes behind them become 0 where their
    /// number is no multiple of 4.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where the memory of the host that the bytes go through is not to be had; [`Error::Gpu`] for a
    /// buffer without `COPY_DST`; [`Error::TimedOut`], [`Error::DeviceLost`].
    pub(crate) async fn write(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: &[u8],
    ) -> Result<()> {
        if bytes.len() <= SMALL {
            let padded = padded(bytes);
            let write = || self.queue().write_buffer(buffer, offset, &padded);
            return self.catch("upload", write).await;
        }
        for (i, part) in bytes.chunks(STAGED).enumerate() {
            let at = offset + (i * STAGED) as u64;
            self.write_staged(buffer, at, &padded(part)).await?;
        }
        Ok(())
    }

    /// [`Gpu::write`] of a multiple of 4 bytes through memory of its own. A device is lost where `Queue::write_buffer`
    /// finds no memory; where a buffer finds none, there is an error, and the device stays.
    async fn write_staged(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        let size = bytes.len() as u64;
        let create = || {
            self.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some("upload"),
                size,
                usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: true,
            })
        };
        let what = format!("create host memory of {size} bytes for an upload");
        let staging = self.catch(&what, create).await?;
        let fill = || {
            let mapped = staging.slice(..).get_mapped_range_mut();
            let filled = mapped.map(|mut mapped| mapped.copy_from_slice(bytes));
            staging.unmap();
            filled
        };
        let filled = self.step("map a buffer for writing", fill).await?;
        filled.map_err(|error| Error::Gpu {
            what: "map a buffer for writing".to_owned(),
            message: error.to_string(),
        })?;
        let copy = self.copy("upload", (&staging, 0), (buffer, offset), size);
        self.submit(copy.await?, "upload").await
    }

    /// An encoder that copies `bytes` between two places, each a buffer and a byte of it, as a [`step`](Gpu::step).
    ///
    /// # Errors
    /// [`Error::Gpu`] where the copy is not valid.
    async fn copy(
        &self,
        what: &str,
        from: (&wgpu::Buffer, u64),
        to: (&wgpu::Buffer, u64),
        bytes: u64,
    ) -> Result<wgpu::CommandEncoder> {
        let descriptor = wgpu::CommandEncoderDescriptor::default();
        let mut encoder = self.device().create_command_encoder(&descriptor);
        let copy = || encoder.copy_buffer_to_buffer(from.0, from.1, to.0, to.1, bytes);
        self.step(what, copy).await?;
        Ok(encoder)
    }

    /// Copies the elements of `view` to the CPU, as f32.
    ///
    /// # Errors
    /// [`Error::Length`] for a view that ends beyond its buffer; [`Error::Gpu`] for an offset that is no multiple of 4 bytes
    /// or a buffer without `COPY_SRC`; [`Error::OutOfMemory`], [`Error::TimedOut`], [`Error::DeviceLost`].
    pub async fn download(&self, view: View<'_>) -> Result<Vec<f32>> {
        let (needed, found) = (view.elements, view.present());
        if found < needed {
            return Err(Error::Length {
                buffer: "view",
                shape: "a download".to_owned(),
                needed,
                found,
            });
        }
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
        let copy = gpu.copy("download", (buffer, offset), (&self.staging, 0), bytes);
        let encoder = copy.await?;
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
            .step(what, || gpu.queue().submit([encoder.finish()]))
            .await?;
        let (sender, receiver) = oneshot();
        let part = self.staging.slice(..bytes);
        let map = || part.map_async(wgpu::MapMode::Read, |result| sender.send(result));
        gpu.step("map a buffer for reading", map).await?;
        gpu.wait(submission, what).await?;
        let failed = |message: String| Error::Gpu {
            what: "map a buffer for reading".into(),
            message,
        };
        let unanswered = || failed("it was never answered".to_owned());
        let answer = receiver.await.ok_or_else(unanswered)?;
        answer.map_err(|e| failed(e.to_string()))?;
        let read = part.get_mapped_range().map(|mapped| with(&mapped));
        gpu.step("unmap a buffer", || self.staging.unmap()).await?;
        read.map_err(|e| failed(e.to_string()))
    }
}
