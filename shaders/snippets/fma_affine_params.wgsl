struct Params {
    invocations: u32,
    trips: u32,   // steps / UNROLL
    a: f32,
    b: f32,       // factor of the invocation's own value
}
