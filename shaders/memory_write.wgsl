//! memory_write: writes a buffer, every byte once.
//!
//! Workgroups stride over the buffer side by side. An invocation writes UNROLL vectors of 16 bytes that do not wait for each
//! other. The value of a vector is a hash of its index, so that nothing can be compressed. The hash consists of shifts and
//! xors, so that no multiplication delays a write.
//!
//! Traffic: 16 bytes a vector written. Workgroup memory: 0 B. Works for any number of vectors.

const WORKGROUP: u32 = 256;
const UNROLL: u32 = 4;   // vectors that an invocation writes in one trip

struct Params {
    vectors: u32,
    stride: u32,   // vectors that the whole dispatch writes in one trip
    seed: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<vec4<u32>>;   // [vectors]

@compute @workgroup_size(WORKGROUP)
fn memory_write(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let workgroup = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let first = workgroup * WORKGROUP * UNROLL + local_index;
    for (var place = first; place < params.vectors; place += params.stride) {
        for (var i = 0u; i < UNROLL; i++) {
            let at = place + i * WORKGROUP;
            if (at < params.vectors) {
                c[at] = pattern(at);
            }
        }
    }
}

fn pattern(place: u32) -> vec4<u32> {
    var x = (place ^ params.seed) | 0x80000000u;
    x ^= x << 13u;
    x ^= x >> 17u;
    x ^= x << 5u;
    return vec4<u32>(x, x ^ 0x9e3779b9u, ~x, (x >> 16u) | (x << 16u));
}
