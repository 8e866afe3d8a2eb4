//! stream_triad: c = a + alpha * b, over whole vectors.
//!
//! Invocations stride over the vectors by the size of the grid, a vector of four elements at a time: consecutive
//! invocations touch consecutive 16 bytes. A length that is no multiple of four ends with a second dispatch of this
//! file, whose Elem is one element.
//!
//! Traffic: three vectors moved, 4 bytes an element each. Workgroup memory: 0 B. Works for any length.

alias Elem = vec4<f32>;

const WORKGROUP: u32 = 256;
const MAX_WORKGROUPS: u32 = 65535;   // workgroups of one dispatch at most; read by the host

struct Params {
    begin: u32,    // first Elem
    end: u32,      // one past the last Elem
    stride: u32,   // invocations of the dispatch
    alpha: f32,    // factor of the triad
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;         // [elements]
@group(0) @binding(2) var<storage, read> b: array<Elem>;         // [elements]
@group(0) @binding(3) var<storage, read_write> c: array<Elem>;   // [elements]

@compute @workgroup_size(WORKGROUP)
fn stream_triad(@builtin(global_invocation_id) global_id: vec3<u32>) {
    for (var i = params.begin + global_id.x; i < params.end; i += params.stride) {
        c[i] = a[i] + params.alpha * b[i];
    }
}
