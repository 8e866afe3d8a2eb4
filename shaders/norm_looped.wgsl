//! norm_looped: y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each row; RMS norm without
//! LAYER: the mean is not subtracted.
//!
//! One workgroup takes one row and reads it once for the mean, once for the variance and once to write the result. The
//! later reads come from cache if the row fits. Mean and variance are of the differences to the row's first element. Each
//! invocation adds up its own in a power of two, which it changes when a larger magnitude comes.
//!
//! Traffic: x read twice, three times with LAYER; y written once. Workgroup memory: 2.125 KiB. Works for any number of
//! rows and columns.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const SCALED: bool = true;         // squares may leave the range of f32: those of f16 do not
const LAYER: bool = false;         // subtract the mean
const WEIGHT: bool = false;        // multiply by weight
const BIAS: bool = false;          // add bias
const IN_PLACE: bool = false;      // y holds the input too; x is not read

const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that add up the parts of all
const_assert WORKGROUP % REDUCERS == 0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> weight: array<Vector>;    // [cols]
@group(0) @binding(3) var<storage, read> bias: array<Vector>;      // [cols]
@group(0) @binding(4) var<storage, read_write> y: array<Vector>;   // [rows, cols]

var<workgroup> pairs: array<vec2<f32>, WORKGROUP>;   // largest magnitude and sum
var<workgroup> merged: array<vec2<f32>, REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn norm_looped(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let cols = select(0u, params.cols, row < params.rows);
    var pivot = 0.0;
    if (LAYER && row < params.rows) {
        pivot = pivot_of(load(row, 0u));
    }
    var largest = params.root;
    var power = power_for(largest);
    var sum = Wide(0.0);
    for (var col = local_index; col < cols; col += WORKGROUP) {
        let value = shifted(load(row, col), pivot);
        let magnitude = across_max(abs(value));
        // A new maximum is rare after the first columns.
        if (SCALED && magnitude > largest) {
            sum = sum * ratio(largest, magnitude);
            largest = magnitude;
            power = power_for(magnitude);
        }
        let scaled = value * power;
        if (LAYER) {
            sum = sum + scaled;
        } else {
            sum = sum + scaled * scaled;
        }
    }
    let all = workgroup_merge(vec2<f32>(largest, across_sum(sum)), local_index);
    power = power_for(all.x);
    var mean = 0.0;
    var variance = all.y * params.share;
    if (LAYER) {
        mean = variance;
        var squares = Wide(0.0);
        for (var col = local_index; col < cols; col += WORKGROUP) {
            let difference = shifted(load(row, col), pivot) * power - mean;
            squares = squares + difference * difference;
        }
        variance = workgroup_sum(across_sum(squares), local_index) * params.share;
    }
    // At most 4, since no magnitude is below the root; epsilon times the power's square may be 0 times infinity.
    let root = params.root * power;
    let factor = inverseSqrt(variance + root * root);
    for (var col = local_index; col < cols; col += WORKGROUP) {
        store(row, col, (shifted(load(row, col), pivot) * power - mean) * factor);
    }
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
