//! The kernels of the reductions and the table lines of the operations.

use super::{Reduction, ReductionKind};
use crate::data::Dtype;
use crate::error::Result;
use crate::kernel::{Kernel, Stage};
use crate::ops::vectors::{SHAPE_FORM, lengths};
use crate::ops::{Family, Operation, parse_sizes};
use crate::shader::{Constant, Prepared, Shader};

fn samples(kind: ReductionKind, stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
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

static REDUCE: Shader = Shader {
    name: "reduce",
    wgsl: include_str!("../../../shaders/reduce.wgsl"),
};

type Constancy = [(&'static str, Constant)];

const SUM_VECTORS: &Constancy = &[("FORM", Constant::Integer(0))];
const MAX_VECTORS: &Constancy = &[("FORM", Constant::Integer(1))];
const DOT_VECTORS: &Constancy = &[("FORM", Constant::Integer(2))];
const SUM_REST: &Constancy = &rest(0, "Elem");
const MAX_REST: &Constancy = &rest(1, "Elem");
const DOT_REST: &Constancy = &rest(2, "Elem");

/// Single elements, of a type.
const fn rest(form: u32, vector: &'static str) -> [(&'static str, Constant); 5] {
    [
        ("FORM", Constant::Integer(form)),
        ("Vector", Constant::Type(vector)),
        ("Wide", Constant::Type("f32")),
        ("Bits", Constant::Type("u32")),
        ("WIDTH", Constant::Integer(1)),
    ]
}

const fn stage(constants: &'static Constancy) -> Stage {
    Stage {
        shader: &REDUCE,
        constants,
    }
}

const fn kernel(name: &'static str, stages: &'static [Stage]) -> Kernel {
    Kernel {
        name,
        about: "a grid of workgroups striding over 16 bytes at a time, the last of which merges their results",
        stages,
        features: wgpu::Features::empty(),
        dtypes: &[Dtype::F32, Dtype::F16],
        presets: &[],
    }
}

pub(super) static REDUCE_SUM: Kernel = kernel("reduce_sum", &[stage(SUM_VECTORS), stage(SUM_REST)]);
static REDUCE_MAX: Kernel = kernel("reduce_max", &[stage(MAX_VECTORS), stage(MAX_REST)]);
static REDUCE_DOT: Kernel = kernel("reduce_dot", &[stage(DOT_VECTORS), stage(DOT_REST)]);

/// The sum of a vector.
pub(in crate::ops) static SUM: Family = Family {
    name: "sum",
    about: "c = sum(a)",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&REDUCE_SUM],
    parse: |text, dtype| parse(&SUM, ReductionKind::Sum, text, dtype),
    samples: |stages| samples(ReductionKind::Sum, stages),
};
/// The largest element of a vector.
pub(in crate::ops) static MAX: Family = Family {
    name: "max",
    about: "c = max(a)",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&REDUCE_MAX],
    parse: |text, dtype| parse(&MAX, ReductionKind::Max, text, dtype),
    samples: |stages| samples(ReductionKind::Max, stages),
};
/// The dot product of two vectors.
pub(in crate::ops) static DOT: Family = Family {
    name: "dot",
    about: "c = sum(a * b)",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&REDUCE_DOT],
    parse: |text, dtype| parse(&DOT, ReductionKind::Dot, text, dtype),
    samples: |stages| samples(ReductionKind::Dot, stages),
};
