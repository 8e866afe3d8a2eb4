//! matmul_dequantize: quantised weights [N, K] as elements of f32 or f16, [N, K]: the first dispatch of a product that then
//! multiplies floats.
//!
//! An invocation takes 8 elements of a row: what neighbours store lies next to each other. Four share a block of quants.
//!
//! Traffic: the quants read, the elements written. Workgroup memory: 0 B. Works for any N, and for K in whole blocks.

alias Dequantized = f32;    // f32 or f16
alias Quants = vec4<u32>;   // one load of quants: vec4<u32>, or vec2<u32> with six bits
const BITS: u32 = 4;                // bits of a quant: 4, 6 or 8
const QUANTS_WIDTH: u32 = 4;        // words of a load
const DEQUANTIZE_WORKGROUP: u32 = 256;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> quants: array<Quants>;                     // [N, K / 32 * BITS] words
@group(0) @binding(2) var<storage, read> scales: array<u32>;                        // [N, words of a row's scales]
@group(0) @binding(3) var<storage, read_write> elements: array<vec4<Dequantized>>;   // [N, K]

struct Params {
    k: u32,        // elements of a row
    octets: u32,   // runs of 8 elements of all rows
}

@compute @workgroup_size(DEQUANTIZE_WORKGROUP)
fn matmul_dequantize(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let workgroup = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    let id = workgroup * DEQUANTIZE_WORKGROUP + local_index;
    if (id >= params.octets) {
        return;
    }
    let blocks = params.k / 32u;
    let row = id / (4u * blocks);
    let block = id / 4u % blocks;
    let octet = id % 4u;
    let found = load_scales(row, block, octet * GROUPS / 4u);
    let centred = centred_octet(load_quants(id / 4u), octet, found.y);
    for (var quad = 0u; quad < 2u; quad++) {
        var values: vec4<f32>;
        for (var i = 0u; i < 4u; i++) {
            values[i] = centred[4u * quad + i] * found.x + found.z;
        }
        elements[2u * id + quad] = vec4<Dequantized>(values);
    }
}

// snippet weights_q4_0
const GROUPS: u32 = 1;   // groups with a scale of their own in a block of 32
const HAS_MINIMUM: bool = false;
const SCALE_IS_F16: bool = true;

// Scale, centre and minimum of a group: a weight is (quant - centre) * scale + minimum.
fn load_scales(row: u32, block: u32, group: u32) -> vec3<f32> {
    let word = scales[row * ((params.k / 32u + 1u) / 2u) + block / 2u];
    return vec3<f32>(unpack2x16float(word >> (16u * (block % 2u))).x, 8.0, 0.0);
}
// end

// snippet weights_quants
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
// end
