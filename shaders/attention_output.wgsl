//! attention_output: O = P V for each head, the last stage of attention_naive.
//!
//! One workgroup computes a TILE x TILE tile of one head's output, one element per invocation, in a loop over the keys in
//! steps of TILE. Keys past the end of the sequence are not read, and may hold NaN. If there are too many keys for one
//! dispatch, `sums` carries the sums to the next.
//!
//!           seq_kv        TILE           TILE
//!         +--------+     +----+         +----+
//!   TILE  |   P    |  *  | V  | seq   = | O  |  TILE
//!         +--------+     +----+ _kv     +----+
//!
//! Traffic: heads * seq_q * seq_kv weights, read value_dim / TILE times. Workgroup memory: 2 KiB.
//! Works for any lengths, value_dim and strides.

alias Elem = f32;   // type of V and O

const LENGTHS: bool = false;   // each sequence has its own lengths

const TILE: u32 = 16;

const TILE_Q: u32 = TILE;   // queries per workgroup
const TILE_D: u32 = TILE;   // columns of the output per workgroup

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;    // [batch, heads, seq_q, seq_kv]
@group(0) @binding(2) var<storage, read> v: array<Elem>;         // [batch, kv_heads, seq_kv, value_dim]
@group(0) @binding(3) var<storage, read> lengths: array<u32>;    // [batch, 2]
@group(0) @binding(4) var<storage, read_write> o: array<Elem>;   // [batch, heads, seq_q, value_dim]
@group(0) @binding(5) var<storage, read_write> sums: array<f32>; // [batch, heads, seq_q, value_dim], between dispatches

var<workgroup> p_tile: array<array<f32, TILE>, TILE>;   // [query][key]
var<workgroup> v_tile: array<array<f32, TILE>, TILE>;   // [key][d]

@compute @workgroup_size(TILE, TILE)
fn attention_output(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_id) local_id: vec3<u32>,
) {
    let tiles_q = (params.seq_q + TILE_Q - 1u) / TILE_Q;
    let tiles_d = (params.value_dim + TILE_D - 1u) / TILE_D;
    let tile = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let plane = tile / (tiles_q * tiles_d);
    let batch = plane / params.heads;
    let head = plane % params.heads;
    let query = tile / tiles_d % tiles_q * TILE_Q + local_id.y;
    let d = tile % tiles_d * TILE_D + local_id.x;
    let there = batch < params.batch;
    var keys = select(0u, params.seq_kv, there);
    if (LENGTHS && there) {
        keys = min(keys, lengths[2u * batch + 1u]);
    }
    let v_base = params.v.offset + batch * params.v.batch + head / params.group * params.v.head;

    let inside = there && query < params.seq_q && d < params.value_dim;
    let kept_at = (plane * params.seq_q + query) * params.value_dim + d;
    var sum = 0.0;
    if (inside && params.first_step > 0u) {
        sum = sums[kept_at];
    }
    let stop = params.first_step + params.steps;
    for (var base = params.first_step; base < min(stop, keys); base += TILE) {
        // Elements past the edges are zeros, which add nothing.
        var p_value = 0.0;
        var v_value = 0.0;
        if (query < params.seq_q && base + local_id.x < keys) {
            p_value = weights[(plane * params.seq_q + query) * params.seq_kv + base + local_id.x];
        }
        if (base + local_id.y < keys && d < params.value_dim) {
            v_value = f32(v[v_base + (base + local_id.y) * params.v.row + d]);
        }
        p_tile[local_id.y][local_id.x] = p_value;
        v_tile[local_id.y][local_id.x] = v_value;
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            sum = fma(p_tile[local_id.y][i], v_tile[i][local_id.x], sum);
        }
        workgroupBarrier();
    }
    if (inside && stop < params.seq_kv) {
        sums[kept_at] = sum;
    } else if (inside) {
        o[params.o.offset + batch * params.o.batch + head * params.o.head + query * params.o.row + d] = Elem(sum);
    }
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
