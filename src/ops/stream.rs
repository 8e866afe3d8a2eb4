//! Streams: copy, multiply, add, triad of whole vectors; what memory can do (`McCalpin`, "Memory Bandwidth and Machine
//! Balance in Current High Performance Computers", 1995, with multiply in place of scale).

use super::{Family, Operand, Operation, parse_sizes, require_u32};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Schedule, Slot, Stage, Step, Window};
use crate::shader::{Constant, Prepared, Shader};
use crate::tolerance::Expected;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// `c = a`
    Copy,
    /// `c = a * b`, element by element
    Multiply,
    /// `c = a + b`
    Add,
    /// `c = a + ALPHA * b`
    Triad,
}

/// The factor of the triad.
const ALPHA: f32 = 1.5;

/// One stream over vectors of a length.
///
/// # Examples
/// ```
/// use ridgepoint::{Operation, Stream, StreamKind};
/// let add = Stream { kind: StreamKind::Add, elements: 1000 };
/// assert_eq!((add.flops(), add.min_bytes()), (1000, 12_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Which stream.
    pub kind: StreamKind,
    /// Elements of each vector.
    pub elements: u64,
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
            StreamKind::Multiply => &MULTIPLY,
            StreamKind::Add => &ADD,
            StreamKind::Triad => &TRIAD,
        }
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![("elements", self.elements)]
    }

    fn flops(&self) -> u64 {
        self.elements
            * match self.kind {
                StreamKind::Copy => 0,
                StreamKind::Multiply | StreamKind::Add => 1,
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
        let input = |name| Operand::input(name, self.elements, Dtype::F32, Distribution::Uniform);
        let mut operands = vec![input("a")];
        if self.kind != StreamKind::Copy {
            operands.push(input("b"));
        }
        operands.push(Operand::output("c", self.elements, Dtype::F32));
        operands
    }

    fn validate(&self) -> Result<()> {
        require_u32("a stream", Some(self.elements)).map(drop)
    }

    /// Windows of what one binding holds; in each, vectors of four, then up to three elements that are left.
    fn schedule(
        &self,
        _kernel: &'static Kernel,
        stages: &[&Prepared],
        limits: &wgpu::Limits,
    ) -> Result<Schedule> {
        // Windows begin at multiples of 256 bytes, the coarsest alignment that WebGPU has.
        let window = limits.max_storage_buffer_binding_size / 256 * 256;
        if window == 0 {
            let reason = "max_storage_buffer_binding_size is below 256 bytes".to_owned();
            return Err(Error::Unsupported {
                what: "a stream".into(),
                reason,
            });
        }
        let mut schedule = Schedule::default();
        let total = self.elements * 4;
        for offset in (0..total).step_by(window as usize) {
            let bytes = (total - offset).min(window);
            let elements = (bytes / 4) as u32;
            let body = elements / 4;
            if body > 0 {
                // Only whole vectors are bound, so that the binding's size is a multiple of theirs.
                schedule.steps.push(self.step(
                    0,
                    stages[0],
                    offset,
                    u64::from(body) * 16,
                    0..body,
                    limits,
                ));
            }
            if !elements.is_multiple_of(4) {
                schedule.steps.push(self.step(
                    1,
                    stages[1],
                    offset,
                    bytes,
                    body * 4..elements,
                    limits,
                ));
            }
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
    fn step(
        &self,
        stage: usize,
        prepared: &Prepared,
        offset: u64,
        bytes: u64,
        range: std::ops::Range<u32>,
        limits: &wgpu::Limits,
    ) -> Step {
        let workgroup = prepared.constant("WORKGROUP");
        let most = prepared
            .constant("MAX_WORKGROUPS")
            .min(limits.max_compute_workgroups_per_dimension);
        let workgroups = (range.len() as u32).div_ceil(workgroup).min(most);
        let params = Params {
            begin: range.start,
            end: range.end,
            stride: workgroups * workgroup,
            alpha: ALPHA,
        };
        let windows = (0..self.operands().len())
            .map(|i| Window {
                slot: Slot::Operand(i),
                offset,
                bytes,
            })
            .collect();
        Step {
            stage,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows,
            workgroups: [workgroups, 1, 1],
        }
    }
}

fn samples(kind: StreamKind, stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
    let workgroup = u64::from(stages[0].constant("WORKGROUP")) * 4;
    let sizes = [
        0,
        1,
        3,
        4,
        5,
        7,
        127,
        workgroup - 1,
        workgroup,
        workgroup + 1,
        98_432,
        1_000_003,
    ];
    sizes
        .map(|elements| -> Box<dyn Operation> { Box::new(Stream { kind, elements }) })
        .into()
}

fn parse(
    family: &'static Family,
    kind: StreamKind,
    text: &str,
    dtype: Dtype,
) -> Result<Box<dyn Operation>> {
    if dtype != Dtype::F32 {
        let reason = format!("there is no {} kernel yet", dtype.name());
        return Err(Error::Unsupported {
            what: family.name.to_owned(),
            reason,
        });
    }
    let [elements] = parse_sizes(family, text)?;
    Ok(Box::new(Stream { kind, elements }))
}

const SHAPE_FORM: &str = "ELEMENTS, such as 33554432";

/// The tail of a vector whose length is no multiple of four, by the same file.
const SCALAR: &[(&str, Constant)] = &[("Elem", Constant::Type("f32"))];

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
        dtypes: &[Dtype::F32],
        presets: PRESETS,
    }
}

static STREAM_COPY: Kernel = kernel(
    "stream_copy",
    &[
        Stage::of(&STREAM_COPY_SHADER),
        Stage {
            shader: &STREAM_COPY_SHADER,
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
    kernels: &[&STREAM_COPY],
    parse: |text, dtype| parse(&COPY, StreamKind::Copy, text, dtype),
    samples: |stages| samples(StreamKind::Copy, stages),
};
/// `c = a * b`
pub(super) static MULTIPLY: Family = Family {
    name: "multiply",
    about: "c = a * b, element by element",
    shape_form: SHAPE_FORM,
    kernels: &[&STREAM_MULTIPLY],
    parse: |text, dtype| parse(&MULTIPLY, StreamKind::Multiply, text, dtype),
    samples: |stages| samples(StreamKind::Multiply, stages),
};
/// `c = a + b`
pub(super) static ADD: Family = Family {
    name: "add",
    about: "c = a + b",
    shape_form: SHAPE_FORM,
    kernels: &[&STREAM_ADD],
    parse: |text, dtype| parse(&ADD, StreamKind::Add, text, dtype),
    samples: |stages| samples(StreamKind::Add, stages),
};
/// `c = a + ALPHA * b`
pub(super) static TRIAD: Family = Family {
    name: "triad",
    about: "c = a + 1.5 * b",
    shape_form: SHAPE_FORM,
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
            let found =
                Stream { kind, elements: 2 }.expected(&STREAM_COPY, &inputs.as_slice(), &[0, 1]);
            found.iter().map(|e| e.value).collect()
        };
        assert_eq!(value(StreamKind::Copy), [1.0, -2.0]);
        assert_eq!(value(StreamKind::Multiply), [4.0, -1.0]);
        assert_eq!(value(StreamKind::Add), [5.0, -1.5]);
        assert_eq!(value(StreamKind::Triad), [7.0, -1.25]);
    }
}
