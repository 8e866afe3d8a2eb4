//! quants_from_gguf: the quants of GGUF blocks as whole words, in the order that kernels read: neighbours lie 16 bits apart.
//!
//! One invocation writes one word at a time. A block is an even number of bytes long, so four bytes of it lie in one or two
//! words. The low nibbles of SPAN bytes are SPAN elements, and the high nibbles are the next SPAN.
//!
//! Traffic: the blocks read, the quants written. Workgroup memory: 0 B. Works for any number of whole blocks.

const BITS: u32 = 4;            // bits of a quant: 4, 6 or 8
const BLOCK: u32 = 32;          // elements of a block
const BLOCK_BYTES: u32 = 18;    // bytes of a block
const QUANTS_AT: u32 = 2;       // the byte of a block at which the quants begin, or their low four bits
const SPAN: u32 = 16;           // elements whose low bits are the low nibbles of a run of bytes
const HIGH_AT: u32 = 0;         // the byte at which bits four and five begin, if BITS is 6
const WORKGROUP: u32 = 64;

struct Params {
    words: u32,    // words to write
    stride: u32,   // invocations of the dispatch
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> blocks: array<u32>;         // [blocks * BLOCK_BYTES / 4]
@group(0) @binding(2) var<storage, read_write> quants: array<u32>;   // [blocks * BLOCK / 32 * BITS]

@compute @workgroup_size(WORKGROUP)
fn quants_from_gguf(@builtin(global_invocation_id) global_id: vec3<u32>) {
    for (var i = global_id.x; i < params.words; i += params.stride) {
        let run = i / BITS;   // of 32 elements
        let word = i % BITS;
        let block = run / (BLOCK / 32u) * BLOCK_BYTES;
        let first = run % (BLOCK / 32u) * 32u;   // element of the block
        if (BITS == 8u) {
            quants[i] = signed_bytes(four_bytes(block + QUANTS_AT + first + 4u * word));
        } else if (word < 4u) {
            quants[i] = low_bits(block + QUANTS_AT, first + 8u * word);
        } else {
            quants[i] = high_bits(block + HIGH_AT, first + 16u * (word - 4u));
        }
    }
}

// The four bytes from byte `at` on, an even number.
fn four_bytes(at: u32) -> u32 {
    let word = blocks[at / 4u];
    if (at % 4u == 0u) {
        return word;
    }
    return (word >> 16u) | (blocks[at / 4u + 1u] << 16u);
}

// Four bytes of two's complement with 128 added, in the order 0, 2, 1, 3.
fn signed_bytes(bytes: u32) -> u32 {
    let outer = bytes & 0xff0000ffu;
    return (outer | ((bytes & 0xff00u) << 8u) | ((bytes >> 8u) & 0xff00u)) ^ 0x80808080u;
}

// The low four bits of eight elements from `first` on, whose bytes begin at byte `begin`.
fn low_bits(begin: u32, first: u32) -> u32 {
    let at = begin + first / (2u * SPAN) * SPAN + first % SPAN;
    let shift = first / SPAN % 2u * 4u;
    return four_nibbles(four_bytes(at) >> shift) | (four_nibbles(four_bytes(at + 4u) >> shift) << 8u);
}

// Low nibbles of four bytes, in the places of the first four of eight elements.
fn four_nibbles(bytes: u32) -> u32 {
    return (bytes & 0xfu) | ((bytes >> 12u) & 0xf0u) | ((bytes & 0xf00u) << 8u) | ((bytes >> 4u) & 0xf00000u);
}

// Bits four and five of sixteen elements from `first` on, whose bytes begin at byte `begin`. A byte has them of four elements,
// which lie 32 apart.
fn high_bits(begin: u32, first: u32) -> u32 {
    let at = begin + first / 128u * 32u + first % 32u;
    let shift = first / 32u % 4u * 2u;
    var word = 0u;
    for (var four = 0u; four < 4u; four++) {
        let bytes = four_bytes(at + 4u * four) >> shift;
        let pairs = (bytes & 3u) | ((bytes >> 14u) & 0xcu) | ((bytes & 0x300u) << 8u) | ((bytes >> 6u) & 0xc0000u);
        word |= pairs << (4u * four);
    }
    return word;
}
