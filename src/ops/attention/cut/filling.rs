//! How much a workgroup walks in one dispatch: no longer than a slow adapter may take, and where there are several dispatches,
//! little enough for each of them to fill a device that has many cores.

use crate::gpu::Capabilities;
use crate::ops::attention::Attention;
use crate::ops::budget::{Units, flops_of_dispatch, flops_of_workgroup};
use crate::report::AdapterKind;

/// What an exponential and what belongs to it cost, in FLOPs of a product.
const WEIGHT_FLOPS: u64 = 32;

/// Cores of an NVIDIA H200. WebGPU does not tell how many a device has.
const CORES: u64 = 132;

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
        most = most.min(budget / wanted(device, units).min(workgroups).max(1));
    }
    let walk = (most / key / GRANULE).max(1) * GRANULE;
    (attention.most_visible(tile) > walk).then_some(walk as u32)
}

/// Workgroups that each of several dispatches should have, or most of a large device is idle while the last of them end.
/// Measured on an H200: two waves of workgroups were enough on matrix units, and with plain kernels as well, of which it has
/// twice as many. A discrete device without matrix units is allowed so little that more would be short walks. Integrated
/// ones were not measured; the largest have some 40 cores.
fn wanted(device: &Capabilities, units: Units) -> u64 {
    match (device.kind, units) {
        (AdapterKind::Software, _) => 1,
        (AdapterKind::Discrete, Units::Plain) if !device.cooperative.is_empty() => 4 * CORES,
        (AdapterKind::Discrete, _) => 2 * CORES,
        _ => 64,
    }
}

/// Workgroups of so many invocations come in multiples of this, so that the last wave of them is full. It is so on an H200, of
/// which a core holds 256 invocations of the kernels that have the most reuse; on others one number is as good as another.
pub(in crate::ops::attention) fn multiple(device: &Capabilities, invocations: u32) -> u64 {
    match device.kind {
        AdapterKind::Discrete => CORES * u64::from(256 / invocations.clamp(1, 256)),
        _ => 1,
    }
}

/// Bytes of sums between the dispatches of walks that are cut, at most.
pub(in crate::ops::attention) const KEPT_BYTES: u64 = 16 << 20;

/// The same on a device where a dispatch should have many workgroups.
pub(in crate::ops::attention) fn most_kept(device: &Capabilities) -> u64 {
    let bytes = match device.kind {
        AdapterKind::Discrete => 4 * KEPT_BYTES,
        _ => KEPT_BYTES,
    };
    bytes.min(device.limits.max_storage_buffer_binding_size)
}
