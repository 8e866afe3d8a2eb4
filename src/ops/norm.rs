//! Normalisation over rows: RMS norm and layer norm.

mod choice;
mod kernels;
mod reference;
mod schedule;

pub(super) use kernels::{LAYER_NORM, RMS_NORM};

use super::rows::{RowLayout, Width};
use super::softmax::Target;
use super::{Family, Operand, Operation, require_u32};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::shader::{Constant, Prepared};
use crate::tolerance::Expected;

/// Which normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// `x / sqrt(mean(x^2) + epsilon)` (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019).
    Rms,
    /// `(x - mean(x)) / sqrt(variance(x) + epsilon)` (Ba, Kiros and Hinton, "Layer Normalization", 2016), with the
    /// variance that divides by the number of columns.
    Layer,
}

/// What follows the normalisation, column by column.
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
    /// Which normalisation.
    pub kind: NormKind,
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
    /// What is added to the mean square or the variance; finite, not negative.
    pub epsilon: f32,
    /// What follows.
    pub affine: Affine,
    /// Where the result goes.
    pub target: Target,
}

impl Norm {
    /// Of f32, contiguous, with a weight and an epsilon of 1e-5, to memory of its own.
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

    fn y_layout(&self) -> RowLayout {
        match self.target {
            Target::Separate => self.y,
            Target::InPlace => self.x,
        }
    }

    fn vectors(&self) -> u64 {
        match self.affine {
            Affine::None => 0,
            Affine::Weight => 1,
            Affine::WeightAndBias => 2,
        }
    }

    fn width(&self) -> Width {
        Width::of(self.cols, &[self.x, self.y_layout()])
    }
}

impl Operation for Norm {
    fn family(&self) -> &'static Family {
        match self.kind {
            NormKind::Rms => &RMS_NORM,
            NormKind::Layer => &LAYER_NORM,
        }
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![("rows", self.rows), ("cols", self.cols)]
    }

    fn label(&self) -> String {
        let options = match self.affine {
            Affine::None => "+plain",
            Affine::Weight => "",
            Affine::WeightAndBias => "+bias",
        };
        let target = match self.target {
            Target::Separate => "",
            Target::InPlace => "+inplace",
        };
        format!("{}x{}{options}{target}", self.rows, self.cols)
    }

    /// Three an element (square, sum, product), two more for the mean, one for each of weight and bias.
    fn flops(&self) -> u64 {
        let mean = match self.kind {
            NormKind::Rms => 0,
            NormKind::Layer => 2,
        };
        (3 + mean + self.vectors()) * self.rows * self.cols
    }

    /// Elements of `x` and of `y` once each, and the vectors; not what lies between rows.
    fn min_bytes(&self) -> u64 {
        (2 * self.rows * self.cols + self.vectors() * self.cols) * self.dtype.bytes()
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
        let vector = |name| Operand::input(name, self.cols, self.dtype, Distribution::Uniform);
        let vectors = ["weight", "bias"]
            .into_iter()
            .take(self.vectors() as usize)
            .map(vector);
        match self.target {
            Target::InPlace => [x.in_place()].into_iter().chain(vectors).collect(),
            Target::Separate => {
                let y = Operand::output("y", of(self.y), self.dtype);
                [x].into_iter().chain(vectors).chain([y]).collect()
            }
        }
    }

    fn validate(&self) -> Result<()> {
        let operation = self.family().name;
        for (name, layout) in [("x", self.x), ("y", self.y_layout())] {
            layout.validate(operation, self.cols)?;
            let elements = layout.elements(self.rows, self.cols);
            require_u32(
                &format!("`{name}`, {} x {}", self.rows, self.cols),
                elements,
            )?;
            require_u32("an offset", Some(layout.offset))?;
        }
        for (name, size) in self.shape() {
            require_u32(&format!("the {name} of a norm"), Some(size))?;
        }
        if !self.epsilon.is_finite() || self.epsilon < 0.0 {
            let reason = format!(
                "epsilon is {}, and has to be finite and not negative",
                self.epsilon
            );
            return Err(Error::Shape { operation, reason });
        }
        Ok(())
    }

    fn constants(&self, kernel: &'static Kernel, device: &Capabilities) -> Result<Constants> {
        let mut constants = self.width().constants(self.dtype);
        constants.extend([
            ("LAYER", Constant::Bool(self.kind == NormKind::Layer)),
            ("WEIGHT", Constant::Bool(self.affine != Affine::None)),
            ("BIAS", Constant::Bool(self.affine == Affine::WeightAndBias)),
            ("IN_PLACE", Constant::Bool(self.target == Target::InPlace)),
        ]);
        constants.retain(|(name, _)| kernel.declares(name));
        constants.extend(choice::sizes(self, kernel, device)?);
        Ok(constants)
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

#[cfg(test)]
mod tests {
    use super::kernels::NORM_LOOPED;
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        let inputs = [vec![3.0, -4.0], vec![2.0, 0.5], vec![0.0, 1.0]];
        let values = |norm: Norm| -> Vec<f64> {
            let norm = Norm {
                epsilon: 0.0,
                ..norm
            };
            let found = norm.expected(&NORM_LOOPED, &inputs.as_slice(), &[0, 1]);
            assert!(found.iter().all(|e| e.allowed < 1e-5), "{found:?}");
            found.iter().map(|e| e.value).collect()
        };
        let root = 12.5f64.sqrt();
        let rms = values(Norm::new(NormKind::Rms, 1, 2));
        assert!((rms[0] - 6.0 / root).abs() < 1e-12 && (rms[1] + 2.0 / root).abs() < 1e-12);
        let affine = Affine::WeightAndBias;
        let layer = values(Norm {
            affine,
            ..Norm::new(NormKind::Layer, 1, 2)
        });
        assert!((layer[0] - 2.0).abs() < 1e-12 && (layer[1] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn text_and_label_are_inverse() {
        for text in ["4x8", "4x8+plain", "4x8+bias+inplace"] {
            assert_eq!((RMS_NORM.parse)(text, Dtype::F16).unwrap().label(), text);
        }
        assert!((LAYER_NORM.parse)("4x8+wait", Dtype::F32).is_err());
    }
}
