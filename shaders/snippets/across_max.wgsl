fn across_max(wide: Wide) -> f32 {
    let parts = vec4<f32>(wide);
    return max(max(parts.x, parts.y), max(parts.z, parts.w));
}
