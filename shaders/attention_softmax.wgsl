//! attention_softmax: P = exp(S - row_max) / row_sum over each row of scores, in place; the second stage of attention_naive.
//!
//! One workgroup takes one row. Each invocation loops over the row with a running maximum and a sum that it rescales when
//! the maximum grows (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, algorithm 3). Workgroup
//! memory merges the pairs. A second pass writes the weights; it reads from cache if the row fits. A sink counts as one more
//! score, without a weight to write. A row whose scores are all -inf gets zeros.
//!
//! Traffic: the scores read twice and written once. Workgroup memory: 2.125 KiB. Works for any number of keys.

const SINKS: bool = false;     // each head has a score without a value
const LENGTHS: bool = false;   // each sequence has its own lengths
const LSE: bool = false;       // write log-sum-exp to lse

const WORKGROUP: u32 = 256;
const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that merge the pairs of all
const_assert WORKGROUP % REDUCERS == 0;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> lengths: array<u32>;        // [batch, 2]
@group(0) @binding(2) var<storage, read> sinks: array<f32>;          // [heads]
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;   // [batch, heads, seq_q, seq_kv]
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;      // [batch, heads, seq_q]

var<workgroup> pairs: array<vec2<f32>, WORKGROUP>;   // maximum and sum
var<workgroup> merged: array<vec2<f32>, REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn attention_softmax(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let batch = row / params.seq_q / params.heads;
    let head = row / params.seq_q % params.heads;
    let there = batch < params.batch;
    let cols = select(0u, params.seq_kv, there);
    let base = row * params.seq_kv;

    var pair = vec2<f32>(NEG_LARGE, 0.0);
    for (var col = local_index; col < cols; col += WORKGROUP) {
        let score = scores[base + col];
        // A new maximum is rare after the first few columns.
        if (score > pair.x) {
            pair = vec2<f32>(score, pair.y * exp(pair.x - score));
        }
        pair.y += exp(score - pair.x);
    }
    pairs[local_index] = pair;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        for (var other = local_index + REDUCERS; other < WORKGROUP; other += REDUCERS) {
            pair = merge(pair, pairs[other]);
        }
        merged[local_index] = pair;
    }
    workgroupBarrier();
    pair = merged[0];
    for (var i = 1u; i < REDUCERS; i++) {
        pair = merge(pair, merged[i]);
    }
    // Rows past the sequence's queries have no sink.
    var live = there;
    if (LENGTHS && there) {
        live = row % params.seq_q < lengths[2u * batch];
    }
    if (SINKS && live) {
        let sink = max(sinks[head], NEG_LARGE);
        pair = merge(pair, vec2<f32>(sink, exp(sinks[head] - sink)));
    }
    let sees_none = !live || pair.y == 0.0;
    let factor = select(1.0 / select(pair.y, 1.0, sees_none), 0.0, sees_none);
    for (var col = local_index; col < cols; col += WORKGROUP) {
        scores[base + col] = exp(scores[base + col] - pair.x) * factor;
    }
    if (LSE && there && local_index == 0u) {
        lse[row] = select(pair.x + log(pair.y), params.neg_inf, sees_none);
    }
}

// Maximum and sum of two sets of scores.
fn merge(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    let larger = max(a.x, b.x);
    return vec2<f32>(larger, a.y * exp(a.x - larger) + b.y * exp(b.x - larger));
}

struct Params {
    // `first` is the first row.
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
