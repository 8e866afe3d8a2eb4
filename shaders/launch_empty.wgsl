//! launch_empty: does nothing, so that its time is the cost of a launch.
//!
//! The write would happen if a uniform equalled SALT, which it never does, but the compiler cannot know that. Another value
//! of SALT makes another program, which no cache of the driver holds.
//!
//! Traffic: none. Workgroup memory: 0 B. Works for any number of workgroups.

const WORKGROUP: u32 = 64;
const SALT: u32 = 1;

struct Params {
    never: u32,   // any value but SALT
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;   // [invocations]

@compute @workgroup_size(WORKGROUP)
fn launch_empty(@builtin(global_invocation_id) global_id: vec3<u32>) {
    if (params.never == SALT) {
        y[global_id.x] = SALT;
    }
}
