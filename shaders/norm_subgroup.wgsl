//! norm_subgroup: y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each row; RMS norm without
//! LAYER: the mean is not subtracted.
//!
//! A subgroup holds one row in registers, so that x is read once and there is no barrier. The mean comes first, and the
//! variance from the differences to it, so that nothing cancels. Both are of the differences to the row's first element, and
//! in a power of two of their own.
//!
//! Traffic: x read once, y written once. Workgroup memory: 0 B. Works for any number of rows, and of columns up to
//! LANES_MIN * ELEMS * WIDTH.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Wide that an invocation holds
const LANES_MIN: u32 = 32;         // invocations of the smallest subgroup
const LANES_MAX: u32 = 32;         // invocations of the largest subgroup
const SCALED: bool = true;         // squares may leave the range of f32: those of f16 do not
const LAYER: bool = false;         // subtract the mean
const WEIGHT: bool = false;        // multiply by weight
const BIAS: bool = false;          // add bias
const IN_PLACE: bool = false;      // y holds the input too; x is not read

const ROWS: u32 = max(1u, WORKGROUP / LANES_MAX);   // rows per workgroup; read by the host
const MOST_COLS: u32 = LANES_MIN * ELEMS * WIDTH;   // most columns of a row; read by the host

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> weight: array<Vector>;    // [cols]
@group(0) @binding(3) var<storage, read> bias: array<Vector>;      // [cols]
@group(0) @binding(4) var<storage, read_write> y: array<Vector>;   // [rows, cols]

@compute @workgroup_size(WORKGROUP)
fn norm_subgroup(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) place: u32,
) {
    // Lanes are counted: a subgroup may be narrower than the size that some drivers state.
    let lanes = subgroupAdd(1u);
    let workgroup = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    // If subgroups are smaller than LANES_MAX, a workgroup has more than ROWS of them. Subgroups past ROWS have no row.
    let row = workgroup * ROWS + subgroup_id;
    let is_mine = subgroup_id < ROWS && row < params.rows;
    let cols = select(0u, params.cols, is_mine);

    var pivot = 0.0;
    if (LAYER && is_mine) {
        pivot = pivot_of(load(row, 0u));
    }
    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        values[j] = Wide(0.0);
        if (j * lanes + place < cols) {
            values[j] = shifted(load(row, j * lanes + place), pivot);
        }
    }
    var largest = Wide(params.root);
    if (SCALED) {
        for (var j = 0u; j < ELEMS; j++) {
            largest = max(largest, abs(values[j]));
        }
    }
    var power = 1.0;
    if (SCALED) {
        power = power_for(subgroupMax(across_max(largest)));
        for (var j = 0u; j < ELEMS; j++) {
            values[j] = values[j] * power;
        }
    }
    if (LAYER) {
        var sum = Wide(0.0);
        for (var j = 0u; j < ELEMS; j++) {
            sum = sum + values[j];
        }
        let mean = subgroupAdd(across_sum(sum)) * params.share;
        for (var j = 0u; j < ELEMS; j++) {
            if (j * lanes + place < cols) {
                values[j] = values[j] - mean;
            }
        }
    }
    var squares = Wide(0.0);
    for (var j = 0u; j < ELEMS; j++) {
        squares = squares + values[j] * values[j];
    }
    let variance = subgroupAdd(across_sum(squares)) * params.share;
    // At most 4, since no magnitude is below the root; epsilon times the power's square may be 0 times infinity.
    let root = params.root * power;
    let factor = inverseSqrt(variance + root * root);
    for (var j = 0u; j < ELEMS; j++) {
        let col = j * lanes + place;
        if (col < cols) {
            store(row, col, values[j] * factor);
        }
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
