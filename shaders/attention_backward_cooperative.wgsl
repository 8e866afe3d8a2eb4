//! attention_backward_cooperative: dK and dV, or dQ, of an attention in f16, on matrix units.
//!
//!     P  = exp(S - log_sum)      dP = dO V^T               dS = P * (dP - delta)
//!     dV = P^T dO                dK = scale * dS^T Q       dQ = scale * dS K
//!
//! where log_sum is the logarithm of a row's sum and delta = sum_d dO[d] O[d] (Dao, "FlashAttention-2", 2023, algorithm 2).
//! One dispatch gives dK and dV and another dQ, since WGSL has no atomic float to add dQ with.
//!
//! One workgroup owns TILE keys with KEYS, and TILE queries without. It loops over the other rows, queries or keys, in
//! blocks of BLOCK. A subgroup has ROWS of the own rows: it holds their operands and their gradients in fragments of
//! FRAGMENT x FRAGMENT. With KEYS, the loop takes the query heads of a group in turn, and each block gives
//!
//!        head_dim       BLOCK          value_dim       BLOCK
//!        +-------+     +-----+         +-------+     +------+
//!   ROWS |   K   |  *  | Q^T | => P    |   V   |  *  | dO^T | => dP  => dS
//!        +-------+     +-----+         +-------+     +------+
//!
//!         BLOCK        head_dim          BLOCK       value_dim
//!        +-----+      +--------+        +-----+      +-------+
//!   ROWS | dS  |  *   |   Q    | => dK  |  P  |  *   |  dO   | => dV
//!        +-----+      +--------+        +-----+      +-------+
//!
//! Without KEYS, Q and K change places, and so do dO and V; a block gives dS K alone. Elements of fragments cannot be
//! accessed, so S and dP pass through workgroup memory as f32, and P and dS as f16. Scores are in units of log2 unless
//! NATURAL, so that exp is exp2.
//!
//! Intensity: about TILE FLOP/B in f16, 64 at 64 rows. Workgroup memory: 22.5 KiB.
//! Works for any lengths, and head_dim and value_dim that are multiples of four, where a subgroup has LANES invocations.

enable f16;
enable wgpu_cooperative_matrix;

alias FragmentA = coop_mat8x8<f16, A>;
alias FragmentB = coop_mat8x8<f16, B>;
alias Sums = coop_mat8x8<f32, C>;
alias Gradient = f16;        // type of the gradients: f16, or f32 with BLOCKS_PER_DISPATCH
const FRAGMENT: u32 = 8;
const LANES: u32 = 32;       // invocations of a subgroup
const SUBGROUPS_VARY: bool = false;   // the device has subgroups of several sizes

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

const ROWS: u32 = 16;                // own rows per subgroup
const BLOCK: u32 = 16;               // other rows per block
const SUBGROUPS_KEYS: u32 = 4;       // subgroups per workgroup with KEYS
const SUBGROUPS_QUERIES: u32 = 4;    // subgroups per workgroup without KEYS
const PAD_S: u32 = 2;                // vec4 of padding after each row of S and dP

const SUBGROUPS: u32 = select(SUBGROUPS_QUERIES, SUBGROUPS_KEYS, KEYS);
const TILE: u32 = SUBGROUPS * ROWS;
const WORKGROUP: u32 = SUBGROUPS * LANES;
const HEAD4: u32 = HEAD_DIM / 4u;
const VALUE4: u32 = VALUE_DIM / 4u;
const BLOCK4: u32 = BLOCK / 4u;
const FRAGMENT4: u32 = FRAGMENT / 4u;
const FRAGMENTS_1: u32 = (HEAD_DIM + FRAGMENT - 1u) / FRAGMENT;    // fragments in a row of Q or K, the last padded with zeros
const FRAGMENTS_2: u32 = (VALUE_DIM + FRAGMENT - 1u) / FRAGMENT;
const FRAGMENTS_O: u32 = ROWS / FRAGMENT;
const FRAGMENTS_L: u32 = BLOCK / FRAGMENT;
const ROUNDS_1: u32 = (FRAGMENTS_1 + FRAGMENTS_L - 1u) / FRAGMENTS_L;
const ROUNDS_2: u32 = (FRAGMENTS_2 + FRAGMENTS_L - 1u) / FRAGMENTS_L;

// Row strides in workgroup memory, in vec4. 16 bytes of padding move the next row to other banks.
const WIDTH_1: u32 = FRAGMENTS_1 * FRAGMENT4;
const WIDTH_2: u32 = FRAGMENTS_2 * FRAGMENT4;
const STRIDE_1: u32 = WIDTH_1 + 2u;
const STRIDE_2: u32 = WIDTH_2 + 2u;
const STRIDE_S: u32 = BLOCK4 + PAD_S;
const STRIDE_W: u32 = BLOCK4 + 2u;
const LOADS_1: u32 = (BLOCK * WIDTH_1 + WORKGROUP - 1u) / WORKGROUP;
const LOADS_2: u32 = (BLOCK * WIDTH_2 + WORKGROUP - 1u) / WORKGROUP;
const SUMS: u32 = ROWS * STRIDE_S;      // vec4 of S, or of dP, of a subgroup
const WEIGHTS: u32 = ROWS * STRIDE_W;   // vec4 of P, or of dS, of a subgroup

// A lane works on one group of four columns in every LANE_ROWS-th row of S and dP.
const LANE_ROWS: u32 = LANES / BLOCK4;
const ELEMS: u32 = ROWS / LANE_ROWS;

const_assert ROWS % FRAGMENT == 0;
const_assert BLOCK % FRAGMENT == 0;
const_assert LANES % BLOCK4 == 0;
const_assert ROWS % LANE_ROWS == 0;

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
@group(0) @binding(1) var<storage, read> q: array<vec4<f16>>;            // [batch, heads, seq_q, head_dim / 4]
@group(0) @binding(2) var<storage, read> k: array<vec4<f16>>;            // [batch, kv_heads, seq_kv, head_dim / 4]
@group(0) @binding(3) var<storage, read> v: array<vec4<f16>>;            // [batch, kv_heads, seq_kv, value_dim / 4]
@group(0) @binding(4) var<storage, read> d_o: array<vec4<f16>>;          // [batch, heads, seq_q, value_dim / 4]
@group(0) @binding(5) var<storage, read> rows: array<vec2<u32>>;         // [batch * heads * seq_q + batch]: logarithm and
                                                                         // delta of each row, lengths of each sequence
@group(0) @binding(6) var<storage, read> bias: array<f16>;               // [batch, heads, seq_q, seq_kv], with BIAS
@group(0) @binding(7) var<storage, read_write> d_own: array<vec4<Gradient>>;  // dK or dQ, in the layout of K or Q
@group(0) @binding(8) var<storage, read_write> d_v: array<vec4<Gradient>>;    // dV, in the layout of V, with KEYS

var<workgroup> tile_1: array<vec4<f16>, BLOCK * STRIDE_1>;   // rows of Q with KEYS, of K without
var<workgroup> tile_2: array<vec4<f16>, BLOCK * STRIDE_2>;   // rows of dO with KEYS, of V without
var<workgroup> sums: array<vec4<f32>, SUBGROUPS * 2u * SUMS>;
var<workgroup> weights: array<vec4<f16>, SUBGROUPS * 2u * WEIGHTS>;

@compute @workgroup_size(WORKGROUP)
fn attention_backward_cooperative(
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
                d_own[0] = vec4<Gradient>(Gradient(subgroup_size));
            }
            return;
        }
    }
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
    let lane_row = lane / BLOCK4;
    let lane4 = lane % BLOCK4;
    let sums_base = subgroup_id * 2u * SUMS;
    let weights_base = subgroup_id * 2u * WEIGHTS;
    let own_row = first_own + subgroup_id * ROWS;
    // Own rows become fragments by way of `weights`, BLOCK columns at a time. Rows past the end are zeros, and so are their
    // gradients.
    var kept_1: array<array<FragmentA, ROUNDS_1 * FRAGMENTS_L>, FRAGMENTS_O>;
    var kept_2: array<array<FragmentA, ROUNDS_2 * FRAGMENTS_L>, FRAGMENTS_O>;
    for (var round = 0u; round < ROUNDS_1; round++) {
        for (var i = 0u; i < ELEMS; i++) {
            let row = lane_row + i * LANE_ROWS;
            let d4 = round * BLOCK4 + lane4;
            var value = vec4<f16>();
            if (own_row + row < own_count && d4 < HEAD4) {
                value = load_1(KEYS, own_1.base + (own_row + row) * own_1.stride + d4);
            }
            weights[weights_base + row * STRIDE_W + lane4] = value;
        }
        workgroupBarrier();
        for (var j = 0u; j < FRAGMENTS_L; j++) {
            for (var i = 0u; i < FRAGMENTS_O; i++) {
                let place = weights_base + i * FRAGMENT * STRIDE_W + j * FRAGMENT4;
                kept_1[i][round * FRAGMENTS_L + j] = coopLoadT<FragmentA>(&weights[place], STRIDE_W);
            }
        }
        workgroupBarrier();
    }
    for (var round = 0u; round < ROUNDS_2; round++) {
        for (var i = 0u; i < ELEMS; i++) {
            let row = lane_row + i * LANE_ROWS;
            let d4 = round * BLOCK4 + lane4;
            var value = vec4<f16>();
            if (own_row + row < own_count && d4 < VALUE4) {
                value = load_2(KEYS, own_2.base + (own_row + row) * own_2.stride + d4);
            }
            weights[weights_base + row * STRIDE_W + lane4] = value;
        }
        workgroupBarrier();
        for (var j = 0u; j < FRAGMENTS_L; j++) {
            for (var i = 0u; i < FRAGMENTS_O; i++) {
                let place = weights_base + i * FRAGMENT * STRIDE_W + j * FRAGMENT4;
                kept_2[i][round * FRAGMENTS_L + j] = coopLoadT<FragmentA>(&weights[place], STRIDE_W);
            }
        }
        workgroupBarrier();
    }

    var own_statistics: array<vec2<f32>, ELEMS>;
    if (!KEYS) {
        for (var i = 0u; i < ELEMS; i++) {
            let head = Head(batch, own_head, lengths.x, lengths.y);
            own_statistics[i] = statistics(head, own_row + lane_row + i * LANE_ROWS);
        }
    }
    var gradient_1: array<array<Sums, FRAGMENTS_1>, FRAGMENTS_O>;   // gradient of K or Q
    var gradient_2: array<array<Sums, FRAGMENTS_2>, FRAGMENTS_O>;   // gradient of V
    var fetched: Fetched;
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
        if (walk.x < walk.y) {
            fetch(&fetched, other_1, other_2, u32(walk.x), local_index);
        }
        for (var first_other = walk.x; first_other < walk.y; first_other += i32(BLOCK)) {
            let first = u32(first_other);
            workgroupBarrier();
            keep(&fetched, local_index);
            workgroupBarrier();
            // The next block is fetched while this one is multiplied.
            fetch(&fetched, other_1, other_2, first + BLOCK, local_index);

            // S and dP.
            var product: array<array<Sums, FRAGMENTS_L>, FRAGMENTS_O>;
            for (var d = 0u; d < FRAGMENTS_1; d++) {
                for (var j = 0u; j < FRAGMENTS_L; j++) {
                    let part = coopLoad<FragmentB>(&tile_1[j * FRAGMENT * STRIDE_1 + d * FRAGMENT4], STRIDE_1);
                    for (var i = 0u; i < FRAGMENTS_O; i++) {
                        product[i][j] = coopMultiplyAdd(kept_1[i][d], part, product[i][j]);
                    }
                }
            }
            for (var i = 0u; i < FRAGMENTS_O; i++) {
                for (var j = 0u; j < FRAGMENTS_L; j++) {
                    // naga 30 needs each operand bound by a `let` just before the store.
                    let value = product[i][j];
                    let pointer = &sums[sums_base + i * FRAGMENT * STRIDE_S + j * FRAGMENT4];
                    let stride = STRIDE_S + 0u;
                    coopStoreT(value, pointer, stride);
                }
            }
            var dp: array<array<Sums, FRAGMENTS_L>, FRAGMENTS_O>;
            for (var d = 0u; d < FRAGMENTS_2; d++) {
                for (var j = 0u; j < FRAGMENTS_L; j++) {
                    let part = coopLoad<FragmentB>(&tile_2[j * FRAGMENT * STRIDE_2 + d * FRAGMENT4], STRIDE_2);
                    for (var i = 0u; i < FRAGMENTS_O; i++) {
                        dp[i][j] = coopMultiplyAdd(kept_2[i][d], part, dp[i][j]);
                    }
                }
            }
            for (var i = 0u; i < FRAGMENTS_O; i++) {
                for (var j = 0u; j < FRAGMENTS_L; j++) {
                    let value = dp[i][j];
                    let pointer = &sums[sums_base + SUMS + i * FRAGMENT * STRIDE_S + j * FRAGMENT4];
                    let stride = STRIDE_S + 0u;
                    coopStoreT(value, pointer, stride);
                }
            }

            // P and dS. Queries past the end have a log_sum of +inf, and so weights of 0.
            let other = vec4<u32>(first + 4u * lane4) + vec4<u32>(0u, 1u, 2u, 3u);
            var log_sum: vec4<f32>;
            var delta: vec4<f32>;
            if (KEYS) {
                for (var l = 0u; l < 4u; l++) {
                    let found = statistics(head, first + 4u * lane4 + l);
                    log_sum[l] = found.x;
                    delta[l] = found.y;
                }
            }
            let apart = i32(first_own) - i32(first) - select(-shift, shift, KEYS);
            var least = -apart - i32(TILE) + 1;
            var most = -apart + i32(BLOCK) - 1;
            if (KEYS) {
                least = apart - i32(BLOCK) + 1;
                most = apart + i32(TILE) - 1;
            }
            let whole = select(first + BLOCK <= other_count, first_own + TILE <= own_count, KEYS);
            let masked = !(whole && most < params.ahead && least > -params.behind);
            workgroupBarrier();
            for (var i = 0u; i < ELEMS; i++) {
                let row = lane_row + i * LANE_ROWS;
                let own = vec4<u32>(own_row + row);
                if (!KEYS) {
                    log_sum = vec4<f32>(own_statistics[i].x);
                    delta = vec4<f32>(own_statistics[i].y);
                }
                let found = weigh(
                    head,
                    masked,
                    select(own, other, KEYS),
                    select(other, own, KEYS),
                    sums[sums_base + row * STRIDE_S + lane4],
                    sums[sums_base + SUMS + row * STRIDE_S + lane4],
                    log_sum,
                    delta,
                );
                weights[weights_base + row * STRIDE_W + lane4] = vec4<f16>(found.ds);
                if (KEYS) {
                    weights[weights_base + WEIGHTS + row * STRIDE_W + lane4] = vec4<f16>(found.p);
                }
            }
            workgroupBarrier();

            for (var l = 0u; l < FRAGMENTS_L; l++) {
                var ds: array<FragmentA, FRAGMENTS_O>;
                for (var i = 0u; i < FRAGMENTS_O; i++) {
                    ds[i] = coopLoadT<FragmentA>(&weights[weights_base + i * FRAGMENT * STRIDE_W + l * FRAGMENT4], STRIDE_W);
                }
                for (var d = 0u; d < FRAGMENTS_1; d++) {
                    let part = coopLoadT<FragmentB>(&tile_1[l * FRAGMENT * STRIDE_1 + d * FRAGMENT4], STRIDE_1);
                    for (var i = 0u; i < FRAGMENTS_O; i++) {
                        gradient_1[i][d] = coopMultiplyAdd(ds[i], part, gradient_1[i][d]);
                    }
                }
                if (KEYS) {
                    let p_base = weights_base + WEIGHTS;
                    var p: array<FragmentA, FRAGMENTS_O>;
                    for (var i = 0u; i < FRAGMENTS_O; i++) {
                        p[i] = coopLoadT<FragmentA>(&weights[p_base + i * FRAGMENT * STRIDE_W + l * FRAGMENT4], STRIDE_W);
                    }
                    for (var d = 0u; d < FRAGMENTS_2; d++) {
                        let part = coopLoadT<FragmentB>(&tile_2[l * FRAGMENT * STRIDE_2 + d * FRAGMENT4], STRIDE_2);
                        for (var i = 0u; i < FRAGMENTS_O; i++) {
                            gradient_2[i][d] = coopMultiplyAdd(p[i], part, gradient_2[i][d]);
                        }
                    }
                }
            }
        }
    }

    // Gradients leave by way of `sums`, BLOCK columns at a time.
    let own_rows = select(0u, own_seq, inside);
    let kept_row = (id - params.first_kept) * TILE + subgroup_id * ROWS;
    for (var round = 0u; round < ROUNDS_1; round++) {
        for (var j = 0u; j < FRAGMENTS_L; j++) {
            for (var i = 0u; i < FRAGMENTS_O; i++) {
                let value = gradient_1[i][min(round * FRAGMENTS_L + j, FRAGMENTS_1 - 1u)];
                let pointer = &sums[sums_base + i * FRAGMENT * STRIDE_S + j * FRAGMENT4];
                let stride = STRIDE_S + 0u;
                coopStoreT(value, pointer, stride);
            }
        }
        workgroupBarrier();
        for (var i = 0u; i < ELEMS; i++) {
            let row = lane_row + i * LANE_ROWS;
            let d4 = round * BLOCK4 + lane4;
            if (own_row + row < own_rows && d4 < HEAD4) {
                var value = sums[sums_base + row * STRIDE_S + lane4] * (params.scale * TO_NATURAL);
                var at = own_1.base + (own_row + row) * own_1.stride + d4;
                if (BLOCKS_PER_DISPATCH > 0u) {
                    at = (kept_row + row) * HEAD4 + d4;
                    if (params.first_step > 0u) {
                        value += vec4<f32>(d_own[at]);
                    }
                }
                d_own[at] = vec4<Gradient>(value);
            }
        }
        workgroupBarrier();
    }
    if (KEYS) {
        for (var round = 0u; round < ROUNDS_2; round++) {
            for (var j = 0u; j < FRAGMENTS_L; j++) {
                for (var i = 0u; i < FRAGMENTS_O; i++) {
                    let value = gradient_2[i][min(round * FRAGMENTS_L + j, FRAGMENTS_2 - 1u)];
                    let pointer = &sums[sums_base + i * FRAGMENT * STRIDE_S + j * FRAGMENT4];
                    let stride = STRIDE_S + 0u;
                    coopStoreT(value, pointer, stride);
                }
            }
            workgroupBarrier();
            for (var i = 0u; i < ELEMS; i++) {
                let row = lane_row + i * LANE_ROWS;
                let d4 = round * BLOCK4 + lane4;
                if (own_row + row < own_rows && d4 < VALUE4) {
                    var value = sums[sums_base + row * STRIDE_S + lane4];
                    var at = own_2.base + (own_row + row) * own_2.stride + d4;
                    if (BLOCKS_PER_DISPATCH > 0u) {
                        at = (kept_row + row) * VALUE4 + d4;
                        if (params.first_step > 0u) {
                            value += vec4<f32>(d_v[at]);
                        }
                    }
                    d_v[at] = vec4<Gradient>(value);
                }
            }
            workgroupBarrier();
        }
    }
}

// Four columns of K if `keys`, else of Q.
fn load_1(keys: bool, place: u32) -> vec4<f16> {
    if (keys) {
        return k[place];
    }
    return q[place];
}

// Four columns of V if `keys`, else of dO.
fn load_2(keys: bool, place: u32) -> vec4<f16> {
    if (keys) {
        return v[place];
    }
    return d_o[place];
}

// The part of a block that an invocation copies from memory to workgroup memory.
struct Fetched {
    part_1: array<vec4<f16>, LOADS_1>,
    part_2: array<vec4<f16>, LOADS_2>,
}

// Fetches the invocation's part of BLOCK rows from `first`. Elements past the last row or column are zeros.
fn fetch(to: ptr<function, Fetched>, from_1: Rows, from_2: Rows, first: u32, local_index: u32) {
    for (var load = 0u; load < LOADS_1; load++) {
        let cell = local_index + load * WORKGROUP;
        let row = first + cell / WIDTH_1;
        let d4 = cell % WIDTH_1;
        var value = vec4<f16>();
        if (row < from_1.count && d4 < HEAD4) {
            value = load_1(!KEYS, from_1.base + row * from_1.stride + d4);
        }
        (*to).part_1[load] = value;
    }
    for (var load = 0u; load < LOADS_2; load++) {
        let cell = local_index + load * WORKGROUP;
        let row = first + cell / WIDTH_2;
        let d4 = cell % WIDTH_2;
        var value = vec4<f16>();
        if (row < from_2.count && d4 < VALUE4) {
            value = load_2(!KEYS, from_2.base + row * from_2.stride + d4);
        }
        (*to).part_2[load] = value;
    }
}

fn keep(fetched: ptr<function, Fetched>, local_index: u32) {
    for (var load = 0u; load < LOADS_1; load++) {
        let cell = local_index + load * WORKGROUP;
        if (BLOCK * WIDTH_1 % WORKGROUP == 0u || cell < BLOCK * WIDTH_1) {
            tile_1[cell / WIDTH_1 * STRIDE_1 + cell % WIDTH_1] = (*fetched).part_1[load];
        }
    }
    for (var load = 0u; load < LOADS_2; load++) {
        let cell = local_index + load * WORKGROUP;
        if (BLOCK * WIDTH_2 % WORKGROUP == 0u || cell < BLOCK * WIDTH_2) {
            tile_2[cell / WIDTH_2 * STRIDE_2 + cell % WIDTH_2] = (*fetched).part_2[load];
        }
    }
}

// P and dS of four pairs of a query and a key.
struct Weights {
    p: vec4<f32>,
    ds: vec4<f32>,
}

// P and dS from the products of Q and K and of dO and V. Without `masked` all four pairs are visible.
fn weigh(
    head: Head,
    masked: bool,
    query: vec4<u32>,
    key: vec4<u32>,
    product: vec4<f32>,
    dp: vec4<f32>,
    log_sum: vec4<f32>,
    delta: vec4<f32>,
) -> Weights {
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
    var visible = vec4<bool>(true);
    if (masked || BIAS) {
        let position = vec4<i32>(query) + i32(head.keys) - i32(head.queries);
        let apart = vec4<i32>(key) - position;
        visible = (apart < vec4<i32>(params.ahead)) & (apart > vec4<i32>(-params.behind))
            & (key < vec4<u32>(head.keys)) & (query < vec4<u32>(head.queries));
    }
    if (BIAS) {
        for (var l = 0u; l < 4u; l++) {
            if (visible[l]) {
                let place = head.batch * params.bias.batch + head.head * params.bias.head + query[l] * params.bias.row;
                score[l] += f32(bias[place + key[l]]);
            }
        }
    }
    let p = select(vec4<f32>(), exp2((score - log_sum) * TO_LOG2), visible);
    // dP of a key that is not visible may be no number.
    return Weights(p, select(vec4<f32>(), p * (dp - delta) * slope, visible));
}

// log_sum and delta of a query's row; +inf and 0 past the last query.
fn statistics(head: Head, query: u32) -> vec2<f32> {
    if (query < head.queries) {
        return bitcast<vec2<f32>>(rows[(head.batch * params.heads + head.head) * params.seq_q + query]);
    }
    return vec2<f32>(-params.neg_inf, 0.0);
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
