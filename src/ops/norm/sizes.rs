//! Sizes that kernels of norms share: how many invocations hold a row, and whether there are rows enough.

use super::shape::{Affine, Norm, NormKind};
use crate::data::Dtype;
use crate::gpu::Capabilities;
use crate::gpu::profile::{ROW_REGISTERS, has_few_cores, longest_row, runs_invocations_in_turn};
use crate::kernel::Constants;
use crate::ops::rows::{self, Target};

/// Columns from which on sharing a row pays for the second dispatch.
const LONG: u64 = 16 * 1024;
/// Rows from which on a workgroup each fills any adapter.
const ENOUGH_ROWS: u64 = 64;

/// Whether rows are so few and so long that one workgroup for each would leave most of a GPU idle.
pub(super) fn has_few_long_rows(norm: &Norm, device: &Capabilities) -> bool {
    norm.rows < ENOUGH_ROWS && norm.cols >= LONG && !has_few_cores(device)
}

/// Why a kernel that gives each row one workgroup is not the first choice, where rows are few and long.
pub(super) fn too_few_rows(norm: &Norm, device: &Capabilities) -> Option<String> {
    has_few_long_rows(norm, device).then(|| format!("{} rows do not fill an adapter", norm.rows))
}

/// Why a kernel that holds each row in registers of one workgroup is not the first choice, if it is not.
pub(super) fn unheld(norm: &Norm, device: &Capabilities) -> Option<String> {
    // The variance of a layer norm is a second pass over the row, with a weight and a bias.
    let besides = match norm.kind {
        NormKind::Layer => 10,
        NormKind::Rms => 0,
    };
    too_few_rows(norm, device).or_else(|| {
        let most = longest_row(device, besides);
        (norm.cols > most).then(|| {
            format!(
                "a row of {} columns, registers of a workgroup hold {most} here",
                norm.cols
            )
        })
    })
}

/// The largest workgroup of a norm on `device`.
pub(super) fn largest(device: &Capabilities) -> u64 {
    device.widest_workgroup().min(1024)
}

/// A workgroup of at most `workgroup` invocations; of 16 where invocations run in turn.
pub(super) fn at_most(workgroup: u64, device: &Capabilities) -> u64 {
    if runs_invocations_in_turn(device) {
        16
    } else {
        workgroup.min(largest(device))
    }
}

/// Loads of a row, for an invocation to hold, that the tuner tries, the likeliest first.
pub(super) fn elems(norm: &Norm) -> Vec<u64> {
    let width = norm.width().elements();
    rows::elems(norm.cols / width, ROW_REGISTERS / width)
}

/// Invocations that hold a row in registers, and loads of each: as many as `given` says, or half of what they may hold,
/// where there are enough of them; the reason where a row is too long.
pub(super) fn held(
    norm: &Norm,
    device: &Capabilities,
    given: &Constants,
) -> Result<(u64, u64), String> {
    let width = norm.width().elements();
    let (most, loads) = (ROW_REGISTERS / width, norm.cols / width);
    let target = given.integer("ELEMS").unwrap_or(most / 2).max(1);
    let group = loads.div_ceil(target).max(1).next_power_of_two();
    let most_invocations = given.integer("WORKGROUP").unwrap_or(largest(device)).max(1);
    let group = group.min(1 << most_invocations.ilog2());
    let needed = loads.div_ceil(group);
    if needed > most {
        let most = ROW_REGISTERS * group;
        return Err(format!("a row of {} columns, it holds {most}", norm.cols));
    }
    let elems = match needed {
        0..=4 => needed.max(1),
        _ => needed.next_multiple_of(4),
    };
    Ok((group, elems))
}

/// Whether squares of a norm's elements, or its epsilon, may leave the normal numbers of f32, so that rows have to be multiplied
/// by a power of two: squares of f16 are below 2^34 and, in the unit of a layer norm's differences, not below 2^-62.
fn leaves_f32(norm: &Norm) -> bool {
    /// Far enough from the least normal number, which is 1.2e-38.
    const LEAST_EPSILON: f32 = 1e-30;
    norm.dtype != Dtype::F16 || norm.epsilon < LEAST_EPSILON
}

/// Constants that the options of a norm set in every file.
pub(super) fn form(norm: &Norm) -> Constants {
    norm.width()
        .constants(norm.dtype)
        .set("SCALED", leaves_f32(norm))
        .set("LAYER", norm.kind == NormKind::Layer)
        .set("WEIGHT", norm.affine != Affine::None)
        .set("BIAS", norm.affine == Affine::WeightAndBias)
        .set("IN_PLACE", norm.target == Target::InPlace)
}
