//! attention_backward_finish: gradients of an attention from what walks of attention_backward_flash that were cut have left.
//!
//! This, or attention_backward_cooperative, leaves dK and dV, or dQ, as sums in f32, the rows of a workgroup one behind
//! the other. An invocation moves four columns of a row to where they belong.
//!
//! Traffic: the sums read once, the gradients written once. Workgroup memory: 0 B.
//! Works for any lengths, and head_dim and value_dim that are multiples of four.

alias Elem = f32;            // of the gradients

const HEAD_DIM: u32 = 64;    // columns of Q and K
const VALUE_DIM: u32 = 64;   // columns of V
const KEYS: bool = true;     // the gradients are dK and dV; otherwise dQ
const FINISHERS: u32 = 64;   // invocations of a workgroup

const HEAD4: u32 = HEAD_DIM / 4u;
const VALUE4: u32 = VALUE_DIM / 4u;
const COLUMNS4: u32 = HEAD4 + VALUE4 * u32(KEYS);   // of a row of all gradients
const_assert HEAD_DIM % 4 == 0;
const_assert VALUE_DIM % 4 == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> own_sums: array<vec4<f32>>;       // [kept, rows, HEAD4]
@group(0) @binding(2) var<storage, read> v_sums: array<vec4<f32>>;         // [kept, rows, VALUE4], with KEYS
@group(0) @binding(3) var<storage, read_write> d_own: array<vec4<Elem>>;   // dK or dQ, as K or Q
@group(0) @binding(4) var<storage, read_write> d_v: array<vec4<Elem>>;     // as V, with KEYS

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
    // As the kernels count.
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
    // `first` is the first workgroup. Scores, and so `scale` and `soft_cap`, are in units of log2.
    // snippet attention_params
    batch: u32,
    heads: u32,           // of Q and O
    group: u32,           // query heads to a key head
    seq_q: u32,
    seq_kv: u32,
    head_dim: u32,
    value_dim: u32,
    ahead: i32,           // a query at p sees keys before p + ahead
    behind: i32,          // and after p - behind
    scale: f32,           // of Q times K
    soft_cap: f32,        // 0 for none
    first: u32,           // where the work of this dispatch begins
    q: Strides,
    k: Strides,
    v: Strides,
    o: Strides,
    bias: Strides,
    page_size: u32,
    pages: u32,
    table_row: u32,       // pages of a sequence
    neg_inf: f32,         // -inf, which WGSL cannot write
    // end
    first_kept: u32,      // the workgroup whose sums are kept first
    kept: u32,            // how many there are
    rows: u32,            // of each
    in_turn: u32,         // 1: neighbours are of different heads
}

// snippet attention_strides
// From one of each to the next, in elements.
struct Strides {
    batch: u32,
    head: u32,
    row: u32,
    offset: u32,
}
// end
