//! Quantised weights on a device.

use super::{Batch, Float, Tensor, shapes};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::{Gpu, View};
use crate::ops::{Activation, Bias, Layout, Matmul, Order};
use crate::weights::{WeightMatrix, Weights};

/// Quantised weights of a product in buffers of a device: `[n, k]`, quants and scales apart.
///
/// # Examples
/// ```no_run
/// # async fn example(gpu: &ridgepoint::Gpu, blocks: &[u8], x: &ridgepoint::Tensor<f32>) -> ridgepoint::Result<()> {
/// use ridgepoint::Activation;
/// use ridgepoint::weights::{WeightMatrix, Weights};
/// // A tensor of 4096 rows of 14336 elements, as a GGUF file has it.
/// let matrix = WeightMatrix::from_gguf(Weights::Q4_0, 4096, 14336, blocks)?;
/// let weight = gpu.weights(&matrix).await?;
/// let mut batch = gpu.batch();
/// let y = batch.linear_quantized(x, &weight, None, Activation::Silu).await?;
/// batch.submit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WeightTensor {
    weights: Weights,
    shape: [u64; 2],
    quants: Tensor<u32>,
    scales: Tensor<u32>,
}

impl WeightTensor {
    /// Format of the elements.
    #[must_use]
    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// Sizes `[n, k]`.
    #[must_use]
    pub fn shape(&self) -> [u64; 2] {
        self.shape
    }

    /// Quants and scales, as operands `b` and `scales` of [`Plan::bind`](crate::Plan::bind).
    #[must_use]
    pub fn views(&self) -> [View<'_>; 2] {
        [&self.quants, &self.scales].map(|words| View {
            dtype: Dtype::Words,
            ..words.view()
        })
    }

    /// [`WeightTensor::views`], for work on `gpu`.
    fn views_on(&self, gpu: &Gpu) -> Result<[View<'_>; 2]> {
        self.quants.view_on(gpu)?;
        Ok(self.views())
    }
}

impl Gpu {
    /// The weights of `matrix` on the device.
    ///
    /// # Errors
    /// Errors of [`Gpu::tensor`].
    pub async fn weights(&self, matrix: &WeightMatrix) -> Result<WeightTensor> {
        let words = async |words: &[u32]| self.tensor([words.len() as u64], words).await;
        Ok(WeightTensor {
            weights: matrix.weights(),
            shape: [matrix.n(), matrix.k()],
            quants: words(matrix.quants()).await?,
            scales: words(matrix.scales()).await?,
        })
    }
}

impl Batch<'_> {
    /// [`Batch::linear`] with quantised weights: `activation(x * weight^T + bias)` of `x`, `[.., k]`. Gives `[.., n]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for axes that do not fit; errors of [`Batch::run`].
    pub async fn linear_quantized<T: Float>(
        &mut self,
        x: &Tensor<T>,
        weight: &WeightTensor,
        bias: Option<&Tensor<f32>>,
        activation: Activation,
    ) -> Result<Tensor<T>> {
        let (plain, shape) = shapes::linear(x.shape(), &weight.shape, T::DTYPE)?;
        let matmul = Matmul {
            weights: weight.weights,
            b: Layout {
                order: Order::ColumnMajor,
                ..Layout::default()
            },
            bias: bias.map_or(Bias::None, |_| Bias::Row),
            activation,
            ..plain
        };
        let mut inputs = vec![x.view_on(self.gpu)?];
        inputs.extend(weight.views_on(self.gpu)?);
        if let Some(bias) = bias {
            inputs.push(bias.view_on(self.gpu)?);
        }
        self.run(&matmul, &inputs, shape).await
    }
}
