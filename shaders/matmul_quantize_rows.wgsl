//! matmul_quantize_rows: A in eight bits, in blocks of 32 elements with a scale of their own: the first dispatch of
//! matmul_quantized_dot.
//!
//! A scale is the largest magnitude of the block over 127. One invocation takes a block. Bytes lie in the order in which the
//! quants of B lie in their words: elements 0, 4, 1, 5 and 2, 6, 3, 7 of eight, or 0, 2, 1, 3 of four with eight bits.
//!
//! Traffic: A read, a quarter to a half of it written. Workgroup memory: 0 B. Works for any M, and for K in whole blocks.

alias Elem = f32;   // f32 or f16
const BITS: u32 = 4;   // bits of a quant of B
const ROWS_WORKGROUP: u32 = 64;

const LEAST: f32 = 1e-36;   // blocks of smaller numbers become zeros, since 127 over the largest of them may be no number

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;                        // [batch, M, K]
@group(0) @binding(2) var<storage, read_write> a_words: array<vec4<u32>>;       // [batch, M, K / 4] words
@group(0) @binding(3) var<storage, read_write> a_scales: array<f32>;            // [batch, M, K / 32]

@compute @workgroup_size(ROWS_WORKGROUP)
fn matmul_quantize_rows(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let id = (workgroup_id.y * num_workgroups.x + workgroup_id.x) * ROWS_WORKGROUP + local_index;
    let blocks = params.k / 32u;
    let row = id / blocks;
    if (row >= params.m * params.planes) {
        return;
    }
    let first = params.a_first + row / params.m * params.a_batch + row % params.m * params.a_row + id % blocks * 32u;
    var values: array<f32, 32>;
    var largest = 0.0;
    // Bits are compared, since `max` may ignore NaN.
    var bits = 0u;
    for (var i = 0u; i < 32u; i++) {
        values[i] = f32(a[first + i]);
        largest = max(largest, abs(values[i]));
        bits = max(bits, bitcast<u32>(values[i]) & 0x7fffffffu);
    }
    let is_zero = largest < LEAST;
    let inverse = select(127.0 / largest, 0.0, is_zero);
    var words: array<u32, 8>;
    for (var word = 0u; word < 8u; word++) {
        for (var byte = 0u; byte < 4u; byte++) {
            var element = 4u * word + byte / 2u + byte % 2u * 2u;
            if (BITS != 8u) {
                element = word / 2u * 8u + word % 2u * 2u + byte / 2u + byte % 2u * 4u;
            }
            words[word] |= (bitcast<u32>(i32(round(values[element] * inverse))) & 0xffu) << (8u * byte);
        }
    }
    a_words[2u * id] = vec4<u32>(words[0], words[1], words[2], words[3]);
    a_words[2u * id + 1u] = vec4<u32>(words[4], words[5], words[6], words[7]);
    // An infinity or NaN in the block makes every sum with it NaN.
    let special = bits >= 0x7f800000u;
    let scale = select(largest / 127.0, 0.0, is_zero);
    a_scales[id] = bitcast<f32>(select(bitcast<u32>(scale), 0x7fc00000u, special));
}

// snippet matmul_params
struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,    // workgroups along a row of C
    planes: u32,     // batch * splits
    splits: u32,     // parts of K
    split_k: u32,    // depth of a part
    a_first: u32,    // elements before the first one of the operand
    b_first: u32,
    c_first: u32,
    a_row: u32,      // elements from one row of op(A) to the next
    a_k: u32,        // elements from one k to the next
    b_k: u32,
    b_column: u32,
    c_row: u32,
    a_batch: u32,    // elements from one matrix to the next
    b_batch: u32,
    c_batch: u32,
    alpha: f32,
    beta: f32,
    first: u32,      // workgroups of earlier dispatches, if BUDGET is not 0
}
// end
