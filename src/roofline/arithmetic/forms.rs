//! Element types whose arithmetic peak is measured, with the files and constants of their chains.

use crate::report::CeilingId;
use crate::roofline::probe::{ProbeFile, Words};
use crate::shader::files;

/// The computation of one step of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// `x = fma(x, a, b)`
    Affine,
    /// `x = fma(x, a, b)`, `b` changing its sign with every step.
    Alternating,
    /// `x = fma(x, x, c)`
    Square,
    /// `x = x * a + b` in integers.
    Integer,
    /// `x = x + dot4I8Packed(x, b)`
    Dot,
}

/// A file of chains: its arithmetic and its types.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) file: &'static ProbeFile,
    pub(super) step: Step,
    pub(super) words: Words,
    /// Types of width 1, 2 and 4; one only where the file has no `Elem`.
    pub(super) types: &'static [&'static str],
    /// The bits of the two constants of the uniform.
    pub(super) constants: [u32; 2],
    /// Operations of one step of one component.
    pub(super) operations: u64,
}

/// An element type with the forms of computation that are tried to find its peak.
#[derive(Debug)]
pub(in super::super) struct Arithmetic {
    /// The ceiling's.
    pub(in super::super) id: CeilingId,
    pub(in super::super) unit: &'static str,
    pub(in super::super) counts: &'static str,
    pub(super) forms: &'static [Form],
}

/// Just below 1 in magnitude, exact in f32.
const A: f32 = -(1.0 - 1.0 / 131_072.0);
/// Below 1 in magnitude, exact in the eleven bits of an f16: a contraction strong enough to keep rounding small.
pub(super) const A_F16: f32 = -0.9375;
/// `b` is one of these times the invocation's own value.
const B: f32 = 1.0 / 64.0;
const B_F16: f32 = 0.25;
/// Between -1.25 and -0.75 `x * x + c` ends in a cycle of two.
const C: f32 = -1.125;
/// `c` is [`C`] and this times the invocation's own value.
const SPREAD: f32 = 1.0 / 16.0;
/// An odd number whose powers reach all bits: Knuth's, "The Art of Computer Programming", volume 2, section 3.3.4.
pub(super) const ODD: u32 = 1_664_525;
/// Bits that make another operand out of an invocation's own value.
pub(super) const MIXED: u32 = 0x5bd1_e995;

static F32_AFFINE: ProbeFile = ProbeFile {
    shader: files::FMA_AFFINE,
    features: wgpu::Features::empty(),
};
static F32_SQUARE: ProbeFile = ProbeFile {
    shader: files::FMA_SQUARE,
    features: wgpu::Features::empty(),
};
pub(in super::super) static F16_AFFINE: ProbeFile = ProbeFile {
    shader: files::FMA_AFFINE_F16,
    features: wgpu::Features::SHADER_F16,
};
pub(in super::super) static F16_SQUARE: ProbeFile = ProbeFile {
    shader: files::FMA_SQUARE_F16,
    features: wgpu::Features::SHADER_F16,
};
pub(in super::super) static I32: ProbeFile = ProbeFile {
    shader: files::MULTIPLY_ADD_I32,
    features: wgpu::Features::empty(),
};
pub(in super::super) static DOT_I8: ProbeFile = ProbeFile {
    shader: files::DOT_I8,
    features: wgpu::Features::empty(),
};

/// f32 fused multiply-add.
pub(in super::super) static F32: Arithmetic = Arithmetic {
    id: CeilingId::ComputeF32,
    unit: "FLOP/s",
    counts: "an fma is 2",
    forms: &[
        Form {
            file: &F32_AFFINE,
            step: Step::Affine,
            words: Words::F32,
            types: &["f32", "vec2<f32>", "vec4<f32>"],
            constants: [A.to_bits(), B.to_bits()],
            operations: 2,
        },
        Form {
            file: &F32_SQUARE,
            step: Step::Square,
            words: Words::F32,
            types: &["f32", "vec2<f32>", "vec4<f32>"],
            constants: [C.to_bits(), SPREAD.to_bits()],
            operations: 2,
        },
    ],
};

/// f16 fused multiply-add with f16 results.
pub(in super::super) static F16: Arithmetic = Arithmetic {
    id: CeilingId::ComputeF16,
    unit: "FLOP/s",
    counts: "an fma is 2, f16 results",
    forms: &[
        Form {
            file: &F16_AFFINE,
            step: Step::Alternating,
            words: Words::F16,
            types: &["f16", "vec2<f16>", "vec4<f16>"],
            constants: [A_F16.to_bits(), B_F16.to_bits()],
            operations: 2,
        },
        Form {
            file: &F16_SQUARE,
            step: Step::Square,
            words: Words::F16,
            types: &["f16", "vec2<f16>", "vec4<f16>"],
            constants: [C.to_bits(), SPREAD.to_bits()],
            operations: 2,
        },
    ],
};

/// i32 multiplication and addition.
pub(in super::super) static INTEGER: Arithmetic = Arithmetic {
    id: CeilingId::ComputeI32,
    unit: "OP/s",
    counts: "a multiplication and an addition are 2",
    forms: &[Form {
        file: &I32,
        step: Step::Integer,
        words: Words::U32,
        types: &["i32", "vec2<i32>", "vec4<i32>"],
        constants: [ODD, 1],
        operations: 2,
    }],
};

/// Four products of 8-bit integers, summed.
pub(in super::super) static DOT: Arithmetic = Arithmetic {
    id: CeilingId::ComputeI8Dot,
    unit: "OP/s",
    counts: "dot4I8Packed is 8: four multiplications, four additions",
    forms: &[Form {
        file: &DOT_I8,
        step: Step::Dot,
        words: Words::U32,
        types: &["u32"],
        constants: [MIXED, 7],
        operations: 8,
    }],
};

impl Form {
    /// The type of `width` values side by side.
    pub(super) fn name_of(&self, width: u64) -> Option<&'static str> {
        self.types.get(width.ilog2() as usize).copied()
    }
}
