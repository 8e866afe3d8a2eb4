// 2^23: its f32 with an integer below 2^23 in the mantissa is the sum of both. GPUs convert few integers at a time.
const MAGIC: u32 = 0x4b000000;
const MAGIC_VALUE: f32 = 8388608.0;

// The words of the quants of block `block`, counted from the first row's first one.
fn load_quants(block: u32) -> array<u32, BITS> {
    var words: array<u32, BITS>;
    for (var i = 0u; i < BITS / QUANTS_WIDTH; i++) {
        let loaded = quants[block * (BITS / QUANTS_WIDTH) + i];
        for (var j = 0u; j < QUANTS_WIDTH; j++) {
            words[i * QUANTS_WIDTH + j] = loaded[j];
        }
    }
    return words;
}

// Quants of elements 8 * octet to 8 * octet + 7 of a block, less the centre of their group.
fn centred_octet(words: array<u32, BITS>, octet: u32, centre: f32) -> array<f32, 8> {
    var values: array<f32, 8>;
    for (var e = 0u; e < 8u; e++) {
        let nibble = e / 2u + e % 2u * 4u;
        if (BITS == 8u) {
            // Turning the sign bit adds 128.
            let byte = ((words[(2u * octet + e / 4u) % BITS] ^ 0x80808080u) >> (8u * (e % 4u))) & 0xffu;
            values[e] = bitcast<f32>(byte | MAGIC) - (MAGIC_VALUE + 128.0 + centre);
        } else {
            var quant = (words[octet] >> (4u * nibble)) & 15u;
            if (BITS == 6u) {
                quant |= ((words[(4u + octet / 2u) % BITS] >> (16u * (octet % 2u) + 2u * e)) & 3u) << 4u;
            }
            values[e] = bitcast<f32>(quant | MAGIC) - (MAGIC_VALUE + centre);
        }
    }
    return values;
}
