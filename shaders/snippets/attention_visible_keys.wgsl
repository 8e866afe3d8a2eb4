// Keys that a query at `position` sees: from x up to y.
fn visible_keys(position: i32, keys: u32) -> vec2<u32> {
    let bounds = vec2<i32>(position - params.behind + 1, position + params.ahead);
    return vec2<u32>(clamp(bounds, vec2<i32>(0), vec2<i32>(i32(keys))));
}

// soft_cap * tanh(s / soft_cap). Beyond the bounds of `clamp`, where exp would overflow, tanh is 1.
fn capped(s: vec4<f32>) -> vec4<f32> {
    let twice = clamp(s * (2.0 / params.soft_cap), vec4<f32>(-40.0), vec4<f32>(40.0));
    return params.soft_cap * (1.0 - 2.0 / (exp(twice) + 1.0));
}
