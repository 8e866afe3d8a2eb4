// Keys that a query at `position` sees: from x up to y.
fn visible_keys(position: i32, keys: u32) -> vec2<u32> {
    let bounds = vec2<i32>(position - params.behind + 1, position + params.ahead);
    return vec2<u32>(clamp(bounds, vec2<i32>(0), vec2<i32>(i32(keys))));
}
