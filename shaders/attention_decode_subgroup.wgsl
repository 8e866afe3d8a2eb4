//! attention_decode_subgroup: attention_decode without barriers in its loop, by subgroups.
//!
//! The query heads that share a key head are packed: ROWS rows, each a query of a head, walk the same keys, so that K and V
//! are read once for all of them. The visible keys are split over workgroups. One workgroup takes ROWS rows and a run of
//! keys, in blocks of TILE_KV, and gives O without the division by the sum, the maximum and the sum of each row (Dao,
//! "FlashAttention-2", 2023, section 3.1.1; the split: Dao et al., "Flash-Decoding", 2023), for attention_decode_merge.
//! LANES invocations of a subgroup are a slot: they share LOADS keys of a block, and have maxima and sums of their own. Each
//!   1. multiplies 16 bytes of a key with as many columns of every row of Q;
//!   2. exchanges halves of what it found, of the keys and then of the rows, until it holds few scores of one key;
//!   3. adds 16 bytes of each value, weighed by what the others hold, to its columns of every row of O.
//! The keys of the next block and the values of this one come from memory meanwhile. Scores are kept in units of log2.
//!
//!          head_dim        TILE_KV          TILE_KV        head_dim           head_dim
//!        +---------+     +---------+      +---------+     +---------+        +---------+
//!   ROWS |    Q    |  *  |   K^T   | ..=> |    P    |  *  |    V    | ... += |    O    | ROWS
//!        +---------+     +---------+      +---------+     +---------+        +---------+
//!
//! Traffic: K and V read once for ROWS rows; ROWS * (head_dim + 2) f32 written by each workgroup. Intensity: ROWS FLOP/B of
//! K and V in f16. Workgroup memory: 5.14 KiB. Works for any lengths, and for rows of a power of two of 16 bytes that no
//! subgroup is smaller than.

alias Elem = f32;              // of the bias

const HALF: bool = false;      // Q, K and V are f16, two to a u32
const HEAD_DIM: u32 = 64;      // columns of Q and K
const VALUE_DIM: u32 = 64;     // columns of V and O
const PAGED: bool = false;     // keys lie in pages
const PAGE_SIZE: u32 = 16;     // keys of a page
const LENGTHS: bool = false;   // sequences have lengths of their own
const BIAS: bool = false;
const CAP: bool = false;       // scores are capped
const KV_HEADS: u32 = 1;       // heads of K and V
const GROUP: u32 = 4;          // query heads to each

const ROWS: u32 = 4;           // rows of Q per workgroup
const WORKGROUP: u32 = 128;    // a multiple of the size of a subgroup
const LOADS: u32 = 4;          // keys of a slot in a block: a power of two
const SPLIT_KEYS: u32 = 128;   // keys of a split at least; read by the host
const WORKGROUPS: u32 = 512;   // that the keys are split for; read by the host

const VECTOR: u32 = 4u + 4u * u32(HALF);   // elements in 16 bytes
const PARTS: u32 = VECTOR / 4u;            // vec4<f32> that they become
const LANES: u32 = HEAD_DIM / VECTOR;
const BITS: u32 = firstTrailingBit(LANES);
const LOADS_BITS: u32 = firstTrailingBit(LOADS);
const LANES_PER_ROW: u32 = LANES / LOADS;        // lanes that hold the scores of one key
const ROW_BITS: u32 = 32u - countLeadingZeros(ROWS - 1u);
const ROWS_OF_SCORES: u32 = 1u << ROW_BITS;   // rows, and more that make it a power of two
const GIVEN: u32 = min(ROW_BITS, BITS - LOADS_BITS);   // times that a lane gives half of its rows away
const SAME_BITS: u32 = BITS - LOADS_BITS - GIVEN;      // of lanes that hold the same scores
const HELD: u32 = ROWS_OF_SCORES >> GIVEN;    // rows that a lane holds scores of
const SLOTS: u32 = WORKGROUP / LANES;      // keys read at once
const COLUMNS: u32 = (HEAD_DIM + WORKGROUP - 1u) / WORKGROUP;   // of O that an invocation sums
const SLOTS_AT_ONCE: u32 = min(SLOTS, 8u);   // that an invocation sums without a loop
const TILE_Q: u32 = ROWS;
const TILE_KV: u32 = LOADS * SLOTS;        // keys per block

const_assert HEAD_DIM == VALUE_DIM;
const_assert HEAD_DIM == VECTOR << BITS;
const_assert LOADS == 1u << LOADS_BITS;
const_assert LOADS <= LANES;
const_assert WORKGROUP % LANES == 0;
const_assert WORKGROUP >= ROWS;

// No score is below it. A difference with it is finite or -inf, never NaN, unlike with -inf itself.
const NEG_LARGE: f32 = -0x1.fffffep+127;
const LOG2_E: f32 = 1.44269504;

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
var<workgroup> q_tile: array<vec4<f32>, ROWS * PARTS * LANES>;          // scaled
var<workgroup> row_sums: array<f32, ROWS * SLOTS>;
var<workgroup> row_maxima: array<atomic<u32>, ROWS>;                      // as `ordered` gives them

@compute @workgroup_size(WORKGROUP)
fn attention_decode_subgroup(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) place_in_subgroup: u32,
) {
    // Counted, because a subgroup may be narrower than the size that some drivers state.
    let size_of_subgroup = subgroupAdd(1u);
    let lane = place_in_subgroup % LANES;
    let slot = (subgroup_id * size_of_subgroup + place_in_subgroup) / LANES;
    let own_load = lane / LANES_PER_ROW;

    let split = params.first_split + workgroup_id.y;
    let of_all = params.first + workgroup_id.x;
    let run = of_all / params.row_tiles;
    let batch = run / KV_HEADS;
    let size = sizes(batch);
    let unit = Unit(batch, run % KV_HEADS, of_all % params.row_tiles * ROWS, size.x, size.y);

    // The first row sees the first key of all, the last one that is there the last.
    let rows = min(ROWS, params.seq_q * GROUP - unit.first_row);
    let sees_first = visible(unit, 0u).x;
    var sees_last = sees_first;
    var all_see = vec2<u32>(0u, 0xffffffffu);
    for (var row = 0u; row < ROWS; row++) {
        let sees = visible(unit, row);
        sees_last = max(sees_last, sees.y);
        all_see = vec2<u32>(max(all_see.x, sees.x), min(all_see.y, sees.y));
    }
    // Blocks in turn, so that workgroups that run at the same time read memory side by side.
    let begin = min(sees_first + split * TILE_KV, sees_last);
    let end = sees_last;
    let stride = params.splits * TILE_KV;
    all_see.y = min(all_see.y, end);

    var k_raw: array<vec4<u32>, LOADS>;
    if (begin < end) {
        fetch_k(&k_raw, unit, begin, slot, end, lane);
    }
    // Q leaves registers to more subgroups, which hide more of the time that memory takes.
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
    var own_sum: array<f32, HELD>;   // of the lane's own keys, until the end
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
        // After the last block this is its last key again.
        fetch_k(&k_raw, unit, tile + stride, slot, end, lane);

        // 2. A lane gives half of the keys away for the same half of the others, until it has one,
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
        // then half of the rows, until it has one. Where there are more lanes than rows, some have the same.
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
                    score = fma(f32(bias[of_row + key]), LOG2_E, score);
                }
            }
            // Only blocks that cross the edge of what a row sees are masked.
            if (tile < all_see.x || tile + TILE_KV > all_see.y) {
                let sees = visible(unit, row);
                if (key < sees.x || key >= min(sees.y, end)) {
                    score = NEG_LARGE;
                }
            }
            var new_max = max(own_max[held], score);
            for (var step = 0u; step < LOADS_BITS; step++) {
                new_max = max(new_max, subgroupShuffleXor(new_max, LANES >> (step + 1u)));
            }
            rescale[held] = exp2(own_max[held] - new_max);
            own_max[held] = new_max;
            // While a row has seen no key, its masked scores are its maximum, and yet have to weigh nothing.
            weights[held] = exp2(score - select(new_max, 0.0, new_max == NEG_LARGE));
            own_sum[held] = fma(own_sum[held], rescale[held], weights[held]);
        }
        for (var row = 0u; row < ROWS; row++) {
            let of_row = subgroupShuffle(rescale[row % HELD], place_in_subgroup - lane + ((row / HELD) << SAME_BITS));
            // Rare after the first blocks.
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
    // The slots agree on a maximum.
    let place = (workgroup_id.x * params.splits + split) * ROWS;
    for (var row = 0u; row < ROWS; row++) {
        if (lane == 0u) {
            atomicMax(&row_maxima[row], ordered(row_max[row]));
        }
    }
    workgroupBarrier();
    for (var row = 0u; row < ROWS; row++) {
        let rescale = exp2(row_max[row] - unordered(atomicLoad(&row_maxima[row])));
        for (var step = 0u; step < LOADS_BITS; step++) {
            sums[row] += subgroupShuffleXor(sums[row], LANES >> (step + 1u));
        }
        if (lane == 0u) {
            row_sums[row * SLOTS + slot] = sums[row] * rescale;
        }
        // Each row in the half of the memory that the one before has left. Columns that neighbours hold are side by side,
        // here and in memory.
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

// Sixteen bytes of LOADS keys of the block at `tile`. Keys past the last are the last again, and weigh nothing. Whole
// blocks have one address each, and no others are computed.
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
    // `first` is the first unit, ROWS rows of a key head. Scores, and so `scale` and `soft_cap`, are in units of log2.
    // snippet attention_params
    batch: u32,
    heads: u32,           // of Q and O
    group: u32,           // query heads to a key head
    seq_q: u32,
    seq_kv: u32,
    head_dim: u32,
    value_dim: u32,
    ahead: i32,           // a query at p sees keys before p + ahead
    behind: i32,          // and after p - behind
    scale: f32,           // of Q times K
    soft_cap: f32,        // 0 for none
    first: u32,           // where the work of this dispatch begins
    q: Strides,
    k: Strides,
    v: Strides,
    o: Strides,
    bias: Strides,
    page_size: u32,
    pages: u32,
    table_row: u32,       // pages of a sequence
    neg_inf: f32,         // -inf, which WGSL cannot write
    // end
    splits: u32,          // workgroups that share a unit's keys
    row_tiles: u32,       // units of a key head
    first_split: u32,     // of this dispatch
}

// snippet attention_strides
// From one of each to the next, in elements.
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
// What a workgroup works on.
struct Unit {
    batch: u32,
    kv_head: u32,
    first_row: u32,   // of the group's rows: query * group + head
    queries: u32,     // of the sequence
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

// The first key that a row sees, and the one after the last.
fn visible(unit: Unit, row: u32) -> vec2<u32> {
    let query = (unit.first_row + row) / GROUP;
    if (query >= unit.queries) {
        return vec2<u32>();
    }
    let position = i32(query) + i32(unit.keys) - i32(unit.queries);
    let first = clamp(position - params.behind + 1, 0, i32(unit.keys));
    return vec2<u32>(u32(first), u32(clamp(position + params.ahead, first, i32(unit.keys))));
}

// Elements before a key's row, of K or V.
fn row_of(key: u32, unit: Unit, strides: Strides) -> u32 {
    let of_head = strides.offset + unit.kv_head * strides.head;
    if (PAGED) {
        // A wrong table reads the last page, and never beyond it.
        let page = min(table[unit.batch * params.table_row + key / PAGE_SIZE], params.pages - 1u);
        return of_head + page * strides.batch + key % PAGE_SIZE * strides.row;
    }
    return of_head + unit.batch * strides.batch + key * strides.row;
}

// Four elements of sixteen bytes.
fn widened(raw: vec4<u32>, part: u32) -> vec4<f32> {
    if (HALF) {
        let pairs = select(raw.xy, raw.zw, part == 1u);
        return vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
    }
    return bitcast<vec4<f32>>(raw);
}

// soft_cap * tanh(score / soft_cap); where exp would overflow, tanh is 1.
fn capped(score: f32) -> f32 {
    let x = clamp(score / params.soft_cap, -20.0, 20.0);
    return params.soft_cap * (1.0 - 2.0 / (exp2(2.0 * LOG2_E * x) + 1.0));
}
// end
