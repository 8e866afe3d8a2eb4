//! norm_grouped: y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each row; RMS norm without
//! LAYER: the mean is not subtracted.
//!
//! GROUP invocations hold one row in registers, so that x is read once. A workgroup has WORKGROUP / GROUP rows. The mean
//! comes first, and the variance from the differences to it, so that nothing cancels.
//!
//! Traffic: x read once, y written once. Workgroup memory: 1.0625 KiB. Works for any number of rows, and of columns up to
//! GROUP * ELEMS * WIDTH.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const GROUP: u32 = 256;            // invocations that share a row; a power of two
const ELEMS: u32 = 4;              // Wide that an invocation holds
const LAYER: bool = false;         // subtract the mean
const WEIGHT: bool = false;        // multiply by weight
const BIAS: bool = false;          // add bias
const IN_PLACE: bool = false;      // y holds the input too; x is not read

const ROWS: u32 = WORKGROUP / GROUP;            // rows per workgroup; read by the host
const MOST_COLS: u32 = GROUP * ELEMS * WIDTH;   // most columns of a row; read by the host
const REDUCERS: u32 = min(GROUP, 16u);           // invocations that add up the parts of their group
const_assert WORKGROUP % GROUP == 0;
const_assert GROUP % REDUCERS == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> weight: array<Vector>;    // [cols]
@group(0) @binding(3) var<storage, read> bias: array<Vector>;      // [cols]
@group(0) @binding(4) var<storage, read_write> y: array<Vector>;   // [rows, cols]

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> merged: array<f32, ROWS * REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn norm_grouped(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let group = local_index / GROUP;
    let place = local_index % GROUP;
    let row = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * ROWS + group;
    let cols = select(0u, params.cols, row < params.rows);

    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        values[j] = Wide(0.0);
        if (j * GROUP + place < cols) {
            values[j] = load(row, j * GROUP + place);
        }
    }
    if (LAYER) {
        var sum = Wide(0.0);
        for (var j = 0u; j < ELEMS; j++) {
            sum = sum + values[j];
        }
        let mean = group_sum(across_sum(sum), group, place) * params.share;
        for (var j = 0u; j < ELEMS; j++) {
            if (j * GROUP + place < cols) {
                values[j] = values[j] - mean;
            }
        }
    }
    var squares = Wide(0.0);
    for (var j = 0u; j < ELEMS; j++) {
        squares = squares + values[j] * values[j];
    }
    let variance = group_sum(across_sum(squares), group, place) * params.share;
    let factor = inverseSqrt(variance + params.epsilon);
    for (var j = 0u; j < ELEMS; j++) {
        let col = j * GROUP + place;
        if (col < cols) {
            store(row, col, values[j] * factor);
        }
    }
}

// The sum of a group's values, in two steps rather than a tree of barriers.
fn group_sum(own: f32, group: u32, place: u32) -> f32 {
    parts[group * GROUP + place] = own;
    workgroupBarrier();
    if (place < REDUCERS) {
        var part = own;
        for (var i = place + REDUCERS; i < GROUP; i += REDUCERS) {
            part = part + parts[group * GROUP + i];
        }
        merged[group * REDUCERS + place] = part;
    }
    workgroupBarrier();
    var total = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        total = total + merged[group * REDUCERS + i];
    }
    return total;
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
