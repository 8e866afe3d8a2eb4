//! softmax_divide: y = x / row_sum, the last of softmax_unfused's five operations.
//!
//! One workgroup takes one row. A row of nothing but -inf has a sum of 0 and gives zeros.
//! Nothing is fused: every intermediate goes through memory.
//!
//! Traffic: the matrix read once and written once. Workgroup memory: 0 B. Works for any number of rows and columns.

const WORKGROUP: u32 = 256;

struct Params {
    rows: u32,
    cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [rows, cols]
@group(0) @binding(2) var<storage, read> row_sum: array<f32>;    // [rows]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;   // [rows, cols]

@compute @workgroup_size(WORKGROUP)
fn softmax_divide(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    if (row >= params.rows) {
        return;
    }
    for (var i = row * params.cols + local_index; i < (row + 1u) * params.cols; i += WORKGROUP) {
        y[i] = select(x[i] / row_sum[row], 0.0, row_sum[row] == 0.0);
    }
}
