//! softmax_split_scale: y = exp(v - row_max) / row_sum over each row, v = scale * x + mask, row_max and row_sum from the
//! pairs of the row's parts.
//!
//! This is the second dispatch of softmax_split. `parts` workgroups share a row, and each holds WORKGROUP * ELEMS Wide and
//! merges all pairs of the row. The last parts come first: the first dispatch read them last, so that they are still in
//! cache.
//!
//! Traffic: x read once, y written once. Workgroup memory: 2.125 KiB. Works for any number of rows and columns.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32
alias Index = vec4<u32>;     // an index of each element of a Wide

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Wide that an invocation holds
const SCALED: bool = false;        // multiply x by scale
const MASK: bool = false;          // add mask
const CAUSAL: bool = false;        // row r sees its first params.seen + r % params.queries columns
const IN_PLACE: bool = false;      // y holds the input too; x is not read
const LOG: bool = false;           // y is the log-softmax

const RUN: u32 = WORKGROUP * ELEMS;          // Wide of a workgroup, as many as a part has; read by the host
const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that merge the pairs of all
const_assert WORKGROUP % REDUCERS == 0;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> mask: array<Vector>;      // [rows or 1, cols]
@group(0) @binding(3) var<storage, read> part_pairs: array<vec2<f32>>;  // [rows, parts]: maximum and sum
@group(0) @binding(4) var<storage, read_write> y: array<Vector>;   // [rows, cols]

var<workgroup> pairs: array<vec2<f32>, WORKGROUP>;   // maximum and sum
var<workgroup> merged: array<vec2<f32>, REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn softmax_split_scale(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let number = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let inside = number < params.rows * params.parts;
    let last = select(0u, params.rows * params.parts - 1u - number, inside);
    let row = last / params.parts;
    let first = last % params.parts * RUN + local_index;
    let seen = select(0u, seen_cols(row), inside);

    // Loads come before the first wait, so that they overlap with the merge.
    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        values[j] = Wide(params.neg_inf);
        if (first + j * WORKGROUP < seen) {
            values[j] = load(row, first + j * WORKGROUP);
        }
    }
    var own = vec2<f32>(NEG_LARGE, 0.0);
    if (inside) {
        for (var i = local_index; i < params.parts; i += WORKGROUP) {
            let other = part_pairs[row * params.parts + i];
            let larger = max(own.x, other.x);
            own = vec2<f32>(larger, own.y * exp(own.x - larger) + other.y * exp(other.x - larger));
        }
    }
    let pair = merge_all(own, local_index);

    let factor = inverse(pair.y, pair.x);
    let log_sum = log_of_sum(pair.y, pair.x);
    for (var j = 0u; j < ELEMS; j++) {
        let col = first + j * WORKGROUP;
        if (inside && col < params.cols) {
            if (LOG) {
                store(row, col, (values[j] - pair.x) - log_sum);
            } else {
                store(row, col, exp(values[j] - pair.x) * factor);
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
