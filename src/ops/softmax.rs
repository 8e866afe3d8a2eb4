//! Softmax over rows: `y = exp(v - max(v)) / sum(exp(v - max(v)))` with `v = scale * x + mask`, row-major.

mod dispatch;
mod grouped;
mod online;
mod prefetch;
mod reference;
mod samples;
mod shape;
mod sizes;
mod split;
mod split_subgroup;
mod subgroup;
mod text;
mod unfused;
mod workgroup;

pub use shape::{Causal, Softmax, SoftmaxForm, SoftmaxMask};
#[cfg(test)]
pub(super) use tests::device;
pub(super) use workgroup::WORKGROUP;

use super::rows::{CLASSES, RowLayout, Target};
use super::{
    Candidate, Family, Implementation, Operand, Operation, bind, changed, kernels_of,
    own_samples_of, require_u32,
};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::tolerance::Expected;

/// The kernels, in the order in which they are preferred.
const KERNELS: &[&Implementation<Softmax>] = &[
    &subgroup::SUBGROUP,
    &prefetch::PREFETCH,
    &workgroup::WORKGROUP,
    &grouped::GROUPED,
    &split_subgroup::SPLIT_SUBGROUP,
    &split::SPLIT,
    &online::ONLINE,
    &unfused::UNFUSED,
];

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

    fn variant(&self) -> String {
        self.width().variant()
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

/// Softmax over rows.
pub(super) static SOFTMAX: Family = Family {
    name: "softmax",
    about: "y = exp(v - max(v)) / sum(exp(v - max(v))) over each row, v = scale * x + mask",
    shape_form: "ROWSxCOLS, such as 4096x4096, then any of +mask, +broadcast, +causal, +log, +inplace",
    classes: CLASSES,
    kernels: &kernels_of::<_, { KERNELS.len() }>(KERNELS),
    own_samples: &own_samples_of::<_, { KERNELS.len() }>(KERNELS),
    parse: |text, dtype| text::parse(&SOFTMAX, text, dtype),
    in_f32: |operation| {
        changed(operation, |softmax: &mut Softmax| {
            softmax.dtype = Dtype::F32;
        })
    },
    common_samples: samples::samples,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Capabilities;
    use crate::ops::Fit;
    use crate::plan::{Choice, PlanOptions, choose};
    use crate::report::AdapterKind;

    pub(in crate::ops) fn device(
        kind: AdapterKind,
        lanes: (u32, u32),
        invocations: u32,
    ) -> Capabilities {
        Capabilities::fake(kind)
            .with_f16()
            .with_subgroups(lanes)
            .with_invocations(invocations)
    }

    fn chosen(softmax: Softmax, device: &Capabilities) -> Choice {
        choose(&softmax, &PlanOptions::default(), device).unwrap()
    }

    #[test]
    fn row_lengths_choose_kernels() {
        let large = device(AdapterKind::Discrete, (32, 32), 1024);
        let name = |rows, cols| chosen(Softmax::new(rows, cols), &large).kernel.name;
        assert_eq!(name(4096, 32), "softmax_grouped");
        assert_eq!(name(4096, 256), "softmax_subgroup");
        assert_eq!(name(65_536, 1024), "softmax_workgroup");
        assert_eq!(name(4096, 32_768), "softmax_workgroup");
        assert_eq!(name(4096, 65_536), "softmax_online");
        assert_eq!(name(8, 1 << 20), "softmax_split_subgroup");
        assert_eq!(name(8, (1 << 20) + 1), "softmax_split");
        assert_eq!(name(4096, 4095), "softmax_workgroup");
        let half = |rows, cols| Softmax {
            dtype: Dtype::F16,
            ..Softmax::new(rows, cols)
        };
        let name = |softmax| chosen(softmax, &large).kernel.name;
        assert_eq!(name(half(4096, 32_768)), "softmax_prefetch");
        assert_eq!(name(half(4096, 32_764)), "softmax_workgroup");
        assert_eq!(name(half(256, 32_768)), "softmax_workgroup");
    }

    #[test]
    fn without_subgroups_and_with_default_limits_there_is_a_kernel() {
        let small = device(AdapterKind::Integrated, (0, 0), 256);
        for (rows, cols) in [
            (1, 1),
            (5, 33),
            (1000, 1024),
            (9, 5003),
            (2, 1 << 20),
            (9000, 70_000),
        ] {
            for dtype in [Dtype::F32, Dtype::F16] {
                let softmax = Softmax {
                    dtype,
                    ..Softmax::new(rows, cols)
                };
                let choice = chosen(softmax, &small);
                assert!(choice.kernel.features.is_empty(), "{}", choice.kernel.name);
                assert!(choice.reason.contains("subgroup"), "{}", choice.reason);
            }
        }
    }

    #[test]
    fn the_baseline_has_no_options() {
        let large = device(AdapterKind::Discrete, (32, 32), 1024);
        let log = Softmax {
            form: SoftmaxForm::Logarithms,
            ..Softmax::new(4, 4)
        };
        let fit = |softmax: &Softmax| unfused::UNFUSED.bound(softmax).fit(&large);
        assert!(matches!(fit(&log), Fit::Unable(_)));
        assert!(matches!(fit(&Softmax::new(4, 4)), Fit::Able(_)));
    }
}
