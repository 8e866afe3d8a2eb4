//! norm_split_moments: the mean of each part of a row and the sum of the squared differences to it; without LAYER the sum of
//! squares.
//!
//! This is the first dispatch of norm_split, for few long rows. `parts` workgroups share a row, and each holds
//! WORKGROUP * ELEMS Wide in registers.
//!
//! Traffic: x read once. Workgroup memory: 1.0625 KiB. Works for any number of rows and columns.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Wide that an invocation holds
const LAYER: bool = false;         // subtract the mean

const PART: u32 = WORKGROUP * ELEMS;         // Wide of a part; read by the host
const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that add up the parts of all
const_assert WORKGROUP % REDUCERS == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read_write> moments: array<vec2<f32>>;   // [rows, parts]: mean, sum of squares

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> merged: array<f32, REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn norm_split_moments(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let number = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let row = number / params.parts;
    let part = number % params.parts;
    let first = part * PART + local_index;
    let inside = row < params.rows;
    let cols = select(0u, params.cols, inside);

    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        values[j] = Wide(0.0);
        if (first + j * WORKGROUP < cols) {
            values[j] = Wide(x[params.x_first + row * params.x_stride + first + j * WORKGROUP]);
        }
    }
    var mean = 0.0;
    if (LAYER) {
        var sum = Wide(0.0);
        for (var j = 0u; j < ELEMS; j++) {
            sum = sum + values[j];
        }
        mean = workgroup_sum(across_sum(sum), local_index) / count(part);
        for (var j = 0u; j < ELEMS; j++) {
            if (first + j * WORKGROUP < cols) {
                values[j] = values[j] - mean;
            }
        }
    }
    var squares = Wide(0.0);
    for (var j = 0u; j < ELEMS; j++) {
        squares = squares + values[j] * values[j];
    }
    let sum_of_squares = workgroup_sum(across_sum(squares), local_index);
    if (inside && local_index == 0u) {
        moments[number] = vec2<f32>(mean, sum_of_squares);
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
