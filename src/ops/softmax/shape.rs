//! The shape of a softmax: rows, columns, masks, and what the result is.

use crate::data::Dtype;
use crate::ops::rows::{RowLayout, Target, Width};

/// Softmax over each of `rows` rows of `cols` columns: the last axis of an array whose other axes are the rows.
///
/// With `v = scale * x + mask`, `y = exp(v - max(v)) / sum(exp(v - max(v)))`; computed in f32 whatever the type. A row
/// whose every `v` is -inf, by its data or its masks, gives zeros (-inf as logarithms), never NaN. A row with +inf gives
/// NaN everywhere, as IEEE arithmetic does; so does one with a NaN on adapters whose `exp(NaN)` is NaN (it is a number on
/// `SwiftShader`).
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
    /// Where the rows of `y` lie; ignored in place. Memory between rows is not touched.
    pub y: RowLayout,
    /// Factor of `x`, finite.
    pub scale: f32,
    /// Mask that is added to `scale * x`.
    pub mask: SoftmaxMask,
    /// Columns that a row sees; `None` for all.
    pub causal: Option<Causal>,
    /// Form of the result.
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

/// Form of the result of a softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SoftmaxForm {
    /// Probabilities.
    #[default]
    Probabilities,
    /// Natural logarithms of the probabilities, `v - max(v) - log(sum(exp(v - max(v))))`.
    Logarithms,
}

impl Default for Softmax {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Softmax {
    /// A softmax of f32, contiguous, without masks, to memory of its own.
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
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::new(self.rows, self.cols)
    }

    pub(super) fn y_layout(&self) -> RowLayout {
        match self.target {
            Target::Separate => self.y,
            Target::InPlace => self.x,
        }
    }

    pub(super) fn mask_elements(&self) -> u64 {
        match self.mask {
            SoftmaxMask::None => 0,
            SoftmaxMask::Full => self.rows.saturating_mul(self.cols),
            SoftmaxMask::Broadcast => self.cols,
        }
    }

    pub(super) fn width(&self) -> Width {
        Width::of(self.cols, &[self.x, self.y_layout()])
    }

    /// The width of loads of 16 bytes; the reason where rows do not begin and end at multiples of that.
    pub(super) fn width_of_16_bytes(&self) -> Result<Width, String> {
        Width::sixteen_bytes(self.dtype, self.cols, &[self.x, self.y_layout()])
            .ok_or_else(|| "rows do not begin and end at multiples of 16 bytes".into())
    }
}
