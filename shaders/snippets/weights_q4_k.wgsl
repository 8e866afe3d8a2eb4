const GROUPS: u32 = 1;   // groups with a scale of their own in a block of 32
const HAS_MINIMUM: bool = true;
const SCALE_IS_F16: bool = false;

// Scale, centre and minimum of a group: a weight is (quant - centre) * scale + minimum.
fn load_scales(row: u32, block: u32, group: u32) -> vec3<f32> {
    let first = (row * (params.k / 256u) + block / 8u) * 5u;
    let supers = unpack2x16float(scales[first]);
    let own = scales[first + 1u + block % 8u / 2u] >> (16u * (block % 2u));
    return vec3<f32>(supers.x * f32(own & 0xffu), 0.0, -(supers.y * f32((own >> 8u) & 0xffu)));
}
