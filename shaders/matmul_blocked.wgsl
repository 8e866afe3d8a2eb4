//! matmul_blocked: C = activation(alpha * op(A) * op(B) + beta * C + bias), batched, register blocks of vec4.
//!
//! One workgroup computes a TILE_M x TILE_N tile of C, in a loop over K in steps of TILE_K. Both tiles lie in workgroup
//! memory with the elements of one k contiguous, so that one vec4 holds four rows of A or four columns of B. All invocations
//! move the same number of chunks. The chunks of the next step are fetched while the current ones are multiplied.
//! Addresses advance by uniform strides from the first chunk, since any other instruction costs as much as a product.
//!
//!           TILE_K        TILE_N             TILE_N
//!          +------+     +--------+         +--------+
//!   TILE_M |  A   |  *  |   B    | TILE_K =|   C    | TILE_M
//!          +------+     +--------+         +--------+
//!
//! The last tiles of a row or column begin earlier, so that they are full. Only elements past the end of K become zeros.
//! With QUANTIZED, B has quantised weights, [N, K]: an invocation fetches four quants with their scale, and makes f32 of them on
//! the way to workgroup memory. The host swaps the snippet weights_q4_0 for that of the format.
//! With SPLIT_K above 1, a workgroup stores plain sums over one of `splits` parts of K, in the plane of that part.
//!
//! Intensity: TILE_M * TILE_N / (2 * (TILE_M + TILE_N)) FLOP/B in f32, 16 at 64 x 64.
//! Workgroup memory: 8 KiB. Works for any M, N, K; loads are four elements wide where strides and sizes allow it.

alias ElemA = f32;    // f32 or f16
alias ElemB = f32;
alias ElemC = f32;
alias Value = f32;     // what `activate` takes
alias ValueBits = i32;   // the bits of a Value
alias ChunkA = f32;   // one load of A: ElemA, or vec4<ElemA> with VECTOR_A
alias ChunkB = f32;
alias ChunkC = array<f32, 1>;   // one store of C: WIDTH_C elements; array<ElemC, 1> or vec4<ElemC>
const VECTOR_A: bool = false;
const VECTOR_B: bool = false;
const WIDTH_C: u32 = 1;

const TRANSPOSED_A: bool = false;   // A lies in memory as [K, M]
const TRANSPOSED_B: bool = false;   // B lies in memory as [N, K]
const QUANTIZED: bool = false;      // B has quants and scales in place of elements
const BITS: u32 = 4;                // bits of a quant: 4, 6 or 8
const CLAMP: bool = true;           // M or N is less than a tile: elements past the edge read the last row or column
const RAGGED_K: bool = true;        // a part of K ends within a step
const SPLIT_K: u32 = 1;             // parts of K that are summed separately; matmul_reduce adds them up
const EPILOGUE: bool = SPLIT_K <= 1; // alpha, beta, bias and activation apply
const BETA: bool = false;           // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;          // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;              // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit

const TILE_M: u32 = 64;    // rows of C per workgroup
const TILE_N: u32 = 64;    // columns of C per workgroup
const TILE_K: u32 = 16;    // depth of one step through K
const ELEMS_M: u32 = 4;    // rows of C per invocation
const ELEMS_N: u32 = 4;    // columns of C per invocation
const LANES_M: u32 = 4;    // invocations along M of 32 neighbours; 4 need few distinct reads of workgroup memory
const BUFFERS: u32 = 1;    // tiles in workgroup memory; 2 save one barrier per step
const STORE_EARLY: bool = false; // the next tile is stored at the end of a step instead of at the start of its own
const SERPENTINE: bool = false;   // products go down one column and up the next instead of row by row
const GROUP: u32 = 8;      // columns of tiles that are taken row by row, so that their part of B stays in cache

const WORKGROUP_M: u32 = TILE_M / ELEMS_M;
const WORKGROUP_N: u32 = TILE_N / ELEMS_N;
const WORKGROUP: u32 = WORKGROUP_M * WORKGROUP_N;
const LANES_N: u32 = 32u / LANES_M;
const GROUPS_N: u32 = WORKGROUP_N / LANES_N;
const TILE_M4: u32 = TILE_M / 4u;
const TILE_N4: u32 = TILE_N / 4u;
const ELEMS_M4: u32 = ELEMS_M / 4u;
const ELEMS_N4: u32 = ELEMS_N / 4u;
const WIDTH_A: u32 = select(1u, 4u, VECTOR_A);   // elements in a chunk
const WIDTH_B: u32 = select(1u, 4u, VECTOR_B);
const ALONG_A: bool = !TRANSPOSED_A;             // memory is contiguous along K
const ALONG_B: bool = TRANSPOSED_B;
const LINE_A: u32 = select(TILE_M, TILE_K, ALONG_A) / WIDTH_A;   // chunks of a tile that lie next to each other
const LINE_B: u32 = select(TILE_N, TILE_K, ALONG_B) / WIDTH_B;
const LOADS_A: u32 = TILE_M * TILE_K / WIDTH_A / WORKGROUP;      // chunks that an invocation moves in one step
const LOADS_B: u32 = TILE_N * TILE_K / WIDTH_B / WORKGROUP;
const_assert TILE_M % ELEMS_M == 0;
const_assert TILE_N % ELEMS_N == 0;
const_assert TILE_K % 4 == 0;
const_assert !QUANTIZED || (ALONG_B && VECTOR_B);
const_assert ELEMS_M % 4 == 0;
const_assert ELEMS_N % 4 == 0;
const_assert WORKGROUP_M % LANES_M == 0;
const_assert WORKGROUP_N % LANES_N == 0;
const_assert WORKGROUP_M % 8 == 0;
const_assert WORKGROUP_N % 8 == 0;
const_assert LOADS_A * WORKGROUP * WIDTH_A == TILE_M * TILE_K;
const_assert LOADS_B * WORKGROUP * WIDTH_B == TILE_N * TILE_K;
const_assert WORKGROUP % LINE_A * (LINE_A % WORKGROUP) == 0;
const_assert WORKGROUP % LINE_B * (LINE_B % WORKGROUP) == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ChunkA>;         // [batch, M, K]
@group(0) @binding(2) var<storage, read> b: array<ChunkB>;         // [batch, K, N]
@group(0) @binding(3) var<storage, read> bias: array<f32>;         // [N]
@group(0) @binding(4) var<storage, read_write> c: array<ChunkC>;   // [batch, M, N]

@group(0) @binding(5) var<storage, read> quants: array<u32>;       // [batch, N, K / 32 * BITS], with QUANTIZED
@group(0) @binding(6) var<storage, read> scales: array<u32>;       // [batch, N, words of a row's scales]

var<workgroup> a_tile: array<array<array<vec4<f32>, TILE_M4>, TILE_K>, BUFFERS>;   // [buffer][k][row / 4]
var<workgroup> b_tile: array<array<array<vec4<f32>, TILE_N4>, TILE_K>, BUFFERS>;   // [buffer][k][column / 4]

@compute @workgroup_size(WORKGROUP)
fn matmul_blocked(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    // snippet matmul_tile
    let tiles_m = (params.m + TILE_M - 1u) / TILE_M;
    let tiles = tiles_m * params.tiles_n;
    var id = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    if (BUDGET != 0u) {
        id += params.first;
    }
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
        // The last tiles begin earlier, so that they are full. Elements that belong to a neighbouring tile are not stored.
        first_row = min(own_row, params.m - TILE_M);
        first_column = min(own_column, params.n - TILE_N);
    }

    let matrix = plane / params.splits;
    let k_begin = plane % params.splits * params.split_k;
    // Workgroups past the last plane only fill the grid: they have no k and store no row.
    let rows = select(0u, params.m, plane < params.planes);
    let k_end = select(0u, min(params.k, k_begin + params.split_k), plane < params.planes);
    // end
    let steps = (max(k_end, k_begin) - k_begin + TILE_K - 1u) / TILE_K;
    let a_base = params.a_first + matrix * params.a_batch;
    let b_base = params.b_first + matrix * params.b_batch;

    let lane = local_index % 32u;
    let lanes = local_index / 32u;
    let local_m = lanes / GROUPS_N * LANES_M + lane / 2u % LANES_M;
    let local_n = lanes % GROUPS_N * LANES_N + lane % 2u + lane / (2u * LANES_M) * 2u;

    let a_corner = corner_of(chunk_place(local_index, 0u, LINE_A), ALONG_A, WIDTH_A);
    let b_corner = corner_of(chunk_place(local_index, 0u, LINE_B), ALONG_B, WIDTH_B);
    var a_first = a_base + k_begin * params.a_k;
    var b_first = b_base + k_begin * params.b_k;
    var a_at = (a_first + (first_row + a_corner.x) * params.a_row + a_corner.y * params.a_k) / WIDTH_A;
    var b_at = (b_first + (first_column + b_corner.x) * params.b_column + b_corner.y * params.b_k) / WIDTH_B;
    var depth = max(k_end, k_begin) - k_begin;

    // Sums are in `single` with SERPENTINE, in `sum` without. The type decides where drivers keep them, which matters as
    // much as the order of products.
    var sum: array<array<vec4<f32>, ELEMS_N4>, ELEMS_M>;
    var single: array<array<f32, ELEMS_N>, ELEMS_M>;
    var a_next: array<ChunkA, LOADS_A>;
    var b_next: array<ChunkB, LOADS_B>;
    var q_next: array<QuantQuad, LOADS_B>;
    let weights_row = b_base / max(params.k, 1u);
    var k_next = k_begin;
    if (depth > 0u) {
        a_next = fetch_a(local_index, first_row, a_first, a_at, depth);
        if (QUANTIZED) {
            q_next = fetch_quants(local_index, first_column, weights_row, k_next);
        } else {
            b_next = fetch_b(local_index, first_column, b_first, b_at, depth);
        }
    }
    if (STORE_EARLY) {
        keep_a(0u, local_index, a_next);
        if (QUANTIZED) {
            keep_quants(0u, local_index, q_next);
        } else {
            keep_b(0u, local_index, b_next);
        }
    }
    for (var step = 0u; step < steps; step++) {
        let buffer = step % BUFFERS;
        if (!STORE_EARLY) {
            keep_a(buffer, local_index, a_next);
            if (QUANTIZED) {
                keep_quants(buffer, local_index, q_next);
            } else {
                keep_b(buffer, local_index, b_next);
            }
        }
        workgroupBarrier();
        // The last step fetches its own chunks once more: a branch here would cost more.
        let ahead = select(0u, TILE_K, step + 1u < steps);
        a_at += ahead * params.a_k / WIDTH_A;
        b_at += ahead * params.b_k / WIDTH_B;
        if (CLAMP) {
            a_first += ahead * params.a_k;
            b_first += ahead * params.b_k;
        }
        if (RAGGED_K) {
            depth -= ahead;
        }
        a_next = fetch_a(local_index, first_row, a_first, a_at, depth);
        if (QUANTIZED) {
            k_next += ahead;
            q_next = fetch_quants(local_index, first_column, weights_row, k_next);
        } else {
            b_next = fetch_b(local_index, first_column, b_first, b_at, depth);
        }
        for (var k = 0u; k < TILE_K; k++) {
            var a_part: array<vec4<f32>, ELEMS_M4>;
            for (var i = 0u; i < ELEMS_M4; i++) {
                let from_m = slot(local_m, k, ALONG_A);
                a_part[i] = a_tile[buffer][k][i * WORKGROUP_M + from_m];
            }
            if (SERPENTINE) {
                var b_part: array<vec4<f32>, ELEMS_N4>;
                for (var j = 0u; j < ELEMS_N4; j++) {
                    let from_n = slot(local_n, k, ALONG_B);
                    b_part[j] = b_tile[buffer][k][j * WORKGROUP_N + from_n];
                }
                for (var j = 0u; j < ELEMS_N; j += 2u) {
                    for (var i = 0u; i < ELEMS_M; i++) {
                        single[i][j] = fma(a_part[i / 4u][i % 4u], b_part[j / 4u][j % 4u], single[i][j]);
                    }
                    for (var up = 0u; up < ELEMS_M; up++) {
                        let i = ELEMS_M - 1u - up;
                        let l = j + 1u;
                        single[i][l] = fma(a_part[i / 4u][i % 4u], b_part[l / 4u][l % 4u], single[i][l]);
                    }
                }
            } else {
                for (var j = 0u; j < ELEMS_N4; j++) {
                    let from_n = slot(local_n, k, ALONG_B);
                    let b_part = b_tile[buffer][k][j * WORKGROUP_N + from_n];
                    for (var i = 0u; i < ELEMS_M; i++) {
                        sum[i][j] = fma(vec4<f32>(a_part[i / 4u][i % 4u]), b_part, sum[i][j]);
                    }
                }
            }
        }
        if (BUFFERS == 1u) {
            workgroupBarrier();
        }
        if (STORE_EARLY) {
            keep_a((step + 1u) % BUFFERS, local_index, a_next);
            if (QUANTIZED) {
                keep_quants((step + 1u) % BUFFERS, local_index, q_next);
            } else {
                keep_b((step + 1u) % BUFFERS, local_index, b_next);
            }
        }
    }

    for (var i = 0u; i < ELEMS_M; i++) {
        let row = first_row + 4u * (i / 4u * WORKGROUP_M + local_m) + i % 4u;
        if (row >= own_row && row < rows) {
            var at = params.c_first + matrix * params.c_batch + row * params.c_row;
            if (!EPILOGUE) {
                at = params.c_first + (plane * params.m + row) * params.n;
            }
            for (var j = 0u; j < ELEMS_N4; j++) {
                for (var l = 0u; l < 4u; l += WIDTH_C) {
                    let column = first_column + 4u * (j * WORKGROUP_N + local_n) + l;
                    if (column >= own_column && column < params.n) {
                        var sums: array<f32, WIDTH_C>;
                        for (var e = 0u; e < WIDTH_C; e++) {
                            sums[e] = sum[i][j][l + e];
                            if (SERPENTINE) {
                                sums[e] = single[i][4u * j + l + e];
                            }
                        }
                        store(at, column, sums);
                    }
                }
            }
        }
    }
}

// Chunk `load` of an invocation as (line, chunk within the line). Terms that depend on `load` are constants.
fn chunk_place(local_index: u32, load: u32, line: u32) -> vec2<u32> {
    let ahead = load * WORKGROUP;
    return vec2<u32>(local_index / line + ahead / line, local_index % line + ahead % line);
}

// The first element of a chunk within its tile, as (row or column, k).
fn corner_of(place: vec2<u32>, along_k: bool, width: u32) -> vec2<u32> {
    if (along_k) {
        return vec2<u32>(place.x, place.y * width);
    }
    return vec2<u32>(place.y * width, place.x);
}

// The slot of vec4 `i` within row `k`. If stores run along K, slots are permuted, since stores would share banks otherwise.
fn slot(i: u32, k: u32, along_k: bool) -> u32 {
    if (along_k) {
        return i ^ (k / 4u % 4u * 2u);
    }
    return i;
}

// The invocation's chunks of a tile of A. `at` is the index of the first one; `depth` elements of K are left.
fn fetch_a(local_index: u32, first_row: u32, first: u32, at: u32, depth: u32) -> array<ChunkA, LOADS_A> {
    var chunks: array<ChunkA, LOADS_A>;
    for (var load = 0u; load < LOADS_A; load++) {
        let ahead = chunk_place(0u, load, LINE_A);
        let corner = corner_of(chunk_place(local_index, load, LINE_A), ALONG_A, WIDTH_A);
        if (!RAGGED_K || corner.y < depth) {
            if (CLAMP) {
                let row = min(first_row + corner.x, params.m - select(WIDTH_A, 1u, ALONG_A));
                chunks[load] = a[(first + row * params.a_row + corner.y * params.a_k) / WIDTH_A];
            } else {
                chunks[load] = a[at + ahead.x * (select(params.a_k, params.a_row, ALONG_A) / WIDTH_A) + ahead.y];
            }
        }
    }
    return chunks;
}

fn fetch_b(local_index: u32, first_column: u32, first: u32, at: u32, depth: u32) -> array<ChunkB, LOADS_B> {
    var chunks: array<ChunkB, LOADS_B>;
    for (var load = 0u; load < LOADS_B; load++) {
        let ahead = chunk_place(0u, load, LINE_B);
        let corner = corner_of(chunk_place(local_index, load, LINE_B), ALONG_B, WIDTH_B);
        if (!RAGGED_K || corner.y < depth) {
            if (CLAMP) {
                let column = min(first_column + corner.x, params.n - select(WIDTH_B, 1u, ALONG_B));
                chunks[load] = b[(first + column * params.b_column + corner.y * params.b_k) / WIDTH_B];
            } else {
                chunks[load] = b[at + ahead.x * (select(params.b_k, params.b_column, ALONG_B) / WIDTH_B) + ahead.y];
            }
        }
    }
    return chunks;
}

fn keep_a(buffer: u32, local_index: u32, chunks: array<ChunkA, LOADS_A>) {
    for (var load = 0u; load < LOADS_A; load++) {
        let corner = corner_of(chunk_place(local_index, load, LINE_A), ALONG_A, WIDTH_A);
        let values = vec4<f32>(vec4<ElemA>(chunks[load]));
        let i = slot(corner.x / 4u, corner.y, ALONG_A);
        if (VECTOR_A && !ALONG_A) {
            a_tile[buffer][corner.y][i] = values;
        } else {
            for (var e = 0u; e < WIDTH_A; e++) {
                a_tile[buffer][corner.y + e][i][corner.x % 4u] = values[e];
            }
        }
    }
}

fn keep_b(buffer: u32, local_index: u32, chunks: array<ChunkB, LOADS_B>) {
    for (var load = 0u; load < LOADS_B; load++) {
        let corner = corner_of(chunk_place(local_index, load, LINE_B), ALONG_B, WIDTH_B);
        let values = vec4<f32>(vec4<ElemB>(chunks[load]));
        let i = slot(corner.x / 4u, corner.y, ALONG_B);
        if (VECTOR_B && !ALONG_B) {
            b_tile[buffer][corner.y][i] = values;
        } else {
            for (var e = 0u; e < WIDTH_B; e++) {
                b_tile[buffer][corner.y + e][i][corner.x % 4u] = values[e];
            }
        }
    }
}

// The words of four quants, and scale, centre and minimum of their group.
struct QuantQuad {
    words: array<u32, BITS>,
    group: vec3<f32>,
}

// The invocation's quants of a tile of B, whose first k is `k`. `first` is the row of the matrix's first column among all weights.
fn fetch_quants(local_index: u32, first_column: u32, first: u32, k: u32) -> array<QuantQuad, LOADS_B> {
    var quads: array<QuantQuad, LOADS_B>;
    for (var load = 0u; load < LOADS_B; load++) {
        let corner = corner_of(chunk_place(local_index, load, LINE_B), ALONG_B, WIDTH_B);
        let row = first + min(first_column + corner.x, params.n - 1u);
        let block = (k + corner.y) / 32u;
        let quad = (k + corner.y) % 32u / 4u;
        quads[load].words = words_of_quad((row * (params.k / 32u) + block) * BITS, quad);
        quads[load].group = load_scales(row, block, quad * GROUPS / 8u);
    }
    return quads;
}

fn keep_quants(buffer: u32, local_index: u32, quads: array<QuantQuad, LOADS_B>) {
    for (var load = 0u; load < LOADS_B; load++) {
        let corner = corner_of(chunk_place(local_index, load, LINE_B), ALONG_B, WIDTH_B);
        let group = quads[load].group;
        let i = slot(corner.x / 4u, corner.y, ALONG_B);
        for (var pair = 0u; pair < 2u; pair++) {
            let values = centred_pair(quads[load].words, pair, group.y) * group.x + group.z;
            b_tile[buffer][corner.y + 2u * pair][i][corner.x % 4u] = values.x;
            b_tile[buffer][corner.y + 2u * pair + 1u][i][corner.x % 4u] = values.y;
        }
    }
}

// Stores WIDTH_C sums from `column` on. `at` is the index of the row's first element.
fn store(at: u32, column: u32, sums: array<f32, WIDTH_C>) {
    let place = (at + column) / WIDTH_C;
    var cell: ChunkC;
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

// snippet weights_q4_0
const GROUPS: u32 = 1;   // groups with a scale of their own in a block of 32
const HAS_MINIMUM: bool = false;
const SCALE_IS_F16: bool = true;

// Scale, centre and minimum of a group: a weight is (quant - centre) * scale + minimum.
fn load_scales(row: u32, block: u32, group: u32) -> vec3<f32> {
    let word = scales[row * ((params.k / 32u + 1u) / 2u) + block / 2u];
    return vec3<f32>(unpack2x16float(word >> (16u * (block % 2u))).x, 8.0, 0.0);
}
// end

// snippet weights_quad
// The words with the quants of a quad, the first two pairs of what is returned. `first` is the block's first word.
fn words_of_quad(first: u32, quad: u32) -> array<u32, BITS> {
    var words: array<u32, BITS>;
    if (BITS == 8u) {
        words[0] = quants[first + quad];
    } else {
        words[0] = quants[first + quad / 2u] >> (8u * (quad % 2u));
        if (BITS == 6u) {
            words[4u % BITS] = quants[first + 4u + quad / 4u] >> (4u * (quad % 4u));
        }
    }
    return words;
}
// end

// snippet weights_pairs
// Quants of elements 2 * pair and 2 * pair + 1 of a block, in the halves of a word.
fn pair_of(words: array<u32, BITS>, pair: u32) -> u32 {
    if (BITS == 8u) {
        return (words[pair / 2u] >> (8u * (pair % 2u))) & 0xff00ffu;
    }
    let low = (words[pair / 4u] >> (4u * (pair % 4u))) & 0xf000fu;
    if (BITS == 6u) {
        return low | (((words[(4u + pair / 8u) % BITS] >> (2u * (pair % 8u))) & 0x30003u) << 4u);
    }
    return low;
}

// The two quants of a pair as floats, less the centre of their group. An f16 of 1024 has an integer below 1024 in its mantissa, and
// conversions of f16 are cheaper than those of integers.
fn centred_pair(words: array<u32, BITS>, pair: u32, centre: f32) -> vec2<f32> {
    return unpack2x16float(pair_of(words, pair) | 0x64006400u) - (1024.0 + centre);
}
// end

// snippet matmul_params
struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,    // workgroups along a row of C
    planes: u32,     // batch * splits
    splits: u32,     // parts of K
    split_k: u32,    // depth of a part
    a_first: u32,    // elements before the first one of the operand
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
    first: u32,      // workgroups of earlier dispatches, if BUDGET is not 0
}
// end

// snippet matmul_activate
// Tests are on bits: `max` may ignore NaN, and compilers that assume that there is none make `max` of a comparison.
const NEGATIVE_INFINITY: i32 = -0x800000;   // bits of -inf; those of other negative numbers are less

fn activate(x: Value) -> Value {
    if (ACTIVATION == 1u) {
        return select(x, Value(0.0), bitcast<ValueBits>(x) <= ValueBits(NEGATIVE_INFINITY));
    }
    // gelu by tanh (Hendrycks and Gimpel 2016) and silu are x / (1 + exp(-t)). The exponent is never above 0.
    if (ACTIVATION == 2u) {
        return x * logistic(1.5957691216 * (x + 0.044715 * x * x * x));
    }
    if (ACTIVATION == 3u) {
        return x * logistic(x);
    }
    return x;
}

// 1 / (1 + exp(-t))
fn logistic(t: Value) -> Value {
    let e = exp(-abs(t));
    return select(Value(1.0), e, t < Value(0.0)) / (1.0 + e);
}
// end
