//! atomic_add: every invocation adds to an atomic counter, many times.
//!
//! An invocation's counter is its index & mask: a mask of 0 gives one counter that all share, a mask of all ones a counter
//! each. The addend differs between trips. Old values are not used.
//!
//! Operations: invocations * trips * UNROLL. Workgroup memory: 0 B. Works for any power of two of counters.

const WORKGROUP: u32 = 256;
const UNROLL: u32 = 8;   // additions in one trip

struct Params {
    trips: u32,
    mask: u32,    // number of counters - 1
    value: u32,   // first addend
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
