//! matmul_tiled: C = A * B, row-major, through square tiles in workgroup memory.
//!
//! One workgroup computes a TILE x TILE tile of C, one element for each invocation, walking K in steps of TILE. Each
//! element of A and B is loaded once for TILE uses.
//!
//!          TILE         TILE           TILE
//!         +----+       +----+         +----+
//!   TILE  | A  |   *   | B  |  TILE = | C  |  TILE
//!         +----+       +----+         +----+
//!
//! Intensity: TILE / 4 FLOP/B in f32, 4 at 16. Workgroup memory: 2 KiB. Works for any M, N, K.

const TILE: u32 = 16;

const TILE_M: u32 = TILE;   // rows of C per workgroup
const TILE_N: u32 = TILE;   // columns of C per workgroup

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

var<workgroup> a_tile: array<array<f32, TILE>, TILE>;   // [row][k]
var<workgroup> b_tile: array<array<f32, TILE>, TILE>;   // [k][column]

@compute @workgroup_size(TILE, TILE)
fn matmul_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_id) local_id: vec3<u32>,
) {
    let tile = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let row = tile / params.tiles_n * TILE + local_id.y;
    let column = tile % params.tiles_n * TILE + local_id.x;
    var sum = 0.0;
    for (var base = 0u; base < params.k; base += TILE) {
        // Zeros beyond the edges add nothing.
        var a_value = 0.0;
        var b_value = 0.0;
        if (row < params.m && base + local_id.x < params.k) {
            a_value = a[row * params.k + base + local_id.x];
        }
        if (base + local_id.y < params.k && column < params.n) {
            b_value = b[(base + local_id.y) * params.n + column];
        }
        a_tile[local_id.y][local_id.x] = a_value;
        b_tile[local_id.y][local_id.x] = b_value;
        workgroupBarrier();
        // unroll
        for (var i = 0u; i < TILE; i++) {
            sum = fma(a_tile[local_id.y][i], b_tile[i][local_id.x], sum);
        }
        workgroupBarrier();
    }
    if (row < params.m && column < params.n) {
        c[row * params.n + column] = sum;
    }
}
