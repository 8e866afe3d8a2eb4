//! Chains of arithmetic in registers: f32, f16, i32, and dot products of 8-bit integers.

mod expected;
mod forms;

pub(super) use forms::{Arithmetic, DOT, DOT_I8, F16, F16_AFFINE, F16_SQUARE, F32, I32, INTEGER};

use super::options::{ArithmeticGrid, ProbeOptions};
use super::peak::{Peak, PeakCandidate, pace};
use super::probe::{Answer, Probe, ProbeDispatch, Span, Words, places};
use crate::data::{Distribution, stream_seed};
use crate::error::Result;
use crate::gpu::{Gpu, View};
use crate::kernel::{Constants, fold_workgroups};
use crate::report::AdapterKind;
use crate::shader::Checks;
use forms::Form;

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
/// Chains and widths of the short grid: the pairs of the full grid that won somewhere.
const SHORT: &[(u64, u64)] = &[(4, 2), (4, 4), (8, 1)];

impl Arithmetic {
    pub(super) fn peak(&self) -> Peak<'static> {
        Peak {
            id: self.id.clone(),
            unit: self.unit,
            counts: self.counts.to_owned(),
        }
    }

    /// The shapes of the grid, each about [`LONG_S`] long on this adapter.
    pub(super) async fn candidates(
        &'static self,
        gpu: &Gpu,
        effort: &ProbeOptions,
        checks: Checks,
    ) -> Result<Vec<PeakCandidate>> {
        self.forms[0].file.supported(gpu)?;
        let buffers = self.buffers(gpu, effort.seed).await?;
        let software = gpu.capabilities().kind == AdapterKind::Software;
        let body = if software { BODY_SOFTWARE } else { BODY };
        let length = self.length(gpu, &buffers, body).await?;
        let shapes = self.shapes(effort.grid, body);
        shapes
            .into_iter()
            .map(|shape| {
                Ok(PeakCandidate {
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
        let mut constants = Constants::new()
            .set("WORKGROUP", self.workgroup)
            .set("CHAINS", self.chains)
            .set("UNROLL", self.unroll);
        if self.form.types.len() > 1 {
            let ty = self.form.name_of(self.width).unwrap_or_default();
            constants = constants.set("Elem", ty);
        }
        let workgroups = length.invocations.div_ceil(self.workgroup.into());
        Ok(Probe {
            file: self.form.file,
            constants,
            checks,
            dispatches: vec![ProbeDispatch {
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
}
