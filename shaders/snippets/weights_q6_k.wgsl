const GROUPS: u32 = 2;   // groups with a scale of their own in a block of 32
const HAS_MINIMUM: bool = false;
const SCALE_IS_F16: bool = false;

// Scale, centre and minimum of a group: a weight is (quant - centre) * scale + minimum.
fn load_scales(row: u32, block: u32, group: u32) -> vec3<f32> {
    let first = (row * (params.k / 256u) + block / 8u) * 5u;
    let place = block % 8u * 2u + group;
    let own = extractBits(bitcast<i32>(scales[first + 1u + place / 4u]), 8u * (place % 4u), 8u);
    return vec3<f32>(unpack2x16float(scales[first]).x * f32(own), 32.0, 0.0);
}
