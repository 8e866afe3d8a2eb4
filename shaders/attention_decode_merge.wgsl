//! attention_decode_merge: O and log-sum-exp from the parts of each row that attention_decode left.
//!
//! One workgroup merges CHUNK columns of one row. AT_ONCE invocations share a column, and each takes every AT_ONCE-th part.
//! The weight of a part is exp(its maximum - the maximum of all parts). A sink counts as one more part, without a value. A
//! part without keys has zeros and a maximum of NEG_LARGE.
//!
//! Traffic: splits * (value_dim + 2) f32 read for each row. Workgroup memory: 2.03 KiB. Works for any number of parts.

alias Elem = f32;              // type of O

const HALF: bool = false;      // Q, K and V are f16
const VALUE_DIM: u32 = 64;     // columns of V and O
const LENGTHS: bool = false;   // each sequence has its own lengths
const SINKS: bool = false;
const SUMS: bool = false;      // write log-sum-exp to lse
const NATURAL: bool = false;   // maxima are natural, not in units of log2
const KV_HEADS: u32 = 1;       // heads of K and V
const GROUP: u32 = 4;          // query heads per head of K and V

const ROWS: u32 = 4;           // rows of Q per workgroup of attention_decode
const CHUNK: u32 = 32;         // columns of O per workgroup
const MERGE_WORKGROUP: u32 = 256;      // invocations of a workgroup

const AT_ONCE: u32 = MERGE_WORKGROUP / CHUNK;
const VECTOR: u32 = 4u + 4u * u32(HALF);   // neighbouring columns that an invocation of attention_decode holds
const LANES_V: u32 = VALUE_DIM / VECTOR;
const_assert MERGE_WORKGROUP % CHUNK == 0;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end
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
@group(0) @binding(1) var<storage, read> part_o: array<f32>;              // [units, splits, ROWS, VECTOR, LANES_V]
@group(0) @binding(2) var<storage, read> part_sums: array<vec2<f32>>;     // [units, splits, ROWS]: maximum, sum
@group(0) @binding(3) var<storage, read> lengths: array<vec2<u32>>;       // [batch]: queries, keys
@group(0) @binding(4) var<storage, read> sinks: array<f32>;               // [heads]
@group(0) @binding(5) var<storage, read_write> o: array<Elem>;            // [batch, heads, seq_q, VALUE_DIM]
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;           // [batch, heads, seq_q]

var<workgroup> sums: array<vec2<f32>, MERGE_WORKGROUP>;   // sum of weights, and of a column of O
var<workgroup> maxima: array<f32, AT_ONCE>;

@compute @workgroup_size(MERGE_WORKGROUP)
fn attention_decode_merge(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = workgroup_id.z;
    let column = workgroup_id.x * CHUNK + local_index % CHUNK;   // column, in the order of part_o
    let place = local_index / CHUNK;

    let of_all = params.first + workgroup_id.y;
    let run = of_all / params.row_tiles;
    let batch = run / KV_HEADS;
    let packed = of_all % params.row_tiles * ROWS + row;
    let query = packed / GROUP;
    let head = run % KV_HEADS * GROUP + packed % GROUP;

    let first = workgroup_id.y * params.splits * ROWS + row;
    // Maximum and sums come from one pass: a pass for the maximum alone would wait for memory once more.
    var own_max = NEG_LARGE;
    var own = vec2<f32>();
    for (var split = place; split < params.splits; split += AT_ONCE) {
        let part = part_sums[first + split * ROWS];
        var value = 0.0;
        if (column < VALUE_DIM) {
            value = part_o[(first + split * ROWS) * VALUE_DIM + column];
        }
        let new_max = max(own_max, part.x);
        own = own * exp2((own_max - new_max) * TO_LOG2) + vec2<f32>(part.y, value) * exp2((part.x - new_max) * TO_LOG2);
        own_max = new_max;
    }
    if (local_index % CHUNK == 0u) {
        maxima[place] = own_max;
    }
    workgroupBarrier();
    var largest = NEG_LARGE;
    for (var i = 0u; i < AT_ONCE; i++) {
        largest = max(largest, maxima[i]);
    }
    var sink_weight = 0.0;
    if (SINKS) {
        var queries = params.seq_q;
        if (LENGTHS) {
            queries = min(queries, lengths[batch].x);
        }
        if (query < queries) {
            // With sinks, scores are natural.
            largest = max(largest, sinks[head]);
            sink_weight = exp2((sinks[head] - largest) * TO_LOG2);
        }
    }
    sums[local_index] = own * exp2((own_max - largest) * TO_LOG2);
    workgroupBarrier();
    if (query < params.seq_q && place == 0u && column < VALUE_DIM) {
        var total = vec2<f32>(sink_weight, 0.0);
        for (var i = 0u; i < AT_ONCE; i++) {
            total += sums[i * CHUNK + local_index];
        }
        // A row that sees no key has a sum of 0, and its results are 0.
        let value = total.y / select(total.x, 1.0, total.x == 0.0);
        let of_row = batch * params.o.batch + head * params.o.head + query * params.o.row + params.o.offset;
        o[of_row + column % LANES_V * VECTOR + column / LANES_V] = Elem(value);
        if (SUMS && column == 0u) {
            let found = largest * TO_NATURAL + log2(total.x) * LN_2;
            lse[(batch * params.heads + head) * params.seq_q + query] = select(found, params.neg_inf, total.x == 0.0);
        }
    }
}

struct Params {
    // `first` is the first unit: ROWS rows of a key head. `scale` and `soft_cap` are in the unit of the scores: see NATURAL.
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
    // snippet attention_decode_params
    splits: u32,          // workgroups that share a unit's keys
    row_tiles: u32,       // units per key head
    first_split: u32,     // first split of this dispatch
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
