//! attention_backward_delta: log_sum, the logarithm of its row's sum, and delta = sum_d dO[d] O[d] of each query.
//!
//! The gradient through a softmax is P * (dP - delta), with delta = sum_j P[j] dP[j], which is sum_d dO[d] O[d] (Dao,
//! "FlashAttention-2", 2023, section 3.1.2). LANES invocations share a row and take four columns at a time. The lengths of
//! each sequence are stored behind the rows, so that the next stages read one buffer for both.
//!
//!           value_dim      value_dim
//!          +---------+    +---------+
//!   ROWS   |   dO    | .  |    O    |  => delta, a number for each row
//!          +---------+    +---------+
//!
//! Traffic: dO, O and the logarithms read once. Workgroup memory: 1 KiB.
//! Works for any lengths and any value_dim that is a multiple of four.

alias Elem = f32;   // type of O and dO

const WORKGROUP: u32 = 256;
const LANES: u32 = 8;          // invocations per row
const LENGTHS: bool = false;   // each sequence has its own lengths
const NATURAL: bool = false;   // scores are natural, not in units of log2

const ROWS: u32 = WORKGROUP / LANES;
const_assert WORKGROUP % LANES == 0;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end
// snippet log2_constants
const LOG2_E: f32 = 1.4426950408889634;
const LN_2: f32 = 0.6931471805599453;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> o: array<vec4<Elem>>;            // [batch, heads, seq_q, value_dim / 4]
@group(0) @binding(2) var<storage, read> d_o: array<vec4<Elem>>;          // [batch, heads, seq_q, value_dim / 4]
@group(0) @binding(3) var<storage, read> lse: array<f32>;                 // [batch, heads, seq_q]
@group(0) @binding(4) var<storage, read> lengths: array<u32>;             // [batch, 2], with LENGTHS
@group(0) @binding(5) var<storage, read_write> rows: array<vec2<u32>>;    // [batch * heads * seq_q + batch]

var<workgroup> sums: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn attention_backward_delta(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let count = params.batch * params.heads * params.seq_q;
    let id = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let row = id * ROWS + local_index / LANES;
    let lane = local_index % LANES;
    let query = row % max(params.seq_q, 1u);
    let head = row / max(params.seq_q, 1u);
    let batch = head / params.heads;
    var inside = false;
    if (row < count) {
        inside = query < lengths_of(batch).x;
    }

    var sum = 0.0;
    if (inside) {
        let first = params.o.offset + batch * params.o.batch + head % params.heads * params.o.head + query * params.o.row;
        for (var d4 = lane; d4 < params.value_dim / 4u; d4 += LANES) {
            sum += dot(vec4<f32>(o[first / 4u + d4]), vec4<f32>(d_o[first / 4u + d4]));
        }
    }
    sums[local_index] = sum;
    workgroupBarrier();
    if (lane == 0u) {
        var delta = 0.0;
        for (var i = 0u; i < LANES; i++) {
            delta += sums[local_index + i];
        }
        if (row < count) {
            // A row that sees no key has -inf in `lse`. With +inf as log_sum it has no weights: exp2(score - inf) is 0.
            var log_sum = -params.neg_inf;
            if (inside && !(lse[row] == params.neg_inf)) {
                log_sum = lse[row];
                if (!NATURAL) {
                    log_sum *= LOG2_E;
                    // By bits: of a comparison drivers make a maximum, which takes a number for NaN.
                    let bits = bitcast<u32>(log_sum);
                    let is_below = bits > bitcast<u32>(NEG_LARGE) && bits <= bitcast<u32>(params.neg_inf);
                    log_sum = select(log_sum, NEG_LARGE, is_below);
                }
            }
            rows[row] = vec2<u32>(bitcast<u32>(log_sum), bitcast<u32>(delta));
        } else if (row < count + params.batch) {
            rows[row] = lengths_of(row - count);
        }
    }
}

// Queries and keys of a sequence.
fn lengths_of(batch: u32) -> vec2<u32> {
    var found = vec2<u32>(params.seq_q, params.seq_kv);
    if (LENGTHS) {
        found = min(found, vec2<u32>(lengths[2u * batch], lengths[2u * batch + 1u]));
    }
    return found;
}

struct Params {
    // `first` is the first workgroup. `scale` and `soft_cap` are in the unit of the scores: see NATURAL.
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
