//! Softmax over rows: `y = exp(v - max(v)) / sum(exp(v - max(v)))` with `v = scale * x + mask`, row-major.

mod choice;
mod kernels;
mod reference;
mod schedule;
mod sizes;
mod text;

#[cfg(test)]
pub(super) use choice::tests::device;
pub(super) use kernels::{SOFTMAX, WORKGROUP, WORKGROUP_SHADER};

use super::rows::{RowLayout, Width};
use super::{Family, Operand, Operation, require_u32};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::shader::Prepared;
use crate::tolerance::Expected;
use kernels::{SPLIT_SUBGROUP, WALKED};

/// Softmax over each of `rows` rows of `cols` columns: the last axis of an array whose other axes are the rows.
///
/// With `v = scale * x + mask`, `y = exp(v - max(v)) / sum(exp(v - max(v)))`; computed in f32 whatever the type. A row
/// whose every `v` is -inf, by its data or its masks, gives zeros (-inf as logarithms), never NaN. A row with +inf gives
/// NaN everywhere, as IEEE arithmetic does; so does one with a NaN on adapters whose `exp(NaN)` is NaN (it is a number on
/// `SwiftShader`). The unfused baseline is for finite values.
///
/// Operands: `x`, then `mask` where there is one, then `y`; in place, `x` alone or with `mask`.
///
/// # Examples
/// ```
/// use ridgepoint::ops::{Causal, Softmax};
/// use ridgepoint::{Dtype, Operation};
/// let scores = Softmax {
///     dtype: Dtype::F16,
///     scale: 0.125,
///     causal: Some(Causal { queries: 512, seen: 1 }),
///     ..Softmax::new(8 * 512, 512)
/// };
/// assert!(scores.validate().is_ok());
/// assert_eq!(scores.min_bytes(), 2 * 2 * 8 * 512 * 512);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softmax {
    /// Rows: the product of all axes but the last.
    pub rows: u64,
    /// Columns.
    pub cols: u64,
    /// Type of the elements of every operand.
    pub dtype: Dtype,
    /// Where the rows of `x` lie.
    pub x: RowLayout,
    /// Where the rows of `y` lie; not looked at in place. What lies between rows is not touched.
    pub y: RowLayout,
    /// Factor of `x`, finite.
    pub scale: f32,
    /// What is added to `scale * x`.
    pub mask: SoftmaxMask,
    /// Which columns a row sees; `None` for all.
    pub causal: Option<Causal>,
    /// What the result is.
    pub form: SoftmaxForm,
    /// Where the result goes.
    pub target: Target,
}

/// An additive mask, of the element type of `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SoftmaxMask {
    /// None.
    #[default]
    None,
    /// `[rows, cols]`, contiguous.
    Full,
    /// `[cols]`, the same for every row.
    Broadcast,
}

/// A causal mask: row `r` sees its first `seen + r % queries` columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Causal {
    /// Rows after which it begins anew: the length of the axis before the last. At least 1.
    pub queries: u64,
    /// Columns that the first of them sees: 1 where both axes begin together, `cols - queries + 1` where they end
    /// together.
    pub seen: u64,
}

/// What a softmax gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SoftmaxForm {
    /// Probabilities.
    #[default]
    Probabilities,
    /// Their natural logarithms, `v - max(v) - log(sum(exp(v - max(v))))`.
    Logarithms,
}

/// Where a result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// To `y`, memory of its own.
    #[default]
    Separate,
    /// Over `x`.
    InPlace,
}

impl Default for Softmax {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Softmax {
    /// Of f32, contiguous, without masks, to memory of its own.
    #[must_use]
    pub fn new(rows: u64, cols: u64) -> Self {
        Self {
            rows,
            cols,
            dtype: Dtype::F32,
            x: RowLayout::default(),
            y: RowLayout::default(),
            scale: 1.0,
            mask: SoftmaxMask::None,
            causal: None,
            form: SoftmaxForm::Probabilities,
            target: Target::Separate,
        }
    }

    /// Whether it is softmax of a contiguous f32 matrix, with nothing else asked.
    fn is_plain(&self) -> bool {
        *self == Self::new(self.rows, self.cols)
    }

    fn y_layout(&self) -> RowLayout {
        match self.target {
            Target::Separate => self.y,
            Target::InPlace => self.x,
        }
    }

    fn mask_elements(&self) -> u64 {
        match self.mask {
            SoftmaxMask::None => 0,
            SoftmaxMask::Full => self.rows.saturating_mul(self.cols),
            SoftmaxMask::Broadcast => self.cols,
        }
    }

    fn width(&self) -> Width {
        Width::of(self.cols, &[self.x, self.y_layout()])
    }

    /// How wide `kernel` loads.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where rows lie otherwise than it needs them.
    fn width_of(&self, kernel: &Kernel) -> Result<Width> {
        if ![WALKED.name, SPLIT_SUBGROUP.name].contains(&kernel.name) {
            return Ok(self.width());
        }
        Width::sixteen_bytes(self.dtype, self.cols, &[self.x, self.y_layout()]).ok_or_else(|| {
            Error::Unsupported {
                what: format!("kernel {}", kernel.name),
                reason: "rows do not begin and end at multiples of 16 bytes".into(),
            }
        })
    }
}

impl Operation for Softmax {
    fn family(&self) -> &'static Family {
        &SOFTMAX
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![("rows", self.rows), ("cols", self.cols)]
    }

    fn label(&self) -> String {
        text::label(self)
    }

    /// Four an element: maximum, subtraction, sum, division; `exp` is not counted.
    fn flops(&self) -> u64 {
        4 * self.rows * self.cols
    }

    /// Elements of `x` and of `y` once each, and of the mask; not what lies between rows.
    fn min_bytes(&self) -> u64 {
        (2 * self.rows * self.cols + self.mask_elements()) * self.dtype.bytes()
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        (self.rows > 1).then(|| {
            Box::new(Self {
                rows: self.rows / 2,
                ..*self
            }) as Box<dyn Operation>
        })
    }

    fn operands(&self) -> Vec<Operand> {
        let of = |layout: RowLayout| layout.elements(self.rows, self.cols).unwrap_or(u64::MAX);
        let x = Operand::input("x", of(self.x), self.dtype, Distribution::Outliers);
        let mut operands = match self.target {
            Target::Separate => vec![x],
            Target::InPlace => vec![x.in_place()],
        };
        if self.mask != SoftmaxMask::None {
            let elements = self.mask_elements();
            operands.push(Operand::input(
                "mask",
                elements,
                self.dtype,
                Distribution::Uniform,
            ));
        }
        if self.target == Target::Separate {
            operands.push(Operand::output("y", of(self.y), self.dtype));
        }
        operands
    }

    fn validate(&self) -> Result<()> {
        let operation = SOFTMAX.name;
        let shape = |reason: String| Err(Error::Shape { operation, reason });
        for (name, layout) in [("x", self.x), ("y", self.y_layout())] {
            layout.validate(operation, self.cols)?;
            let elements = layout.elements(self.rows, self.cols);
            require_u32(
                &format!("`{name}`, {} x {}", self.rows, self.cols),
                elements,
            )?;
            // Between dispatches over windows of rows an offset stays, counted in 32 bits.
            require_u32("an offset", Some(layout.offset))?;
        }
        for (name, size) in self.shape() {
            require_u32(&format!("the {name} of a softmax"), Some(size))?;
        }
        if !self.scale.is_finite() {
            return shape(format!("the scale is {}, and has to be finite", self.scale));
        }
        match self.causal {
            Some(Causal { queries: 0, .. }) => {
                shape("a causal mask needs at least one query".into())
            }
            Some(Causal { queries, seen }) => {
                require_u32("a causal mask", queries.checked_add(seen)).map(drop)
            }
            None => Ok(()),
        }
    }

    fn constants(&self, kernel: &'static Kernel, device: &Capabilities) -> Result<Constants> {
        choice::constants(self, kernel, device)
    }

    fn unsuited(&self, kernel: &'static Kernel, device: &Capabilities) -> Option<String> {
        choice::unsuited(self, kernel, device)
    }

    fn schedule(
        &self,
        kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule> {
        schedule::schedule(self, kernel, stages, device)
    }

    /// A row is read three times for all of its elements; a run of neighbours is 64.
    fn reference_cost(&self) -> u64 {
        1 + 3 * self.cols / 64
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
