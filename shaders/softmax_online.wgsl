//! softmax_online: y = exp(v - row_max) / row_sum over each row, v = scale * x + mask.
//!
//! One workgroup takes one row. Each invocation loops over the row with a running maximum and a sum that it rescales when
//! the maximum grows (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, algorithm 3), once for
//! ELEMS loads. Workgroup memory merges the pairs. A second pass writes the result; it reads from cache if the row fits.
//!
//! Traffic: x read twice, y written once. Workgroup memory: 2.125 KiB. Works for any number of rows and columns.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32
alias Index = vec4<u32>;     // an index of each element of a Wide

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Wide that an invocation loads at a time
const SCALED: bool = false;        // multiply x by scale
const MASK: bool = false;          // add mask
const CAUSAL: bool = false;        // row r sees its first params.seen + r % params.queries columns
const IN_PLACE: bool = false;      // y holds the input too; x is not read
const LOG: bool = false;           // y is the log-softmax

const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that merge the pairs of all
const_assert WORKGROUP % REDUCERS == 0;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> mask: array<Vector>;      // [rows or 1, cols]
@group(0) @binding(3) var<storage, read_write> y: array<Vector>;   // [rows, cols]

var<workgroup> pairs: array<vec2<f32>, WORKGROUP>;   // maximum and sum
var<workgroup> merged: array<vec2<f32>, REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn softmax_online(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let cols = select(0u, params.cols, row < params.rows);
    let seen = select(0u, seen_cols(row), row < params.rows);

    var largest = Wide(NEG_LARGE);
    var total = Wide(0.0);
    for (var base = local_index; base < seen; base += WORKGROUP * ELEMS) {
        // A step's elements are loaded together and rescaled together.
        var values: array<Wide, ELEMS>;
        for (var j = 0u; j < ELEMS; j++) {
            values[j] = Wide(params.neg_inf);
            if (base + j * WORKGROUP < seen) {
                values[j] = load(row, base + j * WORKGROUP);
            }
        }
        var larger = largest;
        for (var j = 0u; j < ELEMS; j++) {
            larger = max(larger, values[j]);
        }
        total = total * exp(largest - larger);
        for (var j = 0u; j < ELEMS; j++) {
            total = total + exp(values[j] - larger);
        }
        largest = larger;
    }
    let own_max = across_max(largest);
    let own_sum = across_sum(total * exp(largest - own_max));
    let pair = merge_all(vec2<f32>(own_max, own_sum), local_index);

    let factor = inverse(pair.y, pair.x);
    let log_sum = log_of_sum(pair.y, pair.x);
    for (var base = local_index; base < cols; base += WORKGROUP * ELEMS) {
        // As above: no load waits for a store.
        var values: array<Wide, ELEMS>;
        for (var j = 0u; j < ELEMS; j++) {
            values[j] = Wide(params.neg_inf);
            if (base + j * WORKGROUP < seen) {
                values[j] = load(row, base + j * WORKGROUP);
            }
        }
        for (var j = 0u; j < ELEMS; j++) {
            let col = base + j * WORKGROUP;
            if (col < cols) {
                if (LOG) {
                    store(row, col, (values[j] - pair.x) - log_sum);
                } else {
                    store(row, col, exp(values[j] - pair.x) * factor);
                }
            }
        }
    }
}

// snippet softmax_params
struct Params {
    rows: u32,           // rows of this dispatch
    cols: u32,           // columns, offsets and strides are in Vector
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    mask_stride: u32,    // 0 for one mask for all rows
    first_row: u32,      // number of the first row within the operation, for CAUSAL
    queries: u32,
    seen: u32,
    parts: u32,          // workgroups that share a row
    scale: f32,
    neg_inf: f32,        // -inf, which WGSL cannot write
    mask_first: u32,
    nan: f32,            // NaN, which WGSL cannot write
    padding: u32,
    components: Index,   // 0, 1, 2, 3; 0 where WIDTH is 1
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

// snippet softmax_horizon
// Elements of a row that the causal mask leaves, counted from its beginning.
fn horizon(row: u32) -> u32 {
    return params.seen + (params.first_row + row) % params.queries;
}

// Columns of a row that have to be read.
fn seen_cols(row: u32) -> u32 {
    if (CAUSAL) {
        return min(params.cols, (horizon(row) + WIDTH - 1u) / WIDTH);
    }
    return params.cols;
}
// end

// snippet softmax_load_store
fn load(row: u32, col: u32) -> Wide {
    var value: Wide;
    if (IN_PLACE) {
        value = Wide(y[params.y_first + row * params.y_stride + col]);
    } else {
        value = Wide(x[params.x_first + row * params.x_stride + col]);
    }
    if (SCALED) {
        value = value * params.scale;
    }
    if (MASK) {
        value = value + Wide(mask[params.mask_first + row * params.mask_stride + col]);
    }
    if (CAUSAL) {
        value = select(Wide(params.neg_inf), value, Index(col * WIDTH) + params.components < Index(horizon(row)));
    }
    return value;
}

fn store(row: u32, col: u32, value: Wide) {
    y[params.y_first + row * params.y_stride + col] = Vector(value);
}
// end

// snippet softmax_merge_all
// The pair of the whole workgroup from one of each invocation, in two steps rather than a tree of barriers.
fn merge_all(own: vec2<f32>, local_index: u32) -> vec2<f32> {
    pairs[local_index] = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        // All maxima come before the first exp, so that no exp waits for another.
        var part_max = own.x;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part_max = max(part_max, pairs[i].x);
        }
        var part_sum = own.y * exp(own.x - part_max);
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part_sum = part_sum + pairs[i].y * exp(pairs[i].x - part_max);
        }
        merged[local_index] = vec2<f32>(part_max, part_sum);
    }
    workgroupBarrier();
    var row_max = NEG_LARGE;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        row_max = max(row_max, merged[i].x);
    }
    var row_sum = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        row_sum = row_sum + merged[i].y * exp(merged[i].x - row_max);
    }
    return vec2<f32>(row_max, row_sum);
}
// end

// snippet softmax_results
// The factor of a row's results. If a row has nothing but -inf, its sum is 0 and its results are 0 (-inf as logarithms). If
// it has +inf, its results are NaN, also on adapters where exp(NaN) is a number.
fn inverse(sum: f32, row_max: f32) -> f32 {
    if (row_max > -NEG_LARGE) {
        return params.nan;
    }
    return select(1.0 / sum, 0.0, sum == 0.0);
}

fn log_of_sum(sum: f32, row_max: f32) -> f32 {
    if (row_max > -NEG_LARGE) {
        return params.nan;
    }
    return select(log(sum), 0.0, sum == 0.0);
}
// end
