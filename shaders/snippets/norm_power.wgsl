// With SCALED, rows are multiplied by a power of two that takes their largest magnitude to [1, 2), or to below 4 at the end of
// f32, so that squares neither overflow nor vanish.
fn power_for(largest: f32) -> f32 {
    if (!SCALED) {
        return 1.0;
    }
    return bitcast<f32>(0x7f000000u - exponent_bits(largest));
}

fn exponent_bits(largest: f32) -> u32 {
    return min(bitcast<u32>(largest) & 0x7f800000u, 0x7e800000u);
}

// Factor of a sum from the power of `own` to that of `largest`: a sum of squares without LAYER.
fn ratio(own: f32, largest: f32) -> f32 {
    if (!SCALED) {
        return 1.0;
    }
    let factor = power_for(largest) * bitcast<f32>(exponent_bits(own));
    return select(factor * factor, factor, LAYER);
}
