//! chase_fill: writes the cycle that chase follows: a random order of all lines, each visited once.
//!
//! `shuffle` is a bijection of the numbers below `lines`. Step s of the cycle is line `shuffle(s)`. The first word of a line
//! holds the index of the first word of the next line.
//!
//! Traffic: 4 bytes a line written. Workgroup memory: 0 B. Works for any power of two of lines.

const WORKGROUP: u32 = 256;

struct Params {
    lines: u32,        // a power of two
    line_words: u32,
    half_bits: u32,    // half of the bits of `lines - 1`, rounded up
    stride: u32,       // invocations of the dispatch
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> next: array<u32>;   // [lines * line_words]

@compute @workgroup_size(WORKGROUP)
fn chase_fill(@builtin(global_invocation_id) global_id: vec3<u32>) {
    for (var step = global_id.x; step < params.lines; step += params.stride) {
        next[shuffle(step) * params.line_words] = shuffle(step + 1u) * params.line_words;
    }
}

// A bijection, since each of its operations is one: a shift towards the low half, a multiplication by an odd number.
fn shuffle(step: u32) -> u32 {
    let mask = params.lines - 1u;
    var x = step & mask;
    x ^= x >> params.half_bits;
    x = (x * 0x7feb352du) & mask;
    x ^= x >> params.half_bits;
    x = (x * 0x846ca68bu) & mask;
    x ^= x >> params.half_bits;
    return x;
}
