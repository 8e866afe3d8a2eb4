//! atomic_add: every invocation adds to a counter, over and over.
//!
//! Which counter is the invocation's place under a mask: 0 for one counter that all share, all ones for one each. What is
//! added differs between trips, and old values are not asked for.
//!
//! Operations: invocations * trips * UNROLL. Workgroup memory: 0 B. Works for any power of two of counters.

const WORKGROUP: u32 = 256;
const UNROLL: u32 = 8;   // additions in one trip

struct Params {
    trips: u32,
    mask: u32,    // counters less one
    value: u32,   // what is added first
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<atomic<u32>>;   // [counters]

@compute @workgroup_size(WORKGROUP)
fn atomic_add(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let counter = (workgroup_id.x * WORKGROUP + local_index) & params.mask;
    for (var trip = 0u; trip < params.trips; trip++) {
        for (var i = 0u; i < UNROLL; i++) {
            atomicAdd(&y[counter], params.value + trip + i);
        }
    }
}
