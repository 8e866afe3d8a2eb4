//! The dispatches of files with tiles of C.

use super::cost::{Arithmetic, Cost};
use super::dispatch::DispatchRanges;
use super::params::{Split, params, windows};
use super::partials::{Partials, reduce};
use super::shape::Matmul;
use super::sub_problems::{Multiply, split_k};
use super::tile_model;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{BindingRange, Schedule, Slot};
use crate::shader::Prepared;

/// The dispatches of a kernel that multiplies tiles of `TILE_M` x `TILE_N`, in parts of K where its file has a `SPLIT_K`.
/// `bindings` arranges the windows of `a`, `b`, `bias` and the result as the file binds them, and may add scratch memory.
///
/// # Errors
/// Errors of [`Multiply::schedule`].
pub(super) fn of_tiles(
    matmul: &Matmul,
    work: Arithmetic,
    stages: &[&Prepared],
    device: &Capabilities,
    bindings: impl Fn(&Matmul, [BindingRange; 4], &mut Schedule) -> Vec<BindingRange>,
) -> Result<Schedule> {
    let at_once = |product: &Matmul, partials: Partials| {
        at_once(product, work, stages, device, partials, &bindings)
    };
    let multiply = Multiply {
        matmul,
        work,
        stages,
        device,
        takes_edges: true,
        at_once,
    };
    multiply.schedule()
}

/// The dispatches of a product whose operands are bound whole.
///
/// # Errors
/// [`crate::Error::TooLarge`] for more workgroups than a dispatch has.
pub(super) fn at_once(
    matmul: &Matmul,
    work: Arithmetic,
    stages: &[&Prepared],
    device: &Capabilities,
    partials: Partials,
    bindings: impl Fn(&Matmul, [BindingRange; 4], &mut Schedule) -> Vec<BindingRange>,
) -> Result<Schedule> {
    let elements = matmul.batch * matmul.m * matmul.n;
    if elements == 0 {
        return Ok(Schedule::default());
    }
    let constant = |name: &str| u64::from(stages[0].constant(name));
    let tiles_m = matmul.m.div_ceil(constant("TILE_M"));
    let tiles_n = matmul.n.div_ceil(constant("TILE_N"));
    let cost = Cost::from_prepared(work, stages[0], device.kind);
    let parts = split_k(stages[0]);
    let split = if parts > 1 {
        partials.split(matmul.k, parts, constant("TILE_K"), cost.deepest(device))
    } else {
        Split::NONE
    };
    let mut params = params(matmul, tiles_n, split)?;
    let mut windows = windows(matmul);
    let mut schedule = Schedule::default();
    if parts > 1 {
        schedule.scratch.push(elements * split.parts * 4);
        windows[3] = BindingRange::whole(Slot::Scratch(0), schedule.scratch[0]);
        params.c_first = (partials.taken * matmul.m * matmul.n) as u32;
        params.c_row = params.n;
        params.c_batch = params.m * params.n;
    }
    let sums = windows[3];
    let windows = bindings(matmul, windows, &mut schedule);
    let ranges = DispatchRanges {
        workgroups: matmul.batch * tiles_m * tiles_n * split.parts,
        flops: cost.of_depth(matmul.k.min(split.depth)),
        fill_device: tile_model::fill_device(matmul, stages[0], device),
    };
    let stage = (0, stages[0]);
    schedule.steps = ranges.steps(stage, &windows, &device.limits, |first| {
        params.beginning_at(first)
    })?;
    if parts > 1 {
        let sum = reduce(matmul, stages[1], sums, split, &device.limits)?;
        schedule.steps.extend(sum);
    }
    Ok(schedule)
}
