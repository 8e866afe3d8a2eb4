//! Softmax over rows: `y = exp(x - max(x)) / sum(exp(x - max(x)))`, row-major, f32.

use super::{Family, Operand, Operation, parse_sizes, require_u32};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Schedule, Slot, Stage, Step, Window, fold_workgroups};
use crate::shader::{Prepared, Shader};
use crate::tolerance::{self, Expected};

/// Softmax over each of `rows` rows of `cols` columns.
///
/// Inputs are finite; a row of equal values gives `1 / cols` everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softmax {
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub cols: u64,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    rows: u32,
    cols: u32,
}

impl Operation for Softmax {
    fn family(&self) -> &'static Family {
        &SOFTMAX
    }

    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        vec![("rows", self.rows), ("cols", self.cols)]
    }

    /// Four an element: maximum, subtraction, sum, division; `exp` is not counted.
    fn flops(&self) -> u64 {
        4 * self.rows * self.cols
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        (self.rows > 1).then(|| {
            Box::new(Self {
                rows: self.rows / 2,
                ..*self
            }) as Box<dyn Operation>
        })
    }

    fn operands(&self) -> Vec<Operand> {
        let elements = self.rows * self.cols;
        vec![
            Operand::input("x", elements, Dtype::F32, Distribution::Outliers),
            Operand::output("y", elements, Dtype::F32),
        ]
    }

    fn validate(&self) -> Result<()> {
        require_u32(
            &format!("`x`, {} x {}", self.rows, self.cols),
            self.rows.checked_mul(self.cols),
        )?;
        for (name, size) in self.shape() {
            require_u32(&format!("the {name} of a softmax"), Some(size))?;
        }
        Ok(())
    }

    fn schedule(
        &self,
        _kernel: &'static Kernel,
        stages: &[&Prepared],
        limits: &wgpu::Limits,
    ) -> Result<Schedule> {
        let elements = self.rows * self.cols;
        if elements == 0 {
            return Ok(Schedule::default());
        }
        let params = Params {
            rows: self.rows as u32,
            cols: self.cols as u32,
        };
        let (matrix, column) = (elements * 4, self.rows * 4);
        let x = Window::whole(Slot::Operand(0), matrix);
        let y = Window::whole(Slot::Operand(1), matrix);
        let workgroups = fold_workgroups(self.rows, limits)?;
        let step = |stage, windows: &[Window]| Step {
            stage,
            params: bytemuck::bytes_of(&params).to_vec(),
            windows: windows.to_vec(),
            workgroups,
        };
        if let [_] = stages {
            return Ok(Schedule {
                steps: vec![step(0, &[x, y])],
                scratch: vec![],
            });
        }
        let between = Window::whole(Slot::Scratch(0), matrix);
        let of_row = Window::whole(Slot::Scratch(1), column);
        let steps = vec![
            step(0, &[x, of_row]),
            step(1, &[x, of_row, y]),
            step(2, &[y, between]),
            step(3, &[between, of_row]),
            step(4, &[between, of_row, y]),
        ];
        Ok(Schedule {
            steps,
            scratch: vec![matrix, column],
        })
    }

    /// A row is read three times for all of its elements; a run of neighbours is 64.
    fn reference_cost(&self) -> u64 {
        1 + 3 * self.cols / 64
    }

    fn expected(
        &self,
        _kernel: &'static Kernel,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        let mut known: Option<(u64, Row)> = None;
        let mut one = |&index: &u64| {
            let number = index / self.cols;
            let row = match known {
                Some((last, row)) if last == number => row,
                _ => Row::of((0..self.cols).map(|c| inputs.get(0, number * self.cols + c))),
            };
            known = Some((number, row));
            row.element(inputs.get(0, index), self.cols)
        };
        indices.iter().map(&mut one).collect()
    }
}

/// What the elements of a row share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) max: f64,
    pub(super) min: f64,
    pub(super) sum: f64,
}

impl Row {
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let max = values.clone().fold(f64::NEG_INFINITY, f64::max);
        let min = values.clone().fold(f64::INFINITY, f64::min);
        Self {
            max,
            min,
            sum: values.map(|x| (x - max).exp()).sum(),
        }
    }

    /// Relative error of one `exp(x - max)` in f32: the subtraction's rounding, magnified, and the function's own.
    pub(super) fn exp_error(x_minus_max: f64) -> f64 {
        let u = Dtype::F32.unit_roundoff();
        tolerance::exp_relative(x_minus_max, u) + x_minus_max.abs() * u
    }

    /// Relative error of the sum. The terms are summed in any order by at least `min(cols, 32)` invocations, which
    /// rescale by `exp` of a step up to the maximum at most once for each term; the steps add up to the row's range.
    pub(super) fn sum_error(&self, cols: u64) -> f64 {
        let u = Dtype::F32.unit_roundoff();
        let rescales = (cols as f64).min(cols as f64 / 32.0 + 64.0);
        tolerance::gamma(cols as f64, u)
            + rescales * tolerance::exp_relative(0.0, u)
            + 2.0 * Self::exp_error(self.max - self.min)
    }

    fn element(&self, x: f64, cols: u64) -> Expected {
        let value = (x - self.max).exp() / self.sum;
        let division = tolerance::division_relative(Dtype::F32.unit_roundoff());
        Expected::new(
            value,
            value * (Self::exp_error(x - self.max) + self.sum_error(cols) + division),
        )
    }
}

pub(super) static SOFTMAX_ONLINE_SHADER: Shader = Shader {
    name: "softmax_online",
    wgsl: include_str!("../../shaders/softmax_online.wgsl"),
};
static ROW_MAX: Shader = Shader {
    name: "softmax_row_max",
    wgsl: include_str!("../../shaders/softmax_row_max.wgsl"),
};
static SUBTRACT: Shader = Shader {
    name: "softmax_subtract",
    wgsl: include_str!("../../shaders/softmax_subtract.wgsl"),
};
static EXP: Shader = Shader {
    name: "softmax_exp",
    wgsl: include_str!("../../shaders/softmax_exp.wgsl"),
};
static ROW_SUM: Shader = Shader {
    name: "softmax_row_sum",
    wgsl: include_str!("../../shaders/softmax_row_sum.wgsl"),
};
static DIVIDE: Shader = Shader {
    name: "softmax_divide",
    wgsl: include_str!("../../shaders/softmax_divide.wgsl"),
};

static SOFTMAX_UNFUSED: Kernel = Kernel {
    name: "softmax_unfused",
    about: "five operations through memory: maximum, subtract, exp, sum, divide",
    stages: &[
        Stage::of(&ROW_MAX),
        Stage::of(&SUBTRACT),
        Stage::of(&EXP),
        Stage::of(&ROW_SUM),
        Stage::of(&DIVIDE),
    ],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32],
    presets: &[],
};

static SOFTMAX_ONLINE: Kernel = Kernel {
    name: "softmax_online",
    about: "a workgroup for each row, maximum and sum in one pass",
    stages: &[Stage::of(&SOFTMAX_ONLINE_SHADER)],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32],
    presets: &[],
};

fn parse(text: &str, dtype: Dtype) -> Result<Box<dyn Operation>> {
    if dtype != Dtype::F32 {
        let reason = format!("there is no {} kernel yet", dtype.name());
        return Err(Error::Unsupported {
            what: "softmax".into(),
            reason,
        });
    }
    let [rows, cols] = parse_sizes(&SOFTMAX, text)?;
    Ok(Box::new(Softmax { rows, cols }))
}

fn samples(stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
    let workgroup = u64::from(stages[0].constant("WORKGROUP"));
    let mut shapes = vec![
        (0, 5),
        (5, 0),
        (1, 1),
        (3, 1),
        (2, 7),
        (127, 13),
        (1, 100_003),
        (1025, 3),
        (70_000, 2),
    ];
    shapes.extend([workgroup - 1, workgroup, workgroup + 1].map(|cols| (3, cols)));
    shapes
        .into_iter()
        .map(|(rows, cols)| -> Box<dyn Operation> { Box::new(Softmax { rows, cols }) })
        .collect()
}

/// Softmax over rows.
pub(super) static SOFTMAX: Family = Family {
    name: "softmax",
    about: "y = exp(x - max(x)) / sum(exp(x - max(x))) over each row",
    shape_form: "ROWSxCOLS, such as 4096x4096",
    kernels: &[&SOFTMAX_UNFUSED, &SOFTMAX_ONLINE],
    parse,
    samples,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand_and_rows_sum_to_one() {
        let inputs = [vec![0.0, f32::ln(3.0), 5.0, 5.0]];
        let found = Softmax { rows: 2, cols: 2 }.expected(
            &SOFTMAX_ONLINE,
            &inputs.as_slice(),
            &[0, 1, 2, 3],
        );
        for (expected, want) in found.iter().zip([0.25, 0.75, 0.5, 0.5]) {
            assert!((expected.value - want).abs() < 1e-6, "{expected:?}");
        }
        let values = [crate::data::generate(
            3,
            0,
            1000,
            Dtype::F32,
            Distribution::Outliers,
        )];
        let indices: Vec<u64> = (0..1000).collect();
        let row = Softmax {
            rows: 1,
            cols: 1000,
        }
        .expected(&SOFTMAX_ONLINE, &values.as_slice(), &indices);
        assert!((row.iter().map(|e| e.value).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(
            row.iter().all(|e| e.allowed < 2e-4 * e.value + 1e-37),
            "{:?}",
            row[0]
        );
    }
}
