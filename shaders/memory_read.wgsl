//! memory_read: reads a window of memory and keeps nothing but sums.
//!
//! Workgroup g begins at vector `g * start` of the window and takes `trips * UNROLL` steps of `step + h * turn` vectors,
//! where h is a hash of g. At the window's end it wraps around. To measure memory, `turn` is 0 and a step is as wide as all
//! workgroups together: they read a large window side by side, once. To measure a cache, `turn` is not 0: every workgroup
//! reads a small window many times, in an order of its own, and finds in cache only what the cache holds, not what a
//! neighbour has just read. Each component that is read costs one integer addition. Every workgroup stores the sum of all
//! that it read, so that nothing can be left out.
//!
//! Traffic: workgroups * trips * UNROLL * WORKGROUP vectors of 16 bytes read, 4 bytes a workgroup written.
//! Workgroup memory: 4 B. Works for any window of whole multiples of WORKGROUP vectors.

const WORKGROUP: u32 = 256;
const UNROLL: u32 = 4;   // reads of an invocation that do not wait for each other

struct Params {
    offset: u32,   // first vector of the window
    window: u32,   // vectors
    start: u32,    // vectors between the beginnings of two workgroups, below the window
    step: u32,     // vectors between two reads of an invocation
    turn: u32,     // factor of the hash in the step
    trips: u32,
    padding_0: u32,
    padding_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<u32>>;      // [offset + window]
@group(0) @binding(2) var<storage, read_write> y: array<u32>;      // [workgroups]

var<workgroup> total: atomic<u32>;

@compute @workgroup_size(WORKGROUP)
fn memory_read(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    if (local_index == 0u) {
        atomicStore(&total, 0u);
    }
    workgroupBarrier();
    var place = (workgroup_id.x * params.start) % params.window;
    // Twelve bits that differ between neighbouring workgroups (Knuth, volume 3, section 6.4): their orders share nothing.
    let order = (workgroup_id.x * 0x9e3779b1u) >> 20u;
    let step = (params.step + order * params.turn) % params.window;
    var sum = vec4<u32>(0u);
    for (var trip = 0u; trip < params.trips; trip++) {
        for (var i = 0u; i < UNROLL; i++) {
            sum += a[params.offset + place + local_index];
            place += step;
            if (place >= params.window) {
                place -= params.window;
            }
        }
    }
    atomicAdd(&total, sum.x + sum.y + sum.z + sum.w);
    workgroupBarrier();
    if (local_index == 0u) {
        y[workgroup_id.x] = atomicLoad(&total);
    }
}
