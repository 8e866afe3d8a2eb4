//! softmax_split_subgroup_scale: y = exp(v - row_max) / row_sum over each row, v = scale * x + mask, row_max and row_sum from
//! the pairs of the row's parts.
//!
//! This is the second dispatch of softmax_split_subgroup. Many workgroups share a row. Each takes TURNS turns of
//! SCALE_WORKGROUP * SCALE_ELEMS Vector, and loads those of the next turn while this one is computed and written. Each
//! subgroup merges all pairs of the row for itself, so that none waits for others. The last runs come first: the first
//! dispatch read them last, so that they are still in cache.
//!
//! Traffic: x read once, y written once. Workgroup memory: 0 B. Works for any number of rows and columns, with rows that begin
//! and end at multiples of 16 bytes.

alias Vector = vec4<f32>;    // 16 bytes: 4 f32, or 8 f16 as vec4<u32>
alias Wide = vec4<f32>;      // a Vector, or half of it, in f32
alias Index = vec4<u32>;     // an index of each element of a Wide

const WIDTH: u32 = 4;              // elements of a Vector
const SCALE_WORKGROUP: u32 = 256;   // invocations; may differ from those of the first dispatch
const SCALE_ELEMS: u32 = 4;              // Vector that an invocation loads at a time
const TURNS: u32 = 2;              // turns of a workgroup
const SCALED: bool = false;        // multiply x by scale
const MASK: bool = false;          // add mask
const CAUSAL: bool = false;        // row r sees its first params.seen + r % params.queries columns
const IN_PLACE: bool = false;      // y holds the input too; x is not read
const LOG: bool = false;           // y is the log-softmax

const HALVES: u32 = WIDTH / 4u;    // Wide of a Vector
const RUN: u32 = SCALE_WORKGROUP * SCALE_ELEMS * TURNS;   // Vector of a workgroup; read by the host

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> mask: array<Vector>;      // [rows or 1, cols]
@group(0) @binding(3) var<storage, read> part_pairs: array<vec2<f32>>;  // [rows, parts]: maximum and sum
@group(0) @binding(4) var<storage, read_write> y: array<Vector>;   // [rows, cols]

@compute @workgroup_size(SCALE_WORKGROUP)
fn softmax_split_subgroup_scale(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) place: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    // Lanes are counted: a subgroup may be narrower than the size that some drivers state.
    let lanes = subgroupAdd(1u);
    let number = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let runs = (params.cols + RUN - 1u) / RUN;
    // `inside` is uniform in a subgroup, so that all lanes take part in the merge. Workgroups past the end merge the pairs
    // of row 0.
    let inside = number < params.rows * runs;
    let last = select(0u, params.rows * runs - 1u - number, inside);
    let row = last / runs;
    let first = last % runs * RUN + place;
    let seen = select(0u, seen_cols(row), inside);
    let cols = select(0u, params.cols, inside);

    // Loads come before the merge, so that they overlap with it.
    var fetched: array<Vector, SCALE_ELEMS>;
    for (var j = 0u; j < SCALE_ELEMS; j++) {
        if (first + j * SCALE_WORKGROUP < seen) {
            fetched[j] = fetch(row, first + j * SCALE_WORKGROUP);
        }
    }
    let pair = merge_parts(row, lane, lanes);
    let factor = inverse(pair.y, pair.x);
    let log_sum = log_of_sum(pair.y, pair.x);
    // keep loop
    for (var turn = 0u; turn < TURNS; turn++) {
        let begin = first + turn * (SCALE_WORKGROUP * SCALE_ELEMS);
        let next = begin + SCALE_WORKGROUP * SCALE_ELEMS;
        var values: array<Wide, SCALE_ELEMS * HALVES>;
        for (var j = 0u; j < SCALE_ELEMS; j++) {
            for (var half = 0u; half < HALVES; half++) {
                values[j * HALVES + half] = Wide(params.neg_inf);
                if (begin + j * SCALE_WORKGROUP < seen) {
                    values[j * HALVES + half] = value_of(fetched[j], half, row, begin + j * SCALE_WORKGROUP);
                }
            }
            if (turn + 1u < TURNS && next + j * SCALE_WORKGROUP < seen) {
                fetched[j] = fetch(row, next + j * SCALE_WORKGROUP);
            }
        }
        for (var j = 0u; j < SCALE_ELEMS; j++) {
            let col = begin + j * SCALE_WORKGROUP;
            let first_half = values[j * HALVES] - pair.x;
            let last_half = values[j * HALVES + HALVES - 1u] - pair.x;
            if (col < cols) {
                if (LOG) {
                    store(row, col, first_half - log_sum, last_half - log_sum);
                } else {
                    store(row, col, exp(first_half) * factor, exp(last_half) * factor);
                }
            }
        }
    }
}

// Maximum and sum of a row from those of its parts, four loads at a time.
fn merge_parts(row: u32, lane: u32, lanes: u32) -> vec2<f32> {
    var own = vec2<f32>(NEG_LARGE, 0.0);
    for (var first = lane; first < params.parts; first += 4u * lanes) {
        var some: array<vec2<f32>, 4>;
        for (var j = 0u; j < 4u; j++) {
            some[j] = vec2<f32>(NEG_LARGE, 0.0);
            if (first + j * lanes < params.parts) {
                some[j] = part_pairs[row * params.parts + first + j * lanes];
            }
        }
        let larger = max(own.x, max(max(some[0].x, some[1].x), max(some[2].x, some[3].x)));
        var sum = own.y * exp(own.x - larger);
        for (var j = 0u; j < 4u; j++) {
            sum = sum + some[j].y * exp(some[j].x - larger);
        }
        own = vec2<f32>(larger, sum);
    }
    let row_max = subgroupMax(own.x);
    return vec2<f32>(row_max, subgroupAdd(own.y * exp(own.x - row_max)));
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
