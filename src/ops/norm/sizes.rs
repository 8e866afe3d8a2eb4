//! Sizes that kernels of norms share: how many invocations hold a row, and whether there are rows enough.

use super::shape::{Affine, Norm, NormKind};
use crate::gpu::Capabilities;
use crate::gpu::profile::{ROW_REGISTERS, has_few_cores, runs_invocations_in_turn};
use crate::kernel::Constants;
use crate::ops::rows::Target;

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

/// The largest workgroup of a norm on `device`.
pub(super) fn largest(device: &Capabilities) -> u64 {
    let limits = &device.limits;
    limits
        .max_compute_invocations_per_workgroup
        .min(limits.max_compute_workgroup_size_x)
        .min(1024)
        .into()
}

/// A workgroup of at most `workgroup` invocations; of 16 where invocations run in turn.
pub(super) fn at_most(workgroup: u64, device: &Capabilities) -> u64 {
    if runs_invocations_in_turn(device) {
        16
    } else {
        workgroup.min(largest(device))
    }
}

/// Invocations that hold a row in registers, and loads of each: half of what they may hold where there are enough of
/// them; the reason where a row is too long.
pub(super) fn held(norm: &Norm, device: &Capabilities) -> Result<(u64, u64), String> {
    let width = norm.width().elements();
    let (most, loads) = (ROW_REGISTERS / width, norm.cols / width);
    let group = loads.div_ceil(most / 2).max(1).next_power_of_two();
    let group = group.min(1 << largest(device).ilog2());
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

/// Constants that the options of a norm set in every file.
pub(super) fn form(norm: &Norm) -> Constants {
    norm.width()
        .constants(norm.dtype)
        .set("LAYER", norm.kind == NormKind::Layer)
        .set("WEIGHT", norm.affine != Affine::None)
        .set("BIAS", norm.affine == Affine::WeightAndBias)
        .set("IN_PLACE", norm.target == Target::InPlace)
}
