//! matmul_quantized_dot: C = activation(alpha * A * B + beta * C + bias) of quantised weights B and of A in eight bits.
//!
//! matmul_quantize_rows has made bytes of A, with a scale for each block of 32. An invocation loops over K in blocks of ELEMS_N
//! columns, whose quants it fetches 16 bytes at a time, and sums four products of integers in one instruction. Sums of a group
//! are exact; then both scales apply. LANES_K invocations share columns and merge their sums at the end.
//!
//! The host sets BITS and Quants, and swaps the snippet weights_q4_0 for that of another format.
//!
//! Intensity: 3.6 * TILE_M FLOP/B with four bits. Workgroup memory: 2 KiB. Works for any M and N, and for K in whole blocks.

alias ElemC = f32;
alias Value = f32;     // what `activate` takes
alias ValueBits = i32;   // the bits of a Value
alias Quants = vec4<u32>;   // one load of quants: vec4<u32>, or vec2<u32> with six bits
const BITS: u32 = 4;                // bits of a quant: 4, 6 or 8
const QUANTS_WIDTH: u32 = 4;        // words of a load
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
const OCTETS: u32 = 4 / GROUPS;   // runs of 8 elements in a group's part of a block
const_assert SUMS % ROUND == 0;
const_assert 0 == (LANES_K & (LANES_K - 1));
const_assert LANES_K % PARTS == 0;
const_assert BITS % QUANTS_WIDTH == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a_words: array<vec4<u32>>;  // [batch, M, K / 4] words
@group(0) @binding(2) var<storage, read> a_scales: array<f32>;       // [batch, M, K / 32]
@group(0) @binding(3) var<storage, read> quants: array<Quants>;      // [batch, N, K / 32 * BITS] words
@group(0) @binding(4) var<storage, read> scales: array<u32>;         // [batch, N, words of a row's scales]
@group(0) @binding(5) var<storage, read> bias: array<f32>;           // [N]
@group(0) @binding(6) var<storage, read_write> c: array<ElemC>;      // [batch, M, N]

var<workgroup> partial: array<array<f32, WORKGROUP>, ROUND>;

@compute @workgroup_size(WORKGROUP)
fn matmul_quantized_dot(
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
    var a_blocks: array<u32, TILE_M>;
    for (var i = 0u; i < TILE_M; i++) {
        a_blocks[i] = (matrix * params.m + min(first_row + i, params.m - 1u)) * blocks;
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
            var products: array<array<i32, ELEMS_N>, TILE_M>;
            var a_sums: array<i32, TILE_M>;
            for (var part = 0u; part < OCTETS / 2u; part++) {
                // Sixteen elements: four words of A.
                let place = group * OCTETS / 2u + part;
                var bytes: array<vec4<u32>, ELEMS_N>;
                for (var j = 0u; j < ELEMS_N; j++) {
                    bytes[j] = bytes_of(words[j], place);
                }
                for (var row = 0u; row < TILE_M; row++) {
                    let a_part = a_words[2u * (a_blocks[row] + block) + place];
                    for (var i = 0u; i < 4u; i++) {
                        a_sums[row] += dot4I8Packed(a_part[i], 0x01010101u);
                        for (var j = 0u; j < ELEMS_N; j++) {
                            products[row][j] += dot4I8Packed(a_part[i], bytes[j][i]);
                        }
                    }
                }
            }
            for (var j = 0u; j < ELEMS_N; j++) {
                let found = load_scales(columns[j], block, group);
                // Bytes of eight bits have lost the 128 that are added to store them.
                let centre = found.y - select(0.0, 128.0, BITS == 8u);
                for (var row = 0u; row < TILE_M; row++) {
                    let scale = a_scales[a_blocks[row] + block];
                    let centred = f32(products[row][j]) - centre * f32(a_sums[row]);
                    sum[row][j] = fma(found.x * scale, centred, sum[row][j]);
                    if (HAS_MINIMUM) {
                        sum[row][j] = fma(found.z * scale, f32(a_sums[row]), sum[row][j]);
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

// Quants of sixteen elements as signed bytes, in the order in which matmul_quantize_rows writes those of A.
fn bytes_of(words: array<u32, BITS>, place: u32) -> vec4<u32> {
    var bytes: vec4<u32>;
    for (var octet = 0u; octet < 2u; octet++) {
        if (BITS == 8u) {
            // Turning the sign bit takes 128 away.
            bytes[2u * octet] = words[(4u * place + 2u * octet) % BITS] ^ 0x80808080u;
            bytes[2u * octet + 1u] = words[(4u * place + 2u * octet + 1u) % BITS] ^ 0x80808080u;
        } else {
            let low = words[(2u * place + octet) % BITS];
            bytes[2u * octet] = low & 0x0f0f0f0fu;
            bytes[2u * octet + 1u] = (low >> 4u) & 0x0f0f0f0fu;
            if (BITS == 6u) {
                let high = words[(4u + place) % BITS] >> (8u * octet);
                bytes[2u * octet] |= ((high & 0x30003u) << 4u) | ((high & 0x300030u) << 8u);
                bytes[2u * octet + 1u] |= ((high & 0xc000cu) << 2u) | ((high & 0xc000c0u) << 6u);
            }
        }
    }
    return bytes;
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
