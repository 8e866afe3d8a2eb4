//! norm_split_scale: y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each row, mean and variance from the
//! moments of the row's parts; RMS norm without LAYER: the mean is not subtracted.
//!
//! This is the second dispatch of norm_split. `parts` workgroups share a row, and each holds WORKGROUP * ELEMS Wide and
//! merges the moments of all parts (Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
//! Sample Variances", 1979, equation 2.1). The last parts come first: the first dispatch read them last, so that they are
//! still in cache.
//!
//! Traffic: x read once, y written once. Workgroup memory: 2.125 KiB. Works for any number of rows and columns.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Wide that an invocation holds
const SCALED: bool = true;         // squares may leave the range of f32: those of f16 do not
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
@group(0) @binding(4) var<storage, read> moments: array<vec4<f32>>;   // [rows, parts]: largest magnitude, mean,
                                                                          // sum of squares, pivot
@group(0) @binding(5) var<storage, read_write> y: array<Vector>;      // [rows, cols]

var<workgroup> pairs: array<vec2<f32>, WORKGROUP>;   // largest magnitude and sum
var<workgroup> merged: array<vec2<f32>, REDUCERS>;

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
    // The row's first element may be overwritten by now.
    let pivot = moments[row * params.parts].w;
    var own = vec2<f32>();
    for (var i = local_index; i < params.parts; i += WORKGROUP) {
        own.x = max(own.x, moments[row * params.parts + i].x);
    }
    for (var i = local_index; i < params.parts; i += WORKGROUP) {
        let part = moments[row * params.parts + i];
        own.y = own.y + select(part.z, part.y * count(i), LAYER) * ratio(part.x, own.x);
    }
    let all = workgroup_merge(own, local_index);
    let power = power_for(all.x);
    var mean = 0.0;
    var variance = all.y * params.share;
    if (LAYER) {
        mean = variance;
        var squares = 0.0;
        for (var i = local_index; i < params.parts; i += WORKGROUP) {
            let part = moments[row * params.parts + i];
            let factor = ratio(part.x, all.x);
            let difference = part.y * factor - mean;
            squares = squares + (part.z * factor * factor + difference * difference * count(i));
        }
        variance = workgroup_sum(squares, local_index) * params.share;
    }
    // At most 4, since no magnitude is below the root; epsilon times the power's square may be 0 times infinity.
    let root = params.root * power;
    let factor = inverseSqrt(variance + root * root);
    for (var j = 0u; j < ELEMS; j++) {
        let col = first + j * WORKGROUP;
        if (col < cols) {
            store(row, col, (shifted(values[j], pivot) * power - mean) * factor);
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
