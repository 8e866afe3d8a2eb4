//! Matrix product: `C = activation(alpha * op(A) * op(B) + beta * C + bias)`, batched, row-major, f32 or f16.

mod choice;
mod classes;
mod cooperative;
mod cut;
mod estimate;
mod kernels;
mod layout;
mod pieces;
mod reference;
mod runs;
mod samples;
mod schedule;
mod text;
mod vector;
mod whole;

pub use layout::{Layout, Order};

use super::{Family, Operand, Operation, Role};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::shader::Prepared;
use crate::tolerance::Expected;
pub(super) use kernels::{BLOCKED, BLOCKED_FILE, MATMUL, Tiles, tiles};
use layout::Places;

/// `C[m, n] = activation(alpha * op(A)[m, k] * op(B)[k, n] + beta * C[m, n] + bias[n])`, for each matrix of a batch.
///
/// Sums are f32 whatever the inputs are. Operands: `a`, `b`, `bias` where there is one, `c`.
///
/// # Examples
/// ```
/// use ridgepoint::{Activation, Layout, Matmul, Operation, Order};
/// let matmul = Matmul::new(4096, 4096, 4096);
/// assert_eq!(matmul.flops(), 2 * 4096 * 4096 * 4096);
/// let transposed = Layout { order: Order::Transposed, ..Layout::default() };
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
    /// Element type of A and B.
    pub dtype: Dtype,
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
    /// What is applied to each element last.
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
            order: Order::AsIs,
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

    fn places(&self) -> Result<[Places; 3]> {
        Ok([
            self.a.places("a", [self.m, self.k], self.batch)?,
            self.b.places("b", [self.k, self.n], self.batch)?,
            self.c.places("c", [self.m, self.n], self.batch)?,
        ])
    }

    /// Whether kernels leave elements of C's buffer as they are, or read them.
    fn keeps_c(&self) -> bool {
        let written = self.batch.saturating_mul(self.m).saturating_mul(self.n);
        self.beta != 0.0 || self.places().is_ok_and(|[_, _, c]| c.elements != written)
    }
}

impl Operation for Matmul {
    fn family(&self) -> &'static Family {
        &MATMUL
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        let mut sizes = vec![("m", self.m), ("n", self.n), ("k", self.k)];
        if self.batch != 1 {
            sizes.insert(0, ("batch", self.batch));
        }
        sizes
    }

    fn label(&self) -> String {
        text::label(self)
    }

    fn variant(&self) -> String {
        classes::variant(self)
    }

    fn flops(&self) -> u64 {
        2 * self.batch * self.m * self.n * self.k
    }

    fn min_bytes(&self) -> u64 {
        let matrices = |layout: &Layout| match layout.batch_stride {
            Some(0) => self.batch.min(1),
            _ => self.batch,
        };
        let inputs = matrices(&self.a) * self.m * self.k + matrices(&self.b) * self.k * self.n;
        let passes = if self.beta == 0.0 { 1 } else { 2 };
        let bias = if self.bias == Bias::Row {
            self.n * 4
        } else {
            0
        };
        inputs * self.dtype.bytes()
            + passes * self.batch * self.m * self.n * self.output.bytes()
            + bias
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        let half = Self {
            m: self.m.div_ceil(2),
            n: self.n.div_ceil(2),
            k: self.k.div_ceil(2),
            batch: self.batch.div_ceil(2),
            ..*self
        };
        (half != *self).then(|| Box::new(half) as Box<dyn Operation>)
    }

    /// Valid after [`Operation::validate`]; an operand whose layout cannot be has no elements.
    fn operands(&self) -> Vec<Operand> {
        let [a, b, c] = self
            .places()
            .map_or([0; 3], |places| places.map(|p| p.elements));
        let uniform = Distribution::Uniform;
        let mut operands = vec![
            Operand::input("a", a, self.dtype, uniform),
            Operand::input("b", b, self.dtype, uniform),
        ];
        if self.bias == Bias::Row {
            operands.push(Operand::input("bias", self.n, Dtype::F32, uniform));
        }
        let mut output = Operand::output("c", c, self.output);
        if self.keeps_c() {
            output.role = Role::Update;
        }
        operands.push(output);
        operands
    }

    fn validate(&self) -> Result<()> {
        self.places()?;
        // An empty matrix may still have a side that does not fit an index.
        for (name, size) in self.shape() {
            super::require_u32(&format!("the {name} of a matmul"), Some(size))?;
        }
        if self.c.order == Order::Transposed {
            let reason = "C is written as it is; transpose the product by swapping A and B: \
                          transposed(C) = transposed(B) * transposed(A)";
            return Err(Error::Shape {
                operation: "matmul",
                reason: reason.to_owned(),
            });
        }
        if !self.alpha.is_finite() || !self.beta.is_finite() {
            let reason = format!(
                "alpha {} and beta {} have to be finite",
                self.alpha, self.beta
            );
            return Err(Error::Shape {
                operation: "matmul",
                reason,
            });
        }
        if self.dtype == Dtype::F32 && self.output == Dtype::F16 {
            return Err(Error::Unsupported {
                what: "matmul of f32 to f16".into(),
                reason: "f32 inputs give an f32 result; round it afterwards".into(),
            });
        }
        Ok(())
    }

    fn candidates(&self, device: &Capabilities) -> Vec<&'static Kernel> {
        choice::candidates(self, device)
    }

    fn constants(&self, kernel: &'static Kernel, device: &Capabilities) -> Result<Constants> {
        choice::constants(self, kernel, device)
    }

    fn derived(
        &self,
        kernel: &'static Kernel,
        chosen: &Constants,
        device: &Capabilities,
    ) -> Constants {
        choice::derived(self, kernel, chosen, device)
    }

    fn schedule(
        &self,
        kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule> {
        schedule::schedule(self, kernel, stages, device)
    }

    fn expected(
        &self,
        _kernel: &'static Kernel,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        reference::expected(self, inputs, indices)
    }
}
