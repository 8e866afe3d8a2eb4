//! The kernels of the streams and the table lines of the operations.

use super::{Stream, StreamKind};
use crate::data::Dtype;
use crate::error::Result;
use crate::kernel::{Kernel, Stage};
use crate::ops::vectors::{SHAPE_FORM, lengths};
use crate::ops::{Family, Operation, parse_sizes};
use crate::shader::{Constant, Prepared, Shader};

fn samples(kind: StreamKind, stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
    let mut found: Vec<_> = lengths(stages)
        .into_iter()
        .map(|elements| Stream::new(kind, elements))
        .collect();
    let dtype = Dtype::F16;
    found.extend([3, 1026, 98_432].map(|elements| Stream {
        dtype,
        ..Stream::new(kind, elements)
    }));
    found
        .into_iter()
        .map(|stream| -> Box<dyn Operation> { Box::new(stream) })
        .collect()
}

fn parse(
    family: &'static Family,
    kind: StreamKind,
    text: &str,
    dtype: Dtype,
) -> Result<Box<dyn Operation>> {
    let [elements] = parse_sizes(family, text)?;
    Ok(Box::new(Stream {
        kind,
        elements,
        dtype,
    }))
}

/// The tail of a vector whose length is no multiple of four, by the same file.
const SCALAR: &[(&str, Constant)] = &[
    ("Vector", Constant::Type("Elem")),
    ("Wide", Constant::Type("f32")),
];
/// The same of a file that does not compute.
const SCALAR_COPY: &[(&str, Constant)] = &[("Vector", Constant::Type("Elem"))];

/// One vector of four for an invocation; the number of workgroups that is best differs between adapters.
const PRESETS: &[&[(&str, Constant)]] = &[
    &[("MAX_WORKGROUPS", Constant::Integer(65_535))],
    &[("MAX_WORKGROUPS", Constant::Integer(8192))],
    &[("MAX_WORKGROUPS", Constant::Integer(2048))],
];

static STREAM_COPY_SHADER: Shader = Shader {
    name: "stream_copy",
    wgsl: include_str!("../../../shaders/stream_copy.wgsl"),
};
static STREAM_SCALE_SHADER: Shader = Shader {
    name: "stream_scale",
    wgsl: include_str!("../../../shaders/stream_scale.wgsl"),
};
static STREAM_MULTIPLY_SHADER: Shader = Shader {
    name: "stream_multiply",
    wgsl: include_str!("../../../shaders/stream_multiply.wgsl"),
};
static STREAM_ADD_SHADER: Shader = Shader {
    name: "stream_add",
    wgsl: include_str!("../../../shaders/stream_add.wgsl"),
};
static STREAM_TRIAD_SHADER: Shader = Shader {
    name: "stream_triad",
    wgsl: include_str!("../../../shaders/stream_triad.wgsl"),
};

const fn kernel(name: &'static str, stages: &'static [Stage]) -> Kernel {
    Kernel {
        name,
        about: "vectors of four, a grid of workgroups striding over them",
        stages,
        features: wgpu::Features::empty(),
        dtypes: &[Dtype::F32, Dtype::F16],
        presets: PRESETS,
    }
}

pub(super) static STREAM_COPY: Kernel = kernel(
    "stream_copy",
    &[
        Stage::of(&STREAM_COPY_SHADER),
        Stage {
            shader: &STREAM_COPY_SHADER,
            constants: SCALAR_COPY,
        },
    ],
);
static STREAM_SCALE: Kernel = kernel(
    "stream_scale",
    &[
        Stage::of(&STREAM_SCALE_SHADER),
        Stage {
            shader: &STREAM_SCALE_SHADER,
            constants: SCALAR,
        },
    ],
);
static STREAM_MULTIPLY: Kernel = kernel(
    "stream_multiply",
    &[
        Stage::of(&STREAM_MULTIPLY_SHADER),
        Stage {
            shader: &STREAM_MULTIPLY_SHADER,
            constants: SCALAR,
        },
    ],
);
static STREAM_ADD: Kernel = kernel(
    "stream_add",
    &[
        Stage::of(&STREAM_ADD_SHADER),
        Stage {
            shader: &STREAM_ADD_SHADER,
            constants: SCALAR,
        },
    ],
);
static STREAM_TRIAD: Kernel = kernel(
    "stream_triad",
    &[
        Stage::of(&STREAM_TRIAD_SHADER),
        Stage {
            shader: &STREAM_TRIAD_SHADER,
            constants: SCALAR,
        },
    ],
);

/// `c = a`
pub(in crate::ops) static COPY: Family = Family {
    name: "copy",
    about: "c = a",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_COPY],
    parse: |text, dtype| parse(&COPY, StreamKind::Copy, text, dtype),
    samples: |stages| samples(StreamKind::Copy, stages),
};
/// `c = ALPHA * a`
pub(in crate::ops) static SCALE: Family = Family {
    name: "scale",
    about: "c = 1.5 * a",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_SCALE],
    parse: |text, dtype| parse(&SCALE, StreamKind::Scale, text, dtype),
    samples: |stages| samples(StreamKind::Scale, stages),
};
/// `c = a * b`
pub(in crate::ops) static MULTIPLY: Family = Family {
    name: "multiply",
    about: "c = a * b, element by element",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_MULTIPLY],
    parse: |text, dtype| parse(&MULTIPLY, StreamKind::Multiply, text, dtype),
    samples: |stages| samples(StreamKind::Multiply, stages),
};
/// `c = a + b`
pub(in crate::ops) static ADD: Family = Family {
    name: "add",
    about: "c = a + b",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_ADD],
    parse: |text, dtype| parse(&ADD, StreamKind::Add, text, dtype),
    samples: |stages| samples(StreamKind::Add, stages),
};
/// `c = a + ALPHA * b`
pub(in crate::ops) static TRIAD: Family = Family {
    name: "triad",
    about: "c = a + 1.5 * b",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_TRIAD],
    parse: |text, dtype| parse(&TRIAD, StreamKind::Triad, text, dtype),
    samples: |stages| samples(StreamKind::Triad, stages),
};
