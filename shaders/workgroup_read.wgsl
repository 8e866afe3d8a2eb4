//! workgroup_read: reads workgroup memory many times, with no barrier in between.
//!
//! The workgroup fills a tile from a buffer once. Then every invocation reads UNROLL vectors of 16 bytes per trip, at fixed
//! distances and next to those of its neighbours. Each trip begins elsewhere, so that no read can be hoisted out of the
//! loop. Each component that is read costs one integer addition. The sum of all that an invocation read is stored.
//!
//! Traffic: 16 bytes of workgroup memory a read, invocations * trips * UNROLL reads. Workgroup memory: 16 KiB.
//! Works for any number of workgroups.

const WORKGROUP: u32 = 256;
const UNROLL: u32 = 16;     // reads of an invocation in one trip
const VECTORS: u32 = 1024;  // vectors of the tile
const APART: u32 = 32;      // vectors between two reads of a trip

const FIRST: u32 = VECTORS - UNROLL * APART;   // a trip begins below this vector
const_assert UNROLL * APART < VECTORS;
const_assert 0u == (FIRST & (FIRST - 1u));

struct Params {
    trips: u32,
    advance: u32,   // vectors between the beginnings of two trips
    seed: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<u32>>;   // [VECTORS]
@group(0) @binding(2) var<storage, read_write> y: array<u32>;   // [invocations]

var<workgroup> tile: array<vec4<u32>, VECTORS>;

@compute @workgroup_size(WORKGROUP)
fn workgroup_read(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    for (var i = local_index; i < VECTORS; i += WORKGROUP) {
        tile[i] = a[i];
    }
    workgroupBarrier();
    var first = local_index;
    var sum = vec4<u32>(params.seed);
    for (var trip = 0u; trip < params.trips; trip++) {
        let base = first & (FIRST - 1u);
        for (var i = 0u; i < UNROLL; i++) {
            sum += tile[base + i * APART];
        }
        first += params.advance;
    }
    y[workgroup_id.x * WORKGROUP + local_index] = sum.x + sum.y + sum.z + sum.w;
}
