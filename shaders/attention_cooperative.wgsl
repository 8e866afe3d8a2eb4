//! attention_cooperative: O = softmax(cap(scale * Q K^T) + bias) V over the keys that a query sees, on matrix units.
//!
//! One workgroup computes TILE_Q rows of one head's output, one subgroup SUBGROUP_Q of them, in a loop over the keys in
//! blocks of TILE_KV. A subgroup holds Q and O in fragments of FRAGMENT x FRAGMENT throughout. For each block a subgroup
//!   1. multiplies S = Q K^T and stores its fragments, whose elements cannot be accessed, in workgroup memory;
//!   2. computes P = exp(S - reference) there, an invocation for a row or for a part of one;
//!   3. adds P V to O.
//! The reference of a row is the maximum over the first block in which it sees a key. O is never rescaled, since its
//! elements cannot be accessed. If the weights of a later block sum to more than 2^15, and so come near the largest f16,
//! the workgroup finds the maximum of all keys and computes the tile again with that as the reference. This is rare. K
//! and V are fetched a block ahead.
//!
//!          head_dim      TILE_KV         TILE_KV      value_dim       value_dim
//!         +------+     +---------+      +-------+     +------+      +--------+
//!  TILE_Q |  Q   |  *  |   K^T   | ..=> |   P   |  *  |  V   | +=>  |   O    | TILE_Q
//!         +------+     +---------+      +-------+     +------+      +--------+
//!
//! Intensity: TILE_Q FLOP/B of K and V in f16. Workgroup memory: 13.75 KiB.
//! Works for any lengths and columns that are multiples of four, where a subgroup has LANES invocations.

enable f16;
enable wgpu_cooperative_matrix;

alias FragmentA = coop_mat8x8<f16, A>;
alias FragmentB = coop_mat8x8<f16, B>;
alias Sums = coop_mat8x8<f32, C>;
const FRAGMENT: u32 = 8;
const LANES: u32 = 32;   // invocations of a subgroup
const SUBGROUPS_VARY: bool = false;   // the device has subgroups of several sizes

// Cells of workgroup memory have WIDTH elements: 4, or 1 where fragments load only from memory of their own element type.
alias Cell = f16;
alias Score = f32;
alias FourCells = vec4<f16>;   // four elements as an array of cells: array<vec4<f16>, 1> where WIDTH is 4
alias Capped = vec4<f32>;   // scores that `capped` takes
const WIDTH: u32 = 1;

const HEAD_DIM: u32 = 64;    // columns of Q and K
const VALUE_DIM: u32 = 64;   // columns of V and O
const BIAS: bool = false;
const SOFT_CAP: bool = false;
const SINKS: bool = false;
const LENGTHS: bool = false;
const LOG_SUM_EXP: bool = false;
// Most keys of a workgroup in one dispatch, a multiple of TILE_KV; 0: all in one dispatch. If it is not 0, `lse` carries O
// before the division, the maximum and the sum of each row to the next dispatch, and at the end to
// attention_flash_finish.
const KV_PER_DISPATCH: u32 = 0;

const SUBGROUPS: u32 = 4;
const SUBGROUP_Q: u32 = 16;   // queries per subgroup
const TILE_KV: u32 = 16;      // keys per block
const PAD: u32 = 8;           // f16 of padding after each row of K, V and P: they move the next row to other banks
const PAD_S: u32 = 8;         // f32 of padding after each row of S

const TILE_Q: u32 = SUBGROUPS * SUBGROUP_Q;
const WORKGROUP: u32 = SUBGROUPS * LANES;
const FRAGMENTS_Q: u32 = SUBGROUP_Q / FRAGMENT;
const FRAGMENTS_KV: u32 = TILE_KV / FRAGMENT;
const FRAGMENTS_D: u32 = (HEAD_DIM + FRAGMENT - 1u) / FRAGMENT;
const FRAGMENTS_V: u32 = (VALUE_DIM + FRAGMENT - 1u) / FRAGMENT;
const D4: u32 = FRAGMENTS_D * FRAGMENT / 4u;   // groups of four columns, rounded up to whole fragments
const V4: u32 = FRAGMENTS_V * FRAGMENT / 4u;
const KV4: u32 = TILE_KV / 4u;
const CELLS: u32 = 4u / WIDTH;                 // cells in a group of four elements

// Row strides in workgroup memory, in cells.
const STRIDE_K: u32 = (D4 * 4u + PAD) / WIDTH;
const STRIDE_V: u32 = (V4 * 4u + PAD) / WIDTH;
const STRIDE_P: u32 = (TILE_KV + PAD) / WIDTH;
const STRIDE_S: u32 = (TILE_KV + PAD_S) / WIDTH;

// Rounds in which Q comes in through p_tile and O leaves through s_tile, TILE_KV columns at a time.
const ROUNDS_Q: u32 = (FRAGMENTS_D + FRAGMENTS_KV - 1u) / FRAGMENTS_KV;
const ROUNDS_O: u32 = (FRAGMENTS_V + FRAGMENTS_KV - 1u) / FRAGMENTS_KV;

// Groups of four elements that an invocation copies at a time, rounded up.
const LOADS_Q: u32 = (TILE_Q * KV4 + WORKGROUP - 1u) / WORKGROUP;
const LOADS_K: u32 = (TILE_KV * D4 + WORKGROUP - 1u) / WORKGROUP;
const LOADS_V: u32 = (TILE_KV * V4 + WORKGROUP - 1u) / WORKGROUP;
const EVEN_K: bool = TILE_KV * D4 % WORKGROUP == 0;
const EVEN_V: bool = TILE_KV * V4 % WORKGROUP == 0;

// Rows of S per invocation, which are LANES apart, and invocations that share a row.
const ROWS: u32 = max(SUBGROUP_Q / LANES, 1u);
const LANES_PER_ROW: u32 = max(LANES / SUBGROUP_Q, 1u);
const GROUPS: u32 = KV4 / LANES_PER_ROW;   // groups of four keys of a row that an invocation works on

// Whether weights are computed inside the branch that reads the scores: more code, fewer registers. H200: 8 % faster at
// HEAD_DIM 128, 3 % slower at 64.
const WEIGH_IN_BRANCH: bool = HEAD_DIM > 64u;

// Whether each tile of a head begins its loop at a different block and wraps around at the end. Few tiles then wait for
// memory, and the others find their keys in cache.
const STAGGER: bool = true;

const_assert SUBGROUP_Q % FRAGMENT == 0;
const_assert TILE_KV % FRAGMENT == 0;
const_assert HEAD_DIM % 4 == 0;
const_assert VALUE_DIM % 4 == 0;
const_assert ROWS * LANES == SUBGROUP_Q || LANES_PER_ROW * SUBGROUP_Q == LANES;
const_assert GROUPS * LANES_PER_ROW == KV4;
const_assert KV_PER_DISPATCH % TILE_KV == 0;
const KEPT_ROW: u32 = VALUE_DIM + 2u;

// Check for f16 overflow every CHECK_EVERY blocks.
const CHECK_EVERY: u32 = 8;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end
const LARGEST: f32 = 65504.0;   // the largest f16
// A block's sum of weights above this counts as near overflow. 2^15 leaves a factor of 2 to the largest f16.
const WEIGHT_MAX: f32 = 32768.0;
// Values of `overflow`. NEAR: a weight came near the largest f16. RAISED: references are maxima of all keys, so that none
// comes near again.
const NEAR: u32 = 1;
const RAISED: u32 = 2;
// snippet log2_constants
const LOG2_E: f32 = 1.4426950408889634;
const LN_2: f32 = 0.6931471805599453;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f16>>;         // [batch, heads, seq_q, head_dim / 4]
@group(0) @binding(2) var<storage, read> k: array<vec4<f16>>;         // [batch, kv_heads, seq_kv, head_dim / 4]
@group(0) @binding(3) var<storage, read> v: array<vec4<f16>>;         // [batch, kv_heads, seq_kv, value_dim / 4]
@group(0) @binding(4) var<storage, read> lengths: array<vec2<u32>>;   // [batch], with LENGTHS
@group(0) @binding(5) var<storage, read> bias: array<f16>;            // [batch, heads, seq_q, seq_kv], with BIAS
@group(0) @binding(6) var<storage, read> sinks: array<f32>;           // [heads], with SINKS
@group(0) @binding(7) var<storage, read_write> o: array<vec4<f16>>;   // [batch, heads, seq_q, value_dim / 4]
@group(0) @binding(8) var<storage, read_write> lse: array<f32>;       // [batch, heads, seq_q], with LOG_SUM_EXP;
                                                                      // [kept, TILE_Q, KEPT_ROW], with KV_PER_DISPATCH

var<workgroup> k_tile: array<Cell, TILE_KV * STRIDE_K>;
var<workgroup> v_tile: array<Cell, TILE_KV * STRIDE_V>;
var<workgroup> p_tile: array<Cell, TILE_Q * STRIDE_P>;
var<workgroup> s_tile: array<Score, TILE_Q * STRIDE_S>;   // S; O at the end
var<workgroup> factors: array<f32, TILE_Q>;               // factor of each row of O
var<workgroup> kept_factors: array<f32, max(TILE_Q * u32(KV_PER_DISPATCH > 0u), 1u)>;   // factor of earlier dispatches' rows
var<workgroup> overflow: atomic<u32>;                     // 0, NEAR or RAISED

@compute @workgroup_size(WORKGROUP)
fn attention_cooperative(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) subgroup_size: u32,
) {
    // A uniform of zeros asks for the size of this pipeline's subgroups.
    if (SUBGROUPS_VARY) {
        if (params.seq_q == 0u) {
            if (local_index == 0u) {
                lse[0] = f32(subgroup_size);
            }
            return;
        }
    }
    let tiles_q = (params.seq_q + TILE_Q - 1u) / TILE_Q;
    let tile = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let all_heads = params.batch * params.heads;
    // Last rows first: under a causal mask they see the most keys, and a dispatch should end with short work. Under such a
    // mask, one tile of every head comes before the next tile, so that no head has long rows left at the end. Otherwise the
    // tiles of a head follow each other, so that few heads share the cache.
    let causal = params.ahead < i32(params.seq_kv);
    let of_batch = min(select(tile / tiles_q, tile % all_heads, causal), all_heads - 1u);
    let tile_q = min(select(tile % tiles_q, tile / all_heads, causal), tiles_q - 1u);
    let first_query = (tiles_q - 1u - tile_q) * TILE_Q;
    let batch = of_batch / params.heads;
    let head = of_batch % params.heads;
    let kv_head = head / params.group;

    var place: Place;
    place.first_query = first_query;
    place.local_index = local_index;
    place.queries = params.seq_q;
    place.keys = params.seq_kv;
    if (LENGTHS) {
        let own = lengths[batch];
        place.queries = min(own.x, params.seq_q);
        place.keys = min(own.y, params.seq_kv);
    }
    // Workgroups past the last head only fill the grid and write nothing. Rows past the last query are not written either.
    let writes = select(0u, min(TILE_Q, params.seq_q - first_query), tile < tiles_q * all_heads);
    place.rows = min(writes, max(place.queries, first_query) - first_query);
    place.q_first = params.q.offset + batch * params.q.batch + head * params.q.head + first_query * params.q.row;
    place.k_first = params.k.offset + batch * params.k.batch + kv_head * params.k.head;
    place.v_first = params.v.offset + batch * params.v.batch + kv_head * params.v.head;
    place.o_first = params.o.offset + batch * params.o.batch + head * params.o.head + first_query * params.o.row;
    place.bias_first = batch * params.bias.batch + head * params.bias.head;

    // The keys that the first row sees end first, and the keys that the last row sees begin last.
    let first_sees = visible(place, first_query);
    let last_sees = visible(place, first_query + max(place.rows, 1u) - 1u);
    var begin = first_sees.x;
    var end = select(begin, last_sees.y, place.rows > 0u && place.keys > 0u);
    if (KV_PER_DISPATCH > 0u) {
        begin = min(begin + params.first_step, max(begin, end));
        end = min(begin + params.steps, end);
    }
    let kept_base = (tile - params.first_kept) * TILE_Q * KEPT_ROW;
    let continues = KV_PER_DISPATCH > 0u && params.first_step > 0u;
    let blocks = (max(end, begin) - begin + TILE_KV - 1u) / TILE_KV;
    var start = begin;
    if (STAGGER) {
        // The first block is one of those that all rows of the tile see whole.
        let whole = select(0u, (max(min(first_sees.y, end), begin) - begin) / TILE_KV, last_sees.x <= begin);
        start += tile_q * whole / tiles_q * TILE_KV;
    }

    let subgroup_row = subgroup_id * SUBGROUP_Q;
    let own_row = subgroup_row + own_row_of(lane);
    let sharer = lane / SUBGROUP_Q;

    if (local_index == 0u) {
        atomicStore(&overflow, 0u);
    }
    // All loads of the first block are issued before the first wait.
    var q_next: array<array<vec4<f16>, LOADS_Q>, ROUNDS_Q>;
    for (var round = 0u; round < ROUNDS_Q; round++) {
        q_next[round] = fetch_q(place, round * KV4);
    }
    var k_next: array<vec4<f16>, LOADS_K>;   // K of the next block, fetched a block ahead
    var v_next: array<vec4<f16>, LOADS_V>;
    if (blocks > 0u) {
        k_next = fetch_k(place, start);
        v_next = fetch_v(place, start);
    }
    var q_part: array<array<FragmentA, ROUNDS_Q * FRAGMENTS_KV>, FRAGMENTS_Q>;
    for (var round = 0u; round < ROUNDS_Q; round++) {
        store_q(place, q_next[round]);
        workgroupBarrier();
        for (var i = 0u; i < FRAGMENTS_Q; i++) {
            for (var j = 0u; j < FRAGMENTS_KV; j++) {
                let at = (subgroup_row + i * FRAGMENT) * STRIDE_P + j * FRAGMENT / WIDTH;
                q_part[i][round * FRAGMENTS_KV + j] = coopLoadT<FragmentA>(&p_tile[at], STRIDE_P);
            }
        }
        workgroupBarrier();
    }
    var row_max: array<f32, ROWS>;         // reference of each row
    var row_sum: array<vec4<f32>, ROWS>;   // sum over the invocation's own keys
    for (var i = 0u; i < ROWS; i++) {
        row_max[i] = NEG_LARGE;
    }
    var o_part: array<array<Sums, ROUNDS_O * FRAGMENTS_KV>, FRAGMENTS_Q>;
    var first_key = start;
    if (blocks > 0u) {
        store_k(place, k_next);
        k_next = fetch_k(place, following(start, begin, end));
    }
    // keep loop
    for (var attempt = 0u; attempt < 2u; attempt++) {
        for (var i = 0u; i < ROWS; i++) {
            row_sum[i] = vec4<f32>();
        }
        for (var i = 0u; i < FRAGMENTS_Q; i++) {
            for (var j = 0u; j < ROUNDS_O * FRAGMENTS_KV; j++) {
                o_part[i][j] = Sums();
            }
        }
        workgroupBarrier();
        var walked = 0u;
        var near = false;   // whether a weight came near the largest f16 since the last check
        for (; walked < blocks; walked++) {
            let current = first_key;
            first_key = following(current, begin, end);
            // 1. S = Q K^T
            multiply_s(&q_part, subgroup_row);
            workgroupBarrier();

            // 2. P = exp(S - reference). All reads of k_tile and v_tile are done: the next K and this V may overwrite them.
            store_v(place, v_next);
            store_k(place, k_next);
            v_next = fetch_v(place, first_key);
            k_next = fetch_k(place, following(first_key, begin, end));
            // Whether some row does not see all of the block, or may have seen no key before.
            let partial = walked == 0u || current <= last_sees.x || current + TILE_KV > first_sees.y;
            for (var i = 0u; i < ROWS; i++) {
                let row = own_row + i * LANES;
                var score: array<vec4<f32>, GROUPS>;
                var factor = 1.0;
                var block_sum: vec4<f32>;
                if (BIAS || SOFT_CAP || partial) {
                    score = seen_scores(place, row, sharer, current);
                    row_max[i] = select(row_max[i], largest_score(score), row_max[i] == NEG_LARGE);
                    if (WEIGH_IN_BRANCH) {
                        block_sum = weigh(score, factor, row_max[i], row, sharer);
                    }
                } else {
                    score = raw_scores(row, sharer);
                    factor = params.scale;
                    if (WEIGH_IN_BRANCH) {
                        block_sum = weigh(score, factor, row_max[i], row, sharer);
                    }
                }
                if (!WEIGH_IN_BRANCH) {
                    block_sum = weigh(score, factor, row_max[i], row, sharer);
                }
                near = near || (block_sum.x + block_sum.y) + (block_sum.z + block_sum.w) > WEIGHT_MAX;
                row_sum[i] += block_sum;
            }
            // The check waits for all subgroups, so not every block has one.
            let look = walked % CHECK_EVERY == CHECK_EVERY - 1u;
            if (look && near) {
                atomicMax(&overflow, NEAR);
            }
            workgroupBarrier();

            if (look && atomicLoad(&overflow) == NEAR) {
                break;
            }

            // 3. O += P V
            for (var kv = 0u; kv < FRAGMENTS_KV; kv++) {
                var p_part: array<FragmentA, FRAGMENTS_Q>;
                for (var i = 0u; i < FRAGMENTS_Q; i++) {
                    let at = (subgroup_row + i * FRAGMENT) * STRIDE_P + kv * FRAGMENT / WIDTH;
                    p_part[i] = coopLoadT<FragmentA>(&p_tile[at], STRIDE_P);
                }
                for (var j = 0u; j < FRAGMENTS_V; j++) {
                    let v_part = coopLoadT<FragmentB>(&v_tile[kv * FRAGMENT * STRIDE_V + j * FRAGMENT / WIDTH], STRIDE_V);
                    for (var i = 0u; i < FRAGMENTS_Q; i++) {
                        o_part[i][j] = coopMultiplyAdd(p_part[i], v_part, o_part[i][j]);
                    }
                }
            }
        }
        if (walked == blocks) {
            if (near) {
                atomicMax(&overflow, NEAR);
            }
            workgroupBarrier();
            if (atomicLoad(&overflow) != NEAR) {
                break;
            }
        }

        // A weight came near the largest f16: a loop over all keys finds the maxima, and the tile begins again with these as
        // references.
        workgroupBarrier();
        if (local_index == 0u) {
            atomicStore(&overflow, RAISED);
        }
        for (walked = 0u; walked < blocks; walked++) {
            let current = first_key;
            first_key = following(current, begin, end);
            multiply_s(&q_part, subgroup_row);
            workgroupBarrier();
            store_k(place, k_next);
            k_next = fetch_k(place, following(first_key, begin, end));
            for (var i = 0u; i < ROWS; i++) {
                let score = seen_scores(place, own_row + i * LANES, sharer, current);
                row_max[i] = max(row_max[i], largest_score(score));
            }
            workgroupBarrier();
        }
    }

    // O / sum leaves through s_tile.
    for (var i = 0u; i < ROWS; i++) {
        let row = own_row + i * LANES;
        var sum = (row_sum[i].x + row_sum[i].y) + (row_sum[i].z + row_sum[i].w);
        // keep loop
        for (var step = 1u; step < LANES_PER_ROW; step *= 2u) {
            sum += subgroupShuffleXor(sum, step * SUBGROUP_Q);
        }
        // Sinks are natural. If a row has seen no key, its reference is NEG_LARGE in any unit.
        var largest = select(row_max[i] * LN_2, NEG_LARGE, row_max[i] == NEG_LARGE);
        var factor = 1.0;
        if (SINKS && row < place.rows && !continues) {
            let of_keys = largest;
            largest = max(largest, sinks[head]);
            factor = exp2((of_keys - largest) * LOG2_E);
            sum = fma(sum, factor, exp2((sinks[head] - largest) * LOG2_E));
        }
        if (KV_PER_DISPATCH == 0u) {
            // A row that sees no key has a sum of 0 and stays zero.
            factors[row] = factor / select(sum, 1.0, sum == 0.0);
        } else if (row < writes && sharer == 0u) {
            // Sums of earlier dispatches and of this one are merged relative to the larger of their references.
            let at = kept_base + row * KEPT_ROW + VALUE_DIM;
            var before = vec2<f32>(NEG_LARGE, 0.0);
            if (continues) {
                before = vec2<f32>(lse[at], lse[at + 1u]);
            }
            let larger = max(before.x, largest);
            let of_before = exp2((before.x - larger) * LOG2_E);
            let of_part = exp2((largest - larger) * LOG2_E);
            kept_factors[row] = of_before;
            factors[row] = factor * of_part;
            lse[at] = larger;
            lse[at + 1u] = fma(before.y, of_before, sum * of_part);
        }
        if (KV_PER_DISPATCH == 0u && LOG_SUM_EXP && row < writes && sharer == 0u) {
            let sees_none = row >= place.rows || sum == 0.0;
            let value = select(largest + log2(sum) * LN_2, params.neg_inf, sees_none);
            lse[of_batch * params.seq_q + first_query + row] = value;
        }
    }
    for (var first = 0u; first < FRAGMENTS_V; first += FRAGMENTS_KV) {
        workgroupBarrier();
        for (var i = 0u; i < FRAGMENTS_Q; i++) {
            for (var j = 0u; j < FRAGMENTS_KV; j++) {
                let value = o_part[i][first + j];
                let pointer = &s_tile[(subgroup_row + i * FRAGMENT) * STRIDE_S + j * FRAGMENT / WIDTH];
                let stride = STRIDE_S + 0u;
                coopStoreT(value, pointer, stride);
            }
        }
        workgroupBarrier();
        for (var index = lane; index < SUBGROUP_Q * KV4; index += LANES) {
            let row = subgroup_row + index / KV4;
            let column = first * FRAGMENT + index % KV4 * 4u;
            if (KV_PER_DISPATCH > 0u && row < writes && column < VALUE_DIM) {
                let at = kept_base + row * KEPT_ROW + column;
                var value = s_read(row, index % KV4) * factors[row];
                if (continues) {
                    value += vec4<f32>(lse[at], lse[at + 1u], lse[at + 2u], lse[at + 3u]) * kept_factors[row];
                }
                for (var c = 0u; c < 4u; c++) {
                    lse[at + c] = value[c];
                }
            } else if (row < writes && column < VALUE_DIM) {
                let value = select(vec4<f32>(), s_read(row, index % KV4) * factors[row], row < place.rows);
                // Rounded weights can lift a mean of values near the largest f16 a little above it.
                let within = clamp(value, vec4<f32>(-LARGEST), vec4<f32>(LARGEST));
                let rounded = select(value, within, abs(value) < vec4<f32>(LARGEST * 1.001));
                o[(place.o_first + row * params.o.row + column) / 4u] = vec4<f16>(rounded);
            }
        }
    }
}

// The rows of the operands that a workgroup works on, and the index of the invocation. Offsets are in elements.
struct Place {
    q_first: u32,       // offset of row 0 of the tile
    k_first: u32,       // offset of key 0
    v_first: u32,
    o_first: u32,       // offset of row 0 of the tile
    bias_first: u32,    // offset of query 0
    first_query: u32,
    rows: u32,          // queries of the tile
    queries: u32,       // queries of the sequence
    keys: u32,
    local_index: u32,
}

// Keys that a query sees: from x up to y.
fn visible(place: Place, query: u32) -> vec2<u32> {
    let position = i32(query) + i32(place.keys) - i32(place.queries);
    let begin = clamp(position - params.behind + 1, 0, i32(place.keys));
    return vec2<u32>(vec2<i32>(begin, max(begin, clamp(position + params.ahead, 0, i32(place.keys)))));
}

// The block of keys after `first_key`; the first block after the last one.
fn following(first_key: u32, begin: u32, end: u32) -> u32 {
    let next = first_key + TILE_KV;
    return select(begin, next, next < end);
}

// TILE_KV columns of the tile of Q, from group `first_d4` of four columns.
fn fetch_q(place: Place, first_d4: u32) -> array<vec4<f16>, LOADS_Q> {
    var fetched: array<vec4<f16>, LOADS_Q>;
    for (var load = 0u; load < LOADS_Q; load++) {
        let index = place.local_index + load * WORKGROUP;
        let row = index / KV4;
        let d4 = first_d4 + index % KV4;
        if (row < place.rows && d4 * 4u < HEAD_DIM) {
            fetched[load] = q[(place.q_first + row * params.q.row) / 4u + d4];
        }
    }
    return fetched;
}

fn store_q(place: Place, fetched: array<vec4<f16>, LOADS_Q>) {
    for (var load = 0u; load < LOADS_Q; load++) {
        let index = place.local_index + load * WORKGROUP;
        if (index / KV4 < TILE_Q) {
            keep_p(index / KV4, index % KV4, fetched[load]);
        }
    }
}

fn keep_p(row: u32, four: u32, value: vec4<f16>) {
    var cells = FourCells(value);
    for (var cell = 0u; cell < CELLS; cell++) {
        p_tile[row * STRIDE_P + four * CELLS + cell] = cells[cell];
    }
}

fn keep_k(row: u32, d4: u32, value: vec4<f16>) {
    var cells = FourCells(value);
    for (var cell = 0u; cell < CELLS; cell++) {
        k_tile[row * STRIDE_K + d4 * CELLS + cell] = cells[cell];
    }
}

// Keys from `first_key`. Keys past the last read the last again; their weights are 0.
fn fetch_k(place: Place, first_key: u32) -> array<vec4<f16>, LOADS_K> {
    var fetched: array<vec4<f16>, LOADS_K>;
    for (var load = 0u; load < LOADS_K; load++) {
        let index = place.local_index + load * WORKGROUP;
        let key = min(first_key + index / D4, place.keys - 1u);
        let d4 = index % D4;
        if (HEAD_DIM % FRAGMENT == 0u || d4 * 4u < HEAD_DIM) {
            fetched[load] = k[(place.k_first + key * params.k.row) / 4u + d4];
        }
    }
    return fetched;
}

fn store_k(place: Place, fetched: array<vec4<f16>, LOADS_K>) {
    for (var load = 0u; load < LOADS_K; load++) {
        let index = place.local_index + load * WORKGROUP;
        if (EVEN_K || index < TILE_KV * D4) {
            keep_k(index / D4, index % D4, fetched[load]);
        }
    }
}

fn fetch_v(place: Place, first_key: u32) -> array<vec4<f16>, LOADS_V> {
    var fetched: array<vec4<f16>, LOADS_V>;
    for (var load = 0u; load < LOADS_V; load++) {
        let index = place.local_index + load * WORKGROUP;
        let key = min(first_key + index / V4, place.keys - 1u);
        let d4 = index % V4;
        if (VALUE_DIM % FRAGMENT == 0u || d4 * 4u < VALUE_DIM) {
            fetched[load] = v[(place.v_first + key * params.v.row) / 4u + d4];
        }
    }
    return fetched;
}

fn store_v(place: Place, fetched: array<vec4<f16>, LOADS_V>) {
    for (var load = 0u; load < LOADS_V; load++) {
        let index = place.local_index + load * WORKGROUP;
        if (EVEN_V || index < TILE_KV * V4) {
            var cells = FourCells(fetched[load]);
            for (var cell = 0u; cell < CELLS; cell++) {
                v_tile[index / V4 * STRIDE_V + index % V4 * CELLS + cell] = cells[cell];
            }
        }
    }
}

// Four elements of S or O: the group `four` of a row of the tile.
fn s_read(row: u32, four: u32) -> vec4<f32> {
    let at = row * STRIDE_S + four * CELLS;
    if (WIDTH == 4u) {
        return vec4<f32>(s_tile[at]);
    }
    let first = vec2<f32>(vec4<f32>(s_tile[at]).x, vec4<f32>(s_tile[at + 1u]).x);
    return vec4<f32>(first, vec4<f32>(s_tile[at + 2u]).x, vec4<f32>(s_tile[at + 3u]).x);
}

// Group number `turn` of the groups of four keys that an invocation has of a row. Rows eight apart take neighbouring groups
// in opposite order. With `own_row_of`, rows of S that are read together lie in different banks, and so do rows of P that
// are written together.
fn own_group(turn: u32, row: u32, sharer: u32) -> u32 {
    let first = sharer * GROUPS;
    if (GROUPS % 2u != 0u) {
        return first + turn;
    }
    let swapped = (row >> 3u) & 1u;
    // `turn & 1u`, since `turn % 2u` becomes a call that guards its divisor if runtime checks are on: NVIDIA's driver then
    // keeps O in memory.
    return first + select(turn - swapped, turn + swapped, (turn & 1u) == 0u);
}

// The row of the subgroup that an invocation works on. Of each 16 rows, rows 4 to 7 and 8 to 11 change places.
fn own_row_of(lane: u32) -> u32 {
    let row = lane % SUBGROUP_Q;
    if (min(LANES, SUBGROUP_Q) % 16u != 0u) {
        return row;
    }
    return (row & ~12u) | ((row & 4u) << 1u) | ((row & 8u) >> 1u);
}

// The scores of a row that belong to an invocation, as products.
fn raw_scores(row: u32, sharer: u32) -> array<vec4<f32>, GROUPS> {
    var score: array<vec4<f32>, GROUPS>;
    for (var group = 0u; group < GROUPS; group++) {
        score[group] = s_read(row, own_group(group, row, sharer));
    }
    return score;
}

// The scores of a row that belong to an invocation, in units of log2; -inf for keys that the query does not see.
fn seen_scores(place: Place, row: u32, sharer: u32, first_key: u32) -> array<vec4<f32>, GROUPS> {
    let query = place.first_query + row;
    let seen = visible(place, query);
    var score = raw_scores(row, sharer);
    for (var group = 0u; group < GROUPS; group++) {
        let key = vec4<u32>(first_key + own_group(group, row, sharer) * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
        var value = score[group] * params.scale;
        if (SOFT_CAP) {
            value = capped(value);
        }
        if (BIAS && row < place.rows) {
            let first = place.bias_first + query * params.bias.row;
            for (var c = 0u; c < 4u; c++) {
                if (key[c] < place.keys) {
                    value[c] = fma(f32(bias[first + key[c]]), LOG2_E, value[c]);
                }
            }
        }
        score[group] = select(vec4<f32>(params.neg_inf), value, (key >= vec4<u32>(seen.x)) & (key < vec4<u32>(seen.y)));
    }
    return score;
}

// The largest score of a row of the block.
fn largest_score(score: array<vec4<f32>, GROUPS>) -> f32 {
    var largest = vec4<f32>(NEG_LARGE);
    for (var group = 0u; group < GROUPS; group++) {
        largest = max(largest, score[group]);
    }
    return largest_of_sharers(max(max(largest.x, largest.y), max(largest.z, largest.w)));
}

// Stores the weights of scores times `factor` in a row of P and returns their sums.
fn weigh(score: array<vec4<f32>, GROUPS>, factor: f32, reference: f32, row: u32, sharer: u32) -> vec4<f32> {
    // Rows past the last query may have no reference: with NEG_LARGE their weights would overflow, and the tile begin again.
    let shift = select(reference, 0.0, reference == NEG_LARGE);
    var sum = vec4<f32>();
    for (var group = 0u; group < GROUPS; group++) {
        let weights = exp2(fma(score[group], vec4<f32>(factor), vec4<f32>(-shift)));
        sum += weights;
        keep_p(row, own_group(group, row, sharer), vec4<f16>(weights));
    }
    return sum;
}

// The largest `own` of the invocations that share a row.
fn largest_of_sharers(own: f32) -> f32 {
    var largest = own;
    // keep loop
    for (var step = 1u; step < LANES_PER_ROW; step *= 2u) {
        largest = max(largest, subgroupShuffleXor(largest, step * SUBGROUP_Q));
    }
    return largest;
}

// S = Q K^T of a subgroup, into workgroup memory.
fn multiply_s(q_part: ptr<function, array<array<FragmentA, ROUNDS_Q * FRAGMENTS_KV>, FRAGMENTS_Q>>, subgroup_row: u32) {
    for (var j = 0u; j < FRAGMENTS_KV; j++) {
        var s_part: array<Sums, FRAGMENTS_Q>;
        for (var d = 0u; d < FRAGMENTS_D; d++) {
            let k_part = coopLoad<FragmentB>(&k_tile[j * FRAGMENT * STRIDE_K + d * FRAGMENT / WIDTH], STRIDE_K);
            for (var i = 0u; i < FRAGMENTS_Q; i++) {
                s_part[i] = coopMultiplyAdd((*q_part)[i][d], k_part, s_part[i]);
            }
        }
        for (var i = 0u; i < FRAGMENTS_Q; i++) {
            // naga 30 needs each operand bound by a `let` just before the store.
            let value = s_part[i];
            let pointer = &s_tile[(subgroup_row + i * FRAGMENT) * STRIDE_S + j * FRAGMENT / WIDTH];
            let stride = STRIDE_S + 0u;
            coopStoreT(value, pointer, stride);
        }
    }
}

struct Params {
    // `first` is the first tile. Scores are in units of log2, and so are `scale` and `soft_cap`.
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

// snippet attention_capped
// soft_cap * tanh(s / soft_cap), with tanh(x) = sign(x) (1 - e) / (1 + e) and e = exp(-2 |x|), which cannot overflow.
fn capped(s: Capped) -> Capped {
    let e = exp(abs(s) * (-2.0 / params.soft_cap));
    return params.soft_cap * sign(s) * ((1.0 - e) / (1.0 + e));
}
// end
