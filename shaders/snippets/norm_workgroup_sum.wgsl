// The sum of all values, in two steps rather than a tree of barriers.
fn workgroup_sum(own: f32, local_index: u32) -> f32 {
    parts[local_index] = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        var part = own;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part = part + parts[i];
        }
        merged[local_index] = part;
    }
    workgroupBarrier();
    var total = 0.0;
    // keep loop
    for (var i = 0u; i < REDUCERS; i++) {
        total = total + merged[i];
    }
    return total;
}
