//! The arithmetic probe: chains of fused multiply-adds in registers. What the adapter's ALUs can do.

use super::{
    Candidate, Family, Fit, Implementation, Operand, Operation, bind, changed, kernels_of,
    own_samples_of, parse_sizes, require_u32,
};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{
    BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage, fold_workgroups,
};
use crate::shader::{Constant, Prepared, files};
use crate::tolerance::Expected;
use std::sync::Arc;

/// `steps` fused multiply-adds with each of `chains * width` values of each invocation, in f32; 2 FLOPs each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fma {
    /// Invocations.
    pub invocations: u64,
    /// Steps of each chain; a multiple of the files' `UNROLL`, 16.
    pub steps: u64,
    /// Independent chains of an invocation.
    pub chains: u64,
    /// Components of a chain's value: 1, 2 or 4.
    pub width: u64,
    /// Formula of a step.
    pub recurrence: Recurrence,
}

/// A step of a chain. The two take the same time where nothing but the ALUs decides, and are checked against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recurrence {
    /// `x = fma(x, a, b)`
    #[default]
    Affine,
    /// `x = fma(x, x, c)`
    Square,
}

/// `a` of `x = fma(x, a, b)`: just below 1 in magnitude, exact in f32.
const A: f32 = -(1.0 - 1.0 / 131_072.0);
/// `b` is this times the invocation's own value.
const B: f32 = 1.0 / 64.0;
/// The middle of `c` in `x = fma(x, x, c)`; between -1.25 and -0.75 the recurrence ends in a cycle of two.
const C: f32 = -1.125;
/// `c` is [`C`] and this times the invocation's own value.
const SPREAD: f32 = 1.0 / 16.0;

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    invocations: u32,
    trips: u32,
    constants: [f32; 2],
}

impl Fma {
    /// One chain in f64, with the error that f32 may have gathered: (value, error).
    fn chain(&self, own: f64, chain: u64) -> (f64, f64) {
        let u = 2.0 * Dtype::F32.unit_roundoff();
        let square = self.recurrence == Recurrence::Square;
        let (mut x, c) = if square {
            (
                own * 0.5 + chain as f64 * 0.0625,
                own * f64::from(SPREAD) + f64::from(C),
            )
        } else {
            (own + chain as f64, own * f64::from(B))
        };
        let mut error = u * (x.abs() + c.abs());
        for _ in 0..self.steps {
            let (factor, growth) = if square {
                (x, 2.0 * x.abs() + error)
            } else {
                (f64::from(A), f64::from(A).abs())
            };
            let product = x * factor;
            error = growth * error + u * (product.abs() + 2.0 * c.abs());
            x = product + c;
        }
        (x, error)
    }
}

impl Operation for Fma {
    fn family(&self) -> &'static Family {
        &FMA
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("invocations", self.invocations),
            ("steps", self.steps),
            ("chains", self.chains),
            ("width", self.width),
        ]
    }

    fn label(&self) -> String {
        let form = match self.recurrence {
            Recurrence::Affine => "",
            Recurrence::Square => "+square",
        };
        let sizes = self.shape().into_iter().map(|(_, size)| size.to_string());
        sizes.collect::<Vec<_>>().join("x") + form
    }

    fn flops(&self) -> u64 {
        2 * self.invocations * self.steps * self.chains * self.width
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        let invocations = self.invocations / 2;
        (invocations > 0).then(|| {
            Box::new(Self {
                invocations,
                ..*self
            }) as Box<dyn Operation>
        })
    }

    fn operands(&self) -> Vec<Operand> {
        let elements = self.invocations * self.width;
        vec![
            Operand::input("seed", elements, Dtype::F32, Distribution::Uniform),
            Operand::output("y", elements, Dtype::F32),
        ]
    }

    fn validate(&self) -> Result<()> {
        require_u32("a fma probe", self.invocations.checked_mul(self.width))?;
        let refuse = |reason: String| {
            Err(Error::Shape {
                operation: "fma",
                reason,
            })
        };
        if ![1, 2, 4].contains(&self.width) {
            return refuse(format!(
                "a width of {} is no WGSL type; use 1, 2 or 4",
                self.width
            ));
        }
        if !(1..=16).contains(&self.chains) {
            return refuse(format!(
                "{} chains do not fit into registers; use 1 to 16",
                self.chains
            ));
        }
        if self.steps > u64::from(u32::MAX) {
            return refuse(format!(
                "{} steps would not end; use fewer than 2^32",
                self.steps
            ));
        }
        Ok(())
    }

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        bind(self, KERNELS)
    }

    fn expected(
        &self,
        _intermediates: Dtype,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        let u = Dtype::F32.unit_roundoff();
        let one = |&i: &u64| {
            let chains = (0..self.chains).map(|chain| self.chain(inputs.get(0, i), chain));
            let (value, error, magnitude) = chains.fold((0.0, 0.0, 0.0), |(v, e, m), (x, dx)| {
                (v + x, e + dx, m + x.abs())
            });
            Expected::new(value, error + self.chains as f64 * u * magnitude)
        };
        indices.iter().map(one).collect()
    }
}

fn constants(fma: &Fma, _: &Capabilities, _: &Constants) -> Result<Constants> {
    let elem = match fma.width {
        1 => "f32",
        2 => "vec2<f32>",
        _ => "vec4<f32>",
    };
    Ok(Constants::new().set("CHAINS", fma.chains).set("Elem", elem))
}

fn schedule(fma: &Fma, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let limits = &device.limits;
    if fma.invocations == 0 {
        return Ok(Schedule::default());
    }
    let unroll = u64::from(stages[0].constant("UNROLL"));
    if !fma.steps.is_multiple_of(unroll) {
        let reason = format!(
            "{} steps are no multiple of the {unroll} of one trip",
            fma.steps
        );
        return Err(Error::Shape {
            operation: "fma",
            reason,
        });
    }
    let workgroup = u64::from(stages[0].constant("WORKGROUP"));
    let params = Params {
        invocations: fma.invocations as u32,
        trips: (fma.steps / unroll) as u32,
        constants: match fma.recurrence {
            Recurrence::Affine => [A, B],
            Recurrence::Square => [C, SPREAD],
        },
    };
    let bytes = fma.invocations * fma.width * 4;
    let step = Dispatch {
        stage: 0,
        params: bytemuck::bytes_of(&params).to_vec(),
        windows: vec![
            BindingRange::whole(Slot::Operand(0), bytes),
            BindingRange::whole(Slot::Operand(1), bytes),
        ],
        workgroups: fold_workgroups(fma.invocations.div_ceil(workgroup), limits)?,
    };
    Ok(Schedule {
        steps: vec![step],
        scratch: vec![],
    })
}

const PRESETS: &[&[(&str, Constant)]] = &[
    &[("WORKGROUP", Constant::Integer(256))],
    &[("WORKGROUP", Constant::Integer(128))],
    &[("WORKGROUP", Constant::Integer(64))],
];

/// A kernel whose file computes `recurrence`.
macro_rules! fma {
    ($name:literal, $about:literal, $file:expr, $recurrence:expr) => {
        Implementation {
            kernel: Kernel {
                dtypes: &[Dtype::F32],
                presets: PRESETS,
                ..Kernel::new($name, $about, &[Stage::of(&$file)])
            },
            fit: |fma, _| {
                if fma.recurrence == $recurrence {
                    Fit::Best
                } else {
                    Fit::Unable("it computes another recurrence".to_owned())
                }
            },
            constants,
            alternatives: |_, _| Vec::new(),
            schedule,
            samples: Some(|stages| samples($recurrence, stages)),
        }
    };
}

static FMA_AFFINE: Implementation<Fma> = fma!(
    "fma_affine",
    "chains of x = fma(x, a, b)",
    files::FMA_AFFINE,
    Recurrence::Affine
);
static FMA_SQUARE: Implementation<Fma> = fma!(
    "fma_square",
    "chains of x = fma(x, x, c)",
    files::FMA_SQUARE,
    Recurrence::Square
);

const KERNELS: &[&Implementation<Fma>] = &[&FMA_AFFINE, &FMA_SQUARE];

fn parse(text: &str, dtype: Dtype) -> Result<Box<dyn Operation>> {
    if dtype != Dtype::F32 {
        let reason = format!("there is no {} kernel yet", dtype.name());
        return Err(Error::Unsupported {
            what: "fma".into(),
            reason,
        });
    }
    let (sizes, recurrence) = match text.strip_suffix("+square") {
        Some(sizes) => (sizes, Recurrence::Square),
        None => (text, Recurrence::Affine),
    };
    let [invocations, steps, chains, width] = parse_sizes(&FMA, sizes)?;
    Ok(Box::new(Fma {
        invocations,
        steps,
        chains,
        width,
        recurrence,
    }))
}

fn samples(recurrence: Recurrence, stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
    let unroll = u64::from(stages[0].constant("UNROLL"));
    let workgroup = u64::from(stages[0].constant("WORKGROUP"));
    let mut found: Vec<Box<dyn Operation>> = Vec::new();
    for (chains, width) in [(1, 1), (2, 2), (4, 4), (8, 1)] {
        for invocations in [0, 1, workgroup - 1, workgroup + 1] {
            found.push(Box::new(Fma {
                recurrence,
                invocations,
                steps: 4 * unroll,
                chains,
                width,
            }));
        }
    }
    found
}

/// Fused multiply-adds in registers.
pub(super) static FMA: Family = Family {
    name: "fma",
    about: "fused multiply-adds in registers, the arithmetic ceiling",
    shape_form: "INVOCATIONSxSTEPSxCHAINSxWIDTH, such as 1048576x4096x4x2, then +square for x = fma(x, x, c)",
    classes: &[],
    kernels: &kernels_of::<_, { KERNELS.len() }>(KERNELS),
    own_samples: &own_samples_of::<_, { KERNELS.len() }>(KERNELS),
    parse,
    in_f32: |operation| changed(operation, |_: &mut Fma| ()),
    common_samples: |stages| samples(Recurrence::Affine, stages),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recurrences_stay_finite_and_keep_moving() {
        for recurrence in [Recurrence::Affine, Recurrence::Square] {
            let after = |steps| {
                Fma {
                    invocations: 1,
                    steps,
                    chains: 1,
                    width: 1,
                    recurrence,
                }
                .chain(0.7, 0)
                .0
            };
            let (first, second) = (after(4096), after(4097));
            assert!(
                first.is_finite() && first.abs() < 2.0 && first.abs() > 1e-3,
                "{first}"
            );
            assert!((first - second).abs() > 1e-3, "{first} {second}");
        }
    }

    #[test]
    fn steps_by_hand() {
        let fma = |recurrence| Fma {
            invocations: 1,
            steps: 2,
            chains: 1,
            width: 1,
            recurrence,
        };
        let (a, b) = (f64::from(A), 0.5 / 64.0);
        assert!((fma(Recurrence::Affine).chain(0.5, 1).0 - ((1.5 * a + b) * a + b)).abs() < 1e-12);
        let c = 0.5 / 16.0 - 1.125;
        let first = 0.25 * 0.25 + c;
        assert!((fma(Recurrence::Square).chain(0.5, 0).0 - (first * first + c)).abs() < 1e-12);
    }
}
