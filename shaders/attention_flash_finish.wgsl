//! attention_flash_finish: O and log-sum-exp from the rows that several dispatches added up.
//!
//! With KV_PER_DISPATCH, attention_flash, attention_flash_subgroup and attention_cooperative leave for each row O before
//! the division, the maximum and the sum. An invocation divides four columns of a row. A row that sees no key has a sum of
//! 0 and gives zeros. So does a row past the sequence's queries.
//!
//! Traffic: the sums read once, O written once. Workgroup memory: 0 B. Works for any lengths, and columns and strides that
//! are multiples of four.

alias Elem4 = vec4<f32>;    // four elements of O

const VALUE_DIM: u32 = 64;     // columns of O
const LENGTHS: bool = false;   // each sequence has its own lengths
const LSE: bool = false;       // write log-sum-exp to lse
const HALF: bool = false;      // O is f16
const NATURAL: bool = false;   // maxima are natural, not in units of log2
const FINISHERS: u32 = 64;     // invocations of a workgroup

const VALUE_D4: u32 = VALUE_DIM / 4u;
const KEPT_ROW: u32 = VALUE_DIM + 2u;
const_assert VALUE_DIM % 4 == 0;

const LARGEST: f32 = 65504.0;   // the largest f16
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
    let row = index / VALUE_D4;   // row among the stored rows
    let all_heads = params.batch * params.heads;
    let tiles_q = (params.seq_q + params.rows - 1u) / params.rows;
    let tile = params.first_kept + row / params.rows;
    let in_turn = params.in_turn == 1u;
    let plane = select(tile / tiles_q, tile % all_heads, in_turn);
    // Tiles of a head are numbered from its last rows.
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
    let sees_none = query >= queries || sum == 0.0;
    let factor = 1.0 / select(sum, 1.0, sees_none);
    let at = first + 4u * d4;
    let part = vec4<f32>(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]);
    let o_row = (params.o.offset + batch * params.o.batch + head * params.o.head + query * params.o.row) / 4u;
    var value = select(part * factor, vec4<f32>(), sees_none);
    if (HALF) {
        // Rounded weights can lift a mean of values near the largest f16 a little above it.
        let within = clamp(value, vec4<f32>(-LARGEST), vec4<f32>(LARGEST));
        value = select(value, within, abs(value) < vec4<f32>(LARGEST * 1.001));
    }
    o[o_row + d4] = Elem4(value);
    if (LSE && d4 == 0u) {
        let found = row_max * TO_NATURAL + log2(sum) * LN_2;
        lse[plane * params.seq_q + query] = select(found, params.neg_inf, sees_none);
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
