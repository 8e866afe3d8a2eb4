//! attention_flash: O = softmax(scale * Q K^T + mask) V for each head, without the scores in memory.
//!
//! One workgroup computes TILE_Q rows of one head's output, in a loop over the keys in blocks of TILE_KV (Dao et al.,
//! "FlashAttention", 2022, algorithm 1, with the rows as the outer loop: Dao, "FlashAttention-2", 2023, section 3.1).
//! For each block, every invocation
//!   1. multiplies its ELEMS_Q x ELEMS_KV part of S = Q K^T in registers, over chunks of CHUNK_D columns of head_dim;
//!   2. updates the maximum of its rows, rescales its part of O and of the row sums by exp(old maximum - new maximum), and
//!      stores P = exp(S - maximum) in workgroup memory;
//!   3. adds P V to its part of O, ELEMS_Q rows and every WORKGROUP_KV-th group of four columns, CHUNK_KV keys at a time.
//! Rows of an invocation are WORKGROUP_Q apart. Scores are in units of log2 unless NATURAL, so that exp is exp2. A row that sees no key
//! gives zeros.
//!
//!          CHUNK_D       TILE_KV         TILE_KV      CHUNK_KV       VALUE_DIM          VALUE_DIM
//!         +------+     +---------+      +-------+     +------+      +--------+         +--------+
//!  TILE_Q |  Q   |  *  |   K^T   | ..=> |   S   |     |  P   |  *   |   V    | ... +=> |   O    | TILE_Q
//!         +------+     +---------+      +-------+     +------+      +--------+         +--------+
//!
//! Intensity: about TILE_Q / 2 FLOP/B of K and V in f32, 32 at 64 rows. Workgroup memory: 15.75 KiB.
//! Works for any lengths, columns and strides that are multiples of four.

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

const TILE_Q: u32 = 64;     // queries per workgroup
const TILE_KV: u32 = 32;    // keys per block
const ELEMS_Q: u32 = 8;     // queries per invocation
const ELEMS_KV: u32 = 4;    // keys per invocation
const CHUNK_D: u32 = 16;    // columns of K, and of Q unless WHOLE_Q, in workgroup memory at a time
const CHUNK_KV: u32 = 16;   // rows of V in workgroup memory at a time
const DEPTH_D: u32 = 2;     // groups of four columns of Q and K in one unrolled step
const DEPTH_KV: u32 = 1;    // groups of four rows of V in one unrolled step
const PAD_P: u32 = 0;       // vec4 of padding after each row of P

// Whether the next tile is fetched into registers while the current one is multiplied: for few workgroups per core.
const PREFETCH: bool = false;

// Whether the whole tile of Q stays in workgroup memory. If not, it is read again, from cache, with every chunk of K.
const WHOLE_Q: bool = false;

const WORKGROUP_Q: u32 = TILE_Q / ELEMS_Q;
const WORKGROUP_KV: u32 = TILE_KV / ELEMS_KV;
const WORKGROUP: u32 = WORKGROUP_Q * WORKGROUP_KV;
const ELEMS_KV4: u32 = ELEMS_KV / 4u;
const D4: u32 = HEAD_DIM / 4u;
const VALUE_D4: u32 = VALUE_DIM / 4u;
const CHUNK_D4: u32 = CHUNK_D / 4u;
const CHUNKS_D: u32 = (D4 + CHUNK_D4 - 1u) / CHUNK_D4;
const CHUNK_KV4: u32 = CHUNK_KV / 4u;
const ELEMS_D4: u32 = (VALUE_D4 + WORKGROUP_KV - 1u) / WORKGROUP_KV;   // groups of four columns of O per invocation

// Layout of workgroup memory, in vec4: Q, then K and V in turn, then P. Odd strides put rows that are read together into
// different banks.
const Q_ROW4: u32 = CHUNK_D4 * (1u + u32(WHOLE_Q) * (CHUNKS_D - 1u));
const Q_STRIDE: u32 = Q_ROW4 | 1u;
const K_STRIDE: u32 = CHUNK_D4 | 1u;
const V_STRIDE: u32 = ELEMS_D4 * WORKGROUP_KV;
const P_STRIDE: u32 = TILE_KV / 4u + PAD_P;
const K_BASE: u32 = TILE_Q * Q_STRIDE;
const V_BASE: u32 = K_BASE * u32(WHOLE_Q);   // V overwrites K, and also Q unless WHOLE_Q
const K_END: u32 = K_BASE + TILE_KV * K_STRIDE;
const V_END: u32 = V_BASE + CHUNK_KV * V_STRIDE;
const P_BASE: u32 = max(K_END, V_END);
const MEMORY: u32 = P_BASE + TILE_Q * P_STRIDE;

// Groups of four elements that an invocation copies at a time, rounded up.
const LOADS_Q: u32 = (TILE_Q * Q_ROW4 + WORKGROUP - 1u) / WORKGROUP;
const LOADS_K: u32 = (TILE_KV * CHUNK_D4 + WORKGROUP - 1u) / WORKGROUP;
const LOADS_V: u32 = (CHUNK_KV * V_STRIDE + WORKGROUP - 1u) / WORKGROUP;
// Whether the copies divide evenly over the invocations, so that stores need no guard.
const EVEN_Q: bool = TILE_Q * Q_ROW4 % WORKGROUP == 0;
const EVEN_K: bool = TILE_KV * CHUNK_D4 % WORKGROUP == 0;
const EVEN_V: bool = CHUNK_KV * V_STRIDE % WORKGROUP == 0;

const_assert HEAD_DIM % 4 == 0;
const_assert VALUE_DIM % 4 == 0;
const_assert TILE_Q % ELEMS_Q == 0;
const_assert TILE_KV % ELEMS_KV == 0;
const_assert ELEMS_KV % 4 == 0;
const_assert CHUNK_D % (4 * DEPTH_D) == 0;
const_assert TILE_KV % CHUNK_KV == 0;
const_assert CHUNK_KV % (4 * DEPTH_KV) == 0;

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

var<workgroup> memory: array<vec4<f32>, MEMORY>;
var<workgroup> row_maxima: array<atomic<u32>, TILE_Q>;   // encoded by `ordered`

@compute @workgroup_size(WORKGROUP)
fn attention_flash(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
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
    let local_q = local_index / WORKGROUP_KV;
    let local_kv = local_index % WORKGROUP_KV;
    let place = Place(
        (params.q.offset + batch * params.q.batch + head * params.q.head + first_query * params.q.row) / 4u,
        params.q.row / 4u,
        (params.k.offset + batch * params.k.batch + kv_head * params.k.head) / 4u,
        params.k.row / 4u,
        (params.v.offset + batch * params.v.batch + kv_head * params.v.head) / 4u,
        params.v.row / 4u,
        rows,
        end,
        local_index,
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
    var fetched: Fetched;

    for (var load = 0u; load < (TILE_Q + WORKGROUP - 1u) / WORKGROUP; load++) {
        let row = local_index + load * WORKGROUP;
        if (row < TILE_Q) {
            var largest = least;
            if (KV_PER_DISPATCH > 0u && params.first_step > 0u && row < written) {
                largest = lse[kept_base + row * KEPT_ROW + VALUE_DIM];
            }
            atomicStore(&row_maxima[row], ordered(largest));
        }
    }
    if (WHOLE_Q) {
        fetch_q(&fetched, place, 0u);
        store_q(&fetched, place);
    } else if (PREFETCH) {
        fetch_q(&fetched, place, 0u);
    }
    if (PREFETCH) {
        fetch_k(&fetched, place, begin, 0u);
    }

    var row_max: array<f32, ELEMS_Q>;
    var row_sum: array<f32, ELEMS_Q>;   // sum over the invocation's own keys, until the end
    var o_part: array<array<vec4<f32>, ELEMS_D4>, ELEMS_Q>;
    for (var i = 0u; i < ELEMS_Q; i++) {
        row_max[i] = least;
        row_sum[i] = select(0.0, least_sum, local_kv == 0u);
        let row = i * WORKGROUP_Q + local_q;
        if (KV_PER_DISPATCH > 0u && params.first_step > 0u && row < written) {
            let kept_row = kept_base + row * KEPT_ROW;
            row_max[i] = lse[kept_row + VALUE_DIM];
            row_sum[i] = select(0.0, lse[kept_row + VALUE_DIM + 1u], local_kv == 0u);
            for (var j = 0u; j < ELEMS_D4; j++) {
                let d4 = j * WORKGROUP_KV + local_kv;
                if (d4 < VALUE_D4) {
                    let at = kept_row + 4u * d4;
                    o_part[i][j] = vec4<f32>(lse[at], lse[at + 1u], lse[at + 2u], lse[at + 3u]);
                }
            }
        }
    }

    for (var first_key = begin; first_key < stop; first_key += TILE_KV) {
        // 1. S = Q K^T. Component l of s[i][j] is key 4 * (j * WORKGROUP_KV + local_kv) + l of the block.
        var s: array<array<vec4<f32>, ELEMS_KV4>, ELEMS_Q>;
        // keep loop
        for (var chunk = 0u; chunk < CHUNKS_D; chunk++) {
            if (!PREFETCH) {
                if (!WHOLE_Q) {
                    fetch_q(&fetched, place, chunk * CHUNK_D4);
                }
                fetch_k(&fetched, place, first_key, chunk * CHUNK_D4);
            }
            workgroupBarrier();
            if (!WHOLE_Q) {
                store_q(&fetched, place);
            }
            store_k(&fetched, place);
            workgroupBarrier();
            if (PREFETCH) {
                if (chunk + 1u < CHUNKS_D) {
                    if (!WHOLE_Q) {
                        fetch_q(&fetched, place, (chunk + 1u) * CHUNK_D4);
                    }
                    fetch_k(&fetched, place, first_key, (chunk + 1u) * CHUNK_D4);
                } else {
                    fetch_v(&fetched, place, first_key);
                }
            }
            let q_first = local_q * Q_STRIDE + chunk * CHUNK_D4 * u32(WHOLE_Q);
            let k_first = K_BASE + local_kv * K_STRIDE;
            // keep loop
            for (var d4 = 0u; d4 < CHUNK_D4; d4 += DEPTH_D) {
                for (var depth = 0u; depth < DEPTH_D; depth++) {
                    var q_part: array<vec4<f32>, ELEMS_Q>;
                    for (var i = 0u; i < ELEMS_Q; i++) {
                        q_part[i] = memory[q_first + i * WORKGROUP_Q * Q_STRIDE + d4 + depth];
                    }
                    for (var j = 0u; j < ELEMS_KV4; j++) {
                        var k_part: array<vec4<f32>, 4>;
                        for (var l = 0u; l < 4u; l++) {
                            k_part[l] = memory[k_first + (4u * j + l) * WORKGROUP_KV * K_STRIDE + d4 + depth];
                        }
                        for (var c = 0u; c < 4u; c++) {
                            let k_column = vec4<f32>(k_part[0][c], k_part[1][c], k_part[2][c], k_part[3][c]);
                            for (var i = 0u; i < ELEMS_Q; i++) {
                                s[i][j] = fma(vec4<f32>(q_part[i][c]), k_column, s[i][j]);
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
                let of_row = bias_base + min(i * WORKGROUP_Q + local_q, rows - 1u) * params.bias.row;
                for (var j = 0u; j < ELEMS_KV4; j++) {
                    let key = first_key + 4u * (j * WORKGROUP_KV + local_kv);
                    for (var l = 0u; l < 4u; l++) {
                        s[i][j][l] += f32(bias[of_row + min(key + l, end - 1u)]);
                    }
                }
            }
        }
        if (first_key < last_sees.x || first_key + TILE_KV > first_sees.y) {
            for (var i = 0u; i < ELEMS_Q; i++) {
                let sees = visible_keys(position + i32(i * WORKGROUP_Q + local_q), keys);
                for (var j = 0u; j < ELEMS_KV4; j++) {
                    let key = vec4<u32>(first_key + 4u * (j * WORKGROUP_KV + local_kv)) + vec4<u32>(0u, 1u, 2u, 3u);
                    // Keys before sees.x wrap around to large numbers.
                    s[i][j] = select(vec4<f32>(params.neg_inf), s[i][j], key - sees.x < vec4<u32>(sees.y - sees.x));
                }
            }
        }
        for (var i = 0u; i < ELEMS_Q; i++) {
            var larger = s[i][0];
            for (var j = 1u; j < ELEMS_KV4; j++) {
                larger = max(larger, s[i][j]);
            }
            let largest = max(max(larger.x, larger.y), max(larger.z, larger.w));
            // A new maximum is rare after the first blocks.
            if (largest > row_max[i]) {
                atomicMax(&row_maxima[i * WORKGROUP_Q + local_q], ordered(largest));
            }
        }
        workgroupBarrier();
        for (var i = 0u; i < ELEMS_Q; i++) {
            let row = i * WORKGROUP_Q + local_q;
            let new_max = unordered(atomicLoad(&row_maxima[row]));
            let rescale = exp2((row_max[i] - new_max) * TO_LOG2);
            row_max[i] = new_max;
            var sum = vec4<f32>();
            for (var j = 0u; j < ELEMS_KV4; j++) {
                let weights = exp2((s[i][j] - new_max) * TO_LOG2);
                sum += weights;
                memory[P_BASE + row * P_STRIDE + j * WORKGROUP_KV + local_kv] = weights;
            }
            row_sum[i] = fma(row_sum[i], rescale, (sum.x + sum.y) + (sum.z + sum.w));
            for (var j = 0u; j < ELEMS_D4; j++) {
                o_part[i][j] *= rescale;
            }
        }

        // 3. O += P V. V overwrites K.
        // keep loop
        for (var chunk = 0u; chunk < TILE_KV; chunk += CHUNK_KV) {
            if (!PREFETCH) {
                fetch_v(&fetched, place, first_key + chunk);
            }
            if (chunk > 0u) {
                workgroupBarrier();
            }
            store_v(&fetched, place);
            workgroupBarrier();
            if (PREFETCH) {
                if (chunk + CHUNK_KV < TILE_KV) {
                    fetch_v(&fetched, place, first_key + chunk + CHUNK_KV);
                } else {
                    if (!WHOLE_Q) {
                        fetch_q(&fetched, place, 0u);
                    }
                    fetch_k(&fetched, place, first_key + TILE_KV, 0u);
                }
            }
            let p_first = P_BASE + local_q * P_STRIDE + chunk / 4u;
            let v_first = V_BASE + local_kv;
            // keep loop
            for (var key4 = 0u; key4 < CHUNK_KV4; key4 += DEPTH_KV) {
                for (var depth = 0u; depth < DEPTH_KV; depth++) {
                    var p_part: array<vec4<f32>, ELEMS_Q>;
                    for (var i = 0u; i < ELEMS_Q; i++) {
                        p_part[i] = memory[p_first + i * WORKGROUP_Q * P_STRIDE + key4 + depth];
                    }
                    for (var c = 0u; c < 4u; c++) {
                        for (var j = 0u; j < ELEMS_D4; j++) {
                            let v_part = memory[v_first + (4u * (key4 + depth) + c) * V_STRIDE + j * WORKGROUP_KV];
                            for (var i = 0u; i < ELEMS_Q; i++) {
                                o_part[i][j] = fma(vec4<f32>(p_part[i][c]), v_part, o_part[i][j]);
                            }
                        }
                    }
                }
            }
        }
    }

    // The invocations of a row exchange their sums in the memory of P, where a row has a vec4 for each of them.
    workgroupBarrier();
    for (var i = 0u; i < ELEMS_Q; i++) {
        memory[P_BASE + (i * WORKGROUP_Q + local_q) * P_STRIDE + local_kv] = vec4<f32>(row_sum[i]);
    }
    workgroupBarrier();
    for (var i = 0u; i < ELEMS_Q; i++) {
        let row = i * WORKGROUP_Q + local_q;
        var sum = 0.0;
        // keep loop
        for (var lane = 0u; lane < WORKGROUP_KV; lane++) {
            sum += memory[P_BASE + row * P_STRIDE + lane].x;
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

// The part of a tile that an invocation copies from memory to workgroup memory.
struct Fetched {
    q: array<vec4<f32>, LOADS_Q>,
    k: array<vec4<f32>, LOADS_K>,
    v: array<vec4<f32>, LOADS_V>,
}

// The rows of Q, K and V that a workgroup works on, and the index of the invocation. Bases and row strides are in vec4.
struct Place {
    q_base: u32,        // first vec4 of the tile of Q
    q_row: u32,
    k_base: u32,        // first vec4 of the head's K
    k_row: u32,
    v_base: u32,        // first vec4 of the head's V
    v_row: u32,
    rows: u32,          // queries of the tile
    keys: u32,          // end of the keys that some row sees
    local_index: u32,
}

// Columns of the tile of Q from vec4 `first_d4`, scaled.
fn fetch_q(to: ptr<function, Fetched>, place: Place, first_d4: u32) {
    for (var load = 0u; load < LOADS_Q; load++) {
        let index = place.local_index + load * WORKGROUP;
        let row = index / Q_ROW4;
        let d4 = first_d4 + index % Q_ROW4;
        var value = vec4<f32>();
        if (row < place.rows && d4 < D4) {
            value = vec4<f32>(q[place.q_base + row * place.q_row + d4]) * params.scale;
        }
        (*to).q[load] = value;
    }
}

fn store_q(fetched: ptr<function, Fetched>, place: Place) {
    for (var load = 0u; load < LOADS_Q; load++) {
        let index = place.local_index + load * WORKGROUP;
        let row = index / Q_ROW4;
        if (EVEN_Q || row < TILE_Q) {
            memory[row * Q_STRIDE + index % Q_ROW4] = (*fetched).q[load];
        }
    }
}

// Columns of a block of K from vec4 `first_d4`. Neighbouring invocations work on keys four apart. The rows of these lie
// side by side in workgroup memory, in different banks.
fn fetch_k(to: ptr<function, Fetched>, place: Place, first_key: u32, first_d4: u32) {
    for (var load = 0u; load < LOADS_K; load++) {
        let index = place.local_index + load * WORKGROUP;
        let row = index / CHUNK_D4;
        let d4 = first_d4 + index % CHUNK_D4;
        let lane = row / WORKGROUP_KV;
        let key = first_key + 4u * (lane / 4u * WORKGROUP_KV + row % WORKGROUP_KV) + lane % 4u;
        var value = vec4<f32>();
        if (key < place.keys && d4 < D4) {
            value = vec4<f32>(k[place.k_base + key * place.k_row + d4]);
        }
        (*to).k[load] = value;
    }
}

fn store_k(fetched: ptr<function, Fetched>, place: Place) {
    for (var load = 0u; load < LOADS_K; load++) {
        let index = place.local_index + load * WORKGROUP;
        let row = index / CHUNK_D4;
        if (EVEN_K || row < TILE_KV) {
            memory[K_BASE + row * K_STRIDE + index % CHUNK_D4] = (*fetched).k[load];
        }
    }
}

// Rows of V from `first_key`.
fn fetch_v(to: ptr<function, Fetched>, place: Place, first_key: u32) {
    for (var load = 0u; load < LOADS_V; load++) {
        let index = place.local_index + load * WORKGROUP;
        let key = first_key + index / V_STRIDE;
        let d4 = index % V_STRIDE;
        var value = vec4<f32>();
        if (key < place.keys && d4 < VALUE_D4) {
            value = vec4<f32>(v[place.v_base + key * place.v_row + d4]);
        }
        (*to).v[load] = value;
    }
}

fn store_v(fetched: ptr<function, Fetched>, place: Place) {
    for (var load = 0u; load < LOADS_V; load++) {
        let index = place.local_index + load * WORKGROUP;
        if (EVEN_V || index < CHUNK_KV * V_STRIDE) {
            memory[V_BASE + index] = (*fetched).v[load];
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
