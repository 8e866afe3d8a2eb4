//! matmul_dequantize: quantised weights [N, K] as elements of f32 or f16, [N, K]: the first dispatch of a product that then
//! multiplies floats.
//!
//! An invocation takes STORES runs of STORED elements of a row: what neighbours store lies next to each other. Four or eight
//! runs share a block of quants.
//!
//! Traffic: the quants read, the elements written. Workgroup memory: 0 B. Works for any N, and for K in whole blocks.

alias Stored = vec4<f32>;   // one store: vec4<f32>, vec4<f16>, or vec4<u32> of eight f16
const BITS: u32 = 4;        // bits of a quant: 4, 6 or 8
const STORED: u32 = 4;      // elements of a store: 4 or 8
const STORES: u32 = 2;      // stores of an invocation
const DEQUANTIZE_WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> quants: array<u32>;                         // [N, K / 32 * BITS] words
@group(0) @binding(2) var<storage, read> scales: array<u32>;                        // [N, words of a row's scales]
@group(0) @binding(3) var<storage, read_write> elements: array<Stored>;              // [N, K / STORED]

struct Params {
    k: u32,      // elements of a row
    rows: u32,   // rows of this dispatch
}

@compute @workgroup_size(DEQUANTIZE_WORKGROUP)
fn matmul_dequantize(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let row = workgroup_id.z * num_workgroups.y + workgroup_id.y;
    for (var i = 0u; i < STORES; i++) {
        let run = (workgroup_id.x * STORES + i) * DEQUANTIZE_WORKGROUP + local_index;
        if (row < params.rows && run < params.k / STORED) {
            let block = run / (32u / STORED);
            let quad = run % (32u / STORED) * (STORED / 4u);
            let found = load_scales(row, block, quad * GROUPS / 8u);
            let first = (row * (params.k / 32u) + block) * BITS;
            var words = words_of_quad(first, quad);
            let low = quad_of(words, 0u, found);
            if (STORED == 4u) {
                elements[row * (params.k / STORED) + run] = Stored(low);
            } else {
                // The words of four and six bits have the next quad too.
                if (BITS == 8u) {
                    words[1] = quants[first + quad + 1u];
                }
                let high = quad_of(words, 2u, found);
                elements[row * (params.k / STORED) + run] = Stored(vec4<u32>(
                    pack2x16float(low.xy),
                    pack2x16float(low.zw),
                    pack2x16float(high.xy),
                    pack2x16float(high.zw),
                ));
            }
        }
    }
}

// The elements of pairs `pair` and `pair + 1` of `words`.
fn quad_of(words: array<u32, BITS>, pair: u32, found: vec3<f32>) -> vec4<f32> {
    let centred = vec4<f32>(centred_pair(words, pair, found.y), centred_pair(words, pair + 1u, found.y));
    return centred * found.x + found.z;
}

// snippet weights_quad
// The words with the quants of a quad, the first two pairs of what is returned. `first` is the block's first word.
fn words_of_quad(first: u32, quad: u32) -> array<u32, BITS> {
    var words: array<u32, BITS>;
    if (BITS == 8u) {
        words[0] = quants[first + quad];
    } else {
        words[0] = quants[first + quad / 2u] >> (8u * (quad % 2u));
        if (BITS == 6u) {
            words[4u % BITS] = quants[first + 4u + quad / 4u] >> (4u * (quad % 4u));
        }
    }
    return words;
}
// end

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

// snippet weights_pairs
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
// end
