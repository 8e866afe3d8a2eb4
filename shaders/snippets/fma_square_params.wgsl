struct Params {
    invocations: u32,
    trips: u32,   // steps / UNROLL
    c: f32,
    spread: f32,   // factor of the invocation's own value
}
