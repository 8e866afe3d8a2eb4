//! Streams: copy, scale, multiply, add, triad of whole vectors; what memory can do (`McCalpin`, "Memory Bandwidth and
//! Machine Balance in Current High Performance Computers", 1995, and multiply beside scale).

mod kernels;

use super::vectors::{CLASSES, Run, SHAPE_FORM, lengths, runs};
use super::{
    Candidate, Family, Implementation, Operand, Operation, bind, changed, kernels_of,
    own_samples_of, parse_sizes, require_u32,
};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Dispatch, Schedule, Slot};
use crate::shader::Prepared;
use crate::tolerance::Expected;
use std::sync::Arc;

/// Kind of stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// `c = a`
    Copy,
    /// `c = ALPHA * a`
    Scale,
    /// `c = a * b`, element by element
    Multiply,
    /// `c = a + b`
    Add,
    /// `c = a + ALPHA * b`
    Triad,
}

/// The factor of scale and triad.
const ALPHA: f32 = 1.5;

/// One stream over vectors of a length (`McCalpin`, STREAM, 1995; [`StreamKind::Multiply`] is not among its four).
///
/// Operands: `a`, then `b` where the formula has it, then `c`, `[elements]` each.
///
/// # Examples
/// ```
/// use ridgepoint::{Operation, Stream, StreamKind};
/// let add = Stream::new(StreamKind::Add, 1000);
/// assert_eq!((add.flops(), add.min_bytes()), (1000, 12_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Kind of stream.
    pub kind: StreamKind,
    /// Elements of each vector.
    pub elements: u64,
    /// Type of the elements; computed in f32 whatever it is, and rounded once.
    pub dtype: Dtype,
}

impl Stream {
    /// A stream of f32.
    #[must_use]
    pub fn new(kind: StreamKind, elements: u64) -> Self {
        let dtype = Dtype::F32;
        Self {
            kind,
            elements,
            dtype,
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    begin: u32,
    end: u32,
    stride: u32,
    alpha: f32,
}

impl Operation for Stream {
    fn family(&self) -> &'static Family {
        match self.kind {
            StreamKind::Copy => &COPY,
            StreamKind::Scale => &SCALE,
            StreamKind::Multiply => &MULTIPLY,
            StreamKind::Add => &ADD,
            StreamKind::Triad => &TRIAD,
        }
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![("elements", self.elements)]
    }

    fn flops(&self) -> u64 {
        self.elements
            * match self.kind {
                StreamKind::Copy => 0,
                StreamKind::Scale | StreamKind::Multiply | StreamKind::Add => 1,
                StreamKind::Triad => 2,
            }
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
        let input = |name| Operand::input(name, self.elements, self.dtype, Distribution::Uniform);
        let mut operands = vec![input("a")];
        if !matches!(self.kind, StreamKind::Copy | StreamKind::Scale) {
            operands.push(input("b"));
        }
        operands.push(Operand::output("c", self.elements, self.dtype));
        operands
    }

    fn validate(&self) -> Result<()> {
        require_u32("a stream", Some(self.elements)).map(drop)
    }

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        match self.kind {
            StreamKind::Copy => bind(self, COPY_KERNELS),
            StreamKind::Scale => bind(self, SCALE_KERNELS),
            StreamKind::Multiply => bind(self, MULTIPLY_KERNELS),
            StreamKind::Add => bind(self, ADD_KERNELS),
            StreamKind::Triad => bind(self, TRIAD_KERNELS),
        }
    }

    fn expected(
        &self,
        _intermediates: Dtype,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        let u = Dtype::F32.unit_roundoff();
        let alpha = f64::from(ALPHA);
        let one = |&i: &u64| {
            let a = inputs.get(0, i);
            let b = || inputs.get(1, i);
            match self.kind {
                StreamKind::Copy => Expected::new(a, 0.0),
                StreamKind::Scale => Expected::new(alpha * a, u * (alpha * a).abs()),
                StreamKind::Multiply => Expected::new(a * b(), u * (a * b()).abs()),
                StreamKind::Add => Expected::new(a + b(), u * (a + b()).abs()),
                StreamKind::Triad => {
                    Expected::new(a + alpha * b(), 2.0 * u * (a.abs() + (alpha * b()).abs()))
                }
            }
        };
        indices.iter().map(one).collect()
    }
}

/// Constants that keep equally many bytes in flight for every element type.
fn constants(stream: &Stream, _: &Capabilities, _: &Constants) -> Result<Constants> {
    Ok(Constants::new()
        .set("Elem", stream.dtype)
        .set("ELEMS", 4 / stream.dtype.bytes()))
}

/// Windows of what one binding holds; in each, vectors of four, then up to three elements that are left.
fn schedule(stream: &Stream, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let limits = &device.limits;
    let mut schedule = Schedule::default();
    for run in runs(stream.elements, 4, stream.dtype, limits)? {
        let step = stream.step(stages[run.stage], &run, limits);
        schedule.steps.push(step);
    }
    Ok(schedule)
}

impl Stream {
    fn step(&self, prepared: &Prepared, run: &Run, limits: &wgpu::Limits) -> Dispatch {
        let (workgroups, stride) = run.grid(prepared, limits);
        let params = Params {
            begin: run.range.start,
            end: run.range.end,
            stride,
            alpha: ALPHA,
        };
        let window = |i| run.window(Slot::Operand(i));
        Dispatch {
            stage: run.stage,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows: (0..self.operands().len()).map(window).collect(),
            workgroups: [workgroups, 1, 1],
        }
    }
}

fn samples(kind: StreamKind, stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
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

fn in_f32(operation: &dyn Operation) -> Option<Box<dyn Operation>> {
    changed(operation, |stream: &mut Stream| stream.dtype = Dtype::F32)
}

type Table = &'static [&'static Implementation<Stream>];

const COPY_KERNELS: Table = &[&kernels::STREAM_COPY];
const SCALE_KERNELS: Table = &[&kernels::STREAM_SCALE];
const MULTIPLY_KERNELS: Table = &[&kernels::STREAM_MULTIPLY];
const ADD_KERNELS: Table = &[&kernels::STREAM_ADD];
const TRIAD_KERNELS: Table = &[&kernels::STREAM_TRIAD];

/// `c = a`
pub(super) static COPY: Family = Family {
    name: "copy",
    about: "c = a",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { COPY_KERNELS.len() }>(COPY_KERNELS),
    own_samples: &own_samples_of::<_, { COPY_KERNELS.len() }>(COPY_KERNELS),
    parse: |text, dtype| parse(&COPY, StreamKind::Copy, text, dtype),
    in_f32,
    common_samples: |stages| samples(StreamKind::Copy, stages),
};
/// `c = ALPHA * a`
pub(super) static SCALE: Family = Family {
    name: "scale",
    about: "c = 1.5 * a",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { SCALE_KERNELS.len() }>(SCALE_KERNELS),
    own_samples: &own_samples_of::<_, { SCALE_KERNELS.len() }>(SCALE_KERNELS),
    parse: |text, dtype| parse(&SCALE, StreamKind::Scale, text, dtype),
    in_f32,
    common_samples: |stages| samples(StreamKind::Scale, stages),
};
/// `c = a * b`
pub(super) static MULTIPLY: Family = Family {
    name: "multiply",
    about: "c = a * b, element by element",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { MULTIPLY_KERNELS.len() }>(MULTIPLY_KERNELS),
    own_samples: &own_samples_of::<_, { MULTIPLY_KERNELS.len() }>(MULTIPLY_KERNELS),
    parse: |text, dtype| parse(&MULTIPLY, StreamKind::Multiply, text, dtype),
    in_f32,
    common_samples: |stages| samples(StreamKind::Multiply, stages),
};
/// `c = a + b`
pub(super) static ADD: Family = Family {
    name: "add",
    about: "c = a + b",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { ADD_KERNELS.len() }>(ADD_KERNELS),
    own_samples: &own_samples_of::<_, { ADD_KERNELS.len() }>(ADD_KERNELS),
    parse: |text, dtype| parse(&ADD, StreamKind::Add, text, dtype),
    in_f32,
    common_samples: |stages| samples(StreamKind::Add, stages),
};
/// `c = a + ALPHA * b`
pub(super) static TRIAD: Family = Family {
    name: "triad",
    about: "c = a + 1.5 * b",
    shape_form: SHAPE_FORM,
    classes: CLASSES,
    kernels: &kernels_of::<_, { TRIAD_KERNELS.len() }>(TRIAD_KERNELS),
    own_samples: &own_samples_of::<_, { TRIAD_KERNELS.len() }>(TRIAD_KERNELS),
    parse: |text, dtype| parse(&TRIAD, StreamKind::Triad, text, dtype),
    in_f32,
    common_samples: |stages| samples(StreamKind::Triad, stages),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        let inputs = [vec![1.0, -2.0], vec![4.0, 0.5]];
        let value = |kind| -> Vec<f64> {
            let found = Stream::new(kind, 2).expected(Dtype::F32, &inputs.as_slice(), &[0, 1]);
            found.iter().map(|e| e.value).collect()
        };
        assert_eq!(value(StreamKind::Copy), [1.0, -2.0]);
        assert_eq!(value(StreamKind::Scale), [1.5, -3.0]);
        assert_eq!(value(StreamKind::Multiply), [4.0, -1.0]);
        assert_eq!(value(StreamKind::Add), [5.0, -1.5]);
        assert_eq!(value(StreamKind::Triad), [7.0, -1.25]);
    }
}
