//! norm_split_scale: y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each row, mean and variance from the
//! moments of the row's parts; RMS norm without LAYER: the mean is not subtracted.
//!
//! This is the second dispatch of norm_split. `parts` workgroups share a row, and each holds WORKGROUP * ELEMS Wide and
//! merges the moments of all parts (Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
//! Sample Variances", 1979, equation 2.1). The last parts come first: the first dispatch read them last, so that they are
//! still in cache.
//!
//! Traffic: x read once, y written once. Workgroup memory: 1.0625 KiB. Works for any number of rows and columns.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Wide that an invocation holds
const LAYER: bool = false;         // subtract the mean
const WEIGHT: bool = false;        // multiply by weight
const BIAS: bool = false;          // add bias
const IN_PLACE: bool = false;      // y holds the input too; x is not read

const PART: u32 = WORKGROUP * ELEMS;         // Wide of a part; read by the host
const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that add up the parts of all
const_assert WORKGROUP % REDUCERS == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> weight: array<Vector>;    // [cols]
@group(0) @binding(3) var<storage, read> bias: array<Vector>;      // [cols]
@group(0) @binding(4) var<storage, read> moments: array<vec2<f32>>;   // [rows, parts]: mean, sum of squares
@group(0) @binding(5) var<storage, read_write> y: array<Vector>;      // [rows, cols]

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> merged: array<f32, REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn norm_split_scale(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let number = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let inside = number < params.rows * params.parts;
    let last = select(0u, params.rows * params.parts - 1u - number, inside);
    let row = last / params.parts;
    let first = last % params.parts * PART + local_index;
    let cols = select(0u, params.cols, inside);

    // Loads come before the first wait, so that they overlap with the merge.
    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        if (first + j * WORKGROUP < cols) {
            values[j] = load(row, first + j * WORKGROUP);
        }
    }
    var mean = 0.0;
    if (LAYER) {
        var sum = 0.0;
        for (var i = local_index; i < params.parts; i += WORKGROUP) {
            sum = sum + moments[row * params.parts + i].x * count(i);
        }
        mean = workgroup_sum(sum, local_index) * params.share;
    }
    var squares = 0.0;
    for (var i = local_index; i < params.parts; i += WORKGROUP) {
        let part = moments[row * params.parts + i];
        let difference = part.x - mean;
        squares = squares + (part.y + difference * difference * count(i));
    }
    let variance = workgroup_sum(squares, local_index) * params.share;
    let factor = inverseSqrt(variance + params.epsilon);
    for (var j = 0u; j < ELEMS; j++) {
        let col = first + j * WORKGROUP;
        if (col < cols) {
            store(row, col, (values[j] - mean) * factor);
        }
    }
}

// Elements of a part of a row; the last one may have fewer.
fn count(part: u32) -> f32 {
    return f32((min(params.cols, (part + 1u) * PART) - part * PART) * WIDTH);
}

// snippet norm_params
struct Params {
    rows: u32,       // rows of this dispatch
    cols: u32,       // columns, offsets and strides are in Wide
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    share: f32,      // 1 / columns
    epsilon: f32,
    parts: u32,      // workgroups that share a row
}
// end

// snippet across_sum
fn across_sum(wide: Wide) -> f32 {
    let parts = vec4<f32>(wide);
    if (WIDTH == 1u) {
        return parts.x;
    }
    return (parts.x + parts.y) + (parts.z + parts.w);
}
// end

// snippet norm_load_store
fn load(row: u32, col: u32) -> Wide {
    if (IN_PLACE) {
        return Wide(y[params.y_first + row * params.y_stride + col]);
    }
    return Wide(x[params.x_first + row * params.x_stride + col]);
}

fn store(row: u32, col: u32, normal: Wide) {
    var value = normal;
    if (WEIGHT) {
        value = value * Wide(weight[col]);
    }
    if (BIAS) {
        value = value + Wide(bias[col]);
    }
    y[params.y_first + row * params.y_stride + col] = Vector(value);
}
// end

// snippet norm_workgroup_sum
// The sum of all values, in two steps rather than a tree of barriers.
fn workgroup_sum(own: f32, local_index: u32) -> f32 {
    parts[local_index] = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        var part = own;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part = part + parts[i];
        }
        merged[local_index] = part;
    }
    workgroupBarrier();
    var total = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        total = total + merged[i];
    }
    return total;
}
// end
