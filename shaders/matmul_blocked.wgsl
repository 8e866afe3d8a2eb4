//! matmul_blocked: C = activation(alpha * op(A) * op(B) + beta * C + bias), batched, register blocks of vec4.
//!
//! One workgroup computes a TILE_M x TILE_N tile of C, walking K in steps of TILE_K. Both tiles lie in workgroup memory
//! with a fixed k contiguous, so that one vec4 holds four rows of A or four columns of B. Invocations move the tiles in
//! blocks of 4 x 4, which are transposed in registers where memory runs along k; the blocks of the next step are
//! fetched while those of the current one are multiplied.
//!
//!           TILE_K        TILE_N             TILE_N
//!          +------+     +--------+         +--------+
//!   TILE_M |  A   |  *  |   B    | TILE_K =|   C    | TILE_M
//!          +------+     +--------+         +--------+
//!
//! The last tiles of a row or column begin earlier, so that they are full; only k beyond its end needs zeros.
//! Without EPILOGUE it stores plain sums over one of `splits` parts of K, each to a plane of its own.
//!
//! Intensity: TILE_M * TILE_N / (2 * (TILE_M + TILE_N)) FLOP/B in f32, 16 at 64 x 64.
//! Workgroup memory: 8.5 KiB. Works for any M, N, K; loads are four elements wide where strides and sizes allow it.

alias ElemA = f32;    // f32 or f16
alias ElemB = f32;
alias ElemC = f32;
alias ChunkA = f32;   // what one load of A fetches: ElemA, or vec4<ElemA> where VECTOR_A
alias ChunkB = f32;
alias ChunkC = array<f32, 1>;   // what one store writes: WIDTH_C elements; array<ElemC, 1> or vec4<ElemC>
const VECTOR_A: bool = false;
const VECTOR_B: bool = false;
const WIDTH_C: u32 = 1;

const TRANSPOSED_A: bool = false;   // A lies in memory as [K, M]
const TRANSPOSED_B: bool = false;   // B lies in memory as [N, K]
const CLAMP: bool = true;           // M or N is less than a tile: what lies beyond reads the last row or column
const RAGGED_K: bool = true;        // a part of K ends within a step
const EPILOGUE: bool = true;        // alpha, beta, bias and activation apply
const BETA: bool = false;           // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;          // 0 none, 1 relu, 2 gelu, 3 silu

const TILE_M: u32 = 64;    // rows of C per workgroup
const TILE_N: u32 = 64;    // columns of C per workgroup
const TILE_K: u32 = 16;    // depth of one step through K
const UNROLL_K: u32 = 16;  // part of that which is written out: code that outgrows the instruction cache is slow
const ELEMS_M: u32 = 4;    // rows of C per invocation
const ELEMS_N: u32 = 4;    // columns of C per invocation
const LANES_M: u32 = 4;    // neighbouring invocations form LANES_M x LANES_N: fewer distinct reads of workgroup memory
const LANES_N: u32 = 8;
const BUFFERS: u32 = 1;    // tiles in workgroup memory; 2 save a barrier a step
const PAD: u32 = 1;        // vec4 beyond each row of a tile, which moves the next row to other banks
const GROUP: u32 = 8;      // columns of tiles that are walked row by row, so that their part of B stays in the cache

const WORKGROUP_M: u32 = TILE_M / ELEMS_M;
const WORKGROUP_N: u32 = TILE_N / ELEMS_N;
const WORKGROUP: u32 = WORKGROUP_M * WORKGROUP_N;
const LANES: u32 = LANES_M * LANES_N;
const GROUPS_N: u32 = WORKGROUP_N / LANES_N;
const TILE_K4: u32 = TILE_K / 4u;
const TILE_M4: u32 = TILE_M / 4u;
const TILE_N4: u32 = TILE_N / 4u;
const ELEMS_M4: u32 = ELEMS_M / 4u;
const ELEMS_N4: u32 = ELEMS_N / 4u;
const BLOCKS_A: u32 = TILE_M4 * TILE_K4;
const BLOCKS: u32 = BLOCKS_A + TILE_N4 * TILE_K4;
const LOADS: u32 = (BLOCKS + WORKGROUP - 1u) / WORKGROUP;   // blocks that an invocation moves in one step
const STRIDE_A: u32 = TILE_M4 + PAD;
const STRIDE_B: u32 = TILE_N4 + PAD;
const PARTS_K: u32 = TILE_K / UNROLL_K;
const_assert TILE_M % ELEMS_M == 0;
const_assert TILE_N % ELEMS_N == 0;
const_assert TILE_K % 4 == 0;
const_assert TILE_K % UNROLL_K == 0;
const_assert ELEMS_M % 4 == 0;
const_assert ELEMS_N % 4 == 0;
const_assert WORKGROUP_M % LANES_M == 0;
const_assert WORKGROUP_N % LANES_N == 0;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,    // workgroups along a row of C
    planes: u32,     // batch * splits
    splits: u32,     // parts of K
    split_k: u32,    // depth of a part
    a_first: u32,    // elements before the first one
    b_first: u32,
    c_first: u32,
    a_row: u32,      // elements from one row of op(A) to the next
    a_k: u32,        // elements from one k to the next
    b_k: u32,
    b_column: u32,
    c_row: u32,
    a_batch: u32,    // elements from one matrix to the next
    b_batch: u32,
    c_batch: u32,
    alpha: f32,
    beta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ChunkA>;         // [batch, M, K]
@group(0) @binding(2) var<storage, read> b: array<ChunkB>;         // [batch, K, N]
@group(0) @binding(3) var<storage, read> bias: array<f32>;         // [N]
@group(0) @binding(4) var<storage, read_write> c: array<ChunkC>;   // [batch, M, N]

var<workgroup> a_tile: array<array<array<vec4<f32>, STRIDE_A>, UNROLL_K>, BUFFERS * PARTS_K>;   // [part][k][row / 4]
var<workgroup> b_tile: array<array<array<vec4<f32>, STRIDE_B>, UNROLL_K>, BUFFERS * PARTS_K>;   // [part][k][column / 4]

// A scalar load has neighbouring invocations fetch neighbouring elements, so the four of a block lie apart.
const SPREAD_A: bool = !VECTOR_A;
const SPREAD_B: bool = !VECTOR_B;
const SPREAD_M: bool = SPREAD_A && TRANSPOSED_A;
const SPREAD_N: bool = SPREAD_B && !TRANSPOSED_B;
const SPREAD_KA: bool = SPREAD_A && !TRANSPOSED_A;
const SPREAD_KB: bool = SPREAD_B && TRANSPOSED_B;

// Element `i` of vec4 `slot` along a side of `count` vec4.
fn element(slot: u32, i: u32, count: u32, spread: bool) -> u32 {
    if (spread) {
        return slot + i * count;
    }
    return 4u * slot + i;
}

// (slot along M or N, slot along K) of block `place`; neighbours lie next to each other in memory.
fn block_slots(place: u32, count: u32, along_k: bool) -> vec2<u32> {
    if (along_k) {
        return vec2<u32>(place / TILE_K4, place % TILE_K4);
    }
    return vec2<u32>(place % count, place / count);
}

// Four elements of A from element `at`, or that one four times.
fn chunk_a(at: u32) -> vec4<f32> {
    if (VECTOR_A) {
        return vec4<f32>(vec4<ElemA>(a[at / 4u]));
    }
    return vec4<f32>(vec4<ElemA>(a[at]));
}

fn chunk_b(at: u32) -> vec4<f32> {
    if (VECTOR_B) {
        return vec4<f32>(vec4<ElemB>(b[at / 4u]));
    }
    return vec4<f32>(vec4<ElemB>(b[at]));
}

// A block of A: column `kk` holds the four rows at the block's k number `kk`, `k` being its first. `first` is where
// row 0, k 0 lies. Zeros stand for what lies at or beyond `k_end`.
fn load_a(slots: vec2<u32>, first_row: u32, first: u32, k: u32, k_end: u32) -> mat4x4<f32> {
    let row = first_row + element(slots.x, 0u, TILE_M4, SPREAD_M);
    let corner = first + row * params.a_row + k * params.a_k;
    var block = mat4x4<f32>();
    // unroll
    for (var i = 0u; i < 4u; i++) {
        if (TRANSPOSED_A) {
            if (!RAGGED_K || k + i < k_end) {
                if (VECTOR_A) {
                    let beyond = max(row + 4u, params.m) - params.m;
                    block[i] = chunk_a(corner + i * params.a_k - select(0u, beyond, CLAMP));
                } else {
                    // unroll
                    for (var l = 0u; l < 4u; l++) {
                        let to = select(row + l * TILE_M4, min(row + l * TILE_M4, params.m - 1u), CLAMP);
                        block[i][l] = chunk_a(corner + i * params.a_k + to - row).x;
                    }
                }
            }
        } else {
            var at = corner + i * params.a_row;
            if (CLAMP) {
                at = first + min(row + i, params.m - 1u) * params.a_row + k * params.a_k;
            }
            if (VECTOR_A) {
                if (!RAGGED_K || k < k_end) {
                    block[i] = chunk_a(at);
                }
            } else {
                // unroll
                for (var l = 0u; l < 4u; l++) {
                    if (!RAGGED_K || k + l * TILE_K4 < k_end) {
                        block[i][l] = chunk_a(at + l * TILE_K4).x;
                    }
                }
            }
        }
    }
    if (TRANSPOSED_A) {
        return block;
    }
    return transpose(block);
}

// A block of B: column `kk` holds the four columns at the block's k number `kk`.
fn load_b(slots: vec2<u32>, first_column: u32, first: u32, k: u32, k_end: u32) -> mat4x4<f32> {
    let column = first_column + element(slots.x, 0u, TILE_N4, SPREAD_N);
    let corner = first + column * params.b_column + k * params.b_k;
    var block = mat4x4<f32>();
    // unroll
    for (var i = 0u; i < 4u; i++) {
        if (!TRANSPOSED_B) {
            if (!RAGGED_K || k + i < k_end) {
                if (VECTOR_B) {
                    let beyond = max(column + 4u, params.n) - params.n;
                    block[i] = chunk_b(corner + i * params.b_k - select(0u, beyond, CLAMP));
                } else {
                    // unroll
                    for (var l = 0u; l < 4u; l++) {
                        let to = select(column + l * TILE_N4, min(column + l * TILE_N4, params.n - 1u), CLAMP);
                        block[i][l] = chunk_b(corner + i * params.b_k + to - column).x;
                    }
                }
            }
        } else {
            var at = corner + i * params.b_column;
            if (CLAMP) {
                at = first + min(column + i, params.n - 1u) * params.b_column + k * params.b_k;
            }
            if (VECTOR_B) {
                if (!RAGGED_K || k < k_end) {
                    block[i] = chunk_b(at);
                }
            } else {
                // unroll
                for (var l = 0u; l < 4u; l++) {
                    if (!RAGGED_K || k + l * TILE_K4 < k_end) {
                        block[i][l] = chunk_b(at + l * TILE_K4).x;
                    }
                }
            }
        }
    }
    if (TRANSPOSED_B) {
        return transpose(block);
    }
    return block;
}

// `exp` of more than 80 would near the largest f32.
fn activate(x: f32) -> f32 {
    if (ACTIVATION == 1u) {
        return max(x, 0.0);
    }
    if (ACTIVATION == 2u) {
        // gelu by tanh, with tanh(u) = 1 - 2 / (1 + exp(2 u)) (Hendrycks and Gimpel 2016)
        return x / (1.0 + exp(min(-1.5957691216 * (x + 0.044715 * x * x * x), 80.0)));
    }
    if (ACTIVATION == 3u) {
        return x / (1.0 + exp(min(-x, 80.0)));
    }
    return x;
}

// Stores WIDTH_C sums from column `column` on; `at` is where row begins.
fn store(at: u32, column: u32, sums: array<f32, WIDTH_C>) {
    let place = (at + column) / WIDTH_C;
    var cell: ChunkC;
    // unroll
    for (var l = 0u; l < WIDTH_C; l++) {
        var value = sums[l];
        if (EPILOGUE) {
            value *= params.alpha;
            if (BETA) {
                let before = c[place];
                value += params.beta * f32(before[l]);
            }
            if (BIAS) {
                value += bias[column + l];
            }
            value = activate(value);
        }
        cell[l] = ElemC(value);
    }
    c[place] = cell;
}

// The blocks of an invocation for the step through K that begins at `base`.
fn fetch(local_index: u32, corner: vec2<u32>, firsts: vec2<u32>, base: u32, k_end: u32) -> array<mat4x4<f32>, LOADS> {
    var blocks: array<mat4x4<f32>, LOADS>;
    // unroll
    for (var load = 0u; load < LOADS; load++) {
        let place = local_index + load * WORKGROUP;
        if (place < BLOCKS_A) {
            let slots = block_slots(place, TILE_M4, !TRANSPOSED_A);
            let k = base + element(slots.y, 0u, TILE_K4, SPREAD_KA);
            blocks[load] = load_a(slots, corner.x, firsts.x, k, k_end);
        } else if (place < BLOCKS) {
            let slots = block_slots(place - BLOCKS_A, TILE_N4, TRANSPOSED_B);
            let k = base + element(slots.y, 0u, TILE_K4, SPREAD_KB);
            blocks[load] = load_b(slots, corner.y, firsts.y, k, k_end);
        }
    }
    return blocks;
}

fn keep(local_index: u32, to_part: u32, blocks: array<mat4x4<f32>, LOADS>) {
    // unroll
    for (var load = 0u; load < LOADS; load++) {
        let place = local_index + load * WORKGROUP;
        if (place < BLOCKS_A) {
            let slots = block_slots(place, TILE_M4, !TRANSPOSED_A);
            // unroll
            for (var i = 0u; i < 4u; i++) {
                let k = element(slots.y, i, TILE_K4, SPREAD_KA);
                a_tile[to_part + k / UNROLL_K][k % UNROLL_K][slots.x] = blocks[load][i];
            }
        } else if (place < BLOCKS) {
            let slots = block_slots(place - BLOCKS_A, TILE_N4, TRANSPOSED_B);
            // unroll
            for (var i = 0u; i < 4u; i++) {
                let k = element(slots.y, i, TILE_K4, SPREAD_KB);
                b_tile[to_part + k / UNROLL_K][k % UNROLL_K][slots.x] = blocks[load][i];
            }
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn matmul_blocked(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let tiles_m = (params.m + TILE_M - 1u) / TILE_M;
    let tiles = tiles_m * params.tiles_n;
    let id = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let plane = id / tiles;
    let tile = id % tiles;
    let group = tile / (GROUP * tiles_m);
    let in_group = tile % (GROUP * tiles_m);
    let columns = min(GROUP, params.tiles_n - group * GROUP);
    let own_row = in_group / columns * TILE_M;
    let own_column = (group * GROUP + in_group % columns) * TILE_N;
    var first_row = own_row;
    var first_column = own_column;
    if (!CLAMP) {
        // The last tiles begin earlier, so that they are full; what belongs to their neighbours is not stored.
        first_row = min(own_row, params.m - TILE_M);
        first_column = min(own_column, params.n - TILE_N);
    }

    let matrix = plane / params.splits;
    let k_begin = plane % params.splits * params.split_k;
    // Workgroups beyond the last plane, which only fill the grid, walk no k and store no row.
    let rows = select(0u, params.m, plane < params.planes);
    let k_end = select(0u, min(params.k, k_begin + params.split_k), plane < params.planes);
    let steps = (max(k_end, k_begin) - k_begin + TILE_K - 1u) / TILE_K;
    let a_base = params.a_first + matrix * params.a_batch;
    let b_base = params.b_first + matrix * params.b_batch;

    let lane = local_index % LANES;
    let lanes = local_index / LANES;
    let local_m = lanes / GROUPS_N * LANES_M + lane / LANES_N;
    let local_n = lanes % GROUPS_N * LANES_N + lane % LANES_N;

    var sum: array<array<vec4<f32>, ELEMS_N4>, ELEMS_M>;
    let corner = vec2<u32>(first_row, first_column);
    let firsts = vec2<u32>(a_base, b_base);
    var next: array<mat4x4<f32>, LOADS>;
    if (steps > 0u) {
        next = fetch(local_index, corner, firsts, k_begin, k_end);
    }
    for (var step = 0u; step < steps; step++) {
        let first_part = step % BUFFERS * PARTS_K;
        keep(local_index, first_part, next);
        workgroupBarrier();
        // The last step fetches its own blocks once more: a branch here would cost more.
        next = fetch(local_index, corner, firsts, k_begin + min(step + 1u, steps - 1u) * TILE_K, k_end);
        for (var part = 0u; part < PARTS_K; part++) {
            // unroll
            for (var k = 0u; k < UNROLL_K; k++) {
                var a_part: array<vec4<f32>, ELEMS_M4>;
                // unroll
                for (var i = 0u; i < ELEMS_M4; i++) {
                    a_part[i] = a_tile[first_part + part][k][i * WORKGROUP_M + local_m];
                }
                // unroll
                for (var j = 0u; j < ELEMS_N4; j++) {
                    let b_part = b_tile[first_part + part][k][j * WORKGROUP_N + local_n];
                    // unroll
                    for (var i = 0u; i < ELEMS_M; i++) {
                        sum[i][j] = fma(vec4<f32>(a_part[i / 4u][i % 4u]), b_part, sum[i][j]);
                    }
                }
            }
        }
        if (BUFFERS == 1u) {
            workgroupBarrier();
        }
    }

    // unroll
    for (var i = 0u; i < ELEMS_M; i++) {
        let row = first_row + element(i / 4u * WORKGROUP_M + local_m, i % 4u, TILE_M4, SPREAD_M);
        if (row >= own_row && row < rows) {
            var at = params.c_first + matrix * params.c_batch + row * params.c_row;
            if (!EPILOGUE) {
                at = params.c_first + (plane * params.m + row) * params.n;
            }
            // unroll
            for (var j = 0u; j < ELEMS_N4; j++) {
                // unroll
                for (var l = 0u; l < 4u; l += WIDTH_C) {
                    let column = first_column + element(j * WORKGROUP_N + local_n, l, TILE_N4, SPREAD_N);
                    if (column >= own_column && column < params.n) {
                        var sums: array<f32, WIDTH_C>;
                        // unroll
                        for (var e = 0u; e < WIDTH_C; e++) {
                            sums[e] = sum[i][j][l + e];
                        }
                        store(at, column, sums);
                    }
                }
            }
        }
    }
}
