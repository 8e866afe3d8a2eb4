//! softmax_grouped: y = exp(v - row_max) / row_sum over each row, v = scale * x + mask.
//!
//! GROUP invocations hold one row in registers, so that x is read once and exp is computed once per element. A workgroup has
//! WORKGROUP / GROUP rows. Each invocation finds the maximum of its own elements and the sum of exp(v - maximum). Workgroup
//! memory merges these pairs in two steps, and the results are rescaled.
//!
//! Traffic: x read once, y written once. Workgroup memory: 2.125 KiB. Works for any number of rows, and of columns up to
//! GROUP * ELEMS * WIDTH.

alias Elem = f32;
alias Vector = vec4<Elem>;   // WIDTH neighbours in the type of the buffers
alias Wide = vec4<f32>;      // WIDTH neighbours in f32
alias Index = vec4<u32>;     // an index of each element of a Wide

const WIDTH: u32 = 4;              // 4, or 1 if rows do not begin at multiples of 4 elements
const WORKGROUP: u32 = 256;
const GROUP: u32 = 256;            // invocations that share a row; a power of two
const ELEMS: u32 = 4;              // Wide that an invocation holds
const SCALED: bool = false;        // multiply x by scale
const MASK: bool = false;          // add mask
const CAUSAL: bool = false;        // row r sees its first params.seen + r % params.queries columns
const IN_PLACE: bool = false;      // y holds the input too; x is not read
const LOG: bool = false;           // y is the log-softmax

const ROWS: u32 = WORKGROUP / GROUP;           // rows per workgroup; read by the host
const MOST_COLS: u32 = GROUP * ELEMS * WIDTH;       // most columns of a row; read by the host
const REDUCERS: u32 = min(GROUP, 16u);          // invocations that merge the pairs of their group
const_assert WORKGROUP % GROUP == 0;
const_assert GROUP % REDUCERS == 0;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> mask: array<Vector>;      // [rows or 1, cols]
@group(0) @binding(3) var<storage, read_write> y: array<Vector>;   // [rows, cols]

var<workgroup> pairs: array<vec2<f32>, WORKGROUP>;           // maximum and sum
var<workgroup> merged: array<vec2<f32>, ROWS * REDUCERS>;

@compute @workgroup_size(WORKGROUP)
fn softmax_grouped(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let group = local_index / GROUP;
    let place = local_index % GROUP;
    let row = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * ROWS + group;
    let inside = row < params.rows;
    let seen = select(0u, seen_cols(row), inside);

    var values: array<Wide, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        values[j] = Wide(params.neg_inf);
        if (j * GROUP + place < seen) {
            values[j] = load(row, j * GROUP + place);
        }
    }
    var largest = Wide(NEG_LARGE);
    for (var j = 0u; j < ELEMS; j++) {
        largest = max(largest, values[j]);
    }
    let own_max = across_max(largest);
    var total = Wide(0.0);
    for (var j = 0u; j < ELEMS; j++) {
        let power = exp(values[j] - own_max);
        total = total + power;
        if (!LOG) {
            values[j] = power;
        }
    }

    let own_sum = across_sum(total);
    pairs[local_index] = vec2<f32>(own_max, own_sum);
    workgroupBarrier();
    if (place < REDUCERS) {
        // All maxima come before the first exp, so that no exp waits for another.
        var part_max = own_max;
        for (var i = place + REDUCERS; i < GROUP; i += REDUCERS) {
            part_max = max(part_max, pairs[group * GROUP + i].x);
        }
        var part_sum = own_sum * exp(own_max - part_max);
        for (var i = place + REDUCERS; i < GROUP; i += REDUCERS) {
            let pair = pairs[group * GROUP + i];
            part_sum = part_sum + pair.y * exp(pair.x - part_max);
        }
        merged[group * REDUCERS + place] = vec2<f32>(part_max, part_sum);
    }
    workgroupBarrier();
    var row_max = NEG_LARGE;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        row_max = max(row_max, merged[group * REDUCERS + i].x);
    }
    var row_sum = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        let pair = merged[group * REDUCERS + i];
        row_sum = row_sum + pair.y * exp(pair.x - row_max);
    }

    let factor = exp(own_max - row_max) * inverse(row_sum, row_max);
    let log_sum = log_of_sum(row_sum, row_max);
    for (var j = 0u; j < ELEMS; j++) {
        let col = j * GROUP + place;
        if (inside && col < params.cols) {
            if (LOG) {
                store(row, col, (values[j] - row_max) - log_sum);
            } else {
                store(row, col, values[j] * factor);
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
