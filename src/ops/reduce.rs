//! Reductions of whole vectors to one number: sum, maximum, dot product.

mod kernels;

use super::vectors::{CLASSES, Run, SHAPE_FORM, lengths, runs};
use super::{
    Candidate, Family, Implementation, Operand, Operation, bind, changed, kernels_of,
    own_samples_of, parse_sizes, require_u32,
};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::watchdog_bytes;
use crate::kernel::{BindingRange, Constants, Dispatch, Schedule, Slot};
use crate::shader::Prepared;
use crate::tolerance::{self, Expected};
use std::sync::Arc;

/// Kind of reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReductionKind {
    /// The sum of `a`; 0 without elements.
    Sum,
    /// The largest of `a`; -inf without elements, NaN where one is, on adapters that keep to IEEE arithmetic.
    Max,
    /// The sum of `a * b`; 0 without elements.
    Dot,
}

/// A vector, or two, reduced to one number: the result is a single f32 whatever the type of the elements.
///
/// Operands: `a`, then `b` of a dot product, `[elements]` each, then `c`, `[1]`.
///
/// # Examples
/// ```
/// use ridgepoint::Operation;
/// use ridgepoint::ops::{Reduction, ReductionKind};
/// let dot = Reduction::new(ReductionKind::Dot, 1000);
/// assert_eq!((dot.flops(), dot.min_bytes()), (2000, 8004));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduction {
    /// Kind of reduction.
    pub kind: ReductionKind,
    /// Elements of each vector.
    pub elements: u64,
    /// Type of the elements.
    pub dtype: Dtype,
}

impl Reduction {
    /// A reduction of f32.
    #[must_use]
    pub fn new(kind: ReductionKind, elements: u64) -> Self {
        let dtype = Dtype::F32;
        Self {
            kind,
            elements,
            dtype,
        }
    }

    fn inputs(&self) -> usize {
        match self.kind {
            ReductionKind::Sum | ReductionKind::Max => 1,
            ReductionKind::Dot => 2,
        }
    }

    /// Elements of a load of 16 bytes.
    fn width(&self) -> u32 {
        (16 / self.dtype.bytes()) as u32
    }

    /// The result of no elements.
    fn empty(&self) -> f32 {
        match self.kind {
            ReductionKind::Sum | ReductionKind::Dot => 0.0,
            ReductionKind::Max => f32::NEG_INFINITY,
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    begin: u32,
    end: u32,
    stride: u32,
    first: u32,
    total: u32,
    empty: f32,
    nan: f32,
}

impl Operation for Reduction {
    fn family(&self) -> &'static Family {
        match self.kind {
            ReductionKind::Sum => &SUM,
            ReductionKind::Max => &MAX,
            ReductionKind::Dot => &DOT,
        }
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![("elements", self.elements)]
    }

    fn flops(&self) -> u64 {
        self.elements * self.inputs() as u64
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        (self.elements > 1).then(|| {
            Box::new(Self {
                elements: self.elements / 2,
                ..*self
            }) as Box<dyn Operation>
        })
    }

    fn operands(&self) -> Vec<Operand> {
        let input = |name| Operand::input(name, self.elements, self.dtype, Distribution::Outliers);
        let mut operands: Vec<_> = ["a", "b"]
            .into_iter()
            .take(self.inputs())
            .map(input)
            .collect();
        operands.push(Operand::output("c", 1, Dtype::F32));
        operands
    }

    fn validate(&self) -> Result<()> {
        require_u32("a reduction", Some(self.elements)).map(drop)
    }

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        match self.kind {
            ReductionKind::Sum => bind(self, SUM_KERNELS),
            ReductionKind::Max => bind(self, MAX_KERNELS),
            ReductionKind::Dot => bind(self, DOT_KERNELS),
        }
    }

    fn reference_cost(&self) -> u64 {
        self.flops()
    }

    fn expected(
        &self,
        _intermediates: Dtype,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        let term = |i| match self.kind {
            ReductionKind::Sum | ReductionKind::Max => inputs.get(0, i),
            ReductionKind::Dot => inputs.get(0, i) * inputs.get(1, i),
        };
        let mut value = f64::from(self.empty());
        let mut magnitudes = 0.0;
        for term in (0..self.elements).map(term) {
            magnitudes += tolerance::finite(term).abs();
            value = match self.kind {
                ReductionKind::Max if term.is_nan() || value.is_nan() => f64::NAN,
                ReductionKind::Max => value.max(term),
                ReductionKind::Sum | ReductionKind::Dot => value + term,
            };
        }
        let found = match self.kind {
            ReductionKind::Max => Expected::new(value, 0.0),
            ReductionKind::Sum | ReductionKind::Dot if tolerance::may_overflow(magnitudes) => {
                Expected::unknown()
            }
            ReductionKind::Sum | ReductionKind::Dot => {
                Expected::new(value, self.sum_error() * magnitudes)
            }
        };
        vec![found; indices.len()]
    }
}

impl Reduction {
    /// Error of a sum, relative to the sum of magnitudes. A term takes part in 2 additions across a load, and in at most as
    /// many as its invocation has loads for each of its running sums; once that matters, there are at least 256 workgroups
    /// of 256 invocations. Merges add 2 * 16 additions of a workgroup, as many of the last workgroup, and a few for the
    /// numbers that each invocation of the last workgroup takes.
    fn sum_error(&self) -> f64 {
        let running = self.elements as f64 / f64::from(256 * 256 * 4);
        let product = 2.0;
        tolerance::gamma(running + 128.0 + product, Dtype::F32.unit_roundoff())
    }
}

fn constants(reduction: &Reduction, _: &Capabilities, _: &Constants) -> Result<Constants> {
    // Measured on an H200: as many workgroups as its cores take at once, four each. Two operands fill as many registers
    // with half the loads.
    let elems: u32 = match reduction.kind {
        ReductionKind::Dot => 4,
        ReductionKind::Sum | ReductionKind::Max => 8,
    };
    let vector = match reduction.dtype {
        Dtype::F16 => "vec4<u32>",
        _ => "vec4<f32>",
    };
    Ok(Constants::new()
        .set("Elem", reduction.dtype)
        .set("Vector", vector)
        .set("WIDTH", reduction.width())
        .set("ELEMS", elems))
}

/// Dispatches over windows that fit one binding and the watchdog limit. Each workgroup of each dispatch leaves a number, and
/// the last workgroup of all merges these numbers.
fn schedule(
    reduction: &Reduction,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let bearable = watchdog_bytes(device.kind);
    let limits = &wgpu::Limits {
        max_storage_buffer_binding_size: bearable
            .min(device.limits.max_storage_buffer_binding_size),
        ..device.limits.clone()
    };
    let mut runs = runs(
        reduction.elements,
        reduction.width(),
        reduction.dtype,
        limits,
    )?;
    if runs.is_empty() {
        // One workgroup, which finds nothing.
        runs.push(Run::default());
    }
    let grids: Vec<_> = runs
        .iter()
        .map(|run| run.grid(stages[run.stage], limits))
        .collect();
    let total: u32 = grids.iter().map(|(workgroups, _)| workgroups).sum();
    // Binding 2 has to hold something; it is read for a dot product alone.
    let nothing = BindingRange::whole(Slot::Operand(0), 0);
    // Zeros to begin with, as all memory of wgpu, and zeros again at the end.
    let results = BindingRange::whole(Slot::Scratch(0), (1 + u64::from(total)) * 4);
    let result = BindingRange::whole(Slot::Operand(reduction.inputs()), 4);
    let mut first = 0;
    let mut steps = Vec::new();
    for (run, (workgroups, stride)) in runs.iter().zip(grids) {
        let params = Params {
            begin: run.range.start,
            end: run.range.end,
            stride,
            first,
            total,
            empty: reduction.empty(),
            nan: f32::NAN,
        };
        let second = match reduction.kind {
            ReductionKind::Dot => run.window(Slot::Operand(1)),
            ReductionKind::Sum | ReductionKind::Max => nothing,
        };
        steps.push(Dispatch {
            stage: run.stage,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows: vec![run.window(Slot::Operand(0)), second, results, result],
            workgroups: [workgroups, 1, 1],
        });
        first += workgroups;
    }
    Ok(Schedule {
        steps,
        scratch: vec![results.bytes],
    })
}

fn samples(kind: ReductionKind, stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    // The maximum of nothing is not finite, and has a test of its own.
    let lengths = lengths(stages).into_iter();
    let mut found: Vec<_> = lengths
        .filter(|elements| *elements > 0 || kind != ReductionKind::Max)
        .map(|elements| Reduction::new(kind, elements))
        .collect();
    let dtype = Dtype::F16;
    found.extend([3, 98_435].map(|elements| Reduction {
        dtype,
        ..Reduction::new(kind, elements)
    }));
    found
        .into_iter()
        .map(|reduction| -> Box<dyn Operation> { Box::new(reduction) })
        .collect()
}

fn parse(
    family: &'static Family,
    kind: ReductionKind,
    text: &str,
    dtype: Dtype,
) -> Result<Box<dyn Operation>> {
    let [elements] = parse_sizes(family, text)?;
    Ok(Box::new(Reduction {
        kind,
        elements,
        dtype,
    }))
}

fn in_f32(operation: &dyn Operation) -> Option<Box<dyn Operation>> {
    changed(operation, |reduction: &mut Reduction| {
        reduction.dtype = Dtype::F32;
    })
}

type Table = &'static [&'static Implementation<Reduction>];

const SUM_KERNELS: Table = &[&kernels::REDUCE_SUM];
const MAX_KERNELS: Table = &[&kernels::REDUCE_MAX];
const DOT_KERNELS: Table = &[&kernels::REDUCE_DOT];

/// The sum of a vector.
pub(super) static SUM: Family = Family {
    name: "sum",
    about: "c = sum(a)",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { SUM_KERNELS.len() }>(SUM_KERNELS),
    own_samples: &own_samples_of::<_, { SUM_KERNELS.len() }>(SUM_KERNELS),
    parse: |text, dtype| parse(&SUM, ReductionKind::Sum, text, dtype),
    in_f32,
    common_samples: |stages| samples(ReductionKind::Sum, stages),
};
/// The largest element of a vector.
pub(super) static MAX: Family = Family {
    name: "max",
    about: "c = max(a)",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { MAX_KERNELS.len() }>(MAX_KERNELS),
    own_samples: &own_samples_of::<_, { MAX_KERNELS.len() }>(MAX_KERNELS),
    parse: |text, dtype| parse(&MAX, ReductionKind::Max, text, dtype),
    in_f32,
    common_samples: |stages| samples(ReductionKind::Max, stages),
};
/// The dot product of two vectors.
pub(super) static DOT: Family = Family {
    name: "dot",
    about: "c = sum(a * b)",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { DOT_KERNELS.len() }>(DOT_KERNELS),
    own_samples: &own_samples_of::<_, { DOT_KERNELS.len() }>(DOT_KERNELS),
    parse: |text, dtype| parse(&DOT, ReductionKind::Dot, text, dtype),
    in_f32,
    common_samples: |stages| samples(ReductionKind::Dot, stages),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        let inputs = [vec![1.0, -2.0, 3.0], vec![4.0, 0.5, 2.0]];
        let value = |kind, elements| {
            let reduction = Reduction::new(kind, elements);
            reduction.expected(Dtype::F32, &inputs.as_slice(), &[0])[0].value
        };
        assert!((value(ReductionKind::Sum, 3) - 2.0).abs() < 1e-12);
        assert!((value(ReductionKind::Max, 3) - 3.0).abs() < 1e-12);
        assert!((value(ReductionKind::Dot, 3) - 9.0).abs() < 1e-12);
        assert!(value(ReductionKind::Max, 0) < f64::MIN);
    }
}
