//! norm_workgroup: y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each row; RMS norm without
//! LAYER: the mean is not subtracted.
//!
//! A workgroup holds one row in registers, so that x is read once. The mean comes first, and the variance from the
//! differences to it, so that nothing cancels. Both are of the differences to the row's first element. Each subgroup adds up
//! its own elements, in a power of two of their own. Workgroup memory merges the sums of the subgroups, with one barrier for
//! the mean and one for the variance.
//!
//! Traffic: x read once, y written once. Workgroup memory: 768 B. Works for any number of rows, and of columns up to
//! WORKGROUP * ELEMS * WIDTH.

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

const MOST_COLS: u32 = WORKGROUP * ELEMS * WIDTH;   // most columns of a row; read by the host
const MAX_SUBGROUPS: u32 = (WORKGROUP + 3u) / 4u;   // a subgroup has at least 4 lanes

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> weight: array<Vector>;    // [cols]
@group(0) @binding(3) var<storage, read> bias: array<Vector>;      // [cols]
@group(0) @binding(4) var<storage, read_write> y: array<Vector>;   // [rows, cols]

// Sums of each subgroup. There are two arrays, so that no subgroup writes its second sum where others still read the first.
var<workgroup> pairs: array<vec2<f32>, MAX_SUBGROUPS>;   // largest magnitude and sum
var<workgroup> sums: array<f32, MAX_SUBGROUPS>;

@compute @workgroup_size(WORKGROUP)
fn norm_workgroup(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) place: u32,
    @builtin(num_subgroups) num_subgroups: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    // Lanes are counted: a subgroup may be narrower than the size that some drivers state.
    let subgroup = Subgroup(subgroup_id, num_subgroups, lane, subgroupAdd(1u));
    let row = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let cols = select(0u, params.cols, row < params.rows);

    var pivot = 0.0;
    if (LAYER && row < params.rows) {
        pivot = pivot_of(load(row, 0u));
    }
    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        values[j] = Wide(0.0);
        if (j * WORKGROUP + place < cols) {
            values[j] = shifted(load(row, j * WORKGROUP + place), pivot);
        }
    }
    var largest = Wide(params.root);
    var own_largest = 0.0;
    if (SCALED) {
        for (var j = 0u; j < ELEMS; j++) {
            largest = max(largest, abs(values[j]));
        }
        own_largest = subgroupMax(across_max(largest));
    }
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
    let all = workgroup_merge(own_largest, across_sum(sum), subgroup);
    let power = power_for(all.x);
    var variance = all.y * params.share;
    if (LAYER) {
        let mean = variance;
        var squares = Wide(0.0);
        for (var j = 0u; j < ELEMS; j++) {
            if (j * WORKGROUP + place < cols) {
                values[j] = values[j] * power - mean;
                squares = squares + values[j] * values[j];
            }
        }
        variance = workgroup_sum(across_sum(squares), subgroup) * params.share;
    } else {
        for (var j = 0u; j < ELEMS; j++) {
            values[j] = values[j] * power;
        }
    }
    // At most 4, since no magnitude is below the root; epsilon times the power's square may be 0 times infinity.
    let root = params.root * power;
    let factor = inverseSqrt(variance + root * root);
    for (var j = 0u; j < ELEMS; j++) {
        let col = j * WORKGROUP + place;
        if (col < cols) {
            store(row, col, values[j] * factor);
        }
    }
}

struct Subgroup {
    number: u32,   // index within the workgroup
    count: u32,    // subgroups of the workgroup
    lane: u32,
    lanes: u32,
}

// The largest magnitude and the sum of all, from the magnitude of a subgroup and the sums of its lanes in the power of that.
fn workgroup_merge(own_largest: f32, own: f32, subgroup: Subgroup) -> vec2<f32> {
    let own_sum = subgroupAdd(own);
    if (subgroup.lane == 0u) {
        pairs[subgroup.number] = vec2<f32>(own_largest, own_sum);
    }
    workgroupBarrier();
    var largest = 0.0;
    if (SCALED) {
        for (var i = subgroup.lane; i < subgroup.count; i += subgroup.lanes) {
            largest = max(largest, pairs[i].x);
        }
        largest = subgroupMax(largest);
    }
    var total = 0.0;
    for (var i = subgroup.lane; i < subgroup.count; i += subgroup.lanes) {
        total = total + pairs[i].y * ratio(pairs[i].x, largest);
    }
    return vec2<f32>(largest, subgroupAdd(total));
}

fn workgroup_sum(own: f32, subgroup: Subgroup) -> f32 {
    let own_sum = subgroupAdd(own);
    if (subgroup.lane == 0u) {
        sums[subgroup.number] = own_sum;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var i = subgroup.lane; i < subgroup.count; i += subgroup.lanes) {
        total = total + sums[i];
    }
    return subgroupAdd(total);
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
