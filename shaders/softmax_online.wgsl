//! softmax_online: y = exp(x - row_max) / row_sum over each row, maximum and sum in one pass.
//!
//! One workgroup takes one row. Each invocation walks every WORKGROUP-th column and keeps a running maximum and a sum
//! that it rescales when the maximum grows (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018,
//! algorithm 3); a tree merges them. A second pass, out of cache where the row fits, writes the result.
//!
//! Traffic: the row is read twice and written once. Workgroup memory: 2 KiB. Works for any number of rows and columns.

const WORKGROUP: u32 = 256;

// No value of a row is below it, and exp(NEG_LARGE - NEG_LARGE) is defined, unlike with -inf.
const NEG_LARGE: f32 = -0x1.fffffep+127;

struct Params {
    rows: u32,
    cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [rows, cols]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // [rows, cols]

var<workgroup> maxima: array<f32, WORKGROUP>;
var<workgroup> sums: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn softmax_online(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let inside = row < params.rows;
    let first = row * params.cols;

    var row_max = NEG_LARGE;
    var row_sum = 0.0;
    if (inside) {
        for (var i = local_index; i < params.cols; i += WORKGROUP) {
            let value = x[first + i];
            let larger = max(row_max, value);
            row_sum = row_sum * exp(row_max - larger) + exp(value - larger);
            row_max = larger;
        }
    }
    maxima[local_index] = row_max;
    sums[local_index] = row_sum;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if (local_index < half) {
            let larger = max(maxima[local_index], maxima[local_index + half]);
            sums[local_index] = sums[local_index] * exp(maxima[local_index] - larger)
                + sums[local_index + half] * exp(maxima[local_index + half] - larger);
            maxima[local_index] = larger;
        }
        workgroupBarrier();
    }
    row_max = maxima[0];
    row_sum = sums[0];
    if (inside) {
        for (var i = local_index; i < params.cols; i += WORKGROUP) {
            y[first + i] = exp(x[first + i] - row_max) / row_sum;
        }
    }
}
