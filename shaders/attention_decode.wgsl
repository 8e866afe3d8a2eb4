//! attention_decode: attention of few query rows over a part of the keys, for attention_decode_merge to complete.
//!
//! The query heads that share a key head are packed into ROWS rows, each a query of a head. All rows use the same keys, so
//! that K and V are read once for all of them. The visible keys are split over workgroups. One workgroup takes ROWS rows
//! and a run of keys, in blocks of TILE_KV. It leaves O before the division, and the maximum and the sum of each row (Dao,
//! "FlashAttention-2", 2023, section 3.1.1; the split: Dao et al., "Flash-Decoding", 2023). For each block
//!   1. LANES_K invocations share a key: each multiplies 16 bytes of the key with the same columns of every row of Q;
//!   2. one invocation for each key and row adds up these LANES_K parts of a score, and updates the maximum of its row;
//!   3. LANES_V invocations share a value: each adds 16 bytes of it, times a weight, to the same columns of every row of O.
//! The keys of the next block and the values of this one are fetched meanwhile. Scores are in units of log2 unless NATURAL.
//!
//!          head_dim        TILE_KV          TILE_KV        value_dim          value_dim
//!        +---------+     +---------+      +---------+     +---------+        +---------+
//!   ROWS |    Q    |  *  |   K^T   | ..=> |    P    |  *  |    V    | ... += |    O    | ROWS
//!        +---------+     +---------+      +---------+     +---------+        +---------+
//!
//! Traffic: K and V read once for ROWS rows; ROWS * (value_dim + 2) f32 written by each workgroup. Intensity: ROWS FLOP/B
//! of K and V in f16. Workgroup memory: 9.14 KiB. Works for any lengths, if rows of Q, K and V are multiples of 16 bytes.

alias Elem = f32;              // type of the bias
alias Capped = f32;   // scores that `capped` takes

const HALF: bool = false;      // Q, K and V are f16, two to a u32
const HEAD_DIM: u32 = 64;      // columns of Q and K
const VALUE_DIM: u32 = 64;     // columns of V and O
const PAGED: bool = false;     // keys lie in pages
const PAGE_SIZE: u32 = 16;     // keys per page
const LENGTHS: bool = false;   // each sequence has its own lengths
const BIAS: bool = false;
const CAP: bool = false;       // scores s become soft_cap * tanh(s / soft_cap)
// Whether scores are natural, and not in units of log2, in which exp is exp2: a bias or a sink near the lowest finite f32
// would be beyond f32 there.
const NATURAL: bool = false;
const KV_HEADS: u32 = 1;       // heads of K and V
const GROUP: u32 = 4;          // query heads per head of K and V

const ROWS: u32 = 4;           // rows of Q per workgroup
const WORKGROUP: u32 = 128;
const LOADS: u32 = 4;          // keys of a block of which an invocation reads 16 bytes each
const SPLIT_KEYS: u32 = 128;   // fewest keys of a split
const WORKGROUPS: u32 = 512;   // workgroups for which the keys are split; read by the host

const VECTOR: u32 = 4u + 4u * u32(HALF);   // elements in 16 bytes
const PARTS: u32 = VECTOR / 4u;            // vec4<f32> in 16 bytes
const LANES_K: u32 = HEAD_DIM / VECTOR;
const LANES_V: u32 = VALUE_DIM / VECTOR;
const SLOTS_K: u32 = WORKGROUP / LANES_K;   // keys read at once
const SLOTS_V: u32 = WORKGROUP / LANES_V;
const SLOTS_AT_ONCE: u32 = min(SLOTS_V, 8u);   // slots that an invocation adds up in one unrolled step
const TILE_Q: u32 = ROWS;
const TILE_KV: u32 = LOADS * SLOTS_K;       // keys per block
const LOADS_V: u32 = (TILE_KV + SLOTS_V - 1u) / SLOTS_V;
const ROWS4: u32 = (ROWS + 3u) / 4u;
const COLUMNS: u32 = (VALUE_DIM + WORKGROUP - 1u) / WORKGROUP;   // columns of O that an invocation adds up
const OWNERS: u32 = WORKGROUP / ROWS;       // invocations that add up the scores of one row
const OWNED: u32 = (TILE_KV + OWNERS - 1u) / OWNERS;
// Whether the work divides evenly over the invocations, so that none needs a guard.
const EVEN_K: bool = WORKGROUP % LANES_K == 0;
const EVEN_V: bool = SLOTS_V * LOADS_V == TILE_KV && WORKGROUP % LANES_V == 0;
const EVEN_OWNERS: bool = TILE_KV % OWNERS == 0 && WORKGROUP % ROWS == 0;
// Stride of a key's parts of scores. It is odd: neighbouring invocations sum different keys, and so read different banks.
const STRIDE: u32 = LANES_K | 1u;
const REDUCERS: u32 = min(OWNERS, 8u);       // invocations that sum a row's weights
const MEMORY: u32 = max(max(ROWS * TILE_KV * STRIDE, 2u * SLOTS_V * VALUE_DIM), WORKGROUP);

const_assert HEAD_DIM % VECTOR == 0;
const_assert VALUE_DIM % VECTOR == 0;
const_assert WORKGROUP >= LANES_K;
const_assert WORKGROUP >= LANES_V;
const_assert WORKGROUP >= ROWS;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end
// snippet log2_constants
const LOG2_E: f32 = 1.4426950408889634;
const LN_2: f32 = 0.6931471805599453;
// end
// snippet attention_units
// With NATURAL a difference of scores is multiplied by TO_LOG2 before exp2, and a score by TO_NATURAL is a natural logarithm.
const TO_LOG2: f32 = 1.0 + f32(NATURAL) * (LOG2_E - 1.0);
const TO_NATURAL: f32 = 1.0 + f32(!NATURAL) * (LN_2 - 1.0);
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<u32>>;             // [batch, heads, seq_q, LANES_K]
@group(0) @binding(2) var<storage, read> k: array<vec4<u32>>;             // [batch or pages, kv_heads, keys, LANES_K]
@group(0) @binding(3) var<storage, read> v: array<vec4<u32>>;             // [batch or pages, kv_heads, keys, LANES_V]
@group(0) @binding(4) var<storage, read> table: array<u32>;               // [batch, table_row]
@group(0) @binding(5) var<storage, read> lengths: array<vec2<u32>>;       // [batch]: queries, keys
@group(0) @binding(6) var<storage, read> bias: array<Elem>;               // [batch, heads, seq_q, seq_kv]
@group(0) @binding(7) var<storage, read_write> part_o: array<f32>;        // [units, splits, ROWS, VECTOR, LANES_V]
@group(0) @binding(8) var<storage, read_write> part_sums: array<vec2<f32>>;   // [units, splits, ROWS]: maximum, sum

var<workgroup> memory: array<f32, MEMORY>;                                // parts of scores; at the end parts of O
var<workgroup> weights: array<array<vec4<f32>, ROWS4>, TILE_KV>;
var<workgroup> row_sums: array<f32, ROWS * REDUCERS>;
var<workgroup> row_maxima: array<atomic<u32>, ROWS>;                      // encoded by `ordered`

@compute @workgroup_size(WORKGROUP)
fn attention_decode(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    // snippet attention_decode_unit
    let split = params.first_split + workgroup_id.y;
    let of_all = params.first + workgroup_id.x;
    let run = of_all / params.row_tiles;
    let batch = run / KV_HEADS;
    let size = sizes(batch);
    let unit = Unit(batch, run % KV_HEADS, of_all % params.row_tiles * ROWS, size.x, size.y);

    // The first row sees the earliest key. The last row that exists sees the latest one.
    let rows = min(ROWS, params.seq_q * GROUP - unit.first_row);
    let sees_first = visible(unit, 0u).x;
    var sees_last = sees_first;
    // end
    for (var row = 0u; row < ROWS; row++) {
        sees_last = max(sees_last, visible(unit, row).y);
    }
    let share = max((sees_last - sees_first + params.splits - 1u) / params.splits, SPLIT_KEYS);
    let tiles = (share + TILE_KV - 1u) / TILE_KV;
    let begin = min(sees_first + split * tiles * TILE_KV, sees_last);
    let end = min(begin + tiles * TILE_KV, sees_last);

    let lane_k = local_index % LANES_K;
    let slot_k = local_index / LANES_K;
    let lane_v = local_index % LANES_V;
    let slot_v = local_index / LANES_V;
    let own_row = min(local_index / OWNERS, ROWS - 1u);
    let own_first = local_index % OWNERS;
    let own_query = (unit.first_row + own_row) / GROUP;
    let own_head = unit.kv_head * GROUP + (unit.first_row + own_row) % GROUP;
    let own_sees = visible(unit, own_row);
    let own_bias = unit.batch * params.bias.batch + own_head * params.bias.head + own_query * params.bias.row;

    var k_raw: array<vec4<u32>, LOADS>;
    if (begin < end) {
        fetch_k(&k_raw, unit, begin + slot_k, end - 1u, lane_k);
    }
    var q_part: array<array<vec4<f32>, PARTS>, ROWS>;
    var o_part: array<array<vec4<f32>, PARTS>, ROWS>;
    var row_max: array<f32, ROWS>;
    for (var row = 0u; row < ROWS; row++) {
        row_max[row] = NEG_LARGE;
        if (row < rows) {
            let query = (unit.first_row + row) / GROUP;
            let head = unit.kv_head * GROUP + (unit.first_row + row) % GROUP;
            let first = unit.batch * params.q.batch + head * params.q.head + query * params.q.row + params.q.offset;
            let raw = q[first / VECTOR + lane_k];
            for (var part = 0u; part < PARTS; part++) {
                q_part[row][part] = widened(raw, part) * params.scale;
            }
        }
    }
    if (local_index < ROWS) {
        atomicStore(&row_maxima[local_index], ordered(NEG_LARGE));
    }
    var own_max = NEG_LARGE;
    var own_sum = 0.0;
    var v_raw: array<vec4<u32>, LOADS_V>;

    for (var tile = begin; tile < end; tile += TILE_KV) {
        fetch_v(&v_raw, unit, tile + slot_v, end - 1u, lane_v);
        // 1. Parts of scores.
        for (var load = 0u; load < LOADS; load++) {
            var sums: array<f32, ROWS>;
            for (var part = 0u; part < PARTS; part++) {
                let k_part = widened(k_raw[load], part);
                for (var c = 0u; c < 4u; c++) {
                    for (var row = 0u; row < ROWS; row++) {
                        sums[row] = fma(k_part[c], q_part[row][part][c], sums[row]);
                    }
                }
            }
            if (EVEN_K || slot_k < SLOTS_K) {
                for (var row = 0u; row < ROWS; row++) {
                    memory[(row * TILE_KV + load * SLOTS_K + slot_k) * STRIDE + lane_k] = sums[row];
                }
            }
        }
        // After the last block, the last key is fetched again.
        fetch_k(&k_raw, unit, tile + TILE_KV + slot_k, end - 1u, lane_k);
        workgroupBarrier();

        // 2. Scores of one row, for every OWNERS-th key.
        var scores: array<f32, OWNED>;
        var largest = own_max;
        for (var i = 0u; i < OWNED; i++) {
            let local_key = own_first + i * OWNERS;
            let key = tile + local_key;
            scores[i] = params.neg_inf;
            if ((EVEN_OWNERS || local_key < TILE_KV) && key >= own_sees.x && key < min(own_sees.y, end)) {
                var score = 0.0;
                for (var lane = 0u; lane < LANES_K; lane++) {
                    score += memory[(own_row * TILE_KV + local_key) * STRIDE + lane];
                }
                if (CAP) {
                    score = capped(score);
                }
                if (BIAS) {
                    score += f32(bias[own_bias + key]);
                }
                scores[i] = score;
            }
            largest = max(largest, scores[i]);
        }
        // A new maximum is rare after the first blocks.
        if (largest > own_max) {
            atomicMax(&row_maxima[own_row], ordered(largest));
        }
        workgroupBarrier();
        let new_max = unordered(atomicLoad(&row_maxima[own_row]));
        own_sum *= exp2((own_max - new_max) * TO_LOG2);
        own_max = new_max;
        for (var i = 0u; i < OWNED; i++) {
            let local_key = own_first + i * OWNERS;
            if (EVEN_OWNERS || (local_key < TILE_KV && local_index < OWNERS * ROWS)) {
                let weight = exp2((scores[i] - new_max) * TO_LOG2);
                own_sum += weight;
                weights[local_key][own_row / 4u][own_row % 4u] = weight;
            }
        }
        for (var row = 0u; row < ROWS; row++) {
            let other_max = unordered(atomicLoad(&row_maxima[row]));
            if (other_max > row_max[row]) {
                let rescale = exp2((row_max[row] - other_max) * TO_LOG2);
                row_max[row] = other_max;
                for (var part = 0u; part < PARTS; part++) {
                    o_part[row][part] *= rescale;
                }
            }
        }
        workgroupBarrier();

        // 3. O += P V.
        for (var load = 0u; load < LOADS_V; load++) {
            let local_key = load * SLOTS_V + slot_v;
            if (EVEN_V || (local_key < TILE_KV && slot_v < SLOTS_V)) {
                let of_key = weights[local_key];
                for (var part = 0u; part < PARTS; part++) {
                    let v_part = widened(v_raw[load], part);
                    for (var row = 0u; row < ROWS; row++) {
                        o_part[row][part] = fma(vec4<f32>(of_key[row / 4u][row % 4u]), v_part, o_part[row][part]);
                    }
                }
            }
        }
    }

    // The sums of weights that the invocations of a row hold are added up in two steps.
    let place = (workgroup_id.x * params.splits + split) * ROWS;
    workgroupBarrier();
    memory[local_index] = own_sum;
    workgroupBarrier();
    if (local_index < ROWS * REDUCERS) {
        var sum = 0.0;
        for (var i = local_index % REDUCERS; i < OWNERS; i += REDUCERS) {
            sum += memory[local_index / REDUCERS * OWNERS + i];
        }
        row_sums[local_index] = sum;
    }
    workgroupBarrier();
    // The parts of O that the slots hold are added up row by row. Rows take turns in the two halves of `memory`. Columns of
    // neighbouring invocations lie side by side, here and in part_o.
    for (var row = 0u; row < ROWS; row++) {
        let half = row % 2u * SLOTS_V * VALUE_DIM;
        if (EVEN_V || slot_v < SLOTS_V) {
            for (var i = 0u; i < VECTOR; i++) {
                memory[half + slot_v * VALUE_DIM + i * LANES_V + lane_v] = o_part[row][i / 4u][i % 4u];
            }
        }
        workgroupBarrier();
        for (var i = 0u; i < COLUMNS; i++) {
            let column = local_index + i * WORKGROUP;
            if (column < VALUE_DIM) {
                var sum = 0.0;
                // keep loop
                for (var first = 0u; first < SLOTS_V; first += SLOTS_AT_ONCE) {
                    for (var next = 0u; next < SLOTS_AT_ONCE; next++) {
                        if (first + next < SLOTS_V) {
                            sum += memory[half + (first + next) * VALUE_DIM + column];
                        }
                    }
                }
                part_o[(place + row) * VALUE_DIM + column] = sum;
            }
        }
    }
    if (local_index < ROWS) {
        var sum = 0.0;
        for (var i = 0u; i < REDUCERS; i++) {
            sum += row_sums[local_index * REDUCERS + i];
        }
        part_sums[place + local_index] = vec2<f32>(unordered(atomicLoad(&row_maxima[local_index])), sum);
    }
}

// Sixteen bytes of each of LOADS keys from `first`. Keys past the last read the last again; their weights are 0.
fn fetch_k(to: ptr<function, array<vec4<u32>, LOADS>>, unit: Unit, first: u32, last: u32, lane: u32) {
    for (var load = 0u; load < LOADS; load++) {
        (*to)[load] = k[row_of(min(first + load * SLOTS_K, last), unit, params.k) / VECTOR + lane];
    }
}

fn fetch_v(to: ptr<function, array<vec4<u32>, LOADS_V>>, unit: Unit, first: u32, last: u32, lane: u32) {
    for (var load = 0u; load < LOADS_V; load++) {
        (*to)[load] = v[row_of(min(first + load * SLOTS_V, last), unit, params.v) / VECTOR + lane];
    }
}

struct Params {
    // `first` is the first unit: ROWS rows of a key head. `scale` and `soft_cap` are in the unit of the scores: see NATURAL.
    // snippet attention_params
    batch: u32,
    heads: u32,           // heads of Q and O
    group: u32,           // query heads per key head
    seq_q: u32,
    seq_kv: u32,
    head_dim: u32,
    value_dim: u32,
    ahead: i32,           // a query at p sees keys before p + ahead
    behind: i32,          // a query at p sees keys after p - behind
    scale: f32,           // factor of Q K^T
    soft_cap: f32,        // 0: no cap
    first: u32,           // first unit of work of this dispatch
    q: Strides,
    k: Strides,
    v: Strides,
    o: Strides,
    bias: Strides,
    page_size: u32,
    pages: u32,
    table_row: u32,       // pages per sequence
    neg_inf: f32,         // -inf, which WGSL cannot write
    // end
    // snippet attention_decode_params
    splits: u32,          // workgroups that share a unit's keys
    row_tiles: u32,       // units per key head
    first_split: u32,     // first split of this dispatch
    // end
}

// snippet attention_strides
// Elements from one sequence, head or row to the next, and before the first one.
struct Strides {
    batch: u32,
    head: u32,
    row: u32,
    offset: u32,
}
// end

// snippet ordered_floats
// A float as an integer of the same order, for atomicMax.
fn ordered(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn unordered(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}
// end

// snippet attention_decode_keys
// The rows and the sequence that a workgroup works on.
struct Unit {
    batch: u32,
    kv_head: u32,
    first_row: u32,   // first of the group's rows, which are numbered query * group + head
    queries: u32,     // queries of the sequence
    keys: u32,
}

// Queries and keys of a sequence.
fn sizes(batch: u32) -> vec2<u32> {
    let all = vec2<u32>(params.seq_q, params.seq_kv);
    if (LENGTHS) {
        return min(all, lengths[batch]);
    }
    return all;
}

// Keys that a row sees: from x up to y.
fn visible(unit: Unit, row: u32) -> vec2<u32> {
    let query = (unit.first_row + row) / GROUP;
    if (query >= unit.queries) {
        return vec2<u32>();
    }
    let position = i32(query) + i32(unit.keys) - i32(unit.queries);
    let first = clamp(position - params.behind + 1, 0, i32(unit.keys));
    return vec2<u32>(u32(first), u32(clamp(position + params.ahead, first, i32(unit.keys))));
}

// Offset of a key's row of K or V, in elements.
fn row_of(key: u32, unit: Unit, strides: Strides) -> u32 {
    let of_head = strides.offset + unit.kv_head * strides.head;
    if (PAGED) {
        // A page number past the end reads the last page.
        let page = min(table[unit.batch * params.table_row + key / PAGE_SIZE], params.pages - 1u);
        return of_head + page * strides.batch + key % PAGE_SIZE * strides.row;
    }
    return of_head + unit.batch * strides.batch + key * strides.row;
}

// Group `part` of four elements of sixteen bytes.
fn widened(raw: vec4<u32>, part: u32) -> vec4<f32> {
    if (HALF) {
        let pairs = select(raw.xy, raw.zw, part == 1u);
        return vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
    }
    return bitcast<vec4<f32>>(raw);
}
// end

// snippet attention_capped
// soft_cap * tanh(s / soft_cap), with tanh(x) = sign(x) (1 - e) / (1 + e) and e = exp(-2 |x|), which cannot overflow.
fn capped(s: Capped) -> Capped {
    let e = exp(abs(s) * (-2.0 / params.soft_cap));
    return params.soft_cap * sign(s) * ((1.0 - e) / (1.0 + e));
}
// end
