fn across_sum(wide: Wide) -> f32 {
    let parts = vec4<f32>(wide);
    if (WIDTH == 1u) {
        return parts.x;
    }
    return (parts.x + parts.y) + (parts.z + parts.w);
}
