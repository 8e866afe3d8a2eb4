//! matmul_reduce: C = activation(alpha * (sum of the parts) + beta * C + bias), the end of a product split along K.
//!
//! One invocation adds up REDUCE_WIDTH neighbouring elements of C over the planes of the parts of K, in the order of k.
//!
//! Intensity: 0.25 FLOP/B. Workgroup memory: 0 B. Works for any M, N and number of parts; with REDUCE_WIDTH = 4 where N, and
//! offsets and strides of C, are multiples of 4.

alias ElemOut = f32;      // f32 or f16
alias Result = ElemOut;   // elements of C of an invocation: ElemOut, or vec4<ElemOut>
alias Value = f32;        // what `activate` takes: f32, or vec4<f32>
alias ValueBits = i32;    // the bits of a Value
const REDUCE_WIDTH: u32 = 1;   // elements of C of an invocation
const BETA: bool = false;    // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;   // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;       // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit
const REDUCE_WORKGROUP: u32 = 256;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<Value>;       // [batch, splits, M, N]
@group(0) @binding(2) var<storage, read> bias: array<Value>;        // [N]
@group(0) @binding(3) var<storage, read_write> c: array<Result>;    // [batch, M, N]

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
    let id = (workgroup * REDUCE_WORKGROUP + local_index) * REDUCE_WIDTH;
    let size = params.m * params.n;
    let matrix = id / size;
    if (matrix * params.splits >= params.planes) {
        return;
    }
    let row = id % size / params.n;
    let column = id % params.n;
    var sum = Value();
    for (var part = 0u; part < params.splits; part++) {
        sum += parts[((matrix * params.splits + part) * size + id % size) / REDUCE_WIDTH];
    }
    let place = (params.c_first + matrix * params.c_batch + row * params.c_row + column) / REDUCE_WIDTH;
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * Value(c[place]);
    }
    if (BIAS) {
        value += bias[column / REDUCE_WIDTH];
    }
    c[place] = Result(activate(value));
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
// Tests are on bits: `max` may ignore NaN, and compilers that assume that there is none make `max` of a comparison.
const NEGATIVE_INFINITY: i32 = -0x800000;   // bits of -inf; those of other negative numbers are less

fn activate(x: Value) -> Value {
    if (ACTIVATION == 1u) {
        return select(x, Value(0.0), bitcast<ValueBits>(x) <= ValueBits(NEGATIVE_INFINITY));
    }
    // gelu by tanh (Hendrycks and Gimpel 2016) and silu are x / (1 + exp(-t)). The exponent is never above 0.
    if (ACTIVATION == 2u) {
        return x * logistic(1.5957691216 * (x + 0.044715 * x * x * x));
    }
    if (ACTIVATION == 3u) {
        return x * logistic(x);
    }
    return x;
}

// 1 / (1 + exp(-t))
fn logistic(t: Value) -> Value {
    let e = exp(-abs(t));
    return select(Value(1.0), e, t < Value(0.0)) / (1.0 + e);
}
// end
