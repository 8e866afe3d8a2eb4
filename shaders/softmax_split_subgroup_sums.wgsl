//! softmax_split_subgroup_sums: the maximum of each part of a row and the sum of exp(v - maximum), v = scale * x + mask.
//!
//! This is the first dispatch of softmax_split_subgroup, for few long rows. `parts` workgroups share a row. Each takes STEPS
//! steps of WORKGROUP * ELEMS Vector, and loads those of the next step while this one is computed. Each invocation has a
//! running maximum and a sum that it rescales when the maximum grows. Subgroups merge these pairs, then workgroup memory.
//!
//! Traffic: x read once. Workgroup memory: 512 B. Works for any number of rows and columns, with rows that begin
//! and end at multiples of 16 bytes.

alias Vector = vec4<f32>;    // 16 bytes: 4 f32, or 8 f16 as vec4<u32>
alias Wide = vec4<f32>;      // a Vector, or half of it, in f32
alias Index = vec4<u32>;     // an index of each element of a Wide

const WIDTH: u32 = 4;              // elements of a Vector
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;              // Vector that an invocation loads at a time
const STEPS: u32 = 2;              // steps of a workgroup
const SCALED: bool = false;        // multiply x by scale
const MASK: bool = false;          // add mask
const CAUSAL: bool = false;        // row r sees its first params.seen + r % params.queries columns

const HALVES: u32 = WIDTH / 4u;    // Wide of a Vector
const PART: u32 = WORKGROUP * ELEMS * STEPS;        // Vector of a part; read by the host
const MAX_SUBGROUPS: u32 = (WORKGROUP + 3u) / 4u;   // a subgroup has at least 4 lanes

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Vector>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> mask: array<Vector>;      // [rows or 1, cols]
@group(0) @binding(3) var<storage, read_write> part_pairs: array<vec2<f32>>;   // [rows, parts]: maximum and sum

var<workgroup> pairs: array<vec2<f32>, MAX_SUBGROUPS>;   // maximum and sum of each subgroup

@compute @workgroup_size(WORKGROUP)
fn softmax_split_subgroup_sums(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) place: u32,
    @builtin(num_subgroups) num_subgroups: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    // Lanes are counted: a subgroup may be narrower than the size that some drivers state.
    let lanes = subgroupAdd(1u);
    let number = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let row = number / params.parts;
    let first = number % params.parts * PART + place;
    let inside = row < params.rows;
    let seen = select(0u, seen_cols(row), inside);

    var fetched: array<Vector, ELEMS>;
    for (var j = 0u; j < ELEMS; j++) {
        if (first + j * WORKGROUP < seen) {
            fetched[j] = fetch(row, first + j * WORKGROUP);
        }
    }
    var own_max = NEG_LARGE;
    var total = Wide(0.0);
    // keep loop
    for (var step = 0u; step < STEPS; step++) {
        let begin = first + step * (WORKGROUP * ELEMS);
        let next = begin + WORKGROUP * ELEMS;
        var values: array<Wide, ELEMS * HALVES>;
        for (var j = 0u; j < ELEMS; j++) {
            for (var half = 0u; half < HALVES; half++) {
                values[j * HALVES + half] = Wide(params.neg_inf);
                if (begin + j * WORKGROUP < seen) {
                    values[j * HALVES + half] = value_of(fetched[j], half, row, begin + j * WORKGROUP);
                }
            }
            if (step + 1u < STEPS && next + j * WORKGROUP < seen) {
                fetched[j] = fetch(row, next + j * WORKGROUP);
            }
        }
        var largest = Wide(own_max);
        for (var j = 0u; j < ELEMS * HALVES; j++) {
            largest = max(largest, values[j]);
        }
        let larger = across_max(largest);
        total = total * exp(own_max - larger);
        for (var j = 0u; j < ELEMS * HALVES; j++) {
            total = total + exp(values[j] - larger);
        }
        own_max = larger;
    }
    let subgroup_max = subgroupMax(own_max);
    let subgroup_sum = subgroupAdd(across_sum(total) * exp(own_max - subgroup_max));
    if (lane == 0u) {
        pairs[subgroup_id] = vec2<f32>(subgroup_max, subgroup_sum);
    }
    workgroupBarrier();
    var part_max = NEG_LARGE;
    for (var i = lane; i < num_subgroups; i += lanes) {
        part_max = max(part_max, pairs[i].x);
    }
    part_max = subgroupMax(part_max);
    var part_sum = 0.0;
    for (var i = lane; i < num_subgroups; i += lanes) {
        part_sum = part_sum + pairs[i].y * exp(pairs[i].x - part_max);
    }
    part_sum = subgroupAdd(part_sum);
    if (inside && place == 0u) {
        part_pairs[number] = vec2<f32>(part_max, part_sum);
    }
}

// A Vector in the type of the buffers. Nothing is computed here, so that nothing waits for the load.
fn fetch(row: u32, col: u32) -> Vector {
    return x[params.x_first + row * params.x_stride + col];
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
