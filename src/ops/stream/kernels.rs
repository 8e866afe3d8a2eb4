//! The kernels of the streams and the table lines of the operations.

use super::{Stream, StreamKind};
use crate::data::Dtype;
use crate::error::Result;
use crate::kernel::{Kernel, Stage};
use crate::ops::vectors::{SHAPE_FORM, lengths};
use crate::ops::{Family, Operation, parse_sizes};
use crate::shader::{Constant, Prepared, Shader, Snippet};

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

/// One vector of four for an invocation; the number of workgroups that is best differs between adapters.
const PRESETS: &[&[(&str, Constant)]] = &[
    &[("MAX_WORKGROUPS", Constant::Integer(65_535))],
    &[("MAX_WORKGROUPS", Constant::Integer(8192))],
    &[("MAX_WORKGROUPS", Constant::Integer(2048))],
];

/// `shaders/stream.wgsl`, the text of all streams; as it is, the triad.
static STREAM: Shader = Shader {
    name: "stream",
    wgsl: include_str!("../../../shaders/stream.wgsl"),
};

static ONE_INPUT: Snippet = Snippet {
    name: "stream_one_input",
    wgsl: include_str!("../../../shaders/snippets/stream_one_input.wgsl"),
};
static COPIES: Snippet = Snippet {
    name: "stream_copy",
    wgsl: include_str!("../../../shaders/snippets/stream_copy.wgsl"),
};
static SCALES: Snippet = Snippet {
    name: "stream_scale",
    wgsl: include_str!("../../../shaders/snippets/stream_scale.wgsl"),
};
static MULTIPLIES: Snippet = Snippet {
    name: "stream_multiply",
    wgsl: include_str!("../../../shaders/snippets/stream_multiply.wgsl"),
};
static ADDS: Snippet = Snippet {
    name: "stream_add",
    wgsl: include_str!("../../../shaders/snippets/stream_add.wgsl"),
};

/// A snippet or a constant of `stream.wgsl`.
type Change = (&'static str, Constant);

/// The bindings of a stream that reads one vector.
const ONE: Change = ("stream_two_inputs", Constant::Snippet(&ONE_INPUT));

/// The line that computes, instead of the triad's.
const fn computing(snippet: &'static Snippet) -> Change {
    ("stream_triad", Constant::Snippet(snippet))
}

/// The tail of a vector whose length is no multiple of four: a Vector of one element.
const ELEMENT: Change = ("Vector", Constant::Type("Elem"));
/// A Wide of one element.
const ELEMENT_F32: Change = ("Wide", Constant::Type("f32"));
/// A Wide of a stream that does not compute.
const AS_IT_LIES: Change = ("Wide", Constant::Type("Vector"));

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

const fn stage(constants: &'static [Change]) -> Stage {
    Stage {
        shader: &STREAM,
        constants,
    }
}

// Of each kernel the vectors of four, and the tail.
pub(super) static STREAM_COPY: Kernel = kernel(
    "stream_copy",
    &[
        stage(&[ONE, computing(&COPIES), AS_IT_LIES]),
        stage(&[ONE, computing(&COPIES), AS_IT_LIES, ELEMENT]),
    ],
);
static STREAM_SCALE: Kernel = kernel(
    "stream_scale",
    &[
        stage(&[ONE, computing(&SCALES)]),
        stage(&[ONE, computing(&SCALES), ELEMENT, ELEMENT_F32]),
    ],
);
static STREAM_MULTIPLY: Kernel = kernel(
    "stream_multiply",
    &[
        stage(&[computing(&MULTIPLIES)]),
        stage(&[computing(&MULTIPLIES), ELEMENT, ELEMENT_F32]),
    ],
);
static STREAM_ADD: Kernel = kernel(
    "stream_add",
    &[
        stage(&[computing(&ADDS)]),
        stage(&[computing(&ADDS), ELEMENT, ELEMENT_F32]),
    ],
);
static STREAM_TRIAD: Kernel = kernel(
    "stream_triad",
    &[stage(&[]), stage(&[ELEMENT, ELEMENT_F32])],
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
