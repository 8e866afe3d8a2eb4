//! Typed arrays on a device, for programs that want results: upload, compute, download.
//!
//! A program that records into its own encoders, again and again, uses [`Plan`](crate::Plan) instead, which allocates and
//! compiles nothing once it is bound.

mod batch;
mod element;
mod shapes;
mod weights;

pub use batch::Batch;
pub use element::{Element, Float};
pub use weights::WeightTensor;

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::{Faults, Gpu, View};
use std::marker::PhantomData;
use std::sync::Arc;

/// An array of `T` (f32, f16 or u32) in a buffer of a device, row-major and without gaps.
///
/// Dropping a tensor frees its memory once the GPU has finished with it. A tensor of one [`Gpu`] cannot be used on another;
/// whoever tries gets [`Error::Argument`].
///
/// # Examples
/// ```no_run
/// # async fn example() -> ridgepoint::Result<()> {
/// use ridgepoint::{Gpu, GpuOptions};
/// let gpu = Gpu::open(&GpuOptions::default()).await?;
/// let a = gpu.tensor([2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).await?;
/// let b = gpu.tensor([3, 2], &[1.0f32, 0.0, 0.5, -1.0, 2.0, 3.0]).await?;
/// let c = gpu.matmul(&a, &b).await?;
/// assert_eq!(c.shape(), [2, 2]);
/// assert_eq!(gpu.download_tensor(&c).await?, [8.0, 7.0, 18.5, 13.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tensor<T> {
    buffer: wgpu::Buffer,
    /// Identifies the [`Gpu`] of the tensor: wgpu 30 does not tell devices of two instances apart.
    owner: Arc<Faults>,
    shape: Vec<u64>,
    element: PhantomData<T>,
}

impl<T: Element> Tensor<T> {
    /// Sizes of the axes, the last one contiguous in memory.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Number of elements.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Type of the elements.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    /// The buffer, with `STORAGE`, `COPY_SRC` and `COPY_DST`; at least 16 bytes, and a multiple of 4.
    #[must_use]
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// All elements, as an operand of [`Plan::bind`](crate::Plan::bind).
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::part(&self.buffer, 0, self.elements(), T::DTYPE)
    }

    /// [`Tensor::view`], for work on `gpu`.
    ///
    /// # Errors
    /// [`Error::Argument`] where the tensor belongs to another `Gpu`.
    fn view_on(&self, gpu: &Gpu) -> Result<View<'_>> {
        if Arc::ptr_eq(&self.owner, gpu.faults()) {
            return Ok(self.view());
        }
        Err(Error::Argument {
            argument: format!("a tensor of {:?}", self.shape),
            reason: "it belongs to another `Gpu`; download it there and upload it here".to_owned(),
        })
    }

    /// A tensor of the elements with other axes. Nothing is copied: both tensors are the same memory.
    ///
    /// # Errors
    /// [`Error::Length`] for a `shape` with another number of elements.
    pub fn reshaped(&self, shape: impl Into<Vec<u64>>) -> Result<Self> {
        let shape = shape.into();
        let needed = count(&shape)?;
        if needed != self.elements() {
            return Err(length(&shape, needed, self.elements()));
        }
        Ok(Self {
            shape,
            ..self.clone()
        })
    }
}

/// Number of elements of `shape`.
fn count(shape: &[u64]) -> Result<u64> {
    let product = shape
        .iter()
        .try_fold(1u64, |all, size| all.checked_mul(*size));
    product.ok_or_else(|| Error::TooLarge {
        what: format!("a tensor of {shape:?}, in elements,"),
        needed: u64::MAX,
        limit_name: "of 64-bit sizes",
        limit: u64::MAX,
    })
}

fn length(shape: &[u64], needed: u64, found: u64) -> Error {
    Error::Length {
        buffer: "values",
        shape: format!("a tensor of {shape:?}"),
        needed,
        found,
    }
}

impl Gpu {
    /// A tensor of `shape` that holds `values`, row-major. Waits for the upload of more than a mebibyte.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of values; [`Error::Unsupported`] for f16 on a device without it;
    /// [`Error::TooLarge`], [`Error::OutOfMemory`], [`Error::TimedOut`], [`Error::DeviceLost`].
    pub async fn tensor<T: Element>(
        &self,
        shape: impl Into<Vec<u64>>,
        values: &[T],
    ) -> Result<Tensor<T>> {
        let shape = shape.into();
        let needed = count(&shape)?;
        if needed != values.len() as u64 {
            return Err(length(&shape, needed, values.len() as u64));
        }
        let tensor = self.empty_tensor(shape).await?;
        let bytes = bytemuck::cast_slice(values);
        self.write(&tensor.buffer, 0, bytes).await?;
        Ok(tensor)
    }

    /// A tensor of `shape` for results to be written to; it holds zeros.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for f16 on a device without it; [`Error::TooLarge`], [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`].
    pub async fn empty_tensor<T: Element>(&self, shape: impl Into<Vec<u64>>) -> Result<Tensor<T>> {
        let shape = shape.into();
        let bytes = count(&shape)?.saturating_mul(T::DTYPE.bytes());
        let has_f16 = self
            .capabilities()
            .features
            .contains(wgpu::Features::SHADER_F16);
        if T::DTYPE == Dtype::F16 && !has_f16 {
            return Err(Error::Unsupported {
                what: "a tensor of f16".to_owned(),
                reason: "the device lacks shader_f16; use f32".to_owned(),
            });
        }
        Ok(Tensor {
            buffer: self.create_storage("tensor", bytes).await?,
            owner: Arc::clone(self.faults()),
            shape,
            element: PhantomData,
        })
    }

    /// Copies the elements of `tensor` to the CPU, behind all work that was submitted before. `pollster::block_on` makes it
    /// a call that blocks.
    ///
    /// # Errors
    /// [`Error::Argument`] for a tensor of another `Gpu`; [`Error::OutOfMemory`], [`Error::TimedOut`],
    /// [`Error::DeviceLost`].
    pub async fn download_tensor<T: Element>(&self, tensor: &Tensor<T>) -> Result<Vec<T>> {
        tensor.view_on(self)?;
        let bytes = tensor.elements() * T::DTYPE.bytes();
        let found = self.download_bytes(&tensor.buffer, 0, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&found))
    }
}
