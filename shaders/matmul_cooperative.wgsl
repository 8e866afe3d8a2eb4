//! matmul_cooperative: C = activation(alpha * op(A) * op(B) + beta * C + bias), batched, on matrix units.
//!
//! One workgroup computes a TILE_M x TILE_N tile of C, one subgroup a SUBGROUP_M x SUBGROUP_N part of it, in fragments of
//! FRAGMENT x FRAGMENT that the subgroup's invocations hold together. Tiles of A and B have the same layout in workgroup
//! memory as in memory, with rows padded against bank conflicts. They are moved a Chunk at a time. The chunks of the next
//! step through K are fetched while the current ones are multiplied.
//!
//!           TILE_K        TILE_N             TILE_N
//!          +------+     +--------+         +--------+
//!   TILE_M |  A   |  *  |   B    | TILE_K =|   C    | TILE_M
//!          +------+     +--------+         +--------+
//!
//! The last tiles of a row or column begin earlier, so that they are full. Only elements past the end of K become zeros.
//! With EPILOGUE, fragments of C pass through workgroup memory. Without EPILOGUE, f32 sums go to `sums`: with DIRECT, whole
//! fragments are stored directly, and otherwise they pass through workgroup memory too.
//!
//! Intensity: TILE_M * TILE_N / (TILE_M + TILE_N) FLOP/B in f16, 32 at 64 x 64.
//! Workgroup memory: 11.5 KiB. Works for any M, N, K where a subgroup has LANES invocations.

enable wgpu_cooperative_matrix;

alias ElemC = f32;      // type of C, with EPILOGUE
alias Value = f32;     // what `activate` takes
alias ValueBits = i32;   // the bits of a Value
alias Chunk = f32;      // one load: WIDTH elements; f32 or f16, or vec4 of them
const WIDTH: u32 = 1;
alias FragmentA = coop_mat8x8<f32, A>;
alias FragmentB = coop_mat8x8<f32, B>;
alias Sums = coop_mat8x8<f32, C>;
const FRAGMENT: u32 = 8;
const LANES: u32 = 32;   // invocations of a subgroup
const SUBGROUPS_VARY: bool = false;   // the device has subgroups of several sizes

const TRANSPOSED_A: bool = false;   // A lies in memory as [K, M]
const TRANSPOSED_B: bool = false;   // B lies in memory as [N, K]
const CLAMP: bool = true;           // M or N is less than a tile: elements past the edge read the last row or column
const RAGGED_K: bool = true;        // a part of K ends within a step
const EDGES: bool = true;           // M or N ends within a tile
const SPLIT_K: u32 = 1;             // parts of K that are summed separately; matmul_reduce adds them up
const EPILOGUE: bool = true;        // alpha, beta, bias and activation apply; never with parts of K
const DIRECT: bool = true;          // f32 sums begin at multiples of 16 bytes, so that fragments can be stored directly
const BETA: bool = false;           // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;          // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;              // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit

const TILE_M: u32 = 64;       // rows of C per workgroup
const TILE_N: u32 = 64;       // columns of C per workgroup
const TILE_K: u32 = 16;       // depth of one step through K
const UNROLL_K: u32 = 16;     // part of TILE_K that is unrolled
const SUBGROUP_M: u32 = 32;   // rows of C per subgroup
const SUBGROUP_N: u32 = 32;   // columns of C per subgroup
const BUFFERS: u32 = 1;       // tiles in workgroup memory; 2 save one barrier per step
const PAD: u32 = 8;           // elements of padding after each row of a tile: they move the next row to other banks
const GROUP: u32 = 8;         // columns of tiles that are taken row by row, so that their part of B stays in cache

const SUBGROUPS_N: u32 = TILE_N / SUBGROUP_N;
const SUBGROUPS: u32 = TILE_M / SUBGROUP_M * SUBGROUPS_N;
const WORKGROUP: u32 = SUBGROUPS * LANES;
const FRAGMENTS_M: u32 = SUBGROUP_M / FRAGMENT;
const FRAGMENTS_N: u32 = SUBGROUP_N / FRAGMENT;
const FRAGMENTS_K: u32 = UNROLL_K / FRAGMENT;
const PARTS_K: u32 = TILE_K / UNROLL_K;
const ROWS_A: u32 = select(TILE_M, TILE_K, TRANSPOSED_A);   // rows of a tile in its layout in memory
const ROWS_B: u32 = select(TILE_K, TILE_N, TRANSPOSED_B);
const CHUNKS_A: u32 = TILE_M * TILE_K / ROWS_A / WIDTH;     // chunks in a row of a tile
const CHUNKS_B: u32 = TILE_N * TILE_K / ROWS_B / WIDTH;
const STRIDE_A: u32 = CHUNKS_A + PAD / WIDTH;
const STRIDE_B: u32 = CHUNKS_B + PAD / WIDTH;
const LOADS_A: u32 = ROWS_A * CHUNKS_A / WORKGROUP;
const LOADS_B: u32 = ROWS_B * CHUNKS_B / WORKGROUP;
const CELLS: u32 = FRAGMENT * FRAGMENT;
const_assert TILE_M % SUBGROUP_M == 0;
const_assert TILE_N % SUBGROUP_N == 0;
const_assert TILE_K % UNROLL_K == 0;
const_assert UNROLL_K % FRAGMENT == 0;
const_assert SUBGROUP_M % FRAGMENT == 0;
const_assert SUBGROUP_N % FRAGMENT == 0;
const_assert PAD % WIDTH == 0;
const_assert LOADS_A * WORKGROUP == ROWS_A * CHUNKS_A;
const_assert LOADS_B * WORKGROUP == ROWS_B * CHUNKS_B;
const_assert WORKGROUP % CHUNKS_A * (CHUNKS_A % WORKGROUP) == 0;
const_assert WORKGROUP % CHUNKS_B * (CHUNKS_B % WORKGROUP) == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Chunk>;          // [batch, M, K]
@group(0) @binding(2) var<storage, read> b: array<Chunk>;          // [batch, K, N]
@group(0) @binding(3) var<storage, read> bias: array<f32>;         // [N]
@group(0) @binding(4) var<storage, read_write> c: array<ElemC>;    // [batch, M, N], with EPILOGUE
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;   // [planes, M, N], without EPILOGUE

var<workgroup> a_tile: array<array<Chunk, ROWS_A * STRIDE_A>, BUFFERS>;
var<workgroup> b_tile: array<array<Chunk, ROWS_B * STRIDE_B>, BUFFERS>;
var<workgroup> c_tile: array<array<f32, CELLS>, SUBGROUPS>;   // a fragment of each subgroup

@compute @workgroup_size(WORKGROUP)
fn matmul_cooperative(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) subgroup_size: u32,
) {
    // A uniform of zeros asks for the size of this pipeline's subgroups.
    if (SUBGROUPS_VARY) {
        if (params.m == 0u) {
            if (local_index == 0u) {
                sums[0] = f32(subgroup_size);
            }
            return;
        }
    }
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
    let depth = max(k_end, k_begin) - k_begin;
    let a_base = params.a_first + matrix * params.a_batch + k_begin * params.a_k;
    let b_base = params.b_first + matrix * params.b_batch + k_begin * params.b_k;
    let subgroup_row = subgroup_id / SUBGROUPS_N * SUBGROUP_M;
    let subgroup_column = subgroup_id % SUBGROUPS_N * SUBGROUP_N;

    var sum: array<array<Sums, FRAGMENTS_N>, FRAGMENTS_M>;
    var a_next: array<Chunk, LOADS_A>;
    var b_next: array<Chunk, LOADS_B>;
    if (depth > 0u) {
        a_next = fetch_a(local_index, first_row, a_base, depth);
        b_next = fetch_b(local_index, first_column, b_base, depth);
    }
    var buffer = 0u;
    for (var base = 0u; base < depth; base += TILE_K) {
        keep(buffer, local_index, a_next, b_next);
        workgroupBarrier();
        // The last step fetches its own chunks once more: a branch here would cost more.
        let next = min(base + TILE_K, (depth - 1u) / TILE_K * TILE_K);
        a_next = fetch_a(local_index, first_row, a_base + next * params.a_k, depth - next);
        b_next = fetch_b(local_index, first_column, b_base + next * params.b_k, depth - next);
        // keep loop
        for (var part = 0u; part < PARTS_K; part++) {
            for (var fragment_k = 0u; fragment_k < FRAGMENTS_K; fragment_k++) {
                let k = part * UNROLL_K + fragment_k * FRAGMENT;
                var a_part: array<FragmentA, FRAGMENTS_M>;
                for (var i = 0u; i < FRAGMENTS_M; i++) {
                    let row = subgroup_row + i * FRAGMENT;
                    if (TRANSPOSED_A) {
                        a_part[i] = coopLoad<FragmentA>(&a_tile[buffer][k * STRIDE_A + row / WIDTH], STRIDE_A);
                    } else {
                        a_part[i] = coopLoadT<FragmentA>(&a_tile[buffer][row * STRIDE_A + k / WIDTH], STRIDE_A);
                    }
                }
                for (var j = 0u; j < FRAGMENTS_N; j++) {
                    let column = subgroup_column + j * FRAGMENT;
                    var b_part: FragmentB;
                    if (TRANSPOSED_B) {
                        b_part = coopLoad<FragmentB>(&b_tile[buffer][column * STRIDE_B + k / WIDTH], STRIDE_B);
                    } else {
                        b_part = coopLoadT<FragmentB>(&b_tile[buffer][k * STRIDE_B + column / WIDTH], STRIDE_B);
                    }
                    for (var i = 0u; i < FRAGMENTS_M; i++) {
                        sum[i][j] = coopMultiplyAdd(a_part[i], b_part, sum[i][j]);
                    }
                }
            }
        }
        if (BUFFERS == 1u) {
            workgroupBarrier();
        } else {
            buffer = 1u - buffer;
        }
    }

    let whole = own_row + TILE_M <= rows && own_column + TILE_N <= params.n;
    if (!EPILOGUE && DIRECT && whole) {
        let place = params.c_first + plane * params.c_batch + (first_row + subgroup_row) * params.c_row
            + first_column + subgroup_column;
        for (var i = 0u; i < FRAGMENTS_M; i++) {
            for (var j = 0u; j < FRAGMENTS_N; j++) {
                // naga 30 needs each operand bound by a `let` just before the store.
                let value = sum[i][j];
                let pointer = &sums[place + i * FRAGMENT * params.c_row + j * FRAGMENT];
                let stride = params.c_row + 0u;
                coopStoreT(value, pointer, stride);
            }
        }
    } else if (EPILOGUE || !DIRECT || EDGES) {
        for (var i = 0u; i < FRAGMENTS_M; i++) {
            for (var j = 0u; j < FRAGMENTS_N; j++) {
                let value = sum[i][j];
                let pointer = &c_tile[subgroup_id][0];
                let stride = FRAGMENT + 0u;
                coopStoreT(value, pointer, stride);
                workgroupBarrier();
                for (var cell = lane; cell < CELLS; cell += LANES) {
                    let row = first_row + subgroup_row + i * FRAGMENT + cell / FRAGMENT;
                    let column = first_column + subgroup_column + j * FRAGMENT + cell % FRAGMENT;
                    if (row >= own_row && row < rows && column >= own_column && column < params.n) {
                        store(plane, row, column, c_tile[subgroup_id][cell]);
                    }
                }
                workgroupBarrier();
            }
        }
    }
}

// Chunk `load` of an invocation as (row of the tile in its layout in memory, element in that row). Terms that depend on
// `load` are constants.
fn chunk_place(local_index: u32, load: u32, chunks: u32) -> vec2<u32> {
    let ahead = load * WORKGROUP;
    return vec2<u32>(local_index / chunks + ahead / chunks, (local_index % chunks + ahead % chunks) * WIDTH);
}

// `chunk_place` for a tile of A, with the rows of each eight in another order. If a row has 32 elements, neighbours would
// store to rows that share banks. Rows four apart do not share banks.
fn chunk_place_a(local_index: u32, load: u32) -> vec2<u32> {
    let place = chunk_place(local_index, load, CHUNKS_A);
    if (TRANSPOSED_A || ROWS_A % 8u != 0u) {
        return place;
    }
    let row = (place.x & 0xfffffff8u) | ((place.x & 1u) << 2u) | ((place.x & 6u) >> 1u);
    return vec2<u32>(row, place.y);
}

// The invocation's chunks of a tile of A. `first` is the index of row 0 at the tile's first k; `depth` elements of K are
// left.
fn fetch_a(local_index: u32, first_row: u32, first: u32, depth: u32) -> array<Chunk, LOADS_A> {
    var chunks: array<Chunk, LOADS_A>;
    for (var load = 0u; load < LOADS_A; load++) {
        let place = chunk_place_a(local_index, load);
        var row = first_row + select(place.x, place.y, TRANSPOSED_A);
        if (CLAMP) {
            row = min(row, params.m - select(1u, WIDTH, TRANSPOSED_A));
        }
        let k = select(place.y, place.x, TRANSPOSED_A);
        if (!RAGGED_K || k < depth) {
            chunks[load] = a[(first + row * params.a_row + k * params.a_k) / WIDTH];
        }
    }
    return chunks;
}

fn fetch_b(local_index: u32, first_column: u32, first: u32, depth: u32) -> array<Chunk, LOADS_B> {
    var chunks: array<Chunk, LOADS_B>;
    for (var load = 0u; load < LOADS_B; load++) {
        let place = chunk_place(local_index, load, CHUNKS_B);
        var column = first_column + select(place.y, place.x, TRANSPOSED_B);
        if (CLAMP) {
            column = min(column, params.n - select(WIDTH, 1u, TRANSPOSED_B));
        }
        let k = select(place.x, place.y, TRANSPOSED_B);
        if (!RAGGED_K || k < depth) {
            chunks[load] = b[(first + column * params.b_column + k * params.b_k) / WIDTH];
        }
    }
    return chunks;
}

fn keep(buffer: u32, local_index: u32, a_chunks: array<Chunk, LOADS_A>, b_chunks: array<Chunk, LOADS_B>) {
    for (var load = 0u; load < LOADS_A; load++) {
        let place = chunk_place_a(local_index, load);
        a_tile[buffer][place.x * STRIDE_A + place.y / WIDTH] = a_chunks[load];
    }
    for (var load = 0u; load < LOADS_B; load++) {
        let place = chunk_place(local_index, load, CHUNKS_B);
        b_tile[buffer][place.x * STRIDE_B + place.y / WIDTH] = b_chunks[load];
    }
}

// Stores one element of the result.
fn store(plane: u32, row: u32, column: u32, sum: f32) {
    let place = params.c_first + plane * params.c_batch + row * params.c_row + column;
    if (!EPILOGUE) {
        sums[place] = sum;
        return;
    }
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * f32(c[place]);
    }
    if (BIAS) {
        value += bias[column];
    }
    c[place] = ElemC(activate(value));
}

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
