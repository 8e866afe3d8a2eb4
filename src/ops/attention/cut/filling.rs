//! How much a workgroup walks in one dispatch: no longer than a slow adapter may take, and where there are several dispatches,
//! little enough for each of them to fill a device that has many cores.

use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch, flops_of_workgroup, workgroups_of_several};
use crate::ops::attention::Attention;

/// What an exponential and what belongs to it cost, in FLOPs of a product.
const WEIGHT_FLOPS: u64 = 32;

/// FLOPs of a pair of a query and a key, as a fused kernel computes it.
pub(in crate::ops::attention) fn pair_flops(attention: &Attention) -> u64 {
    2 * (attention.head_dim + attention.value_dim) + WEIGHT_FLOPS
}

/// Keys that a workgroup of `tile` queries may walk in one dispatch, where it may see more.
pub(in crate::ops::attention) fn walk(
    attention: &Attention,
    tile: u64,
    device: &Capabilities,
    units: Units,
) -> Option<u32> {
    /// A multiple of all blocks of keys.
    const GRANULE: u64 = 128;
    let key = (tile * pair_flops(attention)).max(1);
    let budget = flops_of_dispatch(device, units);
    let mut most = flops_of_workgroup(device, units);
    if attention.walks_more(budget / key, tile) {
        let workgroups = attention.all_heads() * attention.seq_q.div_ceil(tile);
        most = most.min(budget / workgroups_of_several(device, units).min(workgroups).max(1));
    }
    let walk = (most / key / GRANULE).max(1) * GRANULE;
    (attention.most_visible(tile) > walk).then_some(walk as u32)
}
