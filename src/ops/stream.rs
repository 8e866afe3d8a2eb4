//! Streams: copy, scale, multiply, add, triad of whole vectors; what memory can do (`McCalpin`, "Memory Bandwidth and
//! Machine Balance in Current High Performance Computers", 1995, and multiply beside scale).

use super::{Family, Operand, Operation, parse_sizes, require_u32};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule, Slot, Stage, Step, Window};
use crate::shader::{Constant, Prepared, Shader};
use crate::tolerance::Expected;

/// Which stream.
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

/// One stream over vectors of a length.
///
/// # Examples
/// ```
/// use ridgepoint::{Operation, Stream, StreamKind};
/// let add = Stream::new(StreamKind::Add, 1000);
/// assert_eq!((add.flops(), add.min_bytes()), (1000, 12_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Which stream.
    pub kind: StreamKind,
    /// Elements of each vector.
    pub elements: u64,
    /// Type of the elements; computed in f32 whatever it is, and rounded once.
    pub dtype: Dtype,
}

impl Stream {
    /// Of f32.
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

    fn constants(&self, _kernel: &'static Kernel, _device: &Capabilities) -> Result<Constants> {
        // As many bytes in flight whatever the type.
        let elems = 4 / self.dtype.bytes() as u32;
        Ok(vec![
            ("Elem", Constant::Type(self.dtype.name())),
            ("ELEMS", Constant::Integer(elems)),
        ])
    }

    /// Windows of what one binding holds; in each, vectors of four, then up to three elements that are left.
    fn schedule(
        &self,
        _kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule> {
        let limits = &device.limits;
        let mut schedule = Schedule::default();
        for run in runs(self.elements, self.dtype, limits)? {
            schedule
                .steps
                .push(self.step(stages[run.stage], &run, limits));
        }
        Ok(schedule)
    }

    fn expected(
        &self,
        _kernel: &'static Kernel,
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

impl Stream {
    fn step(&self, prepared: &Prepared, run: &Run, limits: &wgpu::Limits) -> Step {
        let (workgroups, stride) = run.grid(prepared, limits);
        let params = Params {
            begin: run.range.start,
            end: run.range.end,
            stride,
            alpha: ALPHA,
        };
        let window = |i| run.window(Slot::Operand(i));
        Step {
            stage: run.stage,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows: (0..self.operands().len()).map(window).collect(),
            workgroups: [workgroups, 1, 1],
        }
    }
}

/// Elements of vectors that one dispatch goes through: whole vectors of four, or what is left behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// 0 for vectors of four, 1 for single elements.
    pub(super) stage: usize,
    /// Bytes that are bound of each vector.
    bytes: std::ops::Range<u64>,
    /// Vectors, or elements, counted from the beginning of the binding.
    pub(super) range: std::ops::Range<u32>,
}

impl Run {
    pub(super) fn window(&self, slot: Slot) -> Window {
        Window {
            slot,
            offset: self.bytes.start,
            bytes: self.bytes.end - self.bytes.start,
        }
    }

    /// Workgroups, and the distance from one turn of a workgroup to its next.
    pub(super) fn grid(&self, prepared: &Prepared, limits: &wgpu::Limits) -> (u32, u32) {
        let turn = prepared.constant("WORKGROUP") * prepared.constant("ELEMS");
        let most = prepared
            .constant("MAX_WORKGROUPS")
            .min(limits.max_compute_workgroups_per_dimension);
        let workgroups = (self.range.len() as u32).div_ceil(turn).min(most);
        (workgroups, workgroups * turn)
    }
}

/// Cuts vectors into what one binding holds.
///
/// # Errors
/// [`Error::Unsupported`] for bindings of less than 256 bytes.
pub(super) fn runs(elements: u64, dtype: Dtype, limits: &wgpu::Limits) -> Result<Vec<Run>> {
    // Windows begin at multiples of 256 bytes, the coarsest alignment that WebGPU has.
    let window = limits.max_storage_buffer_binding_size / 256 * 256;
    if window == 0 {
        let reason = "max_storage_buffer_binding_size is below 256 bytes".to_owned();
        return Err(Error::Unsupported {
            what: "a stream".into(),
            reason,
        });
    }
    let mut runs = Vec::new();
    let total = elements * dtype.bytes();
    for begin in (0..total).step_by(window as usize) {
        let end = total.min(begin + window);
        let elements = ((end - begin) / dtype.bytes()) as u32;
        let body = elements / 4;
        if body > 0 {
            // Only whole vectors are bound, so that the binding's size is a multiple of theirs.
            runs.push(Run {
                stage: 0,
                bytes: begin..begin + u64::from(body) * 4 * dtype.bytes(),
                range: 0..body,
            });
        }
        if !elements.is_multiple_of(4) {
            runs.push(Run {
                stage: 1,
                bytes: begin..end,
                range: body * 4..elements,
            });
        }
    }
    Ok(runs)
}

/// Lengths around what a workgroup takes, and some without a pattern.
pub(super) fn lengths(stages: &[Prepared]) -> Vec<u64> {
    let turn = u64::from(stages[0].constant("WORKGROUP") * stages[0].constant("ELEMS")) * 4;
    vec![
        1,
        0,
        3,
        4,
        5,
        7,
        127,
        turn - 1,
        turn,
        turn + 1,
        98_432,
        1_000_003,
    ]
}

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

pub(super) const SHAPE_FORM: &str = "ELEMENTS, such as 33554432";

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
    wgsl: include_str!("../../shaders/stream_copy.wgsl"),
};
static STREAM_SCALE_SHADER: Shader = Shader {
    name: "stream_scale",
    wgsl: include_str!("../../shaders/stream_scale.wgsl"),
};
static STREAM_MULTIPLY_SHADER: Shader = Shader {
    name: "stream_multiply",
    wgsl: include_str!("../../shaders/stream_multiply.wgsl"),
};
static STREAM_ADD_SHADER: Shader = Shader {
    name: "stream_add",
    wgsl: include_str!("../../shaders/stream_add.wgsl"),
};
static STREAM_TRIAD_SHADER: Shader = Shader {
    name: "stream_triad",
    wgsl: include_str!("../../shaders/stream_triad.wgsl"),
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

static STREAM_COPY: Kernel = kernel(
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
pub(super) static COPY: Family = Family {
    name: "copy",
    about: "c = a",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_COPY],
    parse: |text, dtype| parse(&COPY, StreamKind::Copy, text, dtype),
    samples: |stages| samples(StreamKind::Copy, stages),
};
/// `c = ALPHA * a`
pub(super) static SCALE: Family = Family {
    name: "scale",
    about: "c = 1.5 * a",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_SCALE],
    parse: |text, dtype| parse(&SCALE, StreamKind::Scale, text, dtype),
    samples: |stages| samples(StreamKind::Scale, stages),
};
/// `c = a * b`
pub(super) static MULTIPLY: Family = Family {
    name: "multiply",
    about: "c = a * b, element by element",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_MULTIPLY],
    parse: |text, dtype| parse(&MULTIPLY, StreamKind::Multiply, text, dtype),
    samples: |stages| samples(StreamKind::Multiply, stages),
};
/// `c = a + b`
pub(super) static ADD: Family = Family {
    name: "add",
    about: "c = a + b",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_ADD],
    parse: |text, dtype| parse(&ADD, StreamKind::Add, text, dtype),
    samples: |stages| samples(StreamKind::Add, stages),
};
/// `c = a + ALPHA * b`
pub(super) static TRIAD: Family = Family {
    name: "triad",
    about: "c = a + 1.5 * b",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: &[&STREAM_TRIAD],
    parse: |text, dtype| parse(&TRIAD, StreamKind::Triad, text, dtype),
    samples: |stages| samples(StreamKind::Triad, stages),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        let inputs = [vec![1.0, -2.0], vec![4.0, 0.5]];
        let value = |kind| -> Vec<f64> {
            let found = Stream::new(kind, 2).expected(&STREAM_COPY, &inputs.as_slice(), &[0, 1]);
            found.iter().map(|e| e.value).collect()
        };
        assert_eq!(value(StreamKind::Copy), [1.0, -2.0]);
        assert_eq!(value(StreamKind::Scale), [1.5, -3.0]);
        assert_eq!(value(StreamKind::Multiply), [4.0, -1.0]);
        assert_eq!(value(StreamKind::Add), [5.0, -1.5]);
        assert_eq!(value(StreamKind::Triad), [7.0, -1.25]);
    }
}
