//! stream: copy, scale, multiply, add and triad, over whole vectors: c = a, alpha * a, a * b, a + b and a + alpha * b.
//!
//! A workgroup takes ELEMS runs of WORKGROUP vectors of four elements, then strides on by the size of the grid. Consecutive
//! invocations touch consecutive vectors. If the length is no multiple of four, a second dispatch of this file, with a
//! Vector of one element, takes the rest. Values are computed in f32 and rounded once; for the copy, Wide is Vector.
//!
//! The file is the triad. For the other kernels, the host swaps the snippets: the line that computes, and
//! stream_one_input for the bindings where there is no b.
//!
//! Traffic: two or three vectors moved, each element once. Workgroup memory: 0 B. Works for any length.

alias Elem = f32;
alias Vector = vec4<Elem>;   // four neighbours in the type of the buffers
alias Wide = vec4<f32>;      // a Vector in f32

const WORKGROUP: u32 = 256;
const ELEMS: u32 = 1;                // Vector that an invocation loads at a time
const MAX_WORKGROUPS: u32 = 65535;   // workgroups of one dispatch at most; read by the host

struct Params {
    begin: u32,    // first Vector
    end: u32,      // one past the last Vector
    stride: u32,   // Vector from one turn of a workgroup to its next
    alpha: f32,    // factor of scale and triad
}

@group(0) @binding(0) var<uniform> params: Params;
// snippet stream_two_inputs
@group(0) @binding(1) var<storage, read> a: array<Vector>;         // [elements]
@group(0) @binding(2) var<storage, read> b: array<Vector>;         // [elements]
@group(0) @binding(3) var<storage, read_write> c: array<Vector>;   // [elements]
// end

@compute @workgroup_size(WORKGROUP)
fn stream(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let begin = params.begin + workgroup_id.x * WORKGROUP * ELEMS + local_index;
    for (var base = begin; base < params.end; base += params.stride) {
        var values: array<Wide, ELEMS>;
        for (var j = 0u; j < ELEMS; j++) {
            let i = base + j * WORKGROUP;
            if (i < params.end) {
                // snippet stream_triad
                values[j] = Wide(a[i]) + params.alpha * Wide(b[i]);
                // end
            }
        }
        for (var j = 0u; j < ELEMS; j++) {
            let i = base + j * WORKGROUP;
            if (i < params.end) {
                c[i] = Vector(values[j]);
            }
        }
    }
}
