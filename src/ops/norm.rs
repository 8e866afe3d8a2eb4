//! Normalisation over rows: RMS norm and layer norm.

mod dispatch;
mod grouped;
mod looped;
mod reference;
mod samples;
mod shape;
mod sizes;
mod split;
mod subgroup;
mod text;
mod workgroup;

pub use shape::{Affine, Norm, NormKind};

use super::rows::{CLASSES, RowLayout, Target};
use super::{
    Candidate, Family, Implementation, Operand, Operation, bind, changed, kernels_of,
    own_samples_of, require_u32,
};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::tolerance::Expected;

/// The kernels of both norms, in the order in which they are preferred.
const KERNELS: &[&Implementation<Norm>] = &[
    &subgroup::SUBGROUP,
    &workgroup::WORKGROUP,
    &grouped::GROUPED,
    &split::SPLIT,
    &looped::LOOPED,
];

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
        text::label(self)
    }

    fn variant(&self) -> String {
        self.width().variant()
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

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        bind(self, KERNELS)
    }

    /// A row is read three times for all of its elements; a run of neighbours is 64.
    fn reference_cost(&self) -> u64 {
        1 + 3 * self.cols / 64
    }

    fn expected(
        &self,
        _intermediates: Dtype,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        reference::expected(self, inputs, indices)
    }
}

fn in_f32(operation: &dyn Operation) -> Option<Box<dyn Operation>> {
    changed(operation, |norm: &mut Norm| norm.dtype = Dtype::F32)
}

/// RMS norm over rows.
pub(super) static RMS_NORM: Family = Family {
    name: "rms_norm",
    about: "y = x / sqrt(mean(x^2) + epsilon) * weight over each row",
    shape_form: text::SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { KERNELS.len() }>(KERNELS),
    own_samples: &own_samples_of::<_, { KERNELS.len() }>(KERNELS),
    parse: |text, dtype| text::parse(&RMS_NORM, NormKind::Rms, text, dtype),
    in_f32,
    common_samples: |_| samples::samples(NormKind::Rms),
};
/// Layer norm over rows.
pub(super) static LAYER_NORM: Family = Family {
    name: "layer_norm",
    about: "y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias over each row",
    shape_form: text::SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { KERNELS.len() }>(KERNELS),
    own_samples: &own_samples_of::<_, { KERNELS.len() }>(KERNELS),
    parse: |text, dtype| text::parse(&LAYER_NORM, NormKind::Layer, text, dtype),
    in_f32,
    common_samples: |_| samples::samples(NormKind::Layer),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::softmax::device;
    use crate::plan::{PlanOptions, choose};
    use crate::report::AdapterKind;

    #[test]
    fn the_reference_is_right_by_hand() {
        let inputs = [vec![3.0, -4.0], vec![2.0, 0.5], vec![0.0, 1.0]];
        let values = |norm: Norm| -> Vec<f64> {
            let norm = Norm {
                epsilon: 0.0,
                ..norm
            };
            let found = norm.expected(Dtype::F32, &inputs.as_slice(), &[0, 1]);
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

    #[test]
    fn row_lengths_choose_kernels() {
        let large = device(AdapterKind::Discrete, (32, 32), 1024);
        let small = device(AdapterKind::Integrated, (0, 0), 256);
        let name = |rows, cols, device| {
            let norm = Norm::new(NormKind::Layer, rows, cols);
            let choice = choose(&norm, &PlanOptions::default(), device).unwrap();
            choice.kernel.name
        };
        assert_eq!(name(4096, 64, &large), "norm_grouped");
        assert_eq!(name(4096, 4096, &large), "norm_workgroup");
        assert_eq!(name(4096, 65_536, &large), "norm_looped");
        assert_eq!(name(8, 1 << 20, &large), "norm_split");
        assert_eq!(name(4096, 4096, &small), "norm_grouped");
        assert_eq!(name(8, 1 << 20, &small), "norm_split");
    }
}
