//! matmul_tiled: C = activation(alpha * op(A) * op(B) + beta * C + bias), batched, through square tiles in workgroup memory.
//!
//! One workgroup computes a TILE x TILE tile of C, one element per invocation, in a loop over K in steps of TILE. Each
//! element of A and B is loaded once for TILE uses.
//!
//!          TILE         TILE           TILE
//!         +----+       +----+         +----+
//!   TILE  | A  |   *   | B  |  TILE = | C  |  TILE
//!         +----+       +----+         +----+
//!
//! Intensity: TILE / 4 FLOP/B in f32, 4 at 16. Workgroup memory: 2 KiB. Works for any M, N, K.

alias ElemA = f32;   // f32 or f16
alias ElemB = f32;
alias ElemC = f32;
alias Value = f32;     // what `activate` takes
alias ValueBits = i32;   // the bits of a Value
const BETA: bool = false;    // C is read
const BIAS: bool = false;
const ACTIVATION: u32 = 0;   // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;       // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit

const TILE: u32 = 16;

const TILE_M: u32 = TILE;   // rows of C per workgroup
const TILE_N: u32 = TILE;   // columns of C per workgroup

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<ElemA>;         // [batch, M, K]
@group(0) @binding(2) var<storage, read> b: array<ElemB>;         // [batch, K, N]
@group(0) @binding(3) var<storage, read> bias: array<f32>;        // [N]
@group(0) @binding(4) var<storage, read_write> c: array<ElemC>;   // [batch, M, N]

var<workgroup> a_tile: array<array<f32, TILE>, TILE>;   // [row][k]
var<workgroup> b_tile: array<array<f32, TILE>, TILE>;   // [k][column]

@compute @workgroup_size(TILE, TILE)
fn matmul_tiled(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_id) local_id: vec3<u32>,
) {
    let tiles = (params.m + TILE - 1u) / TILE * params.tiles_n;
    var id = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    if (BUDGET != 0u) {
        id += params.first;
    }
    let matrix = id / tiles;
    let tile = id % tiles;
    let row = tile / params.tiles_n * TILE + local_id.y;
    let column = tile % params.tiles_n * TILE + local_id.x;
    let inside = matrix < params.planes && row < params.m && column < params.n;
    let a_base = params.a_first + matrix * params.a_batch + row * params.a_row;
    let b_base = params.b_first + matrix * params.b_batch + column * params.b_column;
    var sum = 0.0;
    for (var base = 0u; base < params.k; base += TILE) {
        // Elements past the edges are zeros, which add nothing.
        var a_value = 0.0;
        var b_value = 0.0;
        if (matrix < params.planes && row < params.m && base + local_id.x < params.k) {
            a_value = f32(a[a_base + (base + local_id.x) * params.a_k]);
        }
        if (matrix < params.planes && base + local_id.y < params.k && column < params.n) {
            b_value = f32(b[b_base + (base + local_id.y) * params.b_k]);
        }
        a_tile[local_id.y][local_id.x] = a_value;
        b_tile[local_id.y][local_id.x] = b_value;
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            sum = fma(a_tile[local_id.y][i], b_tile[i][local_id.x], sum);
        }
        workgroupBarrier();
    }
    if (inside) {
        store(params.c_first + matrix * params.c_batch + row * params.c_row + column, column, sum);
    }
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

// snippet matmul_store
fn store(place: u32, column: u32, sum: f32) {
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * f32(c[place]);
    }
    if (BIAS) {
        value += bias[column];
    }
    c[place] = ElemC(activate(value));
}
// end
