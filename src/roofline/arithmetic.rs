//! Chains of arithmetic in registers: f32, f16, i32, and dot products of 8-bit integers.

use super::ceilings::{ArithmeticGrid, Effort};
use super::peak::{Candidate, Peak, pace};
use super::probe::{Answer, Dispatch, Probe, ProbeFile, Span, Words, places};
use crate::buffer::View;
use crate::data::{Distribution, Dtype, mix, stream_seed, value};
use crate::error::Result;
use crate::gpu::{AdapterKind, Gpu};
use crate::kernel::{Constants, fold_workgroups};
use crate::shader::{Checks, Constant, Shader};
use crate::tolerance::Expected;

/// What a step of a chain computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
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
struct Form {
    file: &'static ProbeFile,
    step: Step,
    words: Words,
    /// Types of width 1, 2 and 4; one only where the file has no `Elem`.
    types: &'static [&'static str],
    /// The bits of the two constants of the uniform.
    constants: [u32; 2],
    /// Operations of one step of one component.
    operations: u64,
}

/// An element type with the ways in which its peak is looked for.
#[derive(Debug)]
pub(super) struct Arithmetic {
    /// The ceiling's.
    pub(super) id: &'static str,
    pub(super) unit: &'static str,
    pub(super) counts: &'static str,
    forms: &'static [Form],
}

/// Just below 1 in magnitude, exact in f32.
const A: f32 = -(1.0 - 1.0 / 131_072.0);
/// The same for the eleven bits of an f16: a contraction strong enough to keep rounding small.
const A_F16: f32 = -0.9375;
/// `b` is one of these times the invocation's own value.
const B: f32 = 1.0 / 64.0;
const B_F16: f32 = 0.25;
/// Between -1.25 and -0.75 `x * x + c` ends in a cycle of two.
const C: f32 = -1.125;
/// `c` is [`C`] and this times the invocation's own value.
const SPREAD: f32 = 1.0 / 16.0;
/// An odd number whose powers reach all bits: Knuth's, "The Art of Computer Programming", volume 2, section 3.3.4.
const ODD: u32 = 1_664_525;
/// Bits that make another operand out of an invocation's own value.
const MIXED: u32 = 0x5bd1_e995;

static F32_AFFINE: ProbeFile = ProbeFile {
    shader: Shader {
        name: "fma_affine",
        wgsl: include_str!("../../shaders/fma_affine.wgsl"),
    },
    features: wgpu::Features::empty(),
};
static F32_SQUARE: ProbeFile = ProbeFile {
    shader: Shader {
        name: "fma_square",
        wgsl: include_str!("../../shaders/fma_square.wgsl"),
    },
    features: wgpu::Features::empty(),
};
pub(super) static F16_AFFINE: ProbeFile = ProbeFile {
    shader: Shader {
        name: "fma_affine_f16",
        wgsl: include_str!("../../shaders/fma_affine_f16.wgsl"),
    },
    features: wgpu::Features::SHADER_F16,
};
pub(super) static F16_SQUARE: ProbeFile = ProbeFile {
    shader: Shader {
        name: "fma_square_f16",
        wgsl: include_str!("../../shaders/fma_square_f16.wgsl"),
    },
    features: wgpu::Features::SHADER_F16,
};
pub(super) static I32: ProbeFile = ProbeFile {
    shader: Shader {
        name: "multiply_add_i32",
        wgsl: include_str!("../../shaders/multiply_add_i32.wgsl"),
    },
    features: wgpu::Features::empty(),
};
pub(super) static DOT_I8: ProbeFile = ProbeFile {
    shader: Shader {
        name: "dot_i8",
        wgsl: include_str!("../../shaders/dot_i8.wgsl"),
    },
    features: wgpu::Features::empty(),
};

/// f32 fused multiply-add.
pub(super) static F32: Arithmetic = Arithmetic {
    id: "compute/f32",
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
pub(super) static F16: Arithmetic = Arithmetic {
    id: "compute/f16",
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
pub(super) static INTEGER: Arithmetic = Arithmetic {
    id: "compute/i32",
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
pub(super) static DOT: Arithmetic = Arithmetic {
    id: "compute/i8_dot",
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

/// One shape of one form.
#[derive(Debug, Clone, Copy)]
struct Shape {
    form: &'static Form,
    chains: u64,
    /// 1, 2 or 4.
    width: u64,
    workgroup: u32,
    unroll: u64,
}

/// How much a dispatch does: invocations, and steps of 8 values each.
#[derive(Debug, Clone, Copy)]
struct Length {
    invocations: u64,
    steps: u64,
}

/// Seeds and answers, shared by all shapes of one type.
#[derive(Debug)]
struct Buffers {
    seed: wgpu::Buffer,
    answer: wgpu::Buffer,
    stream: u32,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    invocations: u32,
    trips: u32,
    constants: [u32; 2],
}

/// Instructions in the body of the loop: enough that the loop itself costs next to nothing, few enough for 8 KB of code
/// of 16 bytes an instruction. Software adapters take long to compile.
const BODY: u64 = 512;
const BODY_SOFTWARE: u64 = 64;
/// A dispatch is this long, so that its beginning and end are lost in it.
const LONG_S: f64 = 8e-3;
const MOST_INVOCATIONS: u64 = 1 << 21;
const MOST_STEPS: u64 = 1 << 14;

/// Chains and widths of the full grid.
const FULL: &[(u64, u64)] = &[
    (1, 1),
    (1, 2),
    (1, 4),
    (2, 1),
    (2, 2),
    (2, 4),
    (4, 1),
    (4, 2),
    (4, 4),
    (8, 1),
    (8, 2),
    (8, 4),
];
/// Those that won somewhere.
const SHORT: &[(u64, u64)] = &[(4, 2), (4, 4), (8, 1)];

impl Arithmetic {
    pub(super) fn peak(&self) -> Peak<'static> {
        Peak {
            id: self.id,
            unit: self.unit,
            counts: self.counts.to_owned(),
        }
    }

    /// The shapes of the grid, each about [`LONG_S`] long on this adapter.
    pub(super) async fn candidates(
        &'static self,
        gpu: &Gpu,
        effort: &Effort,
        checks: Checks,
    ) -> Result<Vec<Candidate>> {
        self.forms[0].file.supported(gpu)?;
        let buffers = self.buffers(gpu, effort.seed).await?;
        let software = gpu.capabilities().kind == AdapterKind::Software;
        let body = if software { BODY_SOFTWARE } else { BODY };
        let length = self.length(gpu, &buffers, body).await?;
        let shapes = self.shapes(effort.grid, body);
        shapes
            .into_iter()
            .map(|shape| {
                Ok(Candidate {
                    text: shape.text(),
                    probe: shape.probe(gpu, length, &buffers, checks)?,
                })
            })
            .collect()
    }

    fn shapes(&self, grid: ArithmeticGrid, body: u64) -> Vec<Shape> {
        let (sizes, workgroups): (&[(u64, u64)], &[u32]) = match grid {
            ArithmeticGrid::Full => (FULL, &[64, 128, 256]),
            ArithmeticGrid::Short => (SHORT, &[64, 256]),
        };
        let mut shapes = Vec::new();
        for form in self.forms {
            let there = sizes
                .iter()
                .filter(|(_, width)| form.name_of(*width).is_some());
            for &(chains, width) in there {
                shapes.extend(workgroups.iter().map(|&workgroup| Shape {
                    form,
                    chains,
                    width,
                    workgroup,
                    unroll: unroll(body, chains * width),
                }));
            }
        }
        shapes
    }

    async fn buffers(&self, gpu: &Gpu, seed: u32) -> Result<Buffers> {
        let bytes = MOST_INVOCATIONS * 16;
        let buffers = Buffers {
            seed: gpu.create_storage("seed", bytes).await?,
            answer: gpu.create_storage("y", bytes).await?,
            stream: stream_seed(seed, 0),
        };
        let dtype = self.forms[0].words.dtype();
        let view = View::whole(&buffers.seed, dtype.unwrap_or_default());
        match dtype {
            Some(_) => {
                gpu.fill_random(view, seed, 0, Distribution::Uniform)
                    .await?;
            }
            None => gpu.fill_bits(view, seed, 0).await?,
        }
        Ok(buffers)
    }

    /// From a tiny dispatch upward.
    async fn length(&self, gpu: &Gpu, buffers: &Buffers, body: u64) -> Result<Length> {
        let form = &self.forms[0];
        let width = form.types.len().min(2) as u64;
        let shape = Shape {
            form: &self.forms[0],
            chains: 4,
            width,
            workgroup: 256,
            unroll: unroll(body, 4 * width),
        };
        let mut length = Length {
            invocations: 1 << 10,
            steps: 512,
        };
        loop {
            let seconds = pace(gpu, &shape.probe(gpu, length, buffers, Checks::Off)?).await?;
            let factor = (LONG_S / seconds).clamp(1.0, 16.0).log2().ceil();
            let more = 1u64 << factor as u64;
            if more == 1 || length.invocations * length.steps >= MOST_INVOCATIONS * MOST_STEPS {
                return Ok(length);
            }
            let invocations = (length.invocations * more).min(MOST_INVOCATIONS);
            let rest = more / (invocations / length.invocations);
            length = Length {
                invocations,
                steps: (length.steps * rest).min(MOST_STEPS),
            };
        }
    }
}

/// Steps of a chain in the loop's body.
fn unroll(body: u64, values: u64) -> u64 {
    (body / values).clamp(2, 64)
}

impl Form {
    fn name_of(&self, width: u64) -> Option<&'static str> {
        self.types.get(width.ilog2() as usize).copied()
    }
}

impl Shape {
    fn text(&self) -> String {
        let name = self.form.file.shader.name;
        let ty = self.form.name_of(self.width).unwrap_or_default();
        format!(
            "{name}, {} chains of {ty}, {} steps a trip, workgroups of {}",
            self.chains, self.unroll, self.workgroup
        )
    }

    fn probe(&self, gpu: &Gpu, length: Length, buffers: &Buffers, checks: Checks) -> Result<Probe> {
        let steps = length.steps * 8 / (self.chains * self.width);
        let params = Params {
            invocations: length.invocations as u32,
            trips: (steps / self.unroll) as u32,
            constants: self.form.constants,
        };
        let elements = length.invocations * self.width;
        let bytes = match self.form.words {
            Words::F16 => elements * 2,
            _ => elements * 4,
        };
        let per_word = self.form.words.count();
        let expected = places(elements / per_word).into_iter().map(|word| {
            let values = (0..per_word).map(|i| self.expected(word * per_word + i, steps, buffers));
            (word, values.collect())
        });
        let mut constants: Constants = vec![
            ("WORKGROUP", Constant::Integer(self.workgroup)),
            ("CHAINS", Constant::Integer(self.chains as u32)),
            ("UNROLL", Constant::Integer(self.unroll as u32)),
        ];
        if self.form.types.len() > 1 {
            let ty = self.form.name_of(self.width).unwrap_or_default();
            constants.push(("Elem", Constant::Type(ty)));
        }
        let workgroups = length.invocations.div_ceil(self.workgroup.into());
        Ok(Probe {
            file: self.form.file,
            constants,
            checks,
            dispatches: vec![Dispatch {
                params: bytemuck::bytes_of(&params).to_vec(),
                bindings: vec![
                    Span::start(&buffers.seed, bytes),
                    Span::start(&buffers.answer, bytes),
                ],
                workgroups: fold_workgroups(workgroups, &gpu.capabilities().limits)?,
            }],
            work: (self.form.operations * elements * steps * self.chains) as f64,
            answer: Some(Answer {
                buffer: buffers.answer.clone(),
                words: self.form.words,
                expected: expected.collect(),
            }),
        })
    }

    /// What element `index` of the answer is: the sum of all chains.
    fn expected(&self, index: u64, steps: u64, buffers: &Buffers) -> Expected {
        let chains = 0..self.chains as u32;
        let Some(dtype) = self.form.words.dtype() else {
            let own = mix(index as u32 ^ buffers.stream);
            let last = |chain| self.integer(own, chain, steps);
            let start = match self.form.step {
                Step::Dot => self.form.constants[1],
                _ => 0,
            };
            let sum = chains.map(last).fold(start, u32::wrapping_add);
            return Expected::new(f64::from(sum), 0.0);
        };
        let u = dtype.unit_roundoff();
        let own = value(buffers.stream, index as u32, dtype, Distribution::Uniform);
        let last = chains.map(|chain| self.real(f64::from(own), chain, steps, u));
        let (sum, error, magnitude) = last.fold((0.0, 0.0, 0.0), |(s, e, m), (x, dx)| {
            (s + x, e + dx, m + x.abs())
        });
        Expected::new(sum, error + self.chains as f64 * u * magnitude)
    }

    /// One chain in wrapping integers.
    fn integer(&self, own: u32, chain: u32, steps: u64) -> u32 {
        let [first, second] = self.form.constants;
        let mut x = own.wrapping_add(chain);
        let b = match self.form.step {
            Step::Dot => own ^ first,
            _ => own.wrapping_add(second),
        };
        for _ in 0..steps {
            x = match self.form.step {
                Step::Dot => x.wrapping_add(dot4(x, b)),
                _ => x.wrapping_mul(first).wrapping_add(b),
            };
        }
        x
    }

    /// One chain in f64, with the error that arithmetic of unit roundoff `u` may have gathered: (value, error).
    fn real(&self, own: f64, chain: u32, steps: u64, u: f64) -> (f64, f64) {
        let [first, second] = self
            .form
            .constants
            .map(|bits| f64::from(f32::from_bits(bits)));
        let u = 2.0 * u;
        let apart = match self.form.step {
            Step::Square => 0.0625,
            Step::Alternating => 0.125,
            _ => 1.0,
        };
        let place = f64::from(chain) * apart;
        let (mut x, mut c) = match self.form.step {
            Step::Square => (own * 0.5 + place, own * second + first),
            _ => (own + place, own * second),
        };
        let mut error = u * (x.abs() + c.abs());
        for _ in 0..steps {
            let (factor, growth) = match self.form.step {
                Step::Square => (x, 2.0 * x.abs() + error),
                _ => (first, first.abs()),
            };
            let product = x * factor;
            error = growth * error + u * (product.abs() + 2.0 * c.abs());
            x = product + c;
            if self.form.step == Step::Alternating {
                c = -c;
            }
        }
        (x, error)
    }
}

impl Words {
    /// The type that seeds are filled as; `None` for bits.
    fn dtype(self) -> Option<Dtype> {
        match self {
            Self::U32 => None,
            Self::F32 => Some(Dtype::F32),
            Self::F16 => Some(Dtype::F16),
        }
    }

    fn count(self) -> u64 {
        match self {
            Self::F16 => 2,
            _ => 1,
        }
    }
}

/// `dot4I8Packed` (WGSL, section 17.5.36), as bits.
fn dot4(a: u32, b: u32) -> u32 {
    let products = a
        .to_le_bytes()
        .into_iter()
        .zip(b.to_le_bytes())
        .map(|(a, b)| i32::from(a.cast_signed()) * i32::from(b.cast_signed()));
    products.sum::<i32>().cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(form: &'static Form) -> Shape {
        Shape {
            form,
            chains: 1,
            width: 1,
            workgroup: 64,
            unroll: 16,
        }
    }

    #[test]
    fn steps_by_hand() {
        assert_eq!(dot4(0x0102_0304, 0x0101_0101), 10);
        assert_eq!(dot4(0xff00_0000, 0x0200_0000), (-2i32).cast_unsigned());
        let dot = shape(&DOT.forms[0]);
        let b = 5 ^ MIXED;
        assert_eq!(dot.integer(5, 0, 1), 5u32.wrapping_add(dot4(5, b)));
        let integer = shape(&INTEGER.forms[0]);
        assert_eq!(integer.integer(2, 1, 1), 3 * ODD + 3);
        let (x, _) = shape(&F16.forms[0]).real(0.5, 1, 2, 0.0);
        let a = f64::from(A_F16);
        assert!((x - ((0.625 * a + 0.125) * a - 0.125)).abs() < 1e-15);
    }

    #[test]
    fn chains_stay_finite_keep_moving_and_keep_their_error_small() {
        for form in F32.forms.iter().chain(F16.forms) {
            let u = form.words.dtype().unwrap().unit_roundoff();
            let shape = shape(form);
            let ((a, da), (b, _)) = (shape.real(0.7, 0, 4096, u), shape.real(0.7, 0, 4097, u));
            assert!(a.is_finite() && a.abs() < 16.0 && (a - b).abs() > 1e-2);
            assert!(
                da < 0.1 * a.abs().max(1.0),
                "{}: {a} +- {da}",
                form.file.shader.name
            );
        }
    }

    #[test]
    fn the_full_grid_is_the_declared_one_and_bodies_stay_small() {
        let shapes = F32.shapes(ArithmeticGrid::Full, BODY);
        assert_eq!(shapes.len(), 2 * 4 * 3 * 3);
        assert!(shapes.iter().all(|s| s.unroll * s.chains * s.width <= BODY));
        assert_eq!(DOT.shapes(ArithmeticGrid::Full, BODY).len(), 4 * 3);
    }
}
