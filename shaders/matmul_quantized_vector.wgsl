//! matmul_quantized_vector: C = activation(alpha * A * B + beta * C + bias) for few rows of C and quantised weights B.
//!
//! A weight serves at most TILE_M products, so the time to load quants is all that counts. B lies as [N, K]: an invocation
//! loops over K in blocks of 32 elements of ELEMS_N columns, whose quants it fetches 16 bytes at a time. It multiplies A by
//! integers, and applies the scale of a group to the group's sum. A minimum, where groups have one, is multiplied by the sum
//! of A. LANES_K invocations share columns and merge their sums at the end.
//!
//!                 LANES_K * 32
//!         +--------+--------+--------+
//!         |        |        |        | LANES_N * ELEMS_N
//!         +--------+--------+--------+
//!
//! The host sets BITS and Quants, and swaps the snippet weights_q4_0 for that of another format.
//!
//! Intensity: 3.6 * TILE_M FLOP/B with four bits. Workgroup memory: 2 KiB. Works for any M and N, and for K in whole blocks.

alias Elem = f32;     // f32 or f16
alias ElemC = f32;
alias Value = f32;     // what `activate` takes
alias ValueBits = i32;   // the bits of a Value
alias Narrow = f32;    // in which the centre is subtracted, exactly: f16 where the device has it
alias Quants = vec4<u32>;   // one load of quants: vec4<u32>, or vec2<u32> with six bits
const BITS: u32 = 4;                // bits of a quant: 4, 6 or 8
const QUANTS_WIDTH: u32 = 4;        // words of a load
const HALF: bool = false;           // Elem is f16
const WIDTH: u32 = 4;               // elements in 16 bytes: 8 of f16
const WIDE_A: bool = false;         // A is fetched 16 bytes at a time
const IN_PLACE: bool = false;       // quants of four bits are not moved within their byte: A is f16, and divided by 16 exactly
const SUBNORMALS: bool = false;     // the device keeps f16 below 2^-14: a quant is one as it is
const BETA: bool = false;           // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;          // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;              // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit

const TILE_M: u32 = 1;     // rows of C per workgroup
const ELEMS_N: u32 = 4;    // columns of C per invocation
const LANES_N: u32 = 4;    // invocations along N
const LANES_K: u32 = 32;   // invocations along K; a power of two
const ROUND: u32 = 4;      // sums of an invocation that are merged at once
const LAST: u32 = 16;      // most parts of a sum that one invocation adds at the end; more parts need a round before

const WORKGROUP: u32 = LANES_N * LANES_K;
const TILE_N: u32 = LANES_N * ELEMS_N;
const PARTS: u32 = select(LANES_K, LAST, LANES_K > LAST);
const SUMS: u32 = TILE_M * ELEMS_N;
const HAS_OFFSET: bool = HAS_MINIMUM || SUBNORMALS;
const SUBNORMAL_UNIT: f32 = 16777216.0;   // 1 over the f16 whose bits are those of 1
const OCTETS: u32 = 4 / GROUPS;   // runs of 8 elements in a group's part of a block
const_assert SUMS % ROUND == 0;
const_assert 0 == (LANES_K & (LANES_K - 1));
const_assert LANES_K % PARTS == 0;
const_assert BITS % QUANTS_WIDTH == 0;
const_assert !IN_PLACE || (BITS == 4u && HALF);

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;             // [batch, M, K], unless WIDE_A
@group(0) @binding(2) var<storage, read> a_wide: array<vec4<u32>>;   // A, 16 bytes at a time, with WIDE_A
@group(0) @binding(3) var<storage, read> quants: array<Quants>;      // [batch, N, K / 32 * BITS] words
@group(0) @binding(4) var<storage, read> scales: array<u32>;         // [batch, N, words of a row's scales]
@group(0) @binding(5) var<storage, read> bias: array<f32>;           // [N]
@group(0) @binding(6) var<storage, read_write> c: array<ElemC>;      // [batch, M, N]

var<workgroup> partial: array<array<f32, WORKGROUP>, ROUND>;

@compute @workgroup_size(WORKGROUP)
fn matmul_quantized_vector(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let tiles = (params.m + TILE_M - 1u) / TILE_M * params.tiles_n;
    var id = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    if (BUDGET != 0u) {
        id += params.first;
    }
    let matrix = id / tiles;
    let first_row = id % tiles / params.tiles_n * TILE_M;
    let first_column = id % params.tiles_n * TILE_N;
    // Workgroups past the last matrix only fill the grid: they have no k and store no row.
    let rows = select(0u, params.m, matrix < params.planes);
    let blocks = select(0u, params.k / 32u, matrix < params.planes);
    let lane_k = local_index % LANES_K;
    let lane_n = local_index / LANES_K;

    // Rows and columns past the last read the last one, and are not stored.
    var row_firsts: array<u32, TILE_M>;
    for (var i = 0u; i < TILE_M; i++) {
        row_firsts[i] = params.a_first + matrix * params.a_batch + min(first_row + i, params.m - 1u) * params.a_row;
    }
    let weights_first = (params.b_first + matrix * params.b_batch) / params.k;
    var columns: array<u32, ELEMS_N>;
    for (var j = 0u; j < ELEMS_N; j++) {
        columns[j] = weights_first + min(first_column + lane_n + j * LANES_N, params.n - 1u);
    }

    var sum: array<array<f32, ELEMS_N>, TILE_M>;
    for (var block = lane_k; block < blocks; block += LANES_K) {
        var words: array<array<u32, BITS>, ELEMS_N>;
        for (var j = 0u; j < ELEMS_N; j++) {
            words[j] = load_quants(columns[j] * blocks + block);
        }
        for (var group = 0u; group < GROUPS; group++) {
            var found: array<vec3<f32>, ELEMS_N>;
            for (var j = 0u; j < ELEMS_N; j++) {
                found[j] = load_scales(columns[j], block, group);
            }
            var products: array<array<f32, ELEMS_N>, TILE_M>;
            var a_sums: array<f32, TILE_M>;
            for (var octet = 0u; octet < OCTETS; octet++) {
                let place = group * OCTETS + octet;
                var pairs: array<array<vec2<f32>, 4>, ELEMS_N>;
                for (var j = 0u; j < ELEMS_N; j++) {
                    for (var pair = 0u; pair < 4u; pair++) {
                        pairs[j][pair] = scaled_pair(words[j], 4u * place + pair, found[j].y);
                    }
                }
                for (var row = 0u; row < TILE_M; row++) {
                    let values = load_a(row_firsts[row] + block * 32u + place * 8u);
                    for (var e = 0u; e < 8u; e++) {
                        if (HAS_OFFSET) {
                            a_sums[row] += values[e];
                        }
                        let value = values[e] * (1.0 / unit_of(e / 2u));
                        for (var j = 0u; j < ELEMS_N; j++) {
                            products[row][j] = fma(value, pairs[j][e / 2u][e % 2u], products[row][j]);
                        }
                    }
                }
            }
            for (var j = 0u; j < ELEMS_N; j++) {
                for (var row = 0u; row < TILE_M; row++) {
                    if (SUBNORMALS) {
                        sum[row][j] = fma(found[j].x * SUBNORMAL_UNIT, products[row][j], sum[row][j]);
                        sum[row][j] = fma(found[j].z - found[j].x * found[j].y, a_sums[row], sum[row][j]);
                    } else {
                        sum[row][j] = fma(found[j].x, products[row][j], sum[row][j]);
                        if (HAS_MINIMUM) {
                            sum[row][j] = fma(found[j].z, a_sums[row], sum[row][j]);
                        }
                    }
                }
            }
        }
    }

    // snippet quantized_merge
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
                        value += partial[r][local_index + l];
                    }
                    partial[r][local_index] = value;
                }
            }
        }
        workgroupBarrier();
        for (var place = local_index; place < ROUND * LANES_N; place += WORKGROUP) {
            let at = first + place / LANES_N;
            let row = first_row + at / ELEMS_N;
            let column = first_column + place % LANES_N + at % ELEMS_N * LANES_N;
            if (row < rows && column < params.n) {
                var value = 0.0;
                for (var l = 0u; l < PARTS; l++) {
                    value += partial[place / LANES_N][place % LANES_N * LANES_K + l];
                }
                store(matrix, row, column, value);
            }
        }
        workgroupBarrier();
    }
    // end
}

// Quants are multiples of this where they stay at their places in the word, which saves every second shift.
fn unit_of(pair: u32) -> f32 {
    return select(1.0, 16.0, IN_PLACE && pair % 2u == 1u);
}

// Quants of elements 2 * pair and 2 * pair + 1 of a block, less the centre of their group, times `unit_of(pair)`.
fn scaled_pair(words: array<u32, BITS>, pair: u32, centre: f32) -> vec2<f32> {
    var bits = 0u;
    if (IN_PLACE) {
        let mask = select(0xf000fu, 0xf000f0u, pair % 2u == 1u);
        bits = (words[pair / 4u] >> (8u * (pair % 4u / 2u))) & mask;
    } else {
        bits = pair_of(words, pair);
    }
    if (SUBNORMALS) {
        return unpack2x16float(bits);
    }
    let above = vec2<Narrow>(unpack2x16float(bits | 0x64006400u));
    return vec2<f32>(above - vec2<Narrow>(Narrow(1024.0 + centre * unit_of(pair))));
}

// Eight elements of A, from the one at `first` on.
fn load_a(first: u32) -> array<f32, 8> {
    var values: array<f32, 8>;
    if (WIDE_A) {
        for (var chunk = 0u; chunk < 8u / WIDTH; chunk++) {
            let bytes = a_wide[first / WIDTH + chunk];
            for (var i = 0u; i < 4u; i++) {
                if (HALF) {
                    let pair = unpack2x16float(bytes[i]);
                    values[2u * i] = pair.x;
                    values[2u * i + 1u] = pair.y;
                } else {
                    // The remainder keeps the index in range for WIDTH = 8, where this branch is only compiled.
                    values[(chunk * WIDTH + i) % 8u] = bitcast<f32>(bytes[i]);
                }
            }
        }
    } else {
        for (var i = 0u; i < 8u; i++) {
            values[i] = f32(a[first + i]);
        }
    }
    return values;
}

// snippet quantized_store
fn store(matrix: u32, row: u32, column: u32, sum: f32) {
    let place = params.c_first + matrix * params.c_batch + row * params.c_row + column;
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * f32(c[place]);
    }
    if (BIAS) {
        value += bias[column];
    }
    c[place] = ElemC(activate(value));
}
// end

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

// snippet weights_quants
// The words of the quants of block `block`, counted from the first row's first one.
fn load_quants(block: u32) -> array<u32, BITS> {
    var words: array<u32, BITS>;
    for (var i = 0u; i < BITS / QUANTS_WIDTH; i++) {
        let loaded = quants[block * (BITS / QUANTS_WIDTH) + i];
        for (var j = 0u; j < QUANTS_WIDTH; j++) {
            words[i * QUANTS_WIDTH + j] = loaded[j];
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
