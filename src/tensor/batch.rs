//! Operations on tensors, recorded one after the other and submitted together.

use super::element::{Element, Float};
use super::{Tensor, shapes};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, View};
use crate::ops::{
    Activation, Affine, Attention, Bias, Mask, Matmul, Norm, NormKind, Operation, Role, Softmax,
    Stream, StreamKind,
};
use crate::plan::{Launch, Plan, PlanOptions};

/// Operations on tensors in their order, computed by one submission: [`Gpu::batch`].
///
/// Each call plans an operation with the kernel that is best here and allocates its result, which later operations of the
/// batch may read; values are there after [`Batch::submit`].
///
/// # Examples
/// ```no_run
/// # async fn example(gpu: &ridgepoint::Gpu) -> ridgepoint::Result<()> {
/// use ridgepoint::Activation;
/// let x = gpu.tensor([4, 64], &[0.5f32; 256]).await?;
/// let weight = gpu.tensor([128, 64], &[0.1f32; 128 * 64]).await?;
/// let mut batch = gpu.batch();
/// let normed = batch.rms_norm(&x, None).await?;
/// let hidden = batch.linear(&normed, &weight, None, Activation::Silu).await?;
/// batch.submit().await?;
/// println!("{:?}", gpu.download_tensor(&hidden).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) gpu: &'a Gpu,
    options: PlanOptions,
    launches: Vec<Launch>,
}

impl Gpu {
    /// An empty batch of operations on tensors.
    #[must_use]
    pub fn batch(&self) -> Batch<'_> {
        self.batch_with(PlanOptions::default())
    }

    /// An empty batch whose operations are planned with `options`, such as a tuning. They should name no kernel and no
    /// constants, which belong to one operation.
    #[must_use]
    pub fn batch_with(&self, options: PlanOptions) -> Batch<'_> {
        Batch {
            gpu: self,
            options,
            launches: Vec::new(),
        }
    }

    /// [`Batch::matmul`] by itself, submitted.
    ///
    /// # Errors
    /// Errors of [`Batch::matmul`] and [`Batch::submit`].
    pub async fn matmul<T: Float>(&self, a: &Tensor<T>, b: &Tensor<T>) -> Result<Tensor<T>> {
        let mut batch = self.batch();
        let found = batch.matmul(a, b).await?;
        batch.submit().await?;
        Ok(found)
    }

    /// [`Batch::softmax`] by itself, submitted.
    ///
    /// # Errors
    /// Errors of [`Batch::softmax`] and [`Batch::submit`].
    pub async fn softmax<T: Float>(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        let mut batch = self.batch();
        let found = batch.softmax(x).await?;
        batch.submit().await?;
        Ok(found)
    }

    /// [`Batch::attention`] by itself, submitted.
    ///
    /// # Errors
    /// Errors of [`Batch::attention`] and [`Batch::submit`].
    pub async fn attention<T: Float>(
        &self,
        q: &Tensor<T>,
        k: &Tensor<T>,
        v: &Tensor<T>,
        mask: Mask,
    ) -> Result<Tensor<T>> {
        let mut batch = self.batch();
        let found = batch.attention(q, k, v, mask).await?;
        batch.submit().await?;
        Ok(found)
    }
}

impl Batch<'_> {
    /// The product of `a`, `[.., m, k]`, and `b`: `[k, n]`, or `[.., k, n]` with the outer axes of `a`. Gives `[.., m, n]`;
    /// sums are f32 whatever the type.
    ///
    /// # Errors
    /// [`Error::Shape`] for axes that do not fit; errors of [`Batch::run`].
    pub async fn matmul<T: Float>(&mut self, a: &Tensor<T>, b: &Tensor<T>) -> Result<Tensor<T>> {
        let (matmul, shape) = shapes::matmul(a.shape(), b.shape(), T::DTYPE)?;
        self.run(
            &matmul,
            &[a.view_on(self.gpu)?, b.view_on(self.gpu)?],
            shape,
        )
        .await
    }

    /// `activation(x * weight^T + bias)` of `x`, `[.., k]`, with a `weight` of `[n, k]`, as model files have it, and a `bias`
    /// of `n` f32. Gives `[.., n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for axes that do not fit; errors of [`Batch::run`].
    pub async fn linear<T: Float>(
        &mut self,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<f32>>,
        activation: Activation,
    ) -> Result<Tensor<T>> {
        let (plain, shape) = shapes::linear(x.shape(), weight.shape(), T::DTYPE)?;
        let matmul = Matmul {
            bias: bias.map_or(Bias::None, |_| Bias::Row),
            activation,
            ..plain
        };
        let mut inputs = vec![x.view_on(self.gpu)?, weight.view_on(self.gpu)?];
        if let Some(bias) = bias {
            inputs.push(bias.view_on(self.gpu)?);
        }
        self.run(&matmul, &inputs, shape).await
    }

    /// `exp(x - max(x)) / sum(exp(x - max(x)))` over the last axis of `x`, `[.., cols]`. Gives the shape of `x`. For masks and
    /// a scale, [`Batch::run`] takes a [`Softmax`].
    ///
    /// # Errors
    /// [`Error::Shape`] for a tensor without axes; errors of [`Batch::run`].
    pub async fn softmax<T: Float>(&mut self, x: &Tensor<T>) -> Result<Tensor<T>> {
        let (rows, cols) = shapes::rows("softmax", x.shape())?;
        let softmax = Softmax {
            dtype: T::DTYPE,
            ..Softmax::new(rows, cols)
        };
        self.run(&softmax, &[x.view_on(self.gpu)?], x.shape()).await
    }

    /// `x / sqrt(mean(x^2) + 1e-5) * weight` over the last axis of `x`, `[.., cols]`, with a `weight` of `cols` elements or
    /// none. Gives the shape of `x`. The formula's source is at [`NormKind::Rms`].
    ///
    /// # Errors
    /// [`Error::Shape`] for a tensor without axes, [`Error::Length`] for a weight of another length; errors of [`Batch::run`].
    pub async fn rms_norm<T: Float>(
        &mut self,
        x: &Tensor<T>,
        weight: Option<&Tensor<T>>,
    ) -> Result<Tensor<T>> {
        let (rows, cols) = shapes::rows("rms_norm", x.shape())?;
        let norm = Norm {
            dtype: T::DTYPE,
            affine: weight.map_or(Affine::None, |_| Affine::Weight),
            ..Norm::new(NormKind::Rms, rows, cols)
        };
        let inputs = [Some(x), weight].into_iter().flatten();
        let inputs: Vec<View<'_>> = inputs.map(|t| t.view_on(self.gpu)).collect::<Result<_>>()?;
        self.run(&norm, &inputs, x.shape()).await
    }

    /// `(x - mean(x)) / sqrt(variance(x) + 1e-5) * weight + bias` over the last axis of `x`, `[.., cols]`, with `weight` and
    /// `bias` of `cols` elements each. Gives the shape of `x`. The formula's source is at [`NormKind::Layer`].
    ///
    /// # Errors
    /// [`Error::Shape`] for a tensor without axes, [`Error::Length`] for a weight or bias of another length; errors of
    /// [`Batch::run`].
    pub async fn layer_norm<T: Float>(
        &mut self,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
    ) -> Result<Tensor<T>> {
        let (rows, cols) = shapes::rows("layer_norm", x.shape())?;
        let norm = Norm {
            dtype: T::DTYPE,
            affine: Affine::WeightAndBias,
            ..Norm::new(NormKind::Layer, rows, cols)
        };
        let mut inputs = Vec::new();
        for tensor in [x, weight, bias] {
            inputs.push(tensor.view_on(self.gpu)?);
        }
        self.run(&norm, &inputs, x.shape()).await
    }

    /// Attention of `q`, `[batch, heads, seq_q, head_dim]`, over `k`, `[batch, kv_heads, seq_kv, head_dim]`, and `v`,
    /// `[batch, kv_heads, seq_kv, value_dim]`, scaled by `1 / sqrt(head_dim)`; the formula is at [`Attention`]. Gives `[batch,
    /// heads, seq_q, value_dim]`. For other options, [`Batch::run`] takes an [`Attention`].
    ///
    /// # Errors
    /// [`Error::Shape`] for axes that do not fit; errors of [`Batch::run`].
    pub async fn attention<T: Float>(
        &mut self,
        q: &Tensor<T>,
        k: &Tensor<T>,
        v: &Tensor<T>,
        mask: Mask,
    ) -> Result<Tensor<T>> {
        let plain = shapes::attention(q.shape(), k.shape(), v.shape(), T::DTYPE)?;
        let attention = Attention { mask, ..plain };
        let mut inputs = Vec::new();
        for tensor in [q, k, v] {
            inputs.push(tensor.view_on(self.gpu)?);
        }
        let shape = [
            attention.batch,
            attention.heads,
            attention.seq_q,
            attention.value_dim,
        ];
        self.run(&attention, &inputs, shape).await
    }

    /// `a + b`, element by element. Gives the shape of `a`.
    ///
    /// # Errors
    /// [`Error::Length`] for tensors of other numbers of elements; errors of [`Batch::run`].
    pub async fn add<T: Float>(&mut self, a: &Tensor<T>, b: &Tensor<T>) -> Result<Tensor<T>> {
        self.element_wise(StreamKind::Add, a, b).await
    }

    /// `a * b`, element by element. Gives the shape of `a`.
    ///
    /// # Errors
    /// [`Error::Length`] for tensors of other numbers of elements; errors of [`Batch::run`].
    pub async fn multiply<T: Float>(&mut self, a: &Tensor<T>, b: &Tensor<T>) -> Result<Tensor<T>> {
        self.element_wise(StreamKind::Multiply, a, b).await
    }

    async fn element_wise<T: Float>(
        &mut self,
        kind: StreamKind,
        a: &Tensor<T>,
        b: &Tensor<T>,
    ) -> Result<Tensor<T>> {
        let elements = a.elements().max(b.elements());
        let stream = Stream {
            dtype: T::DTYPE,
            ..Stream::new(kind, elements)
        };
        self.run(
            &stream,
            &[a.view_on(self.gpu)?, b.view_on(self.gpu)?],
            a.shape(),
        )
        .await
    }

    /// Any operation that writes one output, of which `shape` names the axes: `inputs` are the operands that it reads, in
    /// the order of [`Operation::operands`].
    ///
    /// # Errors
    /// [`Error::Argument`] for an operation with several outputs, or one that is read before (`beta`, in place);
    /// [`Error::ElementType`] for an output of another type than `T`, [`Error::Length`] for a `shape` of another number of
    /// elements; errors of [`Plan::new`] and [`Plan::bind`].
    pub async fn run<T: Element>(
        &mut self,
        operation: &dyn Operation,
        inputs: &[View<'_>],
        shape: impl Into<Vec<u64>>,
    ) -> Result<Tensor<T>> {
        operation.validate()?;
        let operands = operation.operands();
        let name = operation.family().name;
        let mut written = operands.iter().filter(|operand| operand.role.is_written());
        let (Some(output), None) = (written.next(), written.next()) else {
            return Err(Error::Argument {
                argument: name.to_owned(),
                reason: "it writes several operands; plan it and bind buffers to it".to_owned(),
            });
        };
        if output.role != Role::Output {
            return Err(Error::Argument {
                argument: name.to_owned(),
                reason: format!(
                    "`{}` is read before it is written; plan it and bind buffers to it",
                    output.name
                ),
            });
        }
        if output.dtype != T::DTYPE {
            return Err(Error::ElementType {
                buffer: output.name,
                needed: output.dtype.name(),
                found: T::DTYPE.name(),
            });
        }
        let tensor = self.gpu.empty_tensor::<T>(shape).await?;
        let plan = Plan::new(self.gpu, operation, &self.options).await?;
        let mut views = Vec::new();
        let mut inputs = inputs.iter().copied();
        for operand in &operands {
            let is_output = operand.role == Role::Output;
            views.extend(if is_output {
                Some(tensor.view())
            } else {
                inputs.next()
            });
        }
        views.extend(inputs);
        self.launches.push(plan.bind(&views)?);
        Ok(tensor)
    }

    /// Records all operations into `encoder`, in their order, and submits nothing.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        for launch in &self.launches {
            launch.record(encoder);
        }
    }

    /// Submits all operations together and returns when the GPU has finished them.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::DeviceLost`], [`Error::Gpu`].
    pub async fn submit(self) -> Result<()> {
        let descriptor = wgpu::CommandEncoderDescriptor::default();
        let mut encoder = self.gpu.device().create_command_encoder(&descriptor);
        self.record(&mut encoder);
        self.gpu.submit(encoder, "a batch of operations").await
    }
}
