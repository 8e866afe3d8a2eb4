//! matmul_blocked: C = A * B, row-major, register blocks of vec4.
//!
//! One workgroup computes a TILE_M x TILE_N tile of C, walking K in steps of TILE_K. Invocations first copy a tile of A
//! and a tile of B to workgroup memory, four elements at a time, then each multiplies its ELEMS_M x ELEMS_N part in
//! registers: rows WORKGROUP_M apart, groups of four columns WORKGROUP_N groups apart, so that neighbours read
//! neighbouring words of workgroup memory.
//!
//!           TILE_K        TILE_N             TILE_N
//!          +------+     +--------+         +--------+
//!   TILE_M |  A   |  *  |   B    | TILE_K =|   C    | TILE_M
//!          +------+     +--------+         +--------+
//!
//! Intensity: TILE_M * TILE_N / (2 * (TILE_M + TILE_N)) FLOP/B in f32, 16 at 64 x 64.
//! Workgroup memory: 9 KiB. Works for any M, N, K; loads are 16 bytes wide where K and N are multiples of four.

// One element of a binding: vec4<f32> where K and N are multiples of four, which VECTOR says; f32 otherwise.
alias Chunk = f32;
const VECTOR: bool = false;

const TILE_M: u32 = 64;   // rows of C per workgroup
const TILE_N: u32 = 64;   // columns of C per workgroup
const TILE_K: u32 = 16;   // depth of one step through K
const ELEMS_M: u32 = 8;   // rows of C per invocation
const ELEMS_N: u32 = 4;   // columns of C per invocation

const WORKGROUP_M: u32 = TILE_M / ELEMS_M;
const WORKGROUP_N: u32 = TILE_N / ELEMS_N;
const WORKGROUP: u32 = WORKGROUP_M * WORKGROUP_N;
const TILE_K4: u32 = TILE_K / 4u;
const TILE_N4: u32 = TILE_N / 4u;
const ELEMS_N4: u32 = ELEMS_N / 4u;
const LOADS_A: u32 = TILE_M * TILE_K4 / WORKGROUP;   // vec4 of A that an invocation copies in one step
const LOADS_B: u32 = TILE_K * TILE_N4 / WORKGROUP;   // vec4 of B
const A_STRIDE: u32 = TILE_K4 + 1u;                  // one vec4 of padding moves each row to other banks
const_assert TILE_M % ELEMS_M == 0;
const_assert TILE_N % ELEMS_N == 0;
const_assert TILE_K % 4 == 0;
const_assert ELEMS_N % 4 == 0;
const_assert TILE_M * TILE_K4 % WORKGROUP == 0;
const_assert TILE_K * TILE_N4 % WORKGROUP == 0;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,   // workgroups along a row of C
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Chunk>;       // [M, K]
@group(0) @binding(2) var<storage, read> b: array<Chunk>;       // [K, N]
@group(0) @binding(3) var<storage, read_write> c: array<f32>;   // [M, N]

var<workgroup> a_tile: array<array<vec4<f32>, A_STRIDE>, TILE_M>;   // [row][k / 4]
var<workgroup> b_tile: array<array<vec4<f32>, TILE_N4>, TILE_K>;    // [k][column / 4]

// Four elements of a row of A, from column `k`; zeros beyond the edges add nothing to a product.
fn load_a(row: u32, k: u32) -> vec4<f32> {
    var value = vec4<f32>();
    if (row < params.m) {
        let first = row * params.k + k;
        if (VECTOR) {
            if (k < params.k) {
                value = vec4<f32>(a[first / 4u]);
            }
        } else {
            // vec4(x).x is x for an f32: the one spelling that both meanings of Chunk accept.
            // unroll
            for (var i = 0u; i < 4u; i++) {
                if (k + i < params.k) {
                    value[i] = vec4<f32>(a[first + i]).x;
                }
            }
        }
    }
    return value;
}

// Four elements of row `k` of B, from column `column`.
fn load_b(k: u32, column: u32) -> vec4<f32> {
    var value = vec4<f32>();
    if (k < params.k) {
        let first = k * params.n + column;
        if (VECTOR) {
            if (column < params.n) {
                value = vec4<f32>(b[first / 4u]);
            }
        } else {
            // unroll
            for (var i = 0u; i < 4u; i++) {
                if (column + i < params.n) {
                    value[i] = vec4<f32>(b[first + i]).x;
                }
            }
        }
    }
    return value;
}

@compute @workgroup_size(WORKGROUP)
fn matmul_blocked(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let tile = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let first_row = tile / params.tiles_n * TILE_M;
    let first_column = tile % params.tiles_n * TILE_N;
    let local_m = local_index / WORKGROUP_N;
    let local_n = local_index % WORKGROUP_N;

    var sum: array<array<vec4<f32>, ELEMS_N4>, ELEMS_M>;
    for (var base = 0u; base < params.k; base += TILE_K) {
        // unroll
        for (var load = 0u; load < LOADS_A; load++) {
            let place = local_index + load * WORKGROUP;
            let row = place / TILE_K4;
            let k4 = place % TILE_K4;
            a_tile[row][k4] = load_a(first_row + row, base + 4u * k4);
        }
        // unroll
        for (var load = 0u; load < LOADS_B; load++) {
            let place = local_index + load * WORKGROUP;
            let k = place / TILE_N4;
            let n4 = place % TILE_N4;
            b_tile[k][n4] = load_b(base + k, first_column + 4u * n4);
        }
        workgroupBarrier();
        // unroll
        for (var k4 = 0u; k4 < TILE_K4; k4++) {
            var a_part: array<vec4<f32>, ELEMS_M>;
            // unroll
            for (var i = 0u; i < ELEMS_M; i++) {
                a_part[i] = a_tile[i * WORKGROUP_M + local_m][k4];
            }
            // unroll
            for (var k = 0u; k < 4u; k++) {
                // unroll
                for (var j = 0u; j < ELEMS_N4; j++) {
                    let b_part = b_tile[4u * k4 + k][j * WORKGROUP_N + local_n];
                    // unroll
                    for (var i = 0u; i < ELEMS_M; i++) {
                        sum[i][j] = fma(vec4<f32>(a_part[i][k]), b_part, sum[i][j]);
                    }
                }
            }
        }
        workgroupBarrier();
    }

    // unroll
    for (var i = 0u; i < ELEMS_M; i++) {
        let row = first_row + i * WORKGROUP_M + local_m;
        // unroll
        for (var j = 0u; j < ELEMS_N4; j++) {
            let column = first_column + 4u * (j * WORKGROUP_N + local_n);
            // unroll
            for (var l = 0u; l < 4u; l++) {
                if (row < params.m && column + l < params.n) {
                    c[row * params.n + column + l] = sum[i][j][l];
                }
            }
        }
    }
}
