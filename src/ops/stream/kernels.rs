//! The kernels of the streams: one text with snippets of their own, in two dispatches.

use super::Stream;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::{Constant, Snippet, files, files::snippets};

/// One vector of four for an invocation; the number of workgroups that is best differs between adapters.
const PRESETS: &[&[(&str, Constant)]] = &[
    &[("MAX_WORKGROUPS", Constant::Integer(65_535))],
    &[("MAX_WORKGROUPS", Constant::Integer(8192))],
    &[("MAX_WORKGROUPS", Constant::Integer(2048))],
];

/// A snippet or a constant of `stream.wgsl`.
type Change = (&'static str, Constant);

/// The bindings of a stream that reads one vector.
const ONE: Change = (
    "stream_two_inputs",
    Constant::Snippet(&snippets::STREAM_ONE_INPUT),
);

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

const fn kernel(name: &'static str, stages: &'static [Stage]) -> Implementation<Stream> {
    Implementation {
        kernel: Kernel {
            presets: PRESETS,
            ..Kernel::new(
                name,
                "vectors of four, a grid of workgroups striding over them",
                stages,
            )
        },
        fit: |_, _| Fit::Best,
        constants: super::constants,
        alternatives,
        schedule: super::schedule,
        samples: None,
    }
}

/// Fewer workgroups that stride on, more loads in flight, other workgroups.
fn alternatives(stream: &Stream, _: &Capabilities) -> Vec<Constants> {
    let least = 4 / stream.dtype.bytes();
    combinations(&[
        ("MAX_WORKGROUPS", &[65_535, 4096, 1024]),
        ("ELEMS", &[least, 2 * least, 4 * least]),
        ("WORKGROUP", &[256, 128, 512]),
    ])
}

const fn stage(constants: &'static [Change]) -> Stage {
    Stage {
        shader: &files::STREAM,
        constants,
    }
}

// Stages of each kernel: vectors of four, and the tail.
pub(super) static STREAM_COPY: Implementation<Stream> = kernel(
    "stream_copy",
    &[
        stage(&[ONE, computing(&snippets::STREAM_COPY), AS_IT_LIES]),
        stage(&[ONE, computing(&snippets::STREAM_COPY), AS_IT_LIES, ELEMENT]),
    ],
);
pub(super) static STREAM_SCALE: Implementation<Stream> = kernel(
    "stream_scale",
    &[
        stage(&[ONE, computing(&snippets::STREAM_SCALE)]),
        stage(&[
            ONE,
            computing(&snippets::STREAM_SCALE),
            ELEMENT,
            ELEMENT_F32,
        ]),
    ],
);
pub(super) static STREAM_MULTIPLY: Implementation<Stream> = kernel(
    "stream_multiply",
    &[
        stage(&[computing(&snippets::STREAM_MULTIPLY)]),
        stage(&[computing(&snippets::STREAM_MULTIPLY), ELEMENT, ELEMENT_F32]),
    ],
);
pub(super) static STREAM_ADD: Implementation<Stream> = kernel(
    "stream_add",
    &[
        stage(&[computing(&snippets::STREAM_ADD)]),
        stage(&[computing(&snippets::STREAM_ADD), ELEMENT, ELEMENT_F32]),
    ],
);
pub(super) static STREAM_TRIAD: Implementation<Stream> = kernel(
    "stream_triad",
    &[stage(&[]), stage(&[ELEMENT, ELEMENT_F32])],
);
