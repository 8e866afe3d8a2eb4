//! matmul_vector: C = activation(alpha * op(A) * op(B) + beta * C + bias), batched, for few rows of C.
//!
//! An element of B serves at most TILE_M products, so the time to load B is all that counts. An invocation loops over K in
//! blocks of WIDTH x ELEMS_N elements of B, fetched 16 bytes at a time along the rows of B in memory. It holds
//! TILE_M x ELEMS_N sums. The LANES_K invocations that share these columns merge their sums at the end.
//!
//!    lanes along N, then K                     with ALONG_K: lanes along K, then N
//!          LANES_N * WIDTH                           LANES_K * WIDTH
//!         +---------------+                         +---------------+
//!         |               | LANES_K * WIDTH         |               | LANES_N * ELEMS_N
//!         +---------------+                         +---------------+
//!
//! A product with few columns is the transpose of one with few rows: with MIRRORED, A and B have changed places.
//! With SPLIT_K above 1, a workgroup stores plain sums over one of `splits` parts of K, in the plane of that part.
//!
//! Intensity: TILE_M / 2 FLOP/B in f32. Workgroup memory: 4 KiB. Works for any M, N, K.

alias Elem = f32;     // f32 or f16
alias ElemC = f32;
alias Value = f32;     // what `activate` takes
alias ValueBits = i32;   // the bits of a Value
const HALF: bool = false;           // Elem is f16
const WIDTH: u32 = 4;               // elements in 16 bytes: 8 of f16
const WIDE_A: bool = false;         // A is fetched 16 bytes at a time, along K
const WIDE_B: bool = false;         // B is fetched 16 bytes at a time, along its rows in memory
const ALONG_K: bool = false;        // B lies in memory as [N, K]
const RAGGED_K: bool = true;        // a part of K ends within a step
const MIRRORED: bool = false;       // C is transposed: the bias has an element for each row
const SPLIT_K: u32 = 1;             // parts of K that are summed separately; matmul_reduce adds them up
const EPILOGUE: bool = SPLIT_K <= 1; // alpha, beta, bias and activation apply
const BETA: bool = false;           // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;          // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;              // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit

const TILE_M: u32 = 1;       // rows of C per workgroup
const ELEMS_N: u32 = 4;    // columns of C per invocation; multiples of WIDTH with WIDE_B and without ALONG_K
const LANES_N: u32 = 32;   // invocations along N
const LANES_K: u32 = 8;    // invocations along K; a power of two
const ROUND: u32 = 4;      // sums of an invocation that are merged at once
const LAST: u32 = 16;      // most parts of a sum that one invocation adds at the end; more parts need a round before

const WORKGROUP: u32 = LANES_N * LANES_K;
const STEP_K: u32 = LANES_K * WIDTH;
const TILE_N: u32 = LANES_N * ELEMS_N;
const PARTS: u32 = select(LANES_K, LAST, LANES_K > LAST);
const SUMS: u32 = TILE_M * ELEMS_N;
const ADJACENT: bool = WIDE_B && !ALONG_K;   // the columns of an invocation lie next to each other
const SPREAD_K: bool = !WIDE_B && ALONG_K;   // neighbours fetch neighbouring elements, so the k of a block are LANES_K apart
const APART_N: u32 = select(1u, LANES_K, ALONG_K);   // invocations from one to the next along N
const APART_K: u32 = select(LANES_N, 1u, ALONG_K);
const_assert SUMS % ROUND == 0;
const_assert 0 == (LANES_K & (LANES_K - 1));
const_assert LANES_K % PARTS == 0;
const_assert !ADJACENT || ELEMS_N % WIDTH == 0;
const_assert !(SPREAD_K && WIDE_A);

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
    c_column: u32,
    a_batch: u32,    // elements from one matrix to the next
    b_batch: u32,
    c_plane: u32,    // elements from one plane of results to the next
    alpha: f32,
    beta: f32,
    first: u32,      // workgroups of earlier dispatches, if BUDGET is not 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;             // [batch, M, K], unless WIDE_A
@group(0) @binding(2) var<storage, read> a_wide: array<vec4<u32>>;   // A, 16 bytes at a time, with WIDE_A
@group(0) @binding(3) var<storage, read> b: array<Elem>;             // [batch, K, N], unless WIDE_B
@group(0) @binding(4) var<storage, read> b_wide: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;           // [N]
@group(0) @binding(6) var<storage, read_write> c: array<ElemC>;      // [batch, M, N]

var<workgroup> partial: array<array<f32, WORKGROUP>, ROUND>;

@compute @workgroup_size(WORKGROUP)
fn matmul_vector(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let tiles = (params.m + TILE_M - 1u) / TILE_M * params.tiles_n;
    var id = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    if (BUDGET != 0u) {
        id += params.first;
    }
    let plane = id / tiles;
    let first_row = id % tiles / params.tiles_n * TILE_M;
    let first_column = id % params.tiles_n * TILE_N;
    let matrix = plane / params.splits;
    let k_begin = plane % params.splits * params.split_k;
    // Workgroups past the last plane only fill the grid: they have no k and store no row.
    let rows = select(0u, params.m, plane < params.planes);
    let k_end = select(0u, min(params.k, k_begin + params.split_k), plane < params.planes);
    let lane_n = local_index / APART_N % LANES_N;
    let lane_k = local_index / APART_K % LANES_K;

    // Rows and columns past the last read the last one, and are not stored.
    var row_firsts: array<u32, TILE_M>;
    for (var i = 0u; i < TILE_M; i++) {
        row_firsts[i] = params.a_first + matrix * params.a_batch + min(first_row + i, params.m - 1u) * params.a_row;
    }
    var columns: array<u32, ELEMS_N>;
    let last_column = params.n - select(1u, WIDTH, ADJACENT);
    for (var j = 0u; j < ELEMS_N; j++) {
        columns[j] = min(first_column + column_of(lane_n, j), last_column);
    }
    let b_base = params.b_first + matrix * params.b_batch;

    var sum: array<array<f32, ELEMS_N>, TILE_M>;
    for (var base = k_begin; base < k_end; base += STEP_K) {
        let k = base + lane_k * select(WIDTH, 1u, SPREAD_K);
        let block = load_b(columns, b_base, k, k_end);
        for (var row = 0u; row < TILE_M; row++) {
            let values = load_a(row_firsts[row], k, k_end);
            for (var i = 0u; i < WIDTH; i++) {
                for (var j = 0u; j < ELEMS_N; j++) {
                    sum[row][j] = fma(values[i], block[i][j], sum[row][j]);
                }
            }
        }
    }

    for (var first = 0u; first < SUMS; first += ROUND) {
        for (var r = 0u; r < ROUND; r++) {
            partial[r][local_index] = sum[(first + r) / ELEMS_N][(first + r) % ELEMS_N];
        }
        if (PARTS < LANES_K) {
            workgroupBarrier();
            if (lane_k < PARTS) {
                for (var r = 0u; r < ROUND; r++) {
                    var value = 0.0;
                    for (var l = 0u; l < LANES_K; l += PARTS) {
                        value += partial[r][local_index + l * APART_K];
                    }
                    partial[r][local_index] = value;
                }
            }
        }
        workgroupBarrier();
        for (var place = local_index; place < ROUND * LANES_N; place += WORKGROUP) {
            let at = first + place / LANES_N;
            let row = first_row + at / ELEMS_N;
            let column = first_column + column_of(place % LANES_N, at % ELEMS_N);
            if (row < rows && column < params.n) {
                var value = 0.0;
                for (var l = 0u; l < PARTS; l++) {
                    value += partial[place / LANES_N][place % LANES_N * APART_N + l * APART_K];
                }
                store(plane, row, column, value);
            }
        }
        workgroupBarrier();
    }
}

// The WIDTH elements of 16 bytes.
fn elements(bytes: vec4<u32>) -> array<f32, WIDTH> {
    var values: array<f32, WIDTH>;
    for (var i = 0u; i < 4u; i++) {
        if (HALF) {
            let pair = unpack2x16float(bytes[i]);
            values[i * (WIDTH / 4u)] = pair.x;
            values[i * (WIDTH / 4u) + WIDTH / 4u - 1u] = pair.y;
        } else {
            values[i] = bitcast<f32>(bytes[i]);
        }
    }
    return values;
}

// Distance of k number `i` of a block from the first one.
fn k_of(i: u32) -> u32 {
    return select(i, i * LANES_K, SPREAD_K);
}

// Column number `j` of an invocation, counted from the workgroup's first column.
fn column_of(lane_n: u32, j: u32) -> u32 {
    let chunk = j / WIDTH * LANES_N + lane_n;
    return select(lane_n + j * LANES_N, chunk * WIDTH + j % WIDTH, ADJACENT);
}

// The elements of a row of A that a block needs. Elements at or past `k_end` are zeros.
fn load_a(row_first: u32, k: u32, k_end: u32) -> array<f32, WIDTH> {
    var values: array<f32, WIDTH>;
    if (WIDE_A) {
        if (!RAGGED_K || k < k_end) {
            values = elements(a_wide[(row_first + k) / WIDTH]);
        }
    } else {
        for (var i = 0u; i < WIDTH; i++) {
            if (!RAGGED_K || k + k_of(i) < k_end) {
                values[i] = f32(a[row_first + (k + k_of(i)) * params.a_k]);
            }
        }
    }
    return values;
}

// A block of B as [k][column]. `first` is the index of the element in column 0 at k = 0.
fn load_b(columns: array<u32, ELEMS_N>, first: u32, k: u32, k_end: u32) -> array<array<f32, ELEMS_N>, WIDTH> {
    var block: array<array<f32, ELEMS_N>, WIDTH>;
    if (ADJACENT) {
        for (var i = 0u; i < WIDTH; i++) {
            if (!RAGGED_K || k + i < k_end) {
                for (var chunk = 0u; chunk < ELEMS_N; chunk += WIDTH) {
                    let values = elements(b_wide[(first + columns[chunk] + (k + i) * params.b_k) / WIDTH]);
                    for (var j = 0u; j < WIDTH; j++) {
                        // The remainder keeps the index in range for ELEMS_N < WIDTH, where this branch is only compiled.
                        block[i][(chunk + j) % ELEMS_N] = values[j];
                    }
                }
            }
        }
    } else if (WIDE_B) {
        for (var j = 0u; j < ELEMS_N; j++) {
            if (!RAGGED_K || k < k_end) {
                let values = elements(b_wide[(first + columns[j] * params.b_column + k) / WIDTH]);
                for (var i = 0u; i < WIDTH; i++) {
                    block[i][j] = values[i];
                }
            }
        }
    } else {
        for (var i = 0u; i < WIDTH; i++) {
            if (!RAGGED_K || k + k_of(i) < k_end) {
                for (var j = 0u; j < ELEMS_N; j++) {
                    block[i][j] = f32(b[first + columns[j] * params.b_column + (k + k_of(i)) * params.b_k]);
                }
            }
        }
    }
    return block;
}

fn store(plane: u32, row: u32, column: u32, sum: f32) {
    let place = params.c_first + plane * params.c_plane + row * params.c_row + column * params.c_column;
    if (!EPILOGUE) {
        c[place] = ElemC(sum);
        return;
    }
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * f32(c[place]);
    }
    if (BIAS) {
        value += bias[select(column, row, MIRRORED)];
    }
    c[place] = ElemC(activate(value));
}

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
