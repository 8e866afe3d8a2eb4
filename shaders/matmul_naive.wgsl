//! matmul_naive: C = A * B, row-major, one invocation for each element of C.
//!
//! Every invocation walks a row of A and a column of B in memory; nothing is shared but what caches keep. The yardstick
//! for the other kernels.
//!
//! Intensity: at most 0.25 FLOP/B of loads. Workgroup memory: 0 B. Works for any M, N, K.

const TILE_M: u32 = 16;   // rows of C per workgroup
const TILE_N: u32 = 16;   // columns of C per workgroup

struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,   // workgroups along a row of C
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;         // [M, K]
@group(0) @binding(2) var<storage, read> b: array<f32>;         // [K, N]
@group(0) @binding(3) var<storage, read_write> c: array<f32>;   // [M, N]

@compute @workgroup_size(TILE_N, TILE_M)
fn matmul_naive(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_id) local_id: vec3<u32>,
) {
    let tile = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let row = tile / params.tiles_n * TILE_M + local_id.y;
    let column = tile % params.tiles_n * TILE_N + local_id.x;
    if (row >= params.m || column >= params.n) {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < params.k; i++) {
        sum = fma(a[row * params.k + i], b[i * params.n + column], sum);
    }
    c[row * params.n + column] = sum;
}
