//! fma_affine_f16: chains of x = fma(x, a, +-b) in half precision.
//!
//! This is fma_affine in f16 with f16 results. Many adapters need two values side by side for their full rate. b changes its
//! sign with every step, so that values alternate between two and never settle on one. A contraction of 15/16 keeps the
//! rounding errors of f16, which has eleven bits, small enough for a check against f64.
//!
//! Operations: 2 * invocations * steps * CHAINS * width. Workgroup memory: 0 B. Works for any number of invocations.

enable f16;

alias Elem = vec2<f16>;

const WORKGROUP: u32 = 256;
const CHAINS: u32 = 4;    // independent values of type Elem per invocation
const UNROLL: u32 = 16;   // steps of a chain in the loop's body, even

const_assert UNROLL % 2 == 0;

// snippet fma_affine_params
struct Params {
    invocations: u32,
    trips: u32,   // steps / UNROLL
    a: f32,
    b: f32,       // factor of the invocation's own value
}
// end

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> seed: array<Elem>;      // [invocations]
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;   // [invocations]

@compute @workgroup_size(WORKGROUP)
fn fma_affine_f16(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let invocation = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * WORKGROUP + local_index;
    if (invocation >= params.invocations) {
        return;
    }
    let own = seed[invocation];
    let a = Elem(f16(params.a));
    let b = own * f16(params.b);
    var x: array<Elem, CHAINS>;
    for (var chain = 0u; chain < CHAINS; chain++) {
        x[chain] = own + Elem(f16(f32(chain) * 0.125));
    }
    for (var trip = 0u; trip < params.trips; trip++) {
        for (var step = 0u; step < UNROLL; step += 2u) {
            for (var chain = 0u; chain < CHAINS; chain++) {
                x[chain] = fma(x[chain], a, b);
            }
            for (var chain = 0u; chain < CHAINS; chain++) {
                x[chain] = fma(x[chain], a, -b);
            }
        }
    }
    var sum = Elem(0.0);
    for (var chain = 0u; chain < CHAINS; chain++) {
        sum += x[chain];
    }
    y[invocation] = sum;
}
