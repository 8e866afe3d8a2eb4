//! Keys that a KV loop may visit in one dispatch: no more than a slow adapter computes below the watchdog limit, and where
//! there are several dispatches, few enough for each dispatch to fill a device that has many cores.

use super::shape::Attention;
use crate::gpu::Capabilities;
use crate::gpu::profile::{Units, flops_of_dispatch, flops_of_workgroup, workgroups_of_several};

/// Cost of an exponential and of what belongs to it, in FLOPs of a product.
const WEIGHT_FLOPS: u64 = 32;

/// FLOPs of a pair of a query and a key in a fused kernel.
pub(super) fn pair_flops(attention: &Attention) -> u64 {
    2 * (attention.head_dim + attention.value_dim) + WEIGHT_FLOPS
}

/// Keys that the KV loop of a tile of `tile` queries may visit in one dispatch; `None` where no loop is longer.
pub(super) fn keys_per_dispatch(
    attention: &Attention,
    tile: u64,
    device: &Capabilities,
    units: Units,
) -> Option<u32> {
    /// A multiple of the keys of every block.
    const GRANULE: u64 = 128;
    let key = (tile * pair_flops(attention)).max(1);
    let budget = flops_of_dispatch(device, units);
    let mut most = flops_of_workgroup(device, units);
    if attention.loops_exceed(budget / key, tile) {
        let workgroups = attention.all_heads() * attention.seq_q.div_ceil(tile);
        most = most.min(budget / workgroups_of_several(device, units).min(workgroups).max(1));
    }
    let keys = (most / key / GRANULE).max(1) * GRANULE;
    (attention.most_visible(tile) > keys).then_some(keys as u32)
}
