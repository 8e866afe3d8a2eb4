// Quants of elements 2 * pair and 2 * pair + 1 of a block, in the halves of a word.
fn pair_of(words: array<u32, BITS>, pair: u32) -> u32 {
    if (BITS == 8u) {
        return (words[pair / 2u] >> (8u * (pair % 2u))) & 0xff00ffu;
    }
    let low = (words[pair / 4u] >> (4u * (pair % 4u))) & 0xf000fu;
    if (BITS == 6u) {
        return low | (((words[(4u + pair / 8u) % BITS] >> (2u * (pair % 8u))) & 0x30003u) << 4u);
    }
    return low;
}

// The two quants of a pair as floats, less the centre of their group. An f16 of 1024 has an integer below 1024 in its mantissa, and
// conversions of f16 are cheaper than those of integers.
fn centred_pair(words: array<u32, BITS>, pair: u32, centre: f32) -> vec2<f32> {
    return unpack2x16float(pair_of(words, pair) | 0x64006400u) - (1024.0 + centre);
}
