//! Sizes that the tuner tries for kernels over rows.

use crate::gpu::Capabilities;
use crate::gpu::profile::runs_invocations_in_turn;

/// Invocations of a workgroup on `device`, the likeliest first.
pub(in crate::ops) fn workgroups(device: &Capabilities) -> Vec<u64> {
    let sizes: &[u64] = if runs_invocations_in_turn(device) {
        &[16, 8, 32, 64]
    } else {
        &[256, 128, 512, 64, 1024]
    };
    let fits = |size: &u64| *size <= device.widest_workgroup();
    sizes.iter().copied().filter(fits).collect()
}

/// Loads for an invocation to hold, the likeliest first: of a row of `loads`, and at most `most`.
pub(in crate::ops) fn elems(loads: u64, most: u64) -> Vec<u64> {
    let fits = |elems: &u64| *elems <= most.min(loads.max(1).next_power_of_two());
    [2, 4, 1, 8, 16].into_iter().filter(fits).collect()
}
