//! attention_scores: S = scale * Q K^T for each head, masked; the first stage of attention_naive.
//!
//! One workgroup computes a TILE x TILE tile of one head's scores, one for each invocation, walking head_dim in steps
//! of TILE. Keys that a query does not see get NEG_LARGE, which exp makes zero.
//!
//!          head_dim       TILE           TILE
//!         +--------+     +----+         +----+
//!   TILE  |   Q    |  *  | K^T| head  = | S  |  TILE
//!         +--------+     +----+ _dim    +----+
//!
//! Traffic: the price of not fusing, heads * seq_q * seq_kv scores written. Workgroup memory: 2112 B.
//! Works for any lengths and any head_dim.

const TILE: u32 = 16;

const TILE_Q: u32 = TILE;    // queries per workgroup
const TILE_KV: u32 = TILE;   // keys per workgroup
const STRIDE: u32 = TILE + 1u;   // of the tile of K, whose columns are read: one more moves each row to another bank

const NEG_LARGE: f32 = -0x1.fffffep+127;

struct Params {
    batch: u32,
    heads: u32,           // of Q and O
    group: u32,           // query heads to a key head
    seq_q: u32,
    seq_kv: u32,
    head_dim: u32,
    value_dim: u32,
    ahead: i32,           // a query at p sees keys before p + ahead
    behind: i32,          // and after p - behind
    scale: f32,
    soft_cap: f32,        // 0 for none
    first: u32,           // first unit of work of this dispatch
    q: Strides,
    k: Strides,
    v: Strides,
    o: Strides,
    bias: Strides,
    page_size: u32,
    pages: u32,
    table_row: u32,       // pages of a sequence
    padding: u32,
}

// From one of each to the next, in elements.
struct Strides {
    batch: u32,
    head: u32,
    row: u32,
    offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;              // [heads, seq_q, head_dim]
@group(0) @binding(2) var<storage, read> k: array<f32>;              // [heads, seq_kv, head_dim]
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;   // [heads, seq_q, seq_kv]

var<workgroup> q_tile: array<array<f32, TILE>, TILE>;     // [query][d]
var<workgroup> k_tile: array<array<f32, STRIDE>, TILE>;   // [key][d]

// Keys that a query sees: the first so many.
fn visible_keys(query: u32) -> u32 {
    let position = i32(query) + i32(params.seq_kv) - i32(params.seq_q);
    return u32(clamp(position + params.ahead, 0, i32(params.seq_kv)));
}

@compute @workgroup_size(TILE, TILE)
fn attention_scores(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_id) local_id: vec3<u32>,
) {
    let tiles_q = (params.seq_q + TILE_Q - 1u) / TILE_Q;
    let tiles_kv = (params.seq_kv + TILE_KV - 1u) / TILE_KV;
    let tile = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let head = tile / (tiles_q * tiles_kv);
    let query = tile / tiles_kv % tiles_q * TILE_Q + local_id.y;
    let first_key = tile % tiles_kv * TILE_KV;

    var sum = 0.0;
    for (var base = 0u; base < params.head_dim; base += TILE) {
        // Zeros beyond the edges add nothing.
        var q_value = 0.0;
        var k_value = 0.0;
        let d = base + local_id.x;
        let key = first_key + local_id.y;
        if (head < params.batch * params.heads && d < params.head_dim) {
            if (query < params.seq_q) {
                q_value = q[(head * params.seq_q + query) * params.head_dim + d];
            }
            if (key < params.seq_kv) {
                k_value = k[(head * params.seq_kv + key) * params.head_dim + d];
            }
        }
        q_tile[local_id.y][local_id.x] = q_value;
        k_tile[local_id.y][local_id.x] = k_value;
        workgroupBarrier();
        // unroll
        for (var i = 0u; i < TILE; i++) {
            sum = fma(q_tile[local_id.y][i], k_tile[local_id.x][i], sum);
        }
        workgroupBarrier();
    }
    let key = first_key + local_id.x;
    if (head < params.batch * params.heads && query < params.seq_q && key < params.seq_kv) {
        let place = (head * params.seq_q + query) * params.seq_kv + key;
        scores[place] = select(NEG_LARGE, sum * params.scale, key < visible_keys(query));
    }
}
