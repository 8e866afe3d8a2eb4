//! The shape of a product: sizes, types, layouts, and what follows the sums.

use super::layout::{Layout, Order, Strides};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::weights::Weights;

/// `C[m, n] = activation(alpha * op(A)[m, k] * op(B)[k, n] + beta * C[m, n] + bias[n])`, for each matrix of a batch.
///
/// Sums are f32 whatever the inputs are. Operands: `a`, `b`, `bias` where there is one, `c`. Quantised weights are two
/// operands, `b` with the quants and `scales`, both of [`Dtype::Words`].
///
/// # Examples
/// ```
/// use ridgepoint::{Activation, Layout, Matmul, Operation, Order};
/// let matmul = Matmul::new(4096, 4096, 4096);
/// assert_eq!(matmul.flops(), 2 * 4096 * 4096 * 4096);
/// let transposed = Layout { order: Order::ColumnMajor, ..Layout::default() };
/// let layer = Matmul { b: transposed, activation: Activation::Relu, ..matmul };
/// assert_eq!(layer.operands().len(), 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matmul {
    /// Rows of op(A) and C.
    pub m: u64,
    /// Columns of op(B) and C.
    pub n: u64,
    /// Columns of op(A), rows of op(B).
    pub k: u64,
    /// Matrices of each operand.
    pub batch: u64,
    /// Element type of A and B; of A alone where B is quantised.
    pub dtype: Dtype,
    /// Format of the elements of B. Quantised weights lie as `[n, k]`: `b` has to be [`Order::ColumnMajor`], without gaps.
    pub weights: Weights,
    /// Whether A is rounded to eight bits before it is multiplied by quantised weights.
    pub activations: Activations,
    /// Element type of C.
    pub output: Dtype,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of what C holds before; C is not read where this is 0.
    pub beta: f32,
    /// Where A lies.
    pub a: Layout,
    /// Where B lies; a `batch_stride` of 0 shares one matrix over the batch.
    pub b: Layout,
    /// Where C lies.
    pub c: Layout,
    /// Whether a row is added to each row of C.
    pub bias: Bias,
    /// Function that is applied to each element last.
    pub activation: Activation,
}

/// Whether a row of `n` f32 is added to each row of the product: an operand of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bias {
    /// Nothing is added.
    #[default]
    None,
    /// Operand `bias`, one for all rows and matrices.
    Row,
}

/// Form in which elements of A are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activations {
    /// Its own elements.
    #[default]
    Float,
    /// Integers of eight bits, in blocks of 32 along K with a scale of their own: the largest magnitude over 127. The result is
    /// less exact, by half a scale times the magnitudes of the weights. For quantised weights alone.
    Int8,
}

/// A function applied to each element of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// The element itself.
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))` (Hendrycks and Gimpel 2016)
    Gelu,
    /// `x / (1 + exp(-x))`
    Silu,
}

impl Default for Matmul {
    /// One empty product of f32 matrices, as they are, without extras: what `..Default::default()` fills in.
    fn default() -> Self {
        Self::new(0, 0, 0)
    }
}

impl Matmul {
    /// `C[m, n] = A[m, k] * B[k, n]`, f32, row-major, without gaps.
    #[must_use]
    pub const fn new(m: u64, n: u64, k: u64) -> Self {
        let plain = Layout {
            order: Order::RowMajor,
            row_stride: None,
            batch_stride: None,
            offset: 0,
        };
        Self {
            m,
            n,
            k,
            batch: 1,
            dtype: Dtype::F32,
            weights: Weights::Float,
            activations: Activations::Float,
            output: Dtype::F32,
            alpha: 1.0,
            beta: 0.0,
            a: plain,
            b: plain,
            c: plain,
            bias: Bias::None,
            activation: Activation::None,
        }
    }

    pub(super) fn strides(&self) -> Result<[Strides; 3]> {
        Ok([
            self.a.strides("a", [self.m, self.k], self.batch)?,
            self.b.strides("b", [self.k, self.n], self.batch)?,
            self.c.strides("c", [self.m, self.n], self.batch)?,
        ])
    }

    /// Number of tiles of `rows` x `columns` in C, over all matrices.
    pub(super) fn tiles(&self, [rows, columns]: [u32; 2]) -> u64 {
        self.batch * self.m.div_ceil(rows.into()) * self.n.div_ceil(columns.into())
    }

    /// Whether sums are the result: nothing else is added, multiplied or applied.
    pub(super) fn is_plain(&self) -> bool {
        self.alpha.to_bits() == 1f32.to_bits()
            && self.beta == 0.0
            && self.bias == Bias::None
            && self.activation == Activation::None
    }

    /// Place of the bias among the operands, where there is one.
    pub(super) fn bias_operand(&self) -> usize {
        2 + usize::from(self.weights.is_quantized())
    }

    /// Place of C among the operands.
    pub(super) fn c_operand(&self) -> usize {
        self.bias_operand() + usize::from(self.bias == Bias::Row)
    }

    /// Rows of quants that the operand `b` has to have, one for each column of each matrix; 0 where B has no quants.
    pub(super) fn rows_of_weights(&self) -> u64 {
        let elements = self.strides().map_or(0, |[_, b, _]| b.elements);
        elements.checked_div(self.k).unwrap_or(0)
    }

    /// Refuses a layout or depth that quantised weights cannot have.
    ///
    /// # Errors
    /// [`Error::Shape`] with what to change.
    pub(super) fn require_weights(&self) -> Result<()> {
        if !self.weights.is_quantized() {
            if self.activations == Activations::Int8 {
                return Err(Error::Shape {
                    operation: "matmul",
                    reason: "activations of eight bits are for quantised weights; say which, such as +q4_0"
                        .to_owned(),
                });
            }
            return Ok(());
        }
        let refuse = |reason: &str| {
            Err(Error::Shape {
                operation: "matmul",
                reason: format!("weights of {} {reason}", self.weights.name()),
            })
        };
        let [_, b, _] = self.strides()?;
        if self.b.order != Order::ColumnMajor {
            return refuse("lie as [n, k]: set the order of `b` to column-major");
        }
        if b.column_step != self.k
            || b.first.checked_rem(self.k).unwrap_or(0) != 0
            || b.batch.checked_rem(self.k).unwrap_or(0) != 0
        {
            return refuse(
                "have no gaps: leave row stride, batch stride and offset of `b` as they are",
            );
        }
        if self.a.order != Order::RowMajor {
            return refuse("multiply rows of A as they lie: A cannot be transposed");
        }
        self.weights.require_depth(self.k)
    }

    /// Whether kernels leave elements of C's buffer as they are, or read them.
    pub(super) fn keeps_c(&self) -> bool {
        let written = self.batch.saturating_mul(self.m).saturating_mul(self.n);
        self.beta != 0.0 || self.strides().is_ok_and(|[_, _, c]| c.elements != written)
    }
}
