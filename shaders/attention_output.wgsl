//! attention_output: O = P V for each head, the last stage of attention_naive.
//!
//! One workgroup computes a TILE x TILE tile of one head's output, one element for each invocation, walking the keys in
//! steps of TILE. Only keys that a query sees are summed, so that a query which sees none gets zeros: softmax gives such
//! a row equal weights.
//!
//!           seq_kv        TILE           TILE
//!         +--------+     +----+         +----+
//!   TILE  |   P    |  *  | V  | seq   = | O  |  TILE
//!         +--------+     +----+ _kv     +----+
//!
//! Traffic: heads * seq_q * seq_kv weights, read head_dim / TILE times. Workgroup memory: 2 KiB.
//! Works for any lengths and any head_dim.

const TILE: u32 = 16;

const TILE_Q: u32 = TILE;   // queries per workgroup
const TILE_D: u32 = TILE;   // columns of the output per workgroup

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
@group(0) @binding(1) var<storage, read> weights: array<f32>;   // [heads, seq_q, seq_kv]
@group(0) @binding(2) var<storage, read> v: array<f32>;         // [heads, seq_kv, head_dim]
@group(0) @binding(3) var<storage, read_write> o: array<f32>;   // [heads, seq_q, head_dim]

var<workgroup> p_tile: array<array<f32, TILE>, TILE>;   // [query][key]
var<workgroup> v_tile: array<array<f32, TILE>, TILE>;   // [key][d]

// Keys that a query sees: the first so many.
fn visible_keys(query: u32) -> u32 {
    let position = i32(query) + i32(params.seq_kv) - i32(params.seq_q);
    return u32(clamp(position + params.ahead, 0, i32(params.seq_kv)));
}

@compute @workgroup_size(TILE, TILE)
fn attention_output(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_id) local_id: vec3<u32>,
) {
    let tiles_q = (params.seq_q + TILE_Q - 1u) / TILE_Q;
    let tiles_d = (params.head_dim + TILE_D - 1u) / TILE_D;
    let tile = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let head = tile / (tiles_q * tiles_d);
    let query = tile / tiles_d % tiles_q * TILE_Q + local_id.y;
    let d = tile % tiles_d * TILE_D + local_id.x;
    var visible = 0u;
    if (head < params.batch * params.heads && query < params.seq_q) {
        visible = visible_keys(query);
    }

    var sum = 0.0;
    for (var base = 0u; base < params.seq_kv; base += TILE) {
        // Zeros beyond the edges add nothing.
        var p_value = 0.0;
        var v_value = 0.0;
        if (base + local_id.x < visible) {
            p_value = weights[(head * params.seq_q + query) * params.seq_kv + base + local_id.x];
        }
        if (head < params.batch * params.heads && base + local_id.y < params.seq_kv && d < params.head_dim) {
            v_value = v[(head * params.seq_kv + base + local_id.y) * params.head_dim + d];
        }
        p_tile[local_id.y][local_id.x] = p_value;
        v_tile[local_id.y][local_id.x] = v_value;
        workgroupBarrier();
        // unroll
        for (var i = 0u; i < TILE; i++) {
            sum = fma(p_tile[local_id.y][i], v_tile[i][local_id.x], sum);
        }
        workgroupBarrier();
    }
    if (head < params.batch * params.heads && query < params.seq_q && d < params.head_dim) {
        o[(head * params.seq_q + query) * params.head_dim + d] = sum;
    }
}
