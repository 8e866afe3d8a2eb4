//! attention_flash_subgroup: O = softmax(scale * Q K^T + mask) V for each head; a row belongs to lanes of one subgroup.
//!
//! One workgroup computes TILE_Q rows of one head's output, in a loop over the keys in blocks of TILE_KV (Dao,
//! "FlashAttention-2", 2023, section 3.1). For each block, every invocation
//!   1. multiplies its ELEMS_Q x ELEMS_KV part of S = Q K^T in registers, over chunks of CHUNK_D columns of head_dim;
//!   2. finds the maxima of its rows by shuffles among the LANES invocations that share them, without a barrier, rescales
//!      its part of O and of the row sums, and computes P = exp(S - maximum), which stays in registers;
//!   3. adds P V to its part of O, ELEMS_Q rows and every LANES-th group of four columns: P and V pass through workgroup
//!      memory CHUNK_KV keys at a time.
//! Both products are sums of outer products. Q, K and P lie in workgroup memory with the elements of one column or key
//! contiguous, so that one vec4 holds four rows or keys, and the operands of a step need few registers. Two buffers hold a
//! chunk each, of Q and K or of P and V: a chunk costs one barrier, and the next chunk is fetched while one is multiplied.
//! The tile of Q is read again, from cache, with every block. If it stayed in workgroup memory, only half as many
//! workgroups would fit. Scores are in units of log2 unless NATURAL, so that exp is exp2. A row that sees no key gives zeros.
//!
//!          CHUNK_D       TILE_KV         TILE_KV      CHUNK_KV       VALUE_DIM          VALUE_DIM
//!         +------+     +---------+      +-------+     +------+      +--------+         +--------+
//!  TILE_Q |  Q   |  *  |   K^T   | ..=> |   S   |     |  P   |  *   |   V    | ... +=> |   O    | TILE_Q
//!         +------+     +---------+      +-------+     +------+      +--------+         +--------+
//!
//! Intensity: TILE_Q * TILE_KV / (TILE_Q + 2 * TILE_KV) FLOP/B in f32, 32 at 128 x 64. Workgroup memory: 12.5 KiB.
//! Works for any lengths, columns and strides that are multiples of four, and subgroups of LANES * LANES_Q or more.

alias Elem = f32;           // type of Q, K, V, O and the bias
alias Elem4 = vec4<f32>;    // four Elem
alias Capped = vec4<f32>;   // scores that `capped` takes

const HEAD_DIM: u32 = 64;    // columns of Q and K
const VALUE_DIM: u32 = 64;   // columns of V and O
const BIAS: bool = false;       // a bias is added to the scores
const SOFT_CAP: bool = false;   // scores s become soft_cap * tanh(s / soft_cap)
const SINKS: bool = false;      // each head has a score without a value
const LENGTHS: bool = false;    // each sequence has its own lengths
const LSE: bool = false;        // write log-sum-exp to lse
// Whether scores are natural, and not in units of log2, in which exp is exp2: a bias or a sink near the lowest finite f32
// would be beyond f32 there.
const NATURAL: bool = false;
// Most keys of a workgroup in one dispatch, a multiple of TILE_KV; 0: all in one dispatch. If it is not 0, `lse` carries O
// before the division, the maximum and the sum of each row to the next dispatch, and at the end to
// attention_flash_finish.
const KV_PER_DISPATCH: u32 = 0;

const LANES: u32 = 8;       // invocations per row; a power of two
const LANES_Q: u32 = 1;     // rows that neighbouring invocations take in turn; with 2, pairs read the same vec4 of K and V
const TILE_Q: u32 = 128;    // queries per workgroup
const ELEMS_Q: u32 = 8;     // queries per invocation
const ELEMS_KV: u32 = 8;    // keys per invocation
const CHUNK_D: u32 = 8;     // columns of Q and K in workgroup memory at a time
const CHUNK_KV: u32 = 8;    // keys of P and V in workgroup memory at a time
const DEPTH_D: u32 = 1;     // columns of Q and K in one unrolled step
const DEPTH_KV: u32 = 1;    // keys of P and V in one unrolled step
const CHUNKS: u32 = 2;      // chunks in one unrolled step; with 2 buffers are constants, with 1 the code is half as long

const TILE_KV: u32 = LANES * ELEMS_KV;   // keys per block
const WORKGROUP_Q: u32 = TILE_Q / ELEMS_Q;
const WORKGROUP_KV: u32 = LANES;
const WORKGROUP: u32 = WORKGROUP_Q * LANES;
const ELEMS_Q4: u32 = ELEMS_Q / 4u;
const ELEMS_KV4: u32 = ELEMS_KV / 4u;
const D4: u32 = HEAD_DIM / 4u;
const VALUE_D4: u32 = VALUE_DIM / 4u;
const CHUNK_D4: u32 = CHUNK_D / 4u;
// Chunks are rounded up to an even number, so that each has the same buffer in every block.
const CHUNKS_D: u32 = (D4 + 2u * CHUNK_D4 - 1u) / (2u * CHUNK_D4) * 2u;
const CHUNKS_KV: u32 = TILE_KV / CHUNK_KV;
const CHUNK_KV4: u32 = CHUNK_KV / 4u;
const ELEMS_D4: u32 = (VALUE_D4 + LANES - 1u) / LANES;   // groups of four columns of O per invocation
const TURNS: u32 = LANES / CHUNK_KV4;   // chunks that one group of an invocation's keys is spread over

// Layout of workgroup memory, in vec4: two buffers, each for Q and K or for P and V. Rows of Q and K have one vec4 of
// padding, so that stores of neighbouring columns share fewer banks.
const Q_STRIDE: u32 = TILE_Q / 4u + 1u;
const K_STRIDE: u32 = TILE_KV / 4u + 1u;
const P_STRIDE: u32 = TILE_Q / 4u;
const V_STRIDE: u32 = ELEMS_D4 * LANES;
const Q_SIZE: u32 = CHUNK_D * Q_STRIDE;
const P_SIZE: u32 = CHUNK_KV * P_STRIDE;
const BUFFER: u32 = max(Q_SIZE + CHUNK_D * K_STRIDE, P_SIZE + CHUNK_KV * V_STRIDE);

// Groups of four elements that an invocation copies at a time, rounded up.
const LOADS_Q: u32 = (TILE_Q * CHUNK_D4 + WORKGROUP - 1u) / WORKGROUP;
const LOADS_K: u32 = (TILE_KV * CHUNK_D4 + WORKGROUP - 1u) / WORKGROUP;
const LOADS_V: u32 = (CHUNK_KV * V_STRIDE + WORKGROUP - 1u) / WORKGROUP;
// Whether the copies divide evenly over the invocations, so that stores need no guard.
const EVEN_Q: bool = TILE_Q * CHUNK_D4 % WORKGROUP == 0;
const EVEN_K: bool = TILE_KV * CHUNK_D4 % WORKGROUP == 0;
const EVEN_V: bool = CHUNK_KV * V_STRIDE % WORKGROUP == 0;
const EVEN_D: bool = D4 == CHUNKS_D * CHUNK_D4;
const EVEN_VALUE_D: bool = VALUE_D4 == V_STRIDE;

const_assert HEAD_DIM % 4 == 0;
const_assert VALUE_DIM % 4 == 0;
const_assert ELEMS_Q % 4 == 0;
const_assert ELEMS_KV % 4 == 0;
const_assert CHUNK_D % 4 == 0;
const_assert CHUNK_D % DEPTH_D == 0;
const_assert CHUNK_KV % 4 == 0;
const_assert CHUNK_KV % DEPTH_KV == 0;
const_assert LANES % CHUNK_KV4 == 0;
const_assert TURNS % 2 == 0;
const_assert CHUNKS == 1 || CHUNKS == 2;

const_assert KV_PER_DISPATCH % TILE_KV == 0;
const KEPT_ROW: u32 = VALUE_DIM + 2u;

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
@group(0) @binding(1) var<storage, read> q: array<Elem4>;            // [batch, heads, seq_q, head_dim / 4]
@group(0) @binding(2) var<storage, read> k: array<Elem4>;            // [batch, kv_heads, seq_kv, head_dim / 4]
@group(0) @binding(3) var<storage, read> v: array<Elem4>;            // [batch, kv_heads, seq_kv, value_dim / 4]
@group(0) @binding(4) var<storage, read> lengths: array<u32>;        // [batch, 2]
@group(0) @binding(5) var<storage, read> bias: array<Elem>;          // [batch, heads, seq_q, seq_kv]; a stride may be 0
@group(0) @binding(6) var<storage, read> sinks: array<f32>;          // [heads]
@group(0) @binding(7) var<storage, read_write> o: array<Elem4>;      // [batch, heads, seq_q, value_dim / 4]
@group(0) @binding(8) var<storage, read_write> lse: array<f32>;      // [batch, heads, seq_q]; with KV_PER_DISPATCH
                                                                        // [kept, TILE_Q, KEPT_ROW]

var<workgroup> memory: array<vec4<f32>, 2u * BUFFER>;

// The part of a chunk that an invocation copies from memory to workgroup memory, in the type of the buffers: of K and then
// of Q, or of V.
alias Fetched = array<Elem4, max(LOADS_K + LOADS_Q, LOADS_V)>;

@compute @workgroup_size(WORKGROUP)
fn attention_flash_subgroup(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_size) subgroup_size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    // snippet attention_flash_tile
    let tiles_q = (params.seq_q + TILE_Q - 1u) / TILE_Q;
    let tile = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let all_heads = params.batch * params.heads;
    // Last rows first: under a causal mask they see the most keys, and a dispatch should end with short work. Under such a
    // mask, one tile of every head comes before the next tile, so that no head has long rows left at the end. Otherwise the
    // tiles of a head follow each other, so that few heads share the cache.
    let causal = params.ahead < i32(params.seq_kv);
    let plane = select(tile / tiles_q, tile % all_heads, causal);
    let tile_q = select(tile % tiles_q, tile / all_heads, causal);
    let first_query = (tiles_q - 1u - min(tile_q, tiles_q - 1u)) * TILE_Q;
    let batch = plane / params.heads;
    let head = plane % params.heads;

    // A workgroup past the last head has no keys and writes nothing.
    let there = tile < tiles_q * all_heads;
    var queries = params.seq_q;
    var keys = params.seq_kv;
    if (LENGTHS && there) {
        queries = min(queries, lengths[2u * batch]);
        keys = min(keys, lengths[2u * batch + 1u]);
    }
    let written = select(0u, min(TILE_Q, params.seq_q - first_query), there);
    let rows = min(written, max(queries, first_query) - first_query);
    let position = i32(first_query) + i32(keys) - i32(queries);
    // Later queries see later keys: the first and the last row bound the keys that any row sees, and those that all see.
    let first_sees = visible_keys(position, keys);
    var last_sees = vec2<u32>();
    if (rows > 0u) {
        last_sees = visible_keys(position + i32(rows) - 1, keys);
    }
    let end = last_sees.y;
    var begin = first_sees.x;   // first key of this dispatch
    var stop = end;
    if (KV_PER_DISPATCH > 0u) {
        begin = min(begin + params.first_step, max(begin, end));
        stop = min(begin + params.steps, end);
    }
    let kept_base = (tile - params.first_kept) * TILE_Q * KEPT_ROW;
    let kv_head = head / params.group;
    // end
    // Neighbours in a subgroup share rows, whichever invocations form a subgroup.
    let index = subgroup_id * subgroup_size + lane;
    let local_q = index / (LANES * LANES_Q) * LANES_Q + index % LANES_Q;
    let local_kv = index / LANES_Q % LANES;
    let place = Place(
        (params.q.offset + batch * params.q.batch + head * params.q.head + first_query * params.q.row) / 4u,
        params.q.row / 4u,
        (params.k.offset + batch * params.k.batch + kv_head * params.k.head) / 4u,
        params.k.row / 4u,
        (params.v.offset + batch * params.v.batch + kv_head * params.v.head) / 4u,
        params.v.row / 4u,
        max(rows, 1u) - 1u,
        max(end, 1u) - 1u,
        index,
    );
    // snippet attention_flash_rows
    let o_base = (params.o.offset + batch * params.o.batch + head * params.o.head + first_query * params.o.row) / 4u;
    let bias_base = batch * params.bias.batch + head * params.bias.head + first_query * params.bias.row;
    // A row's maximum and sum begin with the sink.
    var least = NEG_LARGE;
    var least_sum = 0.0;
    if (SINKS && there) {
        least = max(sinks[head], NEG_LARGE);
        least_sum = exp2((sinks[head] - least) * TO_LOG2);
    }
    // end
    var row_max: array<f32, ELEMS_Q>;
    var row_sum: array<f32, ELEMS_Q>;   // sum over the invocation's own keys, until the end
    var o_part: array<array<vec4<f32>, ELEMS_D4>, ELEMS_Q>;
    for (var i = 0u; i < ELEMS_Q; i++) {
        row_max[i] = least;
        row_sum[i] = select(0.0, least_sum, local_kv == 0u);
        let row = row_of(local_q, i);
        if (KV_PER_DISPATCH > 0u && params.first_step > 0u && row < written) {
            let kept_row = kept_base + row * KEPT_ROW;
            row_max[i] = lse[kept_row + VALUE_DIM];
            row_sum[i] = select(0.0, lse[kept_row + VALUE_DIM + 1u], local_kv == 0u);
            for (var j = 0u; j < ELEMS_D4; j++) {
                let d4 = j * LANES + local_kv;
                if (d4 < VALUE_D4) {
                    let at = kept_row + 4u * d4;
                    o_part[i][j] = vec4<f32>(lse[at], lse[at + 1u], lse[at + 2u], lse[at + 3u]);
                }
            }
        }
    }
    var fetched: Fetched;
    if (begin < stop) {
        fetch_qk(&fetched, place, begin, 0u);
    }

    for (var first_key = begin; first_key < stop; first_key += TILE_KV) {
        // 1. S = Q K^T. Component l of s[i][j] is key 4 * (j * LANES + local_kv) + l of the block.
        var s: array<array<vec4<f32>, ELEMS_KV4>, ELEMS_Q>;
        // keep loop
        for (var first_chunk = 0u; first_chunk < CHUNKS_D; first_chunk += CHUNKS) {
            for (var turn = 0u; turn < CHUNKS; turn++) {
                let chunk = first_chunk + turn;
                let buffer = select(chunk % 2u, turn, CHUNKS == 2u) * BUFFER;
                store_qk(&fetched, place, buffer);
                // The fetch stands before the barrier: a driver delays a fetch behind it until half of the chunk is multiplied.
                if (turn + 1u < CHUNKS || chunk + 1u < CHUNKS_D) {
                    fetch_qk(&fetched, place, first_key, (chunk + 1u) * CHUNK_D4);
                } else {
                    fetch_v(&fetched, place, first_key);
                }
                workgroupBarrier();
                // keep loop
                for (var first_d = 0u; first_d < CHUNK_D; first_d += DEPTH_D) {
                    for (var depth = 0u; depth < DEPTH_D; depth++) {
                        let q_first = buffer + (first_d + depth) * Q_STRIDE + local_q;
                        let k_first = buffer + Q_SIZE + (first_d + depth) * K_STRIDE + local_kv;
                        var q_part: array<vec4<f32>, ELEMS_Q4>;
                        for (var i = 0u; i < ELEMS_Q4; i++) {
                            q_part[i] = memory[q_first + i * WORKGROUP_Q];
                        }
                        for (var j = 0u; j < ELEMS_KV4; j++) {
                            let k_part = memory[k_first + j * LANES];
                            for (var i = 0u; i < ELEMS_Q; i++) {
                                s[i][j] = fma(vec4<f32>(q_part[i / 4u][i % 4u]), k_part, s[i][j]);
                            }
                        }
                    }
                }
            }
        }

        // 2. The weights. Masks apply only to blocks that cross a bound of the keys that all rows see.
        if (SOFT_CAP) {
            for (var i = 0u; i < ELEMS_Q; i++) {
                for (var j = 0u; j < ELEMS_KV4; j++) {
                    s[i][j] = capped(s[i][j]);
                }
            }
        }
        if (BIAS) {
            // Rows and keys past the last read the last again, without a branch: nothing uses their scores.
            for (var i = 0u; i < ELEMS_Q; i++) {
                let of_row = bias_base + min(row_of(local_q, i), rows - 1u) * params.bias.row;
                for (var j = 0u; j < ELEMS_KV4; j++) {
                    let key = first_key + 4u * (j * LANES + local_kv);
                    for (var l = 0u; l < 4u; l++) {
                        s[i][j][l] += f32(bias[of_row + min(key + l, end - 1u)]);
                    }
                }
            }
        }
        if (first_key < last_sees.x || first_key + TILE_KV > first_sees.y) {
            for (var i = 0u; i < ELEMS_Q; i++) {
                let sees = visible_keys(position + i32(row_of(local_q, i)), keys);
                for (var j = 0u; j < ELEMS_KV4; j++) {
                    let key = vec4<u32>(first_key + 4u * (j * LANES + local_kv)) + vec4<u32>(0u, 1u, 2u, 3u);
                    // Keys before sees.x wrap around to large numbers.
                    s[i][j] = select(vec4<f32>(params.neg_inf), s[i][j], key - sees.x < vec4<u32>(sees.y - sees.x));
                }
            }
        }
        // All rows take each step together: the shuffles of one row alone would wait for one another.
        var new_max: array<f32, ELEMS_Q>;
        for (var i = 0u; i < ELEMS_Q; i++) {
            var larger = s[i][0];
            for (var j = 1u; j < ELEMS_KV4; j++) {
                larger = max(larger, s[i][j]);
            }
            new_max[i] = max(row_max[i], max(max(larger.x, larger.y), max(larger.z, larger.w)));
        }
        for (var bit = 0u; bit < countOneBits(LANES - 1u); bit++) {
            for (var i = 0u; i < ELEMS_Q; i++) {
                new_max[i] = max(new_max[i], subgroupShuffleXor(new_max[i], LANES_Q << bit));
            }
        }
        for (var i = 0u; i < ELEMS_Q; i++) {
            for (var j = 0u; j < ELEMS_KV4; j++) {
                s[i][j] = exp2((s[i][j] - new_max[i]) * TO_LOG2);
            }
        }
        for (var i = 0u; i < ELEMS_Q; i++) {
            let rescale = exp2((row_max[i] - new_max[i]) * TO_LOG2);
            row_max[i] = new_max[i];
            var sum = s[i][0];
            for (var j = 1u; j < ELEMS_KV4; j++) {
                sum += s[i][j];
            }
            row_sum[i] = fma(row_sum[i], rescale, (sum.x + sum.y) + (sum.z + sum.w));
            for (var j = 0u; j < ELEMS_D4; j++) {
                o_part[i][j] *= rescale;
            }
        }

        // 3. O += P V.
        for (var group = 0u; group < ELEMS_KV4; group++) {
            // keep loop
            for (var first_turn = 0u; first_turn < TURNS; first_turn += CHUNKS) {
                for (var turn = 0u; turn < CHUNKS; turn++) {
                    let chunk = group * TURNS + first_turn + turn;
                    let buffer = select(chunk % 2u, turn, CHUNKS == 2u) * BUFFER;
                    if (local_kv / CHUNK_KV4 == first_turn + turn) {
                        let p_first = buffer + local_kv % CHUNK_KV4 * 4u * P_STRIDE + local_q;
                        for (var i = 0u; i < ELEMS_Q4; i++) {
                            for (var l = 0u; l < 4u; l++) {
                                let low = vec2<f32>(s[4u * i][group][l], s[4u * i + 1u][group][l]);
                                let high = vec2<f32>(s[4u * i + 2u][group][l], s[4u * i + 3u][group][l]);
                                memory[p_first + l * P_STRIDE + i * WORKGROUP_Q] = vec4<f32>(low, high);
                            }
                        }
                    }
                    store_v(&fetched, place, buffer);
                    if (turn + 1u < CHUNKS || chunk + 1u < CHUNKS_KV) {
                        fetch_v(&fetched, place, first_key + (chunk + 1u) * CHUNK_KV);
                    } else {
                        fetch_qk(&fetched, place, first_key + TILE_KV, 0u);
                    }
                    workgroupBarrier();
                    // keep loop
                    for (var first = 0u; first < CHUNK_KV; first += DEPTH_KV) {
                        for (var depth = 0u; depth < DEPTH_KV; depth++) {
                            let p_first = buffer + (first + depth) * P_STRIDE + local_q;
                            let v_first = buffer + P_SIZE + (first + depth) * V_STRIDE + local_kv;
                            var p_part: array<vec4<f32>, ELEMS_Q4>;
                            for (var i = 0u; i < ELEMS_Q4; i++) {
                                p_part[i] = memory[p_first + i * WORKGROUP_Q];
                            }
                            for (var j = 0u; j < ELEMS_D4; j++) {
                                let v_part = memory[v_first + j * LANES];
                                for (var i = 0u; i < ELEMS_Q; i++) {
                                    o_part[i][j] = fma(vec4<f32>(p_part[i / 4u][i % 4u]), v_part, o_part[i][j]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    for (var i = 0u; i < ELEMS_Q; i++) {
        let row = row_of(local_q, i);
        var sum = row_sum[i];
        for (var bit = 0u; bit < countOneBits(LANES - 1u); bit++) {
            sum += subgroupShuffleXor(sum, LANES_Q << bit);
        }
        // snippet attention_flash_store
        // A row that sees no key has a sum of 0 and gives zeros. So does a row past the sequence's queries.
        let sees_none = row >= rows || sum == 0.0;
        let factor = 1.0 / select(sum, 1.0, sees_none);
        if (KV_PER_DISPATCH > 0u && row < written) {
            let kept_row = kept_base + row * KEPT_ROW;
            for (var j = 0u; j < ELEMS_D4; j++) {
                let d4 = j * WORKGROUP_KV + local_kv;
                if (d4 < VALUE_D4) {
                    for (var c = 0u; c < 4u; c++) {
                        lse[kept_row + 4u * d4 + c] = o_part[i][j][c];
                    }
                }
            }
            if (local_kv == 0u) {
                lse[kept_row + VALUE_DIM] = row_max[i];
                lse[kept_row + VALUE_DIM + 1u] = sum;
            }
        } else if (row < written) {
            for (var j = 0u; j < ELEMS_D4; j++) {
                let d4 = j * WORKGROUP_KV + local_kv;
                if (d4 < VALUE_D4) {
                    o[o_base + row * (params.o.row / 4u) + d4] = Elem4(select(o_part[i][j] * factor, vec4<f32>(), sees_none));
                }
            }
            if (LSE && local_kv == 0u) {
                let place_of_row = plane * params.seq_q + first_query + row;
                let found = row_max[i] * TO_NATURAL + log2(sum) * LN_2;
                lse[place_of_row] = select(found, params.neg_inf, sees_none);
            }
        }
        // end
    }
}

// The rows of Q, K and V that a workgroup works on, and the index of the invocation. Bases and row strides are in vec4.
struct Place {
    q_base: u32,        // first vec4 of the tile of Q
    q_row: u32,
    k_base: u32,        // first vec4 of the head's K
    k_row: u32,
    v_base: u32,        // first vec4 of the head's V
    v_row: u32,
    last_row: u32,      // last row of the tile
    last_key: u32,      // last key that a row of the tile sees
    index: u32,
}

// Row number `i` of an invocation, within the tile.
fn row_of(local_q: u32, i: u32) -> u32 {
    return (i / 4u * WORKGROUP_Q + local_q) * 4u + i % 4u;
}

// Columns of a block of K, and of the tile of Q, from vec4 `first_d4`. Keys and rows past the last read the last again.
fn fetch_qk(to: ptr<function, Fetched>, place: Place, first_key: u32, first_d4: u32) {
    for (var load = 0u; load < LOADS_K; load++) {
        let at = place.index + load * WORKGROUP;
        let key = min(first_key + at / CHUNK_D4, place.last_key);
        let d4 = first_d4 + at % CHUNK_D4;
        var value = Elem4(0.0);
        if (EVEN_D || d4 < D4) {
            value = k[place.k_base + key * place.k_row + d4];
        }
        (*to)[load] = value;
    }
    for (var load = 0u; load < LOADS_Q; load++) {
        let at = place.index + load * WORKGROUP;
        let row = min(at / CHUNK_D4, place.last_row);
        let d4 = first_d4 + at % CHUNK_D4;
        var value = Elem4(0.0);
        if (EVEN_D || d4 < D4) {
            value = q[place.q_base + row * place.q_row + d4];
        }
        (*to)[LOADS_K + load] = value;
    }
}

// Stores K and Q transposed: four columns of a row go to four vec4. Q is scaled.
fn store_qk(fetched: ptr<function, Fetched>, place: Place, buffer: u32) {
    for (var load = 0u; load < LOADS_K; load++) {
        let at = place.index + load * WORKGROUP;
        let key = at / CHUNK_D4;
        if (EVEN_K || key < TILE_KV) {
            let first = buffer + Q_SIZE + at % CHUNK_D4 * 4u * K_STRIDE + key / 4u;
            for (var c = 0u; c < 4u; c++) {
                memory[first + c * K_STRIDE][key % 4u] = f32((*fetched)[load][c]);
            }
        }
    }
    for (var load = 0u; load < LOADS_Q; load++) {
        let at = place.index + load * WORKGROUP;
        let row = at / CHUNK_D4;
        if (EVEN_Q || row < TILE_Q) {
            let first = buffer + at % CHUNK_D4 * 4u * Q_STRIDE + row / 4u;
            for (var c = 0u; c < 4u; c++) {
                memory[first + c * Q_STRIDE][row % 4u] = f32((*fetched)[LOADS_K + load][c]) * params.scale;
            }
        }
    }
}

// Rows of V from `first_key`. Keys past the last read the last again; their weights are 0.
fn fetch_v(to: ptr<function, Fetched>, place: Place, first_key: u32) {
    for (var load = 0u; load < LOADS_V; load++) {
        let at = place.index + load * WORKGROUP;
        let key = min(first_key + at / V_STRIDE, place.last_key);
        let d4 = at % V_STRIDE;
        var value = Elem4(0.0);
        if (EVEN_VALUE_D || d4 < VALUE_D4) {
            value = v[place.v_base + key * place.v_row + d4];
        }
        (*to)[load] = value;
    }
}

fn store_v(fetched: ptr<function, Fetched>, place: Place, buffer: u32) {
    for (var load = 0u; load < LOADS_V; load++) {
        let at = place.index + load * WORKGROUP;
        if (EVEN_V || at < CHUNK_KV * V_STRIDE) {
            memory[buffer + P_SIZE + at] = vec4<f32>((*fetched)[load]);
        }
    }
}

struct Params {
    // `first` is the first tile. `scale` and `soft_cap` are in the unit of the scores: see NATURAL.
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

// snippet attention_visible_keys
// Keys that a query at `position` sees: from x up to y.
fn visible_keys(position: i32, keys: u32) -> vec2<u32> {
    let bounds = vec2<i32>(position - params.behind + 1, position + params.ahead);
    return vec2<u32>(clamp(bounds, vec2<i32>(0), vec2<i32>(i32(keys))));
}
// end

// snippet attention_capped
// soft_cap * tanh(s / soft_cap), with tanh(x) = sign(x) (1 - e) / (1 + e) and e = exp(-2 |x|), which cannot overflow.
fn capped(s: Capped) -> Capped {
    let e = exp(abs(s) * (-2.0 / params.soft_cap));
    return params.soft_cap * sign(s) * ((1.0 - e) / (1.0 + e));
}
// end
