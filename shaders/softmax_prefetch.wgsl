//! softmax_prefetch: y = exp(v - row_max) / row_sum over each row, v = scale * x + mask.
//!
//! A workgroup takes ROWS rows one after the other and holds each in registers, so that x is read once and exp is computed
//! once per element. The next row is loaded, in the type of the buffers, while this one is computed and written. Loads and
//! stores then overlap even where rows are too long for a core to have two workgroups. Each subgroup finds the maximum of
//! its own elements and the sum of exp(v - maximum). Workgroup memory merges these pairs behind one barrier, and the results
//! are rescaled.
//!
//! Traffic: x read once, y written once. Workgroup memory: 1 KiB. Works for any number of rows, and of columns up to
//! WORKGROUP * ELEMS * WIDTH, with rows that begin and end at multiples of 16 bytes.

alias Vector = vec4<f32>;    // 16 bytes: 4 f32, or 8 f16 as vec4<u32>
alias Wide = vec4<f32>;      // a Vector, or half of it, in f32
alias Index = vec4<u32>;     // an index of each element of a Wide

const WIDTH: u32 = 4;              // elements of a Vector
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Vector that an invocation holds
const ROWS: u32 = 4;               // rows per workgroup; read by the host
const SCALED: bool = false;        // multiply x by scale
const MASK: bool = false;          // add mask
const CAUSAL: bool = false;        // row r sees its first params.seen + r % params.queries columns
const IN_PLACE: bool = false;      // y holds the input too; x is not read
const LOG: bool = false;           // y is the log-softmax

const HALVES: u32 = WIDTH / 4u;    // Wide of a Vector
const MOST_COLS: u32 = WORKGROUP * ELEMS * WIDTH;        // most columns of a row; read by the host
const MAX_SUBGROUPS: u32 = (WORKGROUP + 3u) / 4u;   // a subgroup has at least 4 lanes

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> mask: array<Vector>;      // [rows or 1, cols]
@group(0) @binding(3) var<storage, read_write> y: array<Vector>;   // [rows, cols]

// Maximum and sum of each subgroup. There are two arrays, so that no subgroup writes the pair of a row where others still
// read the pairs of the row before.
var<workgroup> pairs: array<array<vec2<f32>, MAX_SUBGROUPS>, 2>;

@compute @workgroup_size(WORKGROUP)
fn softmax_prefetch(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) place: u32,
    @builtin(num_subgroups) num_subgroups: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    // Lanes are counted: a subgroup may be narrower than the size that some drivers state.
    let lanes = subgroupAdd(1u);
    let workgroups = num_workgroups.x * num_workgroups.y;
    var row = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    var fetched: array<Vector, ELEMS>;
    var seen = 0u;
    if (row < params.rows) {
        seen = seen_cols(row);
    }
    for (var j = 0u; j < ELEMS; j++) {
        if (j * WORKGROUP + place < seen) {
            fetched[j] = fetch(row, j * WORKGROUP + place);
        }
    }
    // keep loop
    for (var turn = 0u; turn < ROWS; turn++) {
        let inside = row < params.rows;
        var values: array<Wide, ELEMS * HALVES>;
        for (var j = 0u; j < ELEMS; j++) {
            for (var half = 0u; half < HALVES; half++) {
                values[j * HALVES + half] = Wide(params.neg_inf);
                if (j * WORKGROUP + place < seen) {
                    values[j * HALVES + half] = value_of(fetched[j], half, row, j * WORKGROUP + place);
                }
            }
        }
        let next = row + workgroups;
        seen = 0u;
        if (turn + 1u < ROWS && next < params.rows) {
            seen = seen_cols(next);
        }
        for (var j = 0u; j < ELEMS; j++) {
            if (j * WORKGROUP + place < seen) {
                fetched[j] = fetch(next, j * WORKGROUP + place);
            }
        }
        var largest = Wide(NEG_LARGE);
        for (var j = 0u; j < ELEMS * HALVES; j++) {
            largest = max(largest, values[j]);
        }
        let own_max = subgroupMax(across_max(largest));
        var total = Wide(0.0);
        for (var j = 0u; j < ELEMS * HALVES; j++) {
            let power = exp(values[j] - own_max);
            total = total + power;
            if (!LOG) {
                values[j] = power;
            }
        }
        let own_sum = subgroupAdd(across_sum(total));

        if (lane == 0u) {
            pairs[turn % 2u][subgroup_id] = vec2<f32>(own_max, own_sum);
        }
        workgroupBarrier();
        var row_max = NEG_LARGE;
        for (var i = lane; i < num_subgroups; i += lanes) {
            row_max = max(row_max, pairs[turn % 2u][i].x);
        }
        row_max = subgroupMax(row_max);
        var row_sum = 0.0;
        for (var i = lane; i < num_subgroups; i += lanes) {
            row_sum = row_sum + pairs[turn % 2u][i].y * exp(pairs[turn % 2u][i].x - row_max);
        }
        row_sum = subgroupAdd(row_sum);

        let factor = exp(own_max - row_max) * inverse(row_sum, row_max);
        let log_sum = log_of_sum(row_sum, row_max);
        for (var j = 0u; j < ELEMS; j++) {
            let col = j * WORKGROUP + place;
            let first = values[j * HALVES];
            let last = values[j * HALVES + HALVES - 1u];
            if (inside && col < params.cols) {
                if (LOG) {
                    store(row, col, (first - row_max) - log_sum, (last - row_max) - log_sum);
                } else {
                    store(row, col, first * factor, last * factor);
                }
            }
        }
        row = next;
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

// snippet softmax_value_of
fn widen(fetched: Vector, half: u32) -> Wide {
    if (HALVES == 1u) {
        return Wide(fetched);
    }
    let bits = vec4<u32>(fetched);
    return Wide(unpack2x16float(bits[2u * half]), unpack2x16float(bits[2u * half + 1u]));
}

fn value_of(fetched: Vector, half: u32, row: u32, col: u32) -> Wide {
    var value = widen(fetched, half);
    if (SCALED) {
        value = value * params.scale;
    }
    if (MASK) {
        value = value + widen(mask[params.mask_first + row * params.mask_stride + col], half);
    }
    if (CAUSAL) {
        let place = Index(col * WIDTH + half * 4u) + params.components;
        value = select(Wide(params.neg_inf), value, place < Index(horizon(row)));
    }
    return value;
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

// snippet softmax_fetch_store
// A Vector in the type of the buffers. Nothing is computed here, so that nothing waits for the load.
fn fetch(row: u32, col: u32) -> Vector {
    if (IN_PLACE) {
        return y[params.y_first + row * params.y_stride + col];
    }
    return x[params.x_first + row * params.x_stride + col];
}

fn store(row: u32, col: u32, first: Wide, last: Wide) {
    let place = params.y_first + row * params.y_stride + col;
    if (HALVES == 1u) {
        y[place] = Vector(first);
    } else {
        y[place] = Vector(vec4<u32>(
            pack2x16float(first.xy), pack2x16float(first.zw), pack2x16float(last.xy), pack2x16float(last.zw)));
    }
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
