//! dot_i8: chains of x = x + dot4I8Packed(x, b), four products of 8-bit integers and their sum in one instruction.
//!
//! If an adapter has the instruction, wgpu uses it. Otherwise the driver or naga expands it. The result of a step is an
//! operand of the next dot, so that no step can be hoisted out of the loop, and also its addend: multiply and accumulate, as
//! in a matmul. Results wrap. The host checks them bit for bit against the same recurrence.
//!
//! Operations: 8 * invocations * steps * CHAINS. Workgroup memory: 0 B. Works for any number of invocations.

const WORKGROUP: u32 = 256;
const CHAINS: u32 = 4;    // independent values per invocation
const UNROLL: u32 = 16;   // steps of a chain in the loop's body

struct Params {
    invocations: u32,
    trips: u32,   // steps / UNROLL
    a: u32,       // bits that are xored with the invocation's own value
    b: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> seed: array<u32>;      // [invocations]
@group(0) @binding(2) var<storage, read_write> y: array<u32>;   // [invocations]

@compute @workgroup_size(WORKGROUP)
fn dot_i8(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let invocation = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * WORKGROUP + local_index;
    if (invocation >= params.invocations) {
        return;
    }
    let own = seed[invocation];
    let b = own ^ params.a;
    var x: array<u32, CHAINS>;
    for (var chain = 0u; chain < CHAINS; chain++) {
        x[chain] = own + chain;
    }
    for (var trip = 0u; trip < params.trips; trip++) {
        for (var step = 0u; step < UNROLL; step++) {
            for (var chain = 0u; chain < CHAINS; chain++) {
                x[chain] = bitcast<u32>(dot4I8Packed(x[chain], b) + bitcast<i32>(x[chain]));
            }
        }
    }
    var sum = params.b;
    for (var chain = 0u; chain < CHAINS; chain++) {
        sum += x[chain];
    }
    y[invocation] = sum;
}
