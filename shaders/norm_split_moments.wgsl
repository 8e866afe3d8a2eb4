//! norm_split_moments: the mean of each part of a row and the sum of the squared differences to it; without LAYER the sum of
//! squares.
//!
//! This is the first dispatch of norm_split, for few long rows. `parts` workgroups share a row, and each holds
//! WORKGROUP * ELEMS Wide in registers. Moments are of the differences to the row's first element, in a power of two that
//! belongs to the largest of them.
//!
//! Traffic: x read once. Workgroup memory: 2.125 KiB. Works for any number of rows and columns.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Wide that an invocation holds
const SCALED: bool = true;         // squares may leave the range of f32: those of f16 do not
const LAYER: bool = false;         // subtract the mean

const PART: u32 = WORKGROUP * ELEMS;         // Wide of a part; read by the host
const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that add up the parts of all
const_assert WORKGROUP % REDUCERS == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read_write> moments: array<vec4<f32>>;   // [rows, parts]: largest magnitude, mean,
                                                                                // sum of squares, pivot

var<workgroup> pairs: array<vec2<f32>, WORKGROUP>;   // largest magnitude and sum
var<workgroup> merged: array<vec2<f32>, REDUCERS>;

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

    var pivot = 0.0;
    if (LAYER && inside) {
        pivot = pivot_of(Wide(x[params.x_first + row * params.x_stride]));
    }
    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        values[j] = Wide(0.0);
        if (first + j * WORKGROUP < cols) {
            values[j] = shifted(Wide(x[params.x_first + row * params.x_stride + first + j * WORKGROUP]), pivot);
        }
    }
    var largest = Wide(params.root);
    if (SCALED) {
        for (var j = 0u; j < ELEMS; j++) {
            largest = max(largest, abs(values[j]));
        }
    }
    let own_largest = across_max(largest);
    let own_power = power_for(own_largest);
    var sum = Wide(0.0);
    for (var j = 0u; j < ELEMS; j++) {
        let scaled = values[j] * own_power;
        if (LAYER) {
            sum = sum + scaled;
        } else {
            sum = sum + scaled * scaled;
        }
    }
    let all = workgroup_merge(vec2<f32>(own_largest, across_sum(sum)), local_index);
    var mean = 0.0;
    var sum_of_squares = all.y;
    if (LAYER) {
        let power = power_for(all.x);
        mean = all.y / count(part);
        var squares = Wide(0.0);
        for (var j = 0u; j < ELEMS; j++) {
            if (first + j * WORKGROUP < cols) {
                let difference = values[j] * power - mean;
                squares = squares + difference * difference;
            }
        }
        sum_of_squares = workgroup_sum(across_sum(squares), local_index);
    }
    if (inside && local_index == 0u) {
        moments[number] = vec4<f32>(all.x, mean, sum_of_squares, pivot);
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
    epsilon: f32,    // in the unit of the values, which is PIVOT_UNIT with LAYER
    root: f32,       // the root of `epsilon`
    parts: u32,      // workgroups that share a row
}
// end

// snippet norm_pivot
// LAYER subtracts the row's first element from all: sums are then of the size of the spread, and not of the mean. The unit of the
// differences is PIVOT_UNIT, so that those of an invocation add up within f32 even where a driver multiplies by a power of two
// after the sum.
const PIVOT_UNIT: f32 = 0x1p-7;

fn pivot_of(first: Wide) -> f32 {
    return PIVOT_UNIT * vec4<f32>(first).x;
}

fn shifted(value: Wide, pivot: f32) -> Wide {
    if (LAYER) {
        return PIVOT_UNIT * value - pivot;
    }
    return value;
}
// end

// snippet norm_power
// With SCALED, rows are multiplied by a power of two that takes their largest magnitude to [1, 2), or to below 4 at the end of
// f32, so that squares neither overflow nor vanish.
fn power_for(largest: f32) -> f32 {
    if (!SCALED) {
        return 1.0;
    }
    return bitcast<f32>(0x7f000000u - exponent_bits(largest));
}

fn exponent_bits(largest: f32) -> u32 {
    return min(bitcast<u32>(largest) & 0x7f800000u, 0x7e800000u);
}

// Factor of a sum from the power of `own` to that of `largest`: a sum of squares without LAYER.
fn ratio(own: f32, largest: f32) -> f32 {
    if (!SCALED) {
        return 1.0;
    }
    let factor = power_for(largest) * bitcast<f32>(exponent_bits(own));
    return select(factor * factor, factor, LAYER);
}
// end

// snippet across_max
fn across_max(wide: Wide) -> f32 {
    let parts = vec4<f32>(wide);
    return max(max(parts.x, parts.y), max(parts.z, parts.w));
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

// snippet norm_workgroup_merge
// The largest magnitude and the sum of all, from a magnitude and a sum in its power of each; in two steps rather than a tree of
// barriers.
fn workgroup_merge(own: vec2<f32>, local_index: u32) -> vec2<f32> {
    pairs[local_index] = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        var part = own.x;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part = max(part, pairs[i].x);
        }
        var part_sum = own.y * ratio(own.x, part);
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part_sum = part_sum + pairs[i].y * ratio(pairs[i].x, part);
        }
        merged[local_index] = vec2<f32>(part, part_sum);
    }
    workgroupBarrier();
    var largest = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        largest = max(largest, merged[i].x);
    }
    var total = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        total = total + merged[i].y * ratio(merged[i].x, largest);
    }
    return vec2<f32>(largest, total);
}

// The sum of all values.
fn workgroup_sum(own: f32, local_index: u32) -> f32 {
    pairs[local_index].y = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        var part = own;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part = part + pairs[i].y;
        }
        merged[local_index].y = part;
    }
    workgroupBarrier();
    var total = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        total = total + merged[i].y;
    }
    return total;
}
// end
