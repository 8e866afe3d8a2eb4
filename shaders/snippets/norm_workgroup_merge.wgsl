// The largest magnitude and the sum of all, from a magnitude and a sum in its power of each; in two steps rather than a tree of
// barriers.
fn workgroup_merge(own: vec2<f32>, local_index: u32) -> vec2<f32> {
    pairs[local_index] = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        var part = own.x;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part = max(part, pairs[i].x);
        }
        var part_sum = own.y * ratio(own.x, part);
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part_sum = part_sum + pairs[i].y * ratio(pairs[i].x, part);
        }
        merged[local_index] = vec2<f32>(part, part_sum);
    }
    workgroupBarrier();
    var largest = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        largest = max(largest, merged[i].x);
    }
    var total = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        total = total + merged[i].y * ratio(merged[i].x, largest);
    }
    return vec2<f32>(largest, total);
}

// The sum of all values.
fn workgroup_sum(own: f32, local_index: u32) -> f32 {
    pairs[local_index].y = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        var part = own;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part = part + pairs[i].y;
        }
        merged[local_index].y = part;
    }
    workgroupBarrier();
    var total = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        total = total + merged[i].y;
    }
    return total;
}
