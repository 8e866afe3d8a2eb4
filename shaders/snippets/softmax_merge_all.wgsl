// The pair of the whole workgroup from one of each invocation, in two steps rather than a tree of barriers.
fn merge_all(own: vec2<f32>, local_index: u32) -> vec2<f32> {
    pairs[local_index] = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        // All maxima come before the first exp, so that no exp waits for another.
        var part_max = own.x;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part_max = max(part_max, pairs[i].x);
        }
        var part_sum = own.y * exp(own.x - part_max);
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part_sum = part_sum + pairs[i].y * exp(pairs[i].x - part_max);
        }
        merged[local_index] = vec2<f32>(part_max, part_sum);
    }
    workgroupBarrier();
    var row_max = NEG_LARGE;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        row_max = max(row_max, merged[i].x);
    }
    var row_sum = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        row_sum = row_sum + merged[i].y * exp(merged[i].x - row_max);
    }
    return vec2<f32>(row_max, row_sum);
}
