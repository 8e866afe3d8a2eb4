//! attention_scores: S = cap(scale * Q K^T) + bias for each head, masked; the first stage of attention_naive.
//!
//! One workgroup computes a TILE x TILE tile of one head's scores, one score per invocation, in a loop over head_dim in
//! steps of TILE. Scores of keys that a query does not see are -inf.
//!
//!          head_dim       TILE           TILE
//!         +--------+     +----+         +----+
//!   TILE  |   Q    |  *  | K^T| head  = | S  |  TILE
//!         +--------+     +----+ _dim    +----+
//!
//! Traffic: heads * seq_q * seq_kv scores written, since nothing is fused. Workgroup memory: 2112 B.
//! Works for any lengths, head_dim and strides.

alias Elem = f32;   // type of Q, K and the bias
alias Capped = f32;   // scores that `capped` takes

const BIAS: bool = false;       // a bias is added to the scores
const SOFT_CAP: bool = false;   // scores s become soft_cap * tanh(s / soft_cap)
const LENGTHS: bool = false;    // each sequence has its own lengths

const TILE: u32 = 16;

const TILE_Q: u32 = TILE;    // queries per workgroup
const TILE_KV: u32 = TILE;   // keys per workgroup
const STRIDE: u32 = TILE + 1u;   // row stride of the tile of K; the padding of 1 moves each row to another bank

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<Elem>;             // [batch, heads, seq_q, head_dim]
@group(0) @binding(2) var<storage, read> k: array<Elem>;             // [batch, kv_heads, seq_kv, head_dim]
@group(0) @binding(3) var<storage, read> lengths: array<u32>;        // [batch, 2]
@group(0) @binding(4) var<storage, read> bias: array<Elem>;          // [batch, heads, seq_q, seq_kv]; a stride may be 0
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;   // [batch, heads, seq_q, seq_kv]

var<workgroup> q_tile: array<array<f32, TILE>, TILE>;     // [query][d]
var<workgroup> k_tile: array<array<f32, STRIDE>, TILE>;   // [key][d]

@compute @workgroup_size(TILE, TILE)
fn attention_scores(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_id) local_id: vec3<u32>,
) {
    let tiles_q = (params.seq_q + TILE_Q - 1u) / TILE_Q;
    let tiles_kv = (params.seq_kv + TILE_KV - 1u) / TILE_KV;
    let tile = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let plane = tile / (tiles_q * tiles_kv);
    let batch = plane / params.heads;
    let head = plane % params.heads;
    let query = tile / tiles_kv % tiles_q * TILE_Q + local_id.y;
    let first_key = tile % tiles_kv * TILE_KV;
    let q_base = params.q.offset + batch * params.q.batch + head * params.q.head + query * params.q.row;
    let k_base = params.k.offset + batch * params.k.batch + head / params.group * params.k.head;

    var sum = 0.0;
    for (var base = 0u; base < params.head_dim; base += TILE) {
        // Elements past the edges are zeros, which add nothing.
        var q_value = 0.0;
        var k_value = 0.0;
        let d = base + local_id.x;
        let key = first_key + local_id.y;
        if (batch < params.batch && d < params.head_dim) {
            if (query < params.seq_q) {
                q_value = f32(q[q_base + d]);
            }
            if (key < params.seq_kv) {
                k_value = f32(k[k_base + key * params.k.row + d]);
            }
        }
        q_tile[local_id.y][local_id.x] = q_value;
        k_tile[local_id.y][local_id.x] = k_value;
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            sum = fma(q_tile[local_id.y][i], k_tile[local_id.x][i], sum);
        }
        workgroupBarrier();
    }
    let key = first_key + local_id.x;
    if (batch < params.batch && query < params.seq_q && key < params.seq_kv) {
        var score = sum * params.scale;
        if (SOFT_CAP) {
            score = capped(score);
        }
        if (BIAS) {
            let of_head = batch * params.bias.batch + head * params.bias.head;
            score += f32(bias[of_head + query * params.bias.row + key]);
        }
        let sees = visible_keys(query, sequence(batch));
        let place = (plane * params.seq_q + query) * params.seq_kv + key;
        scores[place] = select(params.neg_inf, score, key >= sees.x && key < sees.y);
    }
}

// Queries and keys of a sequence.
fn sequence(batch: u32) -> vec2<u32> {
    var sizes = vec2<u32>(params.seq_q, params.seq_kv);
    if (LENGTHS && batch < params.batch) {
        sizes = min(sizes, vec2<u32>(lengths[2u * batch], lengths[2u * batch + 1u]));
    }
    return sizes;
}

// Keys that a query sees: from x up to y. A query past the end of the sequence sees none.
fn visible_keys(query: u32, sizes: vec2<u32>) -> vec2<u32> {
    let position = i32(query) + i32(sizes.y) - i32(sizes.x);
    let bounds = vec2<i32>(position - params.behind + 1, position + params.ahead);
    let sees = vec2<u32>(clamp(bounds, vec2<i32>(0), vec2<i32>(i32(sizes.y))));
    return select(vec2<u32>(), sees, query < sizes.x);
}

struct Params {
    // `first` is the first tile.
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

// snippet attention_capped
// soft_cap * tanh(s / soft_cap), with tanh(x) = sign(x) (1 - e) / (1 + e) and e = exp(-2 |x|), which cannot overflow.
fn capped(s: Capped) -> Capped {
    let e = exp(abs(s) * (-2.0 / params.soft_cap));
    return params.soft_cap * sign(s) * ((1.0 - e) / (1.0 + e));
}
// end
