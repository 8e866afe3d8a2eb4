//! memory_copy: c = a, several vectors of an invocation in flight.
//!
//! Workgroups stride over the buffer side by side. An invocation reads UNROLL vectors of 16 bytes before it writes the
//! first of them.
//!
//! Traffic: 16 bytes a vector read and as many written. Workgroup memory: 0 B. Works for any number of whole blocks of
//! WORKGROUP * UNROLL vectors.

const WORKGROUP: u32 = 256;
const UNROLL: u32 = 4;   // vectors that an invocation moves in one trip

struct Params {
    vectors: u32,   // a multiple of WORKGROUP * UNROLL
    stride: u32,    // vectors that the whole dispatch moves in one trip
    seed: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<u32>>;         // [vectors]
@group(0) @binding(2) var<storage, read_write> c: array<vec4<u32>>;   // [vectors]

@compute @workgroup_size(WORKGROUP)
fn memory_copy(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let workgroup = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let first = workgroup * WORKGROUP * UNROLL + local_index;
    var moved: array<vec4<u32>, UNROLL>;
    for (var place = first; place < params.vectors; place += params.stride) {
        for (var i = 0u; i < UNROLL; i++) {
            moved[i] = a[place + i * WORKGROUP];
        }
        for (var i = 0u; i < UNROLL; i++) {
            c[place + i * WORKGROUP] = moved[i];
        }
    }
}
