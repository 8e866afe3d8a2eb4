//! The shape of a norm: rows, columns, and what follows the normalisation.

use crate::data::Dtype;
use crate::ops::rows::{RowLayout, Target, Width};

/// Kind of normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// `x / sqrt(mean(x^2) + epsilon)` (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019).
    Rms,
    /// `(x - mean(x)) / sqrt(variance(x) + epsilon)` (Ba, Kiros and Hinton, "Layer Normalization", 2016), with the
    /// variance that divides by the number of columns.
    Layer,
}

/// Affine map after the normalisation, column by column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Affine {
    /// Nothing.
    None,
    /// A product with `weight`, `[cols]`.
    #[default]
    Weight,
    /// A product with `weight` and a sum with `bias`, both `[cols]`.
    WeightAndBias,
}

/// RMS norm or layer norm over each of `rows` rows of `cols` columns; computed in f32 whatever the type.
///
/// Operands: `x`, then `weight` and `bias` where they are asked for, then `y`; in place, no `y`.
///
/// # Examples
/// ```
/// use ridgepoint::Operation;
/// use ridgepoint::ops::{Affine, Norm, NormKind};
/// let norm = Norm { affine: Affine::WeightAndBias, ..Norm::new(NormKind::Layer, 4, 1000) };
/// assert_eq!(norm.min_bytes(), 4 * (2 * 4000 + 2 * 1000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Norm {
    /// Kind of normalisation.
    pub kind: NormKind,
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
    /// Constant that is added to the mean square or the variance; finite, not negative.
    pub epsilon: f32,
    /// Affine map after the normalisation.
    pub affine: Affine,
    /// Where the result goes.
    pub target: Target,
}

impl Norm {
    /// A norm of f32, contiguous, with a weight and an epsilon of 1e-5, to memory of its own.
    #[must_use]
    pub fn new(kind: NormKind, rows: u64, cols: u64) -> Self {
        Self {
            kind,
            rows,
            cols,
            dtype: Dtype::F32,
            x: RowLayout::default(),
            y: RowLayout::default(),
            epsilon: 1e-5,
            affine: Affine::Weight,
            target: Target::Separate,
        }
    }

    pub(super) fn y_layout(&self) -> RowLayout {
        match self.target {
            Target::Separate => self.y,
            Target::InPlace => self.x,
        }
    }

    pub(super) fn vectors(&self) -> u64 {
        match self.affine {
            Affine::None => 0,
            Affine::Weight => 1,
            Affine::WeightAndBias => 2,
        }
    }

    pub(super) fn width(&self) -> Width {
        Width::of(self.cols, &[self.x, self.y_layout()])
    }
}
