//! attention_backward_finish: gradients of an attention from the f32 sums that several dispatches added up.
//!
//! With BLOCKS_PER_DISPATCH, attention_backward_flash and attention_backward_cooperative leave dK and dV, or dQ, as f32
//! sums: the rows of one workgroup behind those of another. An invocation converts four columns of a row and stores them
//! in the layout of K, V or Q.
//!
//! Traffic: the sums read once, the gradients written once. Workgroup memory: 0 B.
//! Works for any lengths, and head_dim and value_dim that are multiples of four.

alias Elem = f32;            // type of the gradients

const HEAD_DIM: u32 = 64;    // columns of Q and K
const VALUE_DIM: u32 = 64;   // columns of V
const KEYS: bool = true;     // true: dK and dV; false: dQ
const FINISHERS: u32 = 64;   // invocations of a workgroup

const HEAD4: u32 = HEAD_DIM / 4u;
const VALUE4: u32 = VALUE_DIM / 4u;
const COLUMNS4: u32 = HEAD4 + VALUE4 * u32(KEYS);   // groups of four columns in a row of all gradients
const_assert HEAD_DIM % 4 == 0;
const_assert VALUE_DIM % 4 == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> own_sums: array<vec4<f32>>;       // [kept, rows, HEAD4]
@group(0) @binding(2) var<storage, read> v_sums: array<vec4<f32>>;         // [kept, rows, VALUE4], with KEYS
@group(0) @binding(3) var<storage, read_write> d_own: array<vec4<Elem>>;   // dK or dQ, in the layout of K or Q
@group(0) @binding(4) var<storage, read_write> d_v: array<vec4<Elem>>;     // dV, in the layout of V, with KEYS

@compute @workgroup_size(FINISHERS)
fn attention_backward_finish(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * FINISHERS + local_index;
    let d4 = index % COLUMNS4;
    let kept_row = index / COLUMNS4;
    let id = params.first_kept + kept_row / params.rows;
    let own_seq = select(params.seq_q, params.seq_kv, KEYS);
    let own_heads = select(params.heads, params.heads / params.group, KEYS);
    let tiles = (own_seq + params.rows - 1u) / params.rows;
    let all_heads = own_heads * params.batch;
    // Workgroups are numbered as in the kernels that left the sums.
    let head = id % all_heads % own_heads;
    let batch = id % all_heads / own_heads;
    let tile = select(tiles - 1u - id / all_heads, id / all_heads, KEYS);
    let row = tile * params.rows + kept_row % params.rows;
    if (kept_row >= params.kept * params.rows || row >= own_seq) {
        return;
    }
    if (d4 < HEAD4) {
        var strides = params.q;
        if (KEYS) {
            strides = params.k;
        }
        let first = strides.offset + batch * strides.batch + head * strides.head + row * strides.row;
        d_own[first / 4u + d4] = vec4<Elem>(own_sums[kept_row * HEAD4 + d4]);
    } else {
        let first = params.v.offset + batch * params.v.batch + head * params.v.head + row * params.v.row;
        d_v[first / 4u + d4 - HEAD4] = vec4<Elem>(v_sums[kept_row * VALUE4 + d4 - HEAD4]);
    }
}

struct Params {
    // `first` is the first workgroup. `scale` and `soft_cap` are in the unit of the scores.
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
    // snippet attention_finish_params
    first_kept: u32,      // tile or workgroup whose sums come first in memory
    kept: u32,            // tiles or workgroups whose sums are stored
    rows: u32,            // rows per tile or workgroup
    in_turn: u32,         // 1: one tile of every head comes before the next tile; 0: the tiles of a head follow each other
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
