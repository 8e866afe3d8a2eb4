//! softmax_row_max: row_max = max(x) over each row, the first of softmax_unfused's five operations.
//!
//! One workgroup takes one row. A tree merges the results of its invocations.
//! Nothing is fused: every intermediate goes through memory.
//!
//! Traffic: the matrix read once. Workgroup memory: 1 KiB. Works for any number of rows and columns.

const WORKGROUP: u32 = 256;

// snippet neg_large
// The lowest finite f32. NEG_LARGE - NEG_LARGE is 0, whereas a difference of two -inf is NaN.
const NEG_LARGE: f32 = -0x1.fffffep+127;
// end

struct Params {
    rows: u32,
    cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;            // [rows, cols]
@group(0) @binding(2) var<storage, read_write> row_max: array<f32>;   // [rows]

var<workgroup> parts: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn softmax_row_max(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let inside = row < params.rows;
    var part = NEG_LARGE;
    if (inside) {
        for (var i = local_index; i < params.cols; i += WORKGROUP) {
            part = max(part, x[row * params.cols + i]);
        }
    }
    parts[local_index] = part;
    workgroupBarrier();
    // keep loop
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if (local_index < half) {
            parts[local_index] = max(parts[local_index], parts[local_index + half]);
        }
        workgroupBarrier();
    }
    if (inside && local_index == 0u) {
        row_max[row] = parts[0];
    }
}
