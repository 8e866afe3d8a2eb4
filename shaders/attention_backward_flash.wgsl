//! attention_backward_flash: dK and dV, or dQ, of an attention, without the scores in memory.
//!
//!     P  = exp(S - log_sum)      dP = dO V^T               dS = P * (dP - delta)
//!     dV = P^T dO                dK = scale * dS^T Q       dQ = scale * dS K
//!
//! where log_sum is the logarithm of a row's sum and delta = sum_d dO[d] O[d] (Dao, "FlashAttention-2", 2023, algorithm 2).
//! One dispatch gives dK and dV and another dQ, since WGSL has no atomic float to add dQ with.
//!
//! One workgroup owns TILE keys with KEYS, and TILE queries without. It loops over the other rows, queries or keys, in
//! blocks of BLOCK. With KEYS, the loop takes the query heads of a group in turn, and each block gives
//!
//!        head_dim       BLOCK          value_dim       BLOCK
//!        +-------+     +-----+         +-------+     +------+
//!   TILE |   K   |  *  | Q^T | => P    |   V   |  *  | dO^T | => dP  => dS
//!        +-------+     +-----+         +-------+     +------+
//!
//!         BLOCK        head_dim          BLOCK       value_dim
//!        +-----+      +--------+        +-----+      +-------+
//!   TILE | dS  |  *   |   Q    | => dK  |  P  |  *   |  dO   | => dV
//!        +-----+      +--------+        +-----+      +-------+
//!
//! Without KEYS, Q and K change places, and so do dO and V; a block gives dS K alone. An invocation has ELEMS rows and four
//! columns of S and dP, and the same rows of the gradients. Scores are in units of log2 unless NATURAL, so that exp is exp2.
//!
//! Intensity: about TILE / 2 FLOP/B in f32, 16 at 32 rows. Workgroup memory: 14 KiB.
//! Works for any lengths, and head_dim and value_dim that are multiples of four.

alias Elem = f32;       // type of all operands but log_sum and delta
alias Gradient = f32;   // type of the gradients: Elem, or f32 with BLOCKS_PER_DISPATCH

const HEAD_DIM: u32 = 64;    // columns of Q and K
const VALUE_DIM: u32 = 64;   // columns of V and O
const KEYS: bool = true;     // true: a workgroup owns keys and gives dK and dV; false: it owns queries and gives dQ
const BIAS: bool = false;
const SOFT_CAP: bool = false;
// Whether scores are natural, and not in units of log2, in which exp is exp2: a bias or a sink near the lowest finite f32
// would be beyond f32 there.
const NATURAL: bool = false;
// Most blocks of a workgroup in one dispatch, counted over all query heads of its group; 0: all in one dispatch.
// If it is not 0, d_own and d_v hold f32 sums, the rows of one workgroup behind those of another. Later dispatches add to
// these sums, and attention_backward_finish converts them to gradients.
const BLOCKS_PER_DISPATCH: u32 = 0;

const TILE: u32 = 32;         // rows that a workgroup owns
const BLOCK: u32 = 32;        // other rows per block
const ELEMS: u32 = 4;         // own rows per invocation
const CHUNK_D: u32 = 16;      // columns in workgroup memory at a time, for S and dP
const CHUNK_ROWS: u32 = 16;   // rows in workgroup memory at a time, for the gradients

const WORKGROUP_O: u32 = TILE / ELEMS;
const WORKGROUP_L: u32 = BLOCK / 4u;
const WORKGROUP: u32 = WORKGROUP_O * WORKGROUP_L;
const HEAD4: u32 = HEAD_DIM / 4u;
const VALUE4: u32 = VALUE_DIM / 4u;
const CHUNK_D4: u32 = CHUNK_D / 4u;
const CHUNK_ROWS4: u32 = CHUNK_ROWS / 4u;
const ELEMS_D4: u32 = (max(HEAD4, VALUE4) + WORKGROUP_L - 1u) / WORKGROUP_L;   // groups of columns per invocation

// Layout of workgroup memory, in vec4: P and dS, then the rows that are multiplied. Odd strides put rows that are read
// together into different banks.
const P_STRIDE: u32 = WORKGROUP_L | 1u;
const D_STRIDE: u32 = CHUNK_D4 | 1u;
const ROW_STRIDE: u32 = ELEMS_D4 * WORKGROUP_L;
const DS_BASE: u32 = TILE * P_STRIDE;
const OWN_BASE: u32 = 2u * DS_BASE;
const OTHER_BASE: u32 = OWN_BASE + TILE * D_STRIDE;
const OTHER_END: u32 = OTHER_BASE + BLOCK * D_STRIDE;
const ROWS_END: u32 = OWN_BASE + CHUNK_ROWS * ROW_STRIDE;
const MEMORY: u32 = max(OTHER_END, ROWS_END);

const_assert HEAD_DIM % 4 == 0;
const_assert VALUE_DIM % 4 == 0;
const_assert TILE % ELEMS == 0;
const_assert BLOCK % CHUNK_ROWS == 0;
const_assert CHUNK_ROWS % 4 == 0;
const_assert CHUNK_D % 4 == 0;

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
@group(0) @binding(1) var<storage, read> q: array<vec4<Elem>>;           // [batch, heads, seq_q, head_dim / 4]
@group(0) @binding(2) var<storage, read> k: array<vec4<Elem>>;           // [batch, kv_heads, seq_kv, head_dim / 4]
@group(0) @binding(3) var<storage, read> v: array<vec4<Elem>>;           // [batch, kv_heads, seq_kv, value_dim / 4]
@group(0) @binding(4) var<storage, read> d_o: array<vec4<Elem>>;         // [batch, heads, seq_q, value_dim / 4]
@group(0) @binding(5) var<storage, read> rows: array<vec2<u32>>;         // [batch * heads * seq_q + batch]: logarithm and
                                                                         // delta of each row, lengths of each sequence
@group(0) @binding(6) var<storage, read> bias: array<Elem>;              // [batch, heads, seq_q, seq_kv], with BIAS
@group(0) @binding(7) var<storage, read_write> d_own: array<vec4<Gradient>>; // dK or dQ, in the layout of K or Q
@group(0) @binding(8) var<storage, read_write> d_v: array<vec4<Gradient>>;   // dV, in the layout of V, with KEYS

var<workgroup> memory: array<vec4<f32>, MEMORY>;

@compute @workgroup_size(WORKGROUP)
fn attention_backward_flash(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    // snippet attention_backward_own
    let id = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let own_seq = select(params.seq_q, params.seq_kv, KEYS);
    let own_heads = select(params.heads, params.heads / params.group, KEYS);
    let tiles = (own_seq + TILE - 1u) / TILE;
    let all_heads = own_heads * params.batch;
    // Longest work first: under a causal mask the first keys are seen by most queries, and the last queries see most keys.
    let all_head = id % all_heads;
    let tile = id / all_heads;
    let own_head = all_head % own_heads;
    let batch = all_head / own_heads;
    let first_own = select(tiles - 1u - tile, tile, KEYS) * TILE;

    // A workgroup past the last tile has no blocks and writes nothing.
    let inside = tile < tiles;
    var lengths = vec2<u32>();
    if (inside) {
        lengths = rows[params.batch * params.heads * params.seq_q + batch];
    }
    let own_count = select(lengths.x, lengths.y, KEYS);
    let other_count = select(lengths.y, lengths.x, KEYS);
    // begin and end bound the other rows that any own row sees or is seen by. Query i stands at key i + shift.
    let shift = i32(lengths.y) - i32(lengths.x);
    let last_own = i32(min(first_own + TILE, own_count)) - 1;
    var begin = i32(first_own) + shift - params.behind + 1;
    var end = last_own + shift + params.ahead;
    if (KEYS) {
        begin = i32(first_own) - shift - params.ahead + 1;
        end = last_own - shift + params.behind;
    }
    begin = max(begin, 0);
    end = select(0, min(end, i32(other_count)), first_own < own_count);

    var own_1 = rows_of(params.q, batch, own_head, own_count);
    var own_2 = rows_of(params.o, batch, own_head, own_count);
    if (KEYS) {
        own_1 = rows_of(params.k, batch, own_head, own_count);
        own_2 = rows_of(params.v, batch, own_head, own_count);
    }
    // end
    let local_o = local_index / WORKGROUP_L;
    let local_l = local_index % WORKGROUP_L;
    var gradient_1: array<array<vec4<f32>, ELEMS_D4>, ELEMS>;   // gradient of K or Q
    var gradient_2: array<array<vec4<f32>, ELEMS_D4>, ELEMS>;   // gradient of V
    let members = select(1u, params.group, KEYS);
    let blocks = (u32(max(end - begin, 0)) + BLOCK - 1u) / BLOCK;
    for (var member = 0u; member < members; member++) {
        // snippet attention_backward_other
        let other_head = select(own_head / params.group, own_head * params.group + member, KEYS);
        let head = Head(batch, select(own_head, other_head, KEYS), lengths.x, lengths.y);
        var other_1 = rows_of(params.k, batch, other_head, other_count);
        var other_2 = rows_of(params.v, batch, other_head, other_count);
        if (KEYS) {
            other_1 = rows_of(params.q, batch, other_head, other_count);
            other_2 = rows_of(params.o, batch, other_head, other_count);
        }
        let walk = walk_of(member, begin, end, blocks);
        // end
        for (var first_other = walk.x; first_other < walk.y; first_other += i32(BLOCK)) {
            let first = u32(first_other);
            var product: array<vec4<f32>, ELEMS>;
            var dp: array<vec4<f32>, ELEMS>;
            products(false, own_1, first_own, other_1, first, local_index, &product);
            products(true, own_2, first_own, other_2, first, local_index, &dp);
            let other = vec4<u32>(first + 4u * local_l) + vec4<u32>(0u, 1u, 2u, 3u);
            for (var i = 0u; i < ELEMS; i++) {
                let local_row = i * WORKGROUP_O + local_o;
                let own = vec4<u32>(first_own + local_row);
                let weights = weigh(head, select(own, other, KEYS), select(other, own, KEYS), product[i], dp[i]);
                memory[local_row * P_STRIDE + local_l] = weights.p;
                memory[DS_BASE + local_row * P_STRIDE + local_l] = weights.ds;
            }
            accumulate(false, other_1, first, local_index, &gradient_1);
            if (KEYS) {
                accumulate(true, other_2, first, local_index, &gradient_2);
            }
        }
    }

    let scale = params.scale * TO_NATURAL;
    for (var i = 0u; i < ELEMS; i++) {
        let row = first_own + i * WORKGROUP_O + local_o;
        let kept_row = (id - params.first_kept) * TILE + row - first_own;
        if (inside && row < own_seq) {
            for (var j = 0u; j < ELEMS_D4; j++) {
                let d4 = j * WORKGROUP_L + local_l;
                if (d4 < HEAD4) {
                    var value = gradient_1[i][j] * scale;
                    var at = own_1.base + row * own_1.stride + d4;
                    if (BLOCKS_PER_DISPATCH > 0u) {
                        at = kept_row * HEAD4 + d4;
                        if (params.first_step > 0u) {
                            value += vec4<f32>(d_own[at]);
                        }
                    }
                    d_own[at] = vec4<Gradient>(value);
                }
                if (KEYS && d4 < VALUE4) {
                    var value = gradient_2[i][j];
                    var at = own_2.base + row * own_2.stride + d4;
                    if (BLOCKS_PER_DISPATCH > 0u) {
                        at = kept_row * VALUE4 + d4;
                        if (params.first_step > 0u) {
                            value += vec4<f32>(d_v[at]);
                        }
                    }
                    d_v[at] = vec4<Gradient>(value);
                }
            }
        }
    }
}

// Four columns of an own row: of K, or of V if `second`; without KEYS of Q, or of dO if `second`.
fn load_own(second: bool, place: u32) -> vec4<f32> {
    if (KEYS) {
        if (second) {
            return vec4<f32>(v[place]);
        }
        return vec4<f32>(k[place]);
    }
    if (second) {
        return vec4<f32>(d_o[place]);
    }
    return vec4<f32>(q[place]);
}

// Four columns of another row: of Q, or of dO if `second`; without KEYS of K, or of V if `second`.
fn load_other(second: bool, place: u32) -> vec4<f32> {
    if (KEYS) {
        if (second) {
            return vec4<f32>(d_o[place]);
        }
        return vec4<f32>(q[place]);
    }
    if (second) {
        return vec4<f32>(v[place]);
    }
    return vec4<f32>(k[place]);
}

// Products of the own rows from `first_own` with the other rows from `first_other`: S, or dP if `second`.
fn products(
    second: bool,
    own: Rows,
    first_own: u32,
    other: Rows,
    first_other: u32,
    local_index: u32,
    sum: ptr<function, array<vec4<f32>, ELEMS>>,
) {
    let columns4 = select(HEAD4, VALUE4, second);
    let local_o = local_index / WORKGROUP_L;
    let local_l = local_index % WORKGROUP_L;
    for (var first_d4 = 0u; first_d4 < columns4; first_d4 += CHUNK_D4) {
        workgroupBarrier();
        for (var cell = local_index; cell < TILE * CHUNK_D4; cell += WORKGROUP) {
            let row = cell / CHUNK_D4;
            let d4 = first_d4 + cell % CHUNK_D4;
            var value = vec4<f32>();
            if (first_own + row < own.count && d4 < columns4) {
                value = load_own(second, own.base + (first_own + row) * own.stride + d4);
            }
            memory[OWN_BASE + row * D_STRIDE + cell % CHUNK_D4] = value;
        }
        // Neighbouring invocations work on rows four apart. These lie side by side in workgroup memory, in different banks.
        for (var cell = local_index; cell < BLOCK * CHUNK_D4; cell += WORKGROUP) {
            let row = cell / CHUNK_D4;
            let d4 = first_d4 + cell % CHUNK_D4;
            var value = vec4<f32>();
            if (first_other + row < other.count && d4 < columns4) {
                value = load_other(second, other.base + (first_other + row) * other.stride + d4);
            }
            memory[OTHER_BASE + (row % 4u * WORKGROUP_L + row / 4u) * D_STRIDE + cell % CHUNK_D4] = value;
        }
        workgroupBarrier();
        for (var d4 = 0u; d4 < CHUNK_D4; d4++) {
            var part: array<vec4<f32>, 4>;
            for (var l = 0u; l < 4u; l++) {
                part[l] = memory[OTHER_BASE + (l * WORKGROUP_L + local_l) * D_STRIDE + d4];
            }
            var own_part: array<vec4<f32>, ELEMS>;
            for (var i = 0u; i < ELEMS; i++) {
                own_part[i] = memory[OWN_BASE + (i * WORKGROUP_O + local_o) * D_STRIDE + d4];
            }
            for (var c = 0u; c < 4u; c++) {
                let column = vec4<f32>(part[0][c], part[1][c], part[2][c], part[3][c]);
                for (var i = 0u; i < ELEMS; i++) {
                    (*sum)[i] = fma(vec4<f32>(own_part[i][c]), column, (*sum)[i]);
                }
            }
        }
    }
}

// Adds dS, or P if `second`, times the other rows from `first_other` to the own part of a gradient.
fn accumulate(
    second: bool,
    other: Rows,
    first_other: u32,
    local_index: u32,
    gradient: ptr<function, array<array<vec4<f32>, ELEMS_D4>, ELEMS>>,
) {
    let columns4 = select(HEAD4, VALUE4, second);
    let weights = select(DS_BASE, 0u, second);
    let local_o = local_index / WORKGROUP_L;
    let local_l = local_index % WORKGROUP_L;
    // keep loop
    for (var first_row = 0u; first_row < BLOCK; first_row += CHUNK_ROWS) {
        workgroupBarrier();
        for (var cell = local_index; cell < CHUNK_ROWS * ROW_STRIDE; cell += WORKGROUP) {
            let row = first_other + first_row + cell / ROW_STRIDE;
            let d4 = cell % ROW_STRIDE;
            var value = vec4<f32>();
            if (row < other.count && d4 < columns4) {
                value = load_other(second, other.base + row * other.stride + d4);
            }
            memory[OWN_BASE + cell] = value;
        }
        workgroupBarrier();
        // keep loop
        for (var row4 = 0u; row4 < CHUNK_ROWS4; row4++) {
            var weight: array<vec4<f32>, ELEMS>;
            for (var i = 0u; i < ELEMS; i++) {
                weight[i] = memory[weights + (i * WORKGROUP_O + local_o) * P_STRIDE + first_row / 4u + row4];
            }
            for (var c = 0u; c < 4u; c++) {
                for (var j = 0u; j < ELEMS_D4; j++) {
                    let part = memory[OWN_BASE + (4u * row4 + c) * ROW_STRIDE + j * WORKGROUP_L + local_l];
                    for (var i = 0u; i < ELEMS; i++) {
                        (*gradient)[i][j] = fma(vec4<f32>(weight[i][c]), part, (*gradient)[i][j]);
                    }
                }
            }
        }
    }
}

// P and dS of four pairs of a query and a key.
struct Weights {
    p: vec4<f32>,
    ds: vec4<f32>,
}

fn weigh(head: Head, query: vec4<u32>, key: vec4<u32>, product: vec4<f32>, dp: vec4<f32>) -> Weights {
    // snippet attention_backward_cap
    var score = product * params.scale;
    var slope = vec4<f32>(1.0);
    if (SOFT_CAP) {
        // tanh(x) = (1 - e) / (1 + e) and its slope 4 e / (1 + e)^2 with e = exp(-2 |x|).
        let x = score / params.soft_cap;
        let e = exp(-2.0 * abs(x));
        let reciprocal = 1.0 / (1.0 + e);
        score = params.soft_cap * sign(x) * ((1.0 - e) * reciprocal);
        slope = 4.0 * e * reciprocal * reciprocal;
    }
    // end
    let position = vec4<i32>(query) + i32(head.keys) - i32(head.queries);
    let apart = vec4<i32>(key) - position;
    let visible = (apart < vec4<i32>(params.ahead)) & (apart > vec4<i32>(-params.behind))
        & (key < vec4<u32>(head.keys)) & (query < vec4<u32>(head.queries));
    let first_row = (head.batch * params.heads + head.head) * params.seq_q;
    var log_sum = vec4<f32>();
    var delta = vec4<f32>();
    for (var l = 0u; l < 4u; l++) {
        if (visible[l]) {
            let row = rows[first_row + query[l]];
            log_sum[l] = bitcast<f32>(row.x);
            delta[l] = bitcast<f32>(row.y);
            if (BIAS) {
                let place = head.batch * params.bias.batch + head.head * params.bias.head + query[l] * params.bias.row;
                score[l] += f32(bias[place + key[l]]);
            }
        }
    }
    let p = select(vec4<f32>(), exp2((score - log_sum) * TO_LOG2), visible);
    // dP of a key that is not visible may be no number.
    return Weights(p, select(vec4<f32>(), p * (dp - delta) * slope, visible));
}

struct Params {
    // `first` is the first workgroup. `scale` and `soft_cap` are in the unit of the scores: see NATURAL.
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
    // snippet attention_cut_params
    first_step: u32,      // where a loop over keys or blocks is cut: keys or blocks that earlier dispatches took
    steps: u32,           // keys or blocks that this dispatch takes, a multiple of what the loop takes at a time
    first_kept: u32,      // tile or workgroup whose sums come first in memory
    kept: u32,            // tiles or workgroups whose sums are stored
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

// snippet attention_backward_rows
// A head of Q, and the lengths of its sequence.
struct Head {
    batch: u32,
    head: u32,      // head of Q
    queries: u32,   // queries of the sequence
    keys: u32,
}

// A run of rows in memory: the first vec4 of row 0, vec4 from one row to the next, and how many rows there are.
struct Rows {
    base: u32,
    stride: u32,
    count: u32,
}

fn rows_of(strides: Strides, batch: u32, head: u32, count: u32) -> Rows {
    return Rows((strides.offset + batch * strides.batch + head * strides.head) / 4u, strides.row / 4u, count);
}

// The other rows of query head `member` of the group that this dispatch takes: from x up to y. All of its rows, from `begin`
// up to `end`, are `blocks` blocks.
fn walk_of(member: u32, begin: i32, end: i32, blocks: u32) -> vec2<i32> {
    if (BLOCKS_PER_DISPATCH == 0u) {
        return vec2<i32>(begin, end);
    }
    let before = member * blocks;
    let all = vec2<u32>(params.first_step, params.first_step + params.steps);
    let own = clamp(all, vec2<u32>(before), vec2<u32>(before + blocks)) - before;
    return vec2<i32>(begin + i32(own.x * BLOCK), min(begin + i32(own.y * BLOCK), end));
}
// end
