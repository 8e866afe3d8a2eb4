//! fma_affine: chains of x = fma(x, a, b): arithmetic on registers and nothing else.
//!
//! One invocation keeps CHAINS independent values of type Elem in registers and takes `trips * UNROLL` steps with each.
//! a is negative and just below 1 in magnitude, so that values stay finite and never settle. b differs between invocations,
//! and the first value also between chains. The compiler can leave nothing out, since it does not know the number of trips,
//! a uniform, and the sum of all chains is stored. The host checks that sum against the same recurrence in f64.
//!
//! Operations: 2 * invocations * steps * CHAINS * width. Workgroup memory: 0 B. Works for any number of invocations.

alias Elem = vec2<f32>;

const WORKGROUP: u32 = 256;
const CHAINS: u32 = 4;    // independent values of type Elem per invocation
const UNROLL: u32 = 16;   // steps of a chain in the loop's body

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
fn fma_affine(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let invocation = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * WORKGROUP + local_index;
    if (invocation >= params.invocations) {
        return;
    }
    let own = seed[invocation];
    let a = Elem(params.a);
    let b = own * params.b;
    var x: array<Elem, CHAINS>;
    for (var chain = 0u; chain < CHAINS; chain++) {
        x[chain] = own + Elem(f32(chain));
    }
    for (var trip = 0u; trip < params.trips; trip++) {
        for (var step = 0u; step < UNROLL; step++) {
            for (var chain = 0u; chain < CHAINS; chain++) {
                x[chain] = fma(x[chain], a, b);
            }
        }
    }
    var sum = Elem(0.0);
    for (var chain = 0u; chain < CHAINS; chain++) {
        sum += x[chain];
    }
    y[invocation] = sum;
}
