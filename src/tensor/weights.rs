//! Quantised weights on a device.

use super::{Batch, Float, Tensor, shapes};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::{Gpu, View};
use crate::ops::{Activation, Bias, Layout, Matmul, Order};
use crate::weights::gguf::checked_scales;
use crate::weights::{WeightMatrix, Weights};

/// Quantised weights of a product in buffers of a device: `[n, k]`, quants and scales apart.
///
/// # Examples
/// ```no_run
/// # async fn example(gpu: &ridgepoint::Gpu, blocks: &[u8], x: &ridgepoint::Tensor<f32>) -> ridgepoint::Result<()> {
/// use ridgepoint::Activation;
/// use ridgepoint::weights::Weights;
/// // A tensor of 4096 rows of 14336 elements, as a GGUF file has it.
/// let weight = gpu.weights_from_gguf(Weights::Q4_0, 4096, 14336, blocks).await?;
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

    /// The weights of a GGUF tensor on the device: `n` rows of `k` elements, whose blocks are `bytes`.
    ///
    /// Same as [`Gpu::weights`] of [`WeightMatrix::from_gguf`](crate::weights::WeightMatrix::from_gguf), bit for bit. The host
    /// reads and checks the scales, and the device rearranges the quants: for weights that are large.
    ///
    /// # Errors
    /// Errors of `WeightMatrix::from_gguf` and of [`Gpu::tensor`].
    pub async fn weights_from_gguf(
        &self,
        weights: Weights,
        n: u64,
        k: u64,
        bytes: &[u8],
    ) -> Result<WeightTensor> {
        let scales = checked_scales(weights, n, k, bytes)?;
        let scales = self.tensor([scales.len() as u64], &scales).await?;
        let quants: Tensor<u32> = self.empty_tensor([n * weights.quant_words(k)]).await?;
        self.rearrange_quants(weights, bytes, quants.buffer())
            .await?;
        Ok(WeightTensor {
            weights,
            shape: [n, k],
            quants,
            scales,
        })
    }

    /// Copies `weights` to the CPU, behind all work that was submitted before.
    ///
    /// # Errors
    /// Errors of [`Gpu::download_tensor`]; those of [`WeightMatrix::from_words`] where a program wrote other words into the
    /// buffers.
    pub async fn download_weights(&self, weights: &WeightTensor) -> Result<WeightMatrix> {
        let quants = self.download_tensor(&weights.quants).await?;
        let scales = self.download_tensor(&weights.scales).await?;
        let [n, k] = weights.shape;
        WeightMatrix::from_words(weights.weights, n, k, quants, scales)
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
