//! matmul_reduce: C = activation(alpha * (sum of the parts) + beta * C + bias), the end of a product split along K.
//!
//! One invocation adds up one element of C over the planes of the parts of K, in the order of k.
//!
//! Intensity: 0.25 FLOP/B. Workgroup memory: 0 B. Works for any M, N and number of parts.

alias ElemOut = f32;         // f32 or f16
alias Value = f32;     // what `activate` takes
const BETA: bool = false;    // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;   // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;       // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit
const REDUCE_WORKGROUP: u32 = 256;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;         // [batch, splits, M, N]
@group(0) @binding(2) var<storage, read> bias: array<f32>;          // [N]
@group(0) @binding(3) var<storage, read_write> c: array<ElemOut>;   // [batch, M, N]

@compute @workgroup_size(REDUCE_WORKGROUP)
fn matmul_reduce(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    var workgroup = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    if (BUDGET != 0u) {
        workgroup += params.first;
    }
    let id = workgroup * REDUCE_WORKGROUP + local_index;
    let size = params.m * params.n;
    let matrix = id / size;
    if (matrix * params.splits >= params.planes) {
        return;
    }
    let row = id % size / params.n;
    let column = id % params.n;
    var sum = 0.0;
    for (var part = 0u; part < params.splits; part++) {
        sum += parts[(matrix * params.splits + part) * size + id % size];
    }
    let place = params.c_first + matrix * params.c_batch + row * params.c_row + column;
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * f32(c[place]);
    }
    if (BIAS) {
        value += bias[column];
    }
    c[place] = ElemOut(activate(value));
}

// snippet matmul_params
struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,    // workgroups along a row of C
    planes: u32,     // batch * splits
    splits: u32,     // parts of K
    split_k: u32,    // depth of a part
    a_first: u32,    // elements before the first one of the operand
    b_first: u32,
    c_first: u32,
    a_row: u32,      // elements from one row of op(A) to the next
    a_k: u32,        // elements from one k to the next
    b_k: u32,
    b_column: u32,
    c_row: u32,
    a_batch: u32,    // elements from one matrix to the next
    b_batch: u32,
    c_batch: u32,
    alpha: f32,
    beta: f32,
    first: u32,      // workgroups of earlier dispatches, if BUDGET is not 0
}
// end

// snippet matmul_activate
// Arguments of `exp` are at most 80, so that its results stay below the largest f32.
fn activate(x: Value) -> Value {
    if (ACTIVATION == 1u) {
        return max(x, Value(0.0));
    }
    if (ACTIVATION == 2u) {
        // gelu by tanh, with tanh(u) = 1 - 2 / (1 + exp(2 u)) (Hendrycks and Gimpel 2016)
        return x / (1.0 + exp(min(-1.5957691216 * (x + 0.044715 * x * x * x), Value(80.0))));
    }
    if (ACTIVATION == 3u) {
        return x / (1.0 + exp(min(-x, Value(80.0))));
    }
    return x;
}
// end
