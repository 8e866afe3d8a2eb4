//! Matrix units: products of fragments that a subgroup holds together, summed in f32.

use super::peak::{PeakCandidate, pace};
use super::probe::{Answer, Probe, ProbeDispatch, ProbeFile, Span, Words, places};
use crate::data::{Distribution, Dtype, stream_seed, value};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, View};
use crate::kernel::Fragments;
use crate::shader::{Checks, files};
use crate::tolerance::{Expected, dot};

pub(super) static MATRIX: ProbeFile = ProbeFile {
    shader: files::MATRIX_MULTIPLY_ADD,
    features: wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SUBGROUP),
};

/// Contents of the operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operands {
    /// Random values in [-1, 1).
    Live,
    /// Zeros, which cost less power and may raise the clock rate. Never a ceiling.
    Idle,
}

/// Fragments of A and of B, and subgroups of a workgroup, that are tried.
const SHAPES: &[(u32, u32, u32)] = &[
    (1, 4, 4),
    (2, 2, 4),
    (2, 4, 4),
    (4, 4, 4),
    (2, 4, 8),
    (4, 4, 8),
    (2, 2, 8),
];
/// Steps in the loop's body.
const UNROLL: u32 = 4;
const MOST_FRAGMENTS: u64 = 4;
const WORKGROUPS: u32 = 1 << 12;
const LONG_S: f64 = 4e-3;

/// The side of the fragments of `dtype` with sums in f32 that came out right on the device, the largest that the file has a form for.
fn side(gpu: &Gpu, dtype: Dtype) -> Result<u32> {
    let refused = || Error::Unsupported {
        what: format!("a {} matrix probe", dtype.name()),
        reason: "the device has no trusted square fragments of 16 or 8 with sums in f32".to_owned(),
    };
    let device = gpu.capabilities();
    device.fragment_side(dtype).ok_or_else(refused)
}

/// The operands of every shape, filled once.
struct OperandBuffers {
    dtype: Dtype,
    side: u32,
    lanes: u32,
    subgroups_vary: bool,
    operands: Operands,
    seed: u32,
    a: wgpu::Buffer,
    b: wgpu::Buffer,
    answer: wgpu::Buffer,
}

/// The shapes of the grid, each about [`LONG_S`] long.
pub(super) async fn candidates(
    gpu: &Gpu,
    dtype: Dtype,
    operands: Operands,
    seed: u32,
) -> Result<Vec<PeakCandidate>> {
    MATRIX.supported(gpu)?;
    let buffers = OperandBuffers::new(gpu, dtype, operands, seed).await?;
    let mut length = (16, 64);
    while pace(gpu, &buffers.probe((2, 2, 4), length)).await? < LONG_S && length.1 < 1 << 14 {
        if length.0 < WORKGROUPS {
            length.0 *= 4;
        } else {
            length.1 *= 2;
        }
    }
    let most = gpu
        .capabilities()
        .limits
        .max_compute_invocations_per_workgroup;
    let fits = SHAPES
        .iter()
        .filter(|shape| shape.2 * buffers.lanes <= most);
    let candidate = |shape: &(u32, u32, u32)| PeakCandidate {
        text: buffers.text(*shape),
        probe: buffers.probe(*shape, length),
    };
    Ok(fits.map(candidate).collect())
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    trips: u32,
    padding: [u32; 3],
}

impl OperandBuffers {
    async fn new(gpu: &Gpu, dtype: Dtype, operands: Operands, seed: u32) -> Result<Self> {
        let side = side(gpu, dtype)?;
        let refused = |reason| Error::Unsupported {
            what: "a matrix probe".into(),
            reason,
        };
        let lanes = gpu.capabilities().lanes().map_err(refused)?;
        let cells = u64::from(side * side);
        let elements = cells * MOST_FRAGMENTS;
        let bytes = elements * dtype.bytes();
        let found = Self {
            dtype,
            side,
            lanes,
            subgroups_vary: gpu.capabilities().subgroups_vary(),
            operands,
            seed,
            a: gpu.create_storage("a", bytes).await?,
            b: gpu.create_storage("b", bytes).await?,
            answer: gpu
                .create_storage("y", u64::from(WORKGROUPS) * 8 * cells * 4)
                .await?,
        };
        if operands == Operands::Live {
            for (i, buffer) in [&found.a, &found.b].into_iter().enumerate() {
                let view = View::whole(buffer, dtype);
                gpu.fill_random(view, seed, i, Distribution::Uniform)
                    .await?;
            }
        }
        Ok(found)
    }

    fn text(&self, (rows, columns, subgroups): (u32, u32, u32)) -> String {
        format!(
            "matrix_multiply_add, {side}x{side}x{side} {} -> f32, {rows} x {columns} fragments a subgroup of {}, \
             {} sums, {subgroups} subgroups a workgroup",
            self.dtype.name(),
            self.lanes,
            rows * columns,
            side = self.side
        )
    }

    /// A shape whose work equals the work of `trips` of 2 by 2 fragments in 4 subgroups.
    fn probe(
        &self,
        (rows, columns, subgroups): (u32, u32, u32),
        (workgroups, trips): (u32, u32),
    ) -> Probe {
        let trips = (trips * 16 / (rows * columns * subgroups)).max(1);
        let cells = u64::from(self.side * self.side);
        let count = u64::from(workgroups * subgroups);
        let size = |fragments: u32| u64::from(fragments) * cells * self.dtype.bytes();
        let params = Params {
            trips,
            padding: [0; 3],
        };
        let steps = u64::from(trips * UNROLL);
        let products = steps * u64::from(rows * columns) * count;
        let expected = places(count * cells).into_iter().map(|place| {
            let cell = place % cells;
            (place, vec![self.expected(cell, rows, columns, steps)])
        });
        Probe {
            file: &MATRIX,
            constants: Fragments::of(self.side, self.dtype)
                .constants()
                .set("Elem", self.dtype)
                .set("LANES", self.lanes)
                .set("SUBGROUPS_VARY", self.subgroups_vary)
                .set("SUBGROUPS", subgroups)
                .set("ROWS", rows)
                .set("COLUMNS", columns)
                .set("UNROLL", UNROLL),
            checks: Checks::Off,
            dispatches: vec![ProbeDispatch {
                params: bytemuck::bytes_of(&params).to_vec(),
                bindings: vec![
                    Span::start(&self.a, size(rows)),
                    Span::start(&self.b, size(columns)),
                    Span::start(&self.answer, count * cells * 4),
                ],
                workgroups: [workgroups, 1, 1],
            }],
            work: products as f64 * 2.0 * f64::from(self.side).powi(3),
            answer: Some(Answer {
                buffer: self.answer.clone(),
                words: Words::F32,
                expected: expected.collect(),
            }),
        }
    }

    /// A cell of the sum of all products: each fragment of A meets each of B in `steps` over `rows` steps, and every
    /// step uses all of A.
    fn expected(&self, cell: u64, rows: u32, columns: u32, steps: u64) -> Expected {
        let side = u64::from(self.side);
        let (row, column) = (cell / side, cell % side);
        let element = |operand: usize, fragment: u32, row: u64, column: u64| match self.operands {
            Operands::Idle => 0.0,
            Operands::Live => {
                let index = (u64::from(fragment) * side + row) * side + column;
                let stream = stream_seed(self.seed, operand);
                f64::from(value(
                    stream,
                    index as u32,
                    self.dtype,
                    Distribution::Uniform,
                ))
            }
        };
        let (mut sum, mut magnitude) = (0.0, 0.0);
        for i in 0..rows {
            for j in 0..columns {
                for k in 0..side {
                    let product = element(0, i, row, k) * element(1, j, k, column);
                    sum += product;
                    magnitude += product.abs();
                }
            }
        }
        let steps = steps as f64;
        // Matrix units cut off what lies below the largest product of a step: twice what rounding would do.
        let terms = steps as u64 * side;
        let allowed = 2.0 * dot(terms, Dtype::F32.unit_roundoff(), steps * magnitude);
        Expected::new(steps * sum, allowed)
    }
}
