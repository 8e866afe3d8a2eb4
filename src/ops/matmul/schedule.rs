//! Dispatches of each kernel.

use super::choice::{is_cooperative, is_split};
use super::cut::Cut;
use super::runs::{Cost, Runs};
use super::{Bias, Matmul, estimate, vector, whole};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{BUSY, LOAD_FLOPS};
use crate::kernel::{Kernel, Schedule, Slot, Step, Window};
use crate::ops::Operation;
use crate::shader::Prepared;
use std::ops::RangeInclusive;

/// Binding 0 of every kernel of the family.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,
    planes: u32,
    splits: u32,
    split_k: u32,
    a_first: u32,
    b_first: u32,
    c_first: u32,
    a_row: u32,
    a_k: u32,
    b_k: u32,
    b_column: u32,
    c_row: u32,
    a_batch: u32,
    b_batch: u32,
    c_batch: u32,
    alpha: f32,
    beta: f32,
    /// Workgroups in the dispatches before.
    first: u32,
}

impl Params {
    /// The bytes of a dispatch whose workgroups begin with number `first`.
    pub(super) fn beginning_at(self, first: u32) -> Vec<u8> {
        bytemuck::bytes_of(&Self { first, ..self }).to_vec()
    }
}

/// How K is shared: parts, and the depth of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) parts: u64,
    pub(super) depth: u64,
}

impl Split {
    pub(super) const NONE: Self = Self {
        parts: 1,
        depth: u32::MAX as u64,
    };

    /// As many parts as make `tiles` keep a device busy, each deep enough to be worth its sum, and as many as there have to
    /// be.
    pub(super) fn of(k: u64, tiles: u64, tile_k: u64, number: &RangeInclusive<u64>) -> Self {
        let worth = (BUSY * 4).div_ceil(tiles).min(k / 256);
        let wanted = worth.clamp(*number.start(), *number.end());
        let depth = k.div_ceil(wanted).next_multiple_of(tile_k).max(tile_k);
        Self {
            parts: k.div_ceil(depth).max(1),
            depth,
        }
    }
}

/// The planes that sums over parts of K are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planes {
    /// How many are others' already.
    pub(super) taken: u64,
    /// The most that may be added.
    pub(super) most: u64,
}

impl Planes {
    /// How many parts of K there may be where none is to be deeper than `deepest`.
    pub(super) fn parts(self, k: u64, deepest: u64) -> RangeInclusive<u64> {
        let most = self.most.max(1);
        k.div_ceil(deepest).clamp(1, most)..=most
    }
}

pub(super) fn schedule(
    matmul: &Matmul,
    kernel: &'static Kernel,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let cut = Cut::for_kernel(matmul, kernel, device)?;
    if !cut.is_whole(matmul) {
        return cut.schedule(matmul, kernel, stages, device);
    }
    let planes = Planes {
        taken: 0,
        most: cut.most_planes(&device.limits),
    };
    at_once(matmul, kernel, stages, device, planes)
}

/// The dispatches of a product whose operands are bound whole.
pub(super) fn at_once(
    matmul: &Matmul,
    kernel: &'static Kernel,
    stages: &[&Prepared],
    device: &Capabilities,
    planes: Planes,
) -> Result<Schedule> {
    if matmul.batch * matmul.m * matmul.n == 0 {
        return Ok(Schedule::default());
    }
    if vector::is_vector(kernel) {
        return vector::schedule(matmul, kernel, stages, device, planes);
    }
    if whole::is_whole(kernel) {
        return whole::schedule(matmul, kernel, stages[0], device);
    }
    let constant = |name: &str| u64::from(stages[0].constant(name));
    let tiles_m = matmul.m.div_ceil(constant("TILE_M"));
    let tiles_n = matmul.n.div_ceil(constant("TILE_N"));
    let tiles = matmul.batch * tiles_m * tiles_n;
    let cost = Cost::prepared(kernel, stages[0], device.kind);
    let split = if is_split(kernel) {
        let number = planes.parts(matmul.k, cost.deepest(device));
        estimate::split(matmul, stages[0], number.clone())
            .unwrap_or_else(|| Split::of(matmul.k, tiles, constant("TILE_K"), &number))
    } else {
        Split::NONE
    };
    let mut params = params(matmul, tiles_n, split)?;
    let mut windows = windows(matmul).to_vec();
    let mut schedule = Schedule::default();
    let elements = matmul.batch * matmul.m * matmul.n;
    if is_split(kernel) {
        schedule.scratch.push(elements * split.parts * 4);
        windows[3] = Window::whole(Slot::Scratch(0), schedule.scratch[0]);
        params.c_first = (planes.taken * matmul.m * matmul.n) as u32;
        params.c_row = params.n;
        params.c_batch = params.m * params.n;
    }
    let parts = windows[3];
    if is_cooperative(kernel) {
        // Results have two bindings, of which one stays unused.
        let place = schedule.scratch.len();
        schedule.scratch.push(UNUSED);
        let unused = Window::whole(Slot::Scratch(place), UNUSED);
        let has_epilogue = stages[0].constant("EPILOGUE") == 1;
        windows.insert(if has_epilogue { 4 } else { 3 }, unused);
    }
    let runs = Runs {
        workgroups: tiles * split.parts,
        flops: cost.of_depth(matmul.k.min(split.depth)),
        filling: estimate::filling(stages[0]).unwrap_or(1),
    };
    let stage = (0, stages[0]);
    schedule.steps = runs.steps(stage, &windows, &device.limits, |first| {
        params.beginning_at(first)
    })?;
    if is_split(kernel) {
        let sum = reduce(matmul, stages[1], parts, split, &device.limits)?;
        schedule.steps.extend(sum);
    }
    Ok(schedule)
}

/// The second stage of a split product: C from the planes that the parts left.
pub(super) fn reduce(
    matmul: &Matmul,
    stage: &Prepared,
    parts: Window,
    split: Split,
    limits: &wgpu::Limits,
) -> Result<Vec<Step>> {
    let elements = matmul.batch * matmul.m * matmul.n;
    let per_workgroup = u64::from(stage.constant("REDUCE_WORKGROUP"));
    let [_, _, bias, result] = windows(matmul);
    let params = params(matmul, 0, split)?;
    let runs = Runs {
        workgroups: elements.div_ceil(per_workgroup),
        flops: per_workgroup * (split.parts + 1) * LOAD_FLOPS,
        filling: 1,
    };
    runs.steps((1, stage), &[parts, bias, result], limits, |first| {
        params.beginning_at(first)
    })
}

/// Bytes bound where a kernel touches nothing: no binding may be empty.
const UNUSED: u64 = 16;

/// Operands `a`, `b`, `bias` (empty where there is none), `c`.
pub(super) fn windows(matmul: &Matmul) -> [Window; 4] {
    let operands = matmul.operands();
    let window = |i: usize| {
        let bytes = operands[i].elements * operands[i].dtype.bytes();
        Window::whole(Slot::Operand(i), bytes)
    };
    let bias = match matmul.bias {
        Bias::Row => window(2),
        Bias::None => Window::whole(Slot::Operand(0), 0),
    };
    [window(0), window(1), bias, window(operands.len() - 1)]
}

pub(super) fn params(matmul: &Matmul, tiles_n: u64, split: Split) -> Result<Params> {
    let [a, b, c] = matmul.places()?;
    Ok(Params {
        m: matmul.m as u32,
        n: matmul.n as u32,
        k: matmul.k as u32,
        tiles_n: tiles_n as u32,
        planes: (matmul.batch * split.parts) as u32,
        splits: split.parts as u32,
        split_k: split.depth as u32,
        a_first: a.first as u32,
        b_first: b.first as u32,
        c_first: c.first as u32,
        a_row: a.row_step as u32,
        a_k: a.column_step as u32,
        b_k: b.row_step as u32,
        b_column: b.column_step as u32,
        c_row: c.row_step as u32,
        a_batch: a.batch as u32,
        b_batch: b.batch as u32,
        c_batch: c.batch as u32,
        alpha: matmul.alpha,
        beta: matmul.beta,
        first: 0,
    })
}
