//! chase: one invocation follows a cycle of indices; each read waits for the one before.
//!
//! The first index comes from a buffer, and the last one is stored there. The next dispatch goes on where this one ended,
//! and so meets lines that no cache holds any more.
//!
//! Traffic: trips * UNROLL dependent reads of 4 bytes. Workgroup memory: 0 B. Works for any cycle.

const WORKGROUP: u32 = 1;
const UNROLL: u32 = 16;   // reads per trip

struct Params {
    trips: u32,
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> next: array<u32>;          // [places]
@group(0) @binding(2) var<storage, read_write> place: array<u32>;   // [1]

@compute @workgroup_size(WORKGROUP)
fn chase() {
    var at = place[0];
    for (var trip = 0u; trip < params.trips; trip++) {
        for (var i = 0u; i < UNROLL; i++) {
            at = next[at];
        }
    }
    place[0] = at;
}
