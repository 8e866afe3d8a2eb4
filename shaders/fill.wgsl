//! fill: seeded random values or integers, the same as `data::value` on the CPU, hashed bits, or one value everywhere.
//!
//! One invocation writes one 32-bit word at a time: an f32, or two f16 side by side. Every value is a multiple of a
//! power of two that its type holds exactly, so rounding cannot differ between adapters.
//!
//! Traffic: one vector written. Workgroup memory: 0 B. Works for any length.

const WORKGROUP: u32 = 256;

const MODE_F32: u32 = 0u;
const MODE_F16: u32 = 1u;
const MODE_CONSTANT: u32 = 2u;
const MODE_BITS: u32 = 3u;
const MODE_U32: u32 = 4u;
const MODE_WORDS: u32 = 5u;

struct Params {
    words: u32,          // 32-bit words to write
    stride: u32,         // invocations of the dispatch
    stream: u32,         // seed of this operand
    mode: u32,           // MODE_...
    distribution: u32,   // 0: uniform in [-1, 1); 1: uniform, with one in 64 sixteen times as large;
                         // integers are drawn independently with 2, and are a permutation with 3
    constant: u32,       // the word of MODE_CONSTANT; the bits that every word of MODE_WORDS has
    first: u32,          // index of the first element
    bound: u32,          // exclusive upper bound of the integers of MODE_U32; the random bits of MODE_WORDS
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;   // [words]

@compute @workgroup_size(WORKGROUP)
fn fill(@builtin(global_invocation_id) global_id: vec3<u32>) {
    for (var i = global_id.x; i < params.words; i += params.stride) {
        var word = params.constant;
        if (params.mode == MODE_F32) {
            word = bitcast<u32>(value_f32(params.first + i));
        } else if (params.mode == MODE_F16) {
            let index = params.first + 2u * i;
            word = half_bits(value_f16(index)) | (half_bits(value_f16(index + 1u)) << 16u);
        } else if (params.mode == MODE_BITS) {
            word = mix_bits((params.first + i) ^ params.stream);
        } else if (params.mode == MODE_U32) {
            word = mix_bits((params.first + i) ^ params.stream) % params.bound;
            if (params.distribution == 3u) {
                word = permuted(params.first + i);
            }
        } else if (params.mode == MODE_WORDS) {
            word = (mix_bits((params.first + i) ^ params.stream) & params.bound) | params.constant;
        }
        y[i] = word;
    }
}

// The lowbias32 constants of Wellons, "Prospecting for Hash Functions", 2018.
fn mix_bits(seed: u32) -> u32 {
    var x = seed;
    x = (x ^ (x >> 16u)) * 0x7feb352du;
    x = (x ^ (x >> 15u)) * 0x846ca68bu;
    return x ^ (x >> 16u);
}

fn scale(bits: u32) -> f32 {
    if (params.distribution == 1u && (mix_bits(bits) & 63u) == 0u) {
        return 16.0;
    }
    return 1.0;
}

fn value_f32(index: u32) -> f32 {
    let bits = mix_bits(index ^ params.stream);
    return (f32(bits >> 8u) / 8388608.0 - 1.0) * scale(bits);
}

fn value_f16(index: u32) -> f32 {
    let bits = mix_bits(index ^ params.stream);
    return (f32(bits >> 21u) / 1024.0 - 1.0) * scale(bits);
}

// One invertible round that mixes the bits of `mask`: different inputs give different outputs.
fn mix_within(x: u32, factor: u32, mask: u32, half: u32) -> u32 {
    let product = ((x ^ params.stream) * factor) & mask;
    return product ^ (product >> half);
}

// Element `index` of a permutation of the integers below `bound`. Rounds repeat until their result is below `bound`.
fn permuted(index: u32) -> u32 {
    var mask = params.bound - 1u;
    mask |= mask >> 1u;
    mask |= mask >> 2u;
    mask |= mask >> 4u;
    mask |= mask >> 8u;
    mask |= mask >> 16u;
    let half = max(countOneBits(mask) / 2u, 1u);
    var x = index % params.bound;
    loop {
        x = mix_within(x, 0x7feb352du, mask, half);
        x = mix_within(x, 0x846ca68bu, mask, half);
        x = mix_within(x, 0x9e3779b1u, mask, half);
        if (x < params.bound) {
            break;
        }
    }
    return x;
}

// The bits of an f16 that holds `value` exactly and is no subnormal. pack2x16float needs a capability that OpenGL lacks.
fn half_bits(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    if (value == 0.0) {
        return 0u;
    }
    let exponent = ((bits >> 23u) & 0xffu) - 112u;   // the two types' biases differ by 112
    return ((bits >> 16u) & 0x8000u) | (exponent << 10u) | ((bits >> 13u) & 0x3ffu);
}
