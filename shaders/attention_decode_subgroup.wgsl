//! attention_decode_subgroup: attention_decode with subgroups, without barriers in its loop.
//!
//! The query heads that share a key head are packed into ROWS rows, each a query of a head. All rows use the same keys, so
//! that K and V are read once for all of them. The visible keys are split over workgroups. One workgroup takes ROWS rows
//! and every `splits`-th block of TILE_KV keys. It leaves O before the division, and the maximum and the sum of each row
//! (Dao, "FlashAttention-2", 2023, section 3.1.1; the split: Dao et al., "Flash-Decoding", 2023), for
//! attention_decode_merge. LANES invocations of a subgroup form a slot, which has LOADS keys of a block, and maxima and
//! sums of its own. Each invocation of a slot
//!   1. multiplies 16 bytes of each key with the same columns of every row of Q;
//!   2. exchanges halves of these parts of scores, first of the keys and then of the rows, until it holds few scores of
//!      one key;
//!   3. adds 16 bytes of each value, times weights that the other invocations hold, to the same columns of every row of O.
//! The keys of the next block and the values of this one are fetched meanwhile. Scores are in units of log2 unless NATURAL.
//!
//!          head_dim        TILE_KV          TILE_KV        head_dim           head_dim
//!        +---------+     +---------+      +---------+     +---------+        +---------+
//!   ROWS |    Q    |  *  |   K^T   | ..=> |    P    |  *  |    V    | ... += |    O    | ROWS
//!        +---------+     +---------+      +---------+     +---------+        +---------+
//!
//! Traffic: K and V read once for ROWS rows; ROWS * (head_dim + 2) f32 written by each workgroup. Intensity: ROWS FLOP/B of
//! K and V in f16. Workgroup memory: 5.14 KiB. Works for any lengths, if rows of Q, K and V are a power of two of 16 bytes
//! and no subgroup has fewer than LANES invocations.

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
const WORKGROUP: u32 = 128;    // a multiple of the subgroup size
const LOADS: u32 = 4;          // keys of a block per slot; a power of two
const SPLIT_KEYS: u32 = 128;   // fewest keys of a split; read by the host
const WORKGROUPS: u32 = 512;   // workgroups for which the keys are split; read by the host

const VECTOR: u32 = 4u + 4u * u32(HALF);   // elements in 16 bytes
const PARTS: u32 = VECTOR / 4u;            // vec4<f32> in 16 bytes
const LANES: u32 = HEAD_DIM / VECTOR;
const BITS: u32 = firstTrailingBit(LANES);
const LOADS_BITS: u32 = firstTrailingBit(LOADS);
const LANES_PER_ROW: u32 = LANES / LOADS;        // lanes that hold the scores of one key
const ROW_BITS: u32 = 32u - countLeadingZeros(ROWS - 1u);
const ROWS_OF_SCORES: u32 = 1u << ROW_BITS;   // ROWS rounded up to a power of two
const GIVEN: u32 = min(ROW_BITS, BITS - LOADS_BITS);   // steps in which a lane gives half of its rows away
const SAME_BITS: u32 = BITS - LOADS_BITS - GIVEN;      // log2 of the lanes that hold the same scores
const HELD: u32 = ROWS_OF_SCORES >> GIVEN;    // rows of which a lane holds scores
const SLOTS: u32 = WORKGROUP / LANES;      // keys read at once
const COLUMNS: u32 = (HEAD_DIM + WORKGROUP - 1u) / WORKGROUP;   // columns of O that an invocation adds up
const SLOTS_AT_ONCE: u32 = min(SLOTS, 8u);   // slots that an invocation adds up in one unrolled step
const TILE_Q: u32 = ROWS;
const TILE_KV: u32 = LOADS * SLOTS;        // keys per block

const_assert HEAD_DIM == VALUE_DIM;
const_assert HEAD_DIM == VECTOR << BITS;
const_assert LOADS == 1u << LOADS_BITS;
const_assert LOADS <= LANES;
const_assert WORKGROUP % LANES == 0;
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
@group(0) @binding(1) var<storage, read> q: array<vec4<u32>>;             // [batch, heads, seq_q, LANES]
@group(0) @binding(2) var<storage, read> k: array<vec4<u32>>;             // [batch or pages, kv_heads, keys, LANES]
@group(0) @binding(3) var<storage, read> v: array<vec4<u32>>;             // [batch or pages, kv_heads, keys, LANES]
@group(0) @binding(4) var<storage, read> table: array<u32>;               // [batch, table_row]
@group(0) @binding(5) var<storage, read> lengths: array<vec2<u32>>;       // [batch]: queries, keys
@group(0) @binding(6) var<storage, read> bias: array<Elem>;               // [batch, heads, seq_q, seq_kv]
@group(0) @binding(7) var<storage, read_write> part_o: array<f32>;        // [units, splits, ROWS, VECTOR, LANES]
@group(0) @binding(8) var<storage, read_write> part_sums: array<vec2<f32>>;   // [units, splits, ROWS]: maximum, sum

var<workgroup> memory: array<f32, 2u * SLOTS * HEAD_DIM>;                 // parts of O
var<workgroup> q_tile: array<vec4<f32>, ROWS * PARTS * LANES>;          // Q times scale
var<workgroup> row_sums: array<f32, ROWS * SLOTS>;
var<workgroup> row_maxima: array<atomic<u32>, ROWS>;                      // encoded by `ordered`

@compute @workgroup_size(WORKGROUP)
fn attention_decode_subgroup(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) place_in_subgroup: u32,
) {
    // Lanes are counted: a subgroup may be narrower than the size that some drivers state.
    let size_of_subgroup = subgroupAdd(1u);
    let lane = place_in_subgroup % LANES;
    let slot = (subgroup_id * size_of_subgroup + place_in_subgroup) / LANES;
    let own_load = lane / LANES_PER_ROW;

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
    var all_see = vec2<u32>(0u, 0xffffffffu);
    for (var row = 0u; row < ROWS; row++) {
        let sees = visible(unit, row);
        sees_last = max(sees_last, sees.y);
        all_see = vec2<u32>(max(all_see.x, sees.x), min(all_see.y, sees.y));
    }
    // Workgroups take blocks in turn, so that those that run at the same time read memory side by side.
    let begin = min(sees_first + split * TILE_KV, sees_last);
    let end = sees_last;
    let stride = params.splits * TILE_KV;
    all_see.y = min(all_see.y, end);

    var k_raw: array<vec4<u32>, LOADS>;
    if (begin < end) {
        fetch_k(&k_raw, unit, begin, slot, end, lane);
    }
    // Q lies in workgroup memory: its registers would leave room for fewer subgroups, which hide less memory latency.
    for (var row = slot; row < rows; row += SLOTS) {
        let query = (unit.first_row + row) / GROUP;
        let head = unit.kv_head * GROUP + (unit.first_row + row) % GROUP;
        let first = unit.batch * params.q.batch + head * params.q.head + query * params.q.row + params.q.offset;
        let raw = q[first / VECTOR + lane];
        for (var part = 0u; part < PARTS; part++) {
            q_tile[(row * PARTS + part) * LANES + lane] = widened(raw, part) * params.scale;
        }
    }
    if (local_index < ROWS) {
        atomicStore(&row_maxima[local_index], ordered(NEG_LARGE));
    }
    workgroupBarrier();
    var o_part: array<array<vec4<f32>, PARTS>, ROWS>;
    let own_row = ((lane % LANES_PER_ROW) >> SAME_BITS) * HELD;
    var own_max: array<f32, HELD>;
    for (var held = 0u; held < HELD; held++) {
        own_max[held] = NEG_LARGE;
    }
    var own_sum: array<f32, HELD>;   // sum over the lane's own keys, until the end
    var v_raw: array<vec4<u32>, LOADS>;

    for (var tile = begin; tile < end; tile += stride) {
        fetch_v(&v_raw, unit, tile, slot, end, lane);
        // 1. Parts of scores.
        var scores: array<array<f32, ROWS_OF_SCORES>, LOADS>;
        for (var part = 0u; part < PARTS; part++) {
            var k_part: array<vec4<f32>, LOADS>;
            for (var load = 0u; load < LOADS; load++) {
                k_part[load] = widened(k_raw[load], part);
            }
            for (var row = 0u; row < ROWS; row++) {
                let q4 = q_tile[(row * PARTS + part) * LANES + lane];
                for (var load = 0u; load < LOADS; load++) {
                    for (var c = 0u; c < 4u; c++) {
                        scores[load][row] = fma(k_part[load][c], q4[c], scores[load][row]);
                    }
                }
            }
        }
        // After the last block, the last key is fetched again.
        fetch_k(&k_raw, unit, tile + stride, slot, end, lane);

        // 2. In each step a lane gives half of its keys away and receives the other half from its partner, until it has one.
        for (var step = 0u; step < LOADS_BITS; step++) {
            let far = (lane & (LANES >> (step + 1u))) != 0u;
            for (var load = 0u; load < LOADS / 2u; load++) {
                if (load < (LOADS >> (step + 1u))) {
                    for (var row = 0u; row < ROWS; row++) {
                        let here = scores[load][row];
                        let there = scores[load + (LOADS >> (step + 1u))][row];
                        let other = subgroupShuffleXor(select(there, here, far), LANES >> (step + 1u));
                        scores[load][row] = select(here, there, far) + other;
                    }
                }
            }
        }
        // Rows are exchanged in the same way, until a lane has HELD rows. If there are more lanes than rows, some lanes hold
        // the same scores.
        for (var step = 0u; step < GIVEN; step++) {
            let far = (lane & (LANES_PER_ROW >> (step + 1u))) != 0u;
            for (var row = 0u; row < ROWS_OF_SCORES / 2u; row++) {
                if (row < (ROWS_OF_SCORES >> (step + 1u))) {
                    let here = scores[0][row];
                    let there = scores[0][row + (ROWS_OF_SCORES >> (step + 1u))];
                    let other = subgroupShuffleXor(select(there, here, far), LANES_PER_ROW >> (step + 1u));
                    scores[0][row] = select(here, there, far) + other;
                }
            }
        }
        for (var step = GIVEN; step < BITS - LOADS_BITS; step++) {
            for (var row = 0u; row < HELD; row++) {
                scores[0][row] += subgroupShuffleXor(scores[0][row], LANES_PER_ROW >> (step + 1u));
            }
        }
        let key = tile + own_load * SLOTS + slot;
        var weights: array<f32, HELD>;
        var rescale: array<f32, HELD>;
        for (var held = 0u; held < HELD; held++) {
            let row = own_row + held;
            var score = scores[0][held];
            if (CAP) {
                score = capped(score);
            }
            if (BIAS) {
                let query = (unit.first_row + row) / GROUP;
                let head = unit.kv_head * GROUP + (unit.first_row + row) % GROUP;
                let of_row = unit.batch * params.bias.batch + head * params.bias.head + query * params.bias.row;
                if (row < rows && key < end) {
                    score += f32(bias[of_row + key]);
                }
            }
            // Masks apply only to blocks that cross a bound of the keys that all rows see.
            if (tile < all_see.x || tile + TILE_KV > all_see.y) {
                let sees = visible(unit, row);
                if (key < sees.x || key >= min(sees.y, end)) {
                    score = params.neg_inf;
                }
            }
            var new_max = max(own_max[held], score);
            for (var step = 0u; step < LOADS_BITS; step++) {
                new_max = max(new_max, subgroupShuffleXor(new_max, LANES >> (step + 1u)));
            }
            rescale[held] = exp2((own_max[held] - new_max) * TO_LOG2);
            own_max[held] = new_max;
            weights[held] = exp2((score - new_max) * TO_LOG2);
            own_sum[held] = fma(own_sum[held], rescale[held], weights[held]);
        }
        for (var row = 0u; row < ROWS; row++) {
            let of_row = subgroupShuffle(rescale[row % HELD], place_in_subgroup - lane + ((row / HELD) << SAME_BITS));
            // A new maximum is rare after the first blocks.
            if (of_row != 1.0) {
                for (var part = 0u; part < PARTS; part++) {
                    o_part[row][part] *= of_row;
                }
            }
        }

        // 3. O += P V.
        for (var load = 0u; load < LOADS; load++) {
            var of_key: array<f32, ROWS>;
            for (var row = 0u; row < ROWS; row++) {
                of_key[row] = subgroupShuffle(weights[row % HELD], place_in_subgroup - lane + load * LANES_PER_ROW + ((row / HELD) << SAME_BITS));
            }
            for (var part = 0u; part < PARTS; part++) {
                let v_part = widened(v_raw[load], part);
                for (var row = 0u; row < ROWS; row++) {
                    o_part[row][part] = fma(vec4<f32>(of_key[row]), v_part, o_part[row][part]);
                }
            }
        }
    }

    // Every lane takes the maxima of all rows, and the sums of its own keys.
    var row_max: array<f32, ROWS>;
    var sums: array<f32, ROWS>;
    for (var row = 0u; row < ROWS; row++) {
        row_max[row] = subgroupShuffle(own_max[row % HELD], place_in_subgroup - lane + ((row / HELD) << SAME_BITS));
        sums[row] = subgroupShuffle(own_sum[row % HELD], place_in_subgroup - lane + own_load * LANES_PER_ROW + ((row / HELD) << SAME_BITS));
    }
    // The slots agree on a maximum for each row.
    let place = (workgroup_id.x * params.splits + split) * ROWS;
    for (var row = 0u; row < ROWS; row++) {
        if (lane == 0u) {
            atomicMax(&row_maxima[row], ordered(row_max[row]));
        }
    }
    workgroupBarrier();
    for (var row = 0u; row < ROWS; row++) {
        let rescale = exp2((row_max[row] - unordered(atomicLoad(&row_maxima[row]))) * TO_LOG2);
        for (var step = 0u; step < LOADS_BITS; step++) {
            sums[row] += subgroupShuffleXor(sums[row], LANES >> (step + 1u));
        }
        if (lane == 0u) {
            row_sums[row * SLOTS + slot] = sums[row] * rescale;
        }
        // Rows take turns in the two halves of `memory`. Columns of neighbouring invocations lie side by side, here and in
        // part_o.
        let half = row % 2u * SLOTS * HEAD_DIM;
        for (var i = 0u; i < VECTOR; i++) {
            memory[half + slot * HEAD_DIM + i * LANES + lane] = o_part[row][i / 4u][i % 4u] * rescale;
        }
        workgroupBarrier();
        for (var i = 0u; i < COLUMNS; i++) {
            let column = local_index + i * WORKGROUP;
            if (column < HEAD_DIM) {
                var sum = 0.0;
                // keep loop
                for (var first = 0u; first < SLOTS; first += SLOTS_AT_ONCE) {
                    for (var next = 0u; next < SLOTS_AT_ONCE; next++) {
                        if (first + next < SLOTS) {
                            sum += memory[half + (first + next) * HEAD_DIM + column];
                        }
                    }
                }
                part_o[(place + row) * HEAD_DIM + column] = sum;
            }
        }
    }
    if (local_index < ROWS) {
        var sum = 0.0;
        // keep loop
        for (var other = 0u; other < SLOTS; other++) {
            sum += row_sums[local_index * SLOTS + other];
        }
        part_sums[place + local_index] = vec2<f32>(unordered(atomicLoad(&row_maxima[local_index])), sum);
    }
}

// Sixteen bytes of each of LOADS keys of the block at `tile`. Keys past the last read the last again; their weights are 0.
// A whole block needs only one address, and a constant step from key to key.
fn fetch_k(to: ptr<function, array<vec4<u32>, LOADS>>, unit: Unit, tile: u32, slot: u32, end: u32, lane: u32) {
    if (!PAGED && tile + TILE_KV <= end) {
        let at = row_of(tile + slot, unit, params.k) / VECTOR + lane;
        let step = SLOTS * (params.k.row / VECTOR);
        for (var load = 0u; load < LOADS; load++) {
            (*to)[load] = k[at + load * step];
        }
    } else {
        for (var load = 0u; load < LOADS; load++) {
            (*to)[load] = k[row_of(min(tile + slot + load * SLOTS, end - 1u), unit, params.k) / VECTOR + lane];
        }
    }
}

fn fetch_v(to: ptr<function, array<vec4<u32>, LOADS>>, unit: Unit, tile: u32, slot: u32, end: u32, lane: u32) {
    if (!PAGED && tile + TILE_KV <= end) {
        let at = row_of(tile + slot, unit, params.v) / VECTOR + lane;
        let step = SLOTS * (params.v.row / VECTOR);
        for (var load = 0u; load < LOADS; load++) {
            (*to)[load] = v[at + load * step];
        }
    } else {
        for (var load = 0u; load < LOADS; load++) {
            (*to)[load] = v[row_of(min(tile + slot + load * SLOTS, end - 1u), unit, params.v) / VECTOR + lane];
        }
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
