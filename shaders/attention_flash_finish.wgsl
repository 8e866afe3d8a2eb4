//! attention_flash_finish: O, and the logarithms of sums, from what walks of attention_flash that were cut have left.
//!
//! These, or attention_flash_subgroup or attention_cooperative, leave for each row O before its division, the row's maximum and its sum.
//! An invocation divides four columns of a row. A row that sees no key, and so has no sum, and one past the sequence's
//! queries gives zeros.
//!
//! Traffic: the sums read once, O written once. Workgroup memory: 0 B. Works for any lengths, and columns and strides that
//! are multiples of four.

alias Elem4 = vec4<f32>;    // four elements of O

const VALUE_DIM: u32 = 64;     // columns of O
const LENGTHS: bool = false;   // each sequence has lengths of its own
const LSE: bool = false;       // the logarithms of the sums are written
const HALF: bool = false;      // O is f16
const FINISHERS: u32 = 64;     // invocations of a workgroup

const VALUE_D4: u32 = VALUE_DIM / 4u;
const KEPT_ROW: u32 = VALUE_DIM + 2u;
const_assert VALUE_DIM % 4 == 0;

const LARGEST: f32 = 65504.0;   // of f16
const LN_2: f32 = 0.6931471805599453;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;        // [kept, rows, KEPT_ROW]: O, maximum, sum
@group(0) @binding(2) var<storage, read> lengths: array<u32>;     // [batch, 2]
@group(0) @binding(3) var<storage, read_write> o: array<Elem4>;   // [batch, heads, seq_q, value_dim / 4]
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;   // [batch, heads, seq_q]

@compute @workgroup_size(FINISHERS)
fn attention_flash_finish(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let index = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * FINISHERS + local_index;
    let d4 = index % VALUE_D4;
    let row = index / VALUE_D4;   // of all that are kept
    let all_heads = params.batch * params.heads;
    let tiles_q = (params.seq_q + params.rows - 1u) / params.rows;
    let tile = params.first_kept + row / params.rows;
    let in_turn = params.in_turn == 1u;
    let plane = select(tile / tiles_q, tile % all_heads, in_turn);
    // Tiles of a head count from its last rows.
    let tile_q = tiles_q - 1u - select(tile % tiles_q, tile / all_heads, in_turn);
    let query = tile_q * params.rows + row % params.rows;
    if (row >= params.kept * params.rows || query >= params.seq_q) {
        return;
    }
    let batch = plane / params.heads;
    let head = plane % params.heads;
    var queries = params.seq_q;
    if (LENGTHS) {
        queries = min(queries, lengths[2u * batch]);
    }
    let first = row * KEPT_ROW;
    let row_max = sums[first + VALUE_DIM];
    let sum = sums[first + VALUE_DIM + 1u];
    let sees_some = query < queries && sum > 0.0;
    let factor = 1.0 / select(1.0, sum, sees_some);
    let at = first + 4u * d4;
    let part = vec4<f32>(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]);
    let o_row = (params.o.offset + batch * params.o.batch + head * params.o.head + query * params.o.row) / 4u;
    var value = select(vec4<f32>(), part * factor, sees_some);
    if (HALF) {
        // Rounded weights can make a mean of the largest f16 a little larger than it.
        let within = clamp(value, vec4<f32>(-LARGEST), vec4<f32>(LARGEST));
        value = select(value, within, abs(value) < vec4<f32>(LARGEST * 1.001));
    }
    o[o_row + d4] = Elem4(value);
    if (LSE && d4 == 0u) {
        lse[plane * params.seq_q + query] = select(params.neg_inf, (row_max + log2(sum)) * LN_2, sees_some);
    }
}

struct Params {
    // `first` is the first tile. Scores, and so `scale` and `soft_cap`, are in units of log2.
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
    first_kept: u32,      // the tile whose sums are kept first
    kept: u32,            // how many there are
    rows: u32,            // queries of a tile
    in_turn: u32,         // 1 where a tile of each head came in turn, 0 where all tiles of a head did
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
