//! reduce: the sum or the maximum of a vector, or the sum of the products of two.
//!
//! Each invocation strides over the vectors by the size of the grid, with ELEMS loads at a time. It has two running results,
//! so that one does not wait for the other. Workgroup memory merges the results of the invocations in two steps. Every
//! workgroup leaves its result in memory and adds 1 to a counter. The workgroup that counts last, of all dispatches of the
//! reduction, merges all results in the same way, so that no dispatch has to follow. It sets the memory back to zeros.
//!
//! Traffic: one vector read, two for a dot product. Workgroup memory: 1.06640625 KiB. Works for any length.

alias Elem = f32;
alias Vector = vec4<Elem>;   // a load: 4 f32, or 8 f16 as vec4<u32>
alias Wide = vec4<f32>;      // a Vector, element by element, in f32
alias Bits = vec4<u32>;      // a Vector, element by element, in u32

const SUM: u32 = 0;
const MAX: u32 = 1;
const DOT: u32 = 2;

const FORM: u32 = 0;                 // SUM, MAX or DOT
const WIDTH: u32 = 4;                // elements of a Vector
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 8;                // Vector that an invocation loads at a time
const MAX_WORKGROUPS: u32 = 528;     // workgroups of one dispatch at most; read by the host

const HALVES: u32 = max(WIDTH / 4u, 1u);    // Wide of a Vector
const REDUCERS: u32 = min(WORKGROUP, 16u);   // invocations that merge the pairs of all
const_assert WORKGROUP % REDUCERS == 0;

struct Params {
    begin: u32,      // first Vector
    end: u32,        // one past the last Vector
    stride: u32,     // Vector from one turn of a workgroup to its next
    first: u32,      // index of the first workgroup's result
    total: u32,      // workgroups of all dispatches
    empty: f32,      // the result of no elements: 0, or -inf, which WGSL cannot write
    nan: f32,        // NaN, which WGSL cannot write
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Vector>;        // [elements]
@group(0) @binding(2) var<storage, read> b: array<Vector>;        // [elements], for DOT
@group(0) @binding(3) var<storage, read_write> results: array<atomic<u32>>;   // [1 + workgroups]: number of results, results
@group(0) @binding(4) var<storage, read_write> c: array<f32>;     // [1]

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> merged: array<f32, REDUCERS>;
var<workgroup> came: u32;

@compute @workgroup_size(WORKGROUP)
fn reduce(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let begin = params.begin + workgroup_id.x * WORKGROUP * ELEMS + local_index;
    var running = array<f32, 2>(params.empty, params.empty);
    // Bits of the largest magnitude, to find NaN: one integer maximum per load, in place of comparisons that every step
    // would wait for.
    var largest = 0u;
    for (var base = begin; base < params.end; base += params.stride) {
        var fetched: array<Vector, ELEMS>;
        var factors: array<Vector, ELEMS>;
        for (var j = 0u; j < ELEMS; j++) {
            if (base + j * WORKGROUP < params.end) {
                fetched[j] = a[base + j * WORKGROUP];
                if (FORM == DOT) {
                    factors[j] = b[base + j * WORKGROUP];
                }
            }
        }
        for (var j = 0u; j < ELEMS; j++) {
            for (var half = 0u; half < HALVES; half++) {
                if (base + j * WORKGROUP < params.end) {
                    var value = widen(fetched[j], half);
                    if (FORM == DOT) {
                        value = value * widen(factors[j], half);
                    }
                    let turn = (j * HALVES + half) % 2u;
                    running[turn] = join_numbers(running[turn], across(value));
                    if (FORM == MAX) {
                        largest = max(largest, magnitude(value));
                    }
                }
            }
        }
    }
    let own = select(join_numbers(running[0], running[1]), params.nan, largest > 0x7f800000u);
    let part = merge(own, local_index);
    if (local_index == 0u) {
        atomicStore(&results[1u + params.first + workgroup_id.x], encode(part));
        came = atomicAdd(&results[0], 1u) + 1u;
    }
    if (workgroupUniformLoad(&came) == params.total) {
        var rest = params.empty;
        for (var i = local_index; i < params.total; i += WORKGROUP) {
            rest = join(rest, take(i));
        }
        let all = merge(rest, local_index);
        if (local_index == 0u) {
            c[0] = all;
            atomicStore(&results[0], 0u);
        }
    }
}

// Four elements of a Vector. If a Vector is a single element, all four are that element.
fn widen(fetched: Vector, half: u32) -> vec4<f32> {
    if (HALVES == 1u) {
        return vec4<f32>(Wide(fetched));
    }
    let bits = vec4<u32>(Bits(fetched));
    return vec4<f32>(unpack2x16float(bits[2u * half]), unpack2x16float(bits[2u * half + 1u]));
}

// The test is on bits: compilers that assume that there is no NaN take x != x for false.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn join(x: f32, y: f32) -> f32 {
    if (FORM == MAX) {
        // `max` may ignore a NaN.
        return select(max(x, y), x + y, is_nan(x) || is_nan(y));
    }
    return x + y;
}

// Joins two results of an invocation. NaN may be ignored here: the loop finds it by the bits of the elements.
fn join_numbers(x: f32, y: f32) -> f32 {
    if (FORM == MAX) {
        return max(x, y);
    }
    return x + y;
}

fn across(wide: vec4<f32>) -> f32 {
    if (WIDTH == 1u) {
        return wide.x;
    }
    return join_numbers(join_numbers(wide.x, wide.y), join_numbers(wide.z, wide.w));
}

fn magnitude(wide: vec4<f32>) -> u32 {
    let bits = bitcast<vec4<u32>>(wide) & vec4<u32>(0x7fffffffu);
    return max(max(bits.x, bits.y), max(bits.z, bits.w));
}

// The result of the whole workgroup, valid in its first invocation.
fn merge(own: f32, local_index: u32) -> f32 {
    parts[local_index] = own;
    workgroupBarrier();
    if (local_index < REDUCERS) {
        var part = own;
        for (var i = local_index + REDUCERS; i < WORKGROUP; i += REDUCERS) {
            part = join(part, parts[i]);
        }
        merged[local_index] = part;
    }
    workgroupBarrier();
    var all = merged[0];
    if (local_index == 0u) {
        // keep loop
        for (var i = 1u; i < REDUCERS; i++) {
            all = join(all, merged[i]);
        }
    }
    return all;
}

// The bits of a result in memory. They are never 0, since 0 means that there is no result yet.
fn encode(x: f32) -> u32 {
    return ~select(bitcast<u32>(x), 0x7fc00000u, is_nan(x));
}

// Takes the result of a workgroup and leaves 0. Atomics on one word do not order those on another: the count of a workgroup
// may be visible a moment before its result, though that was written first.
fn take(i: u32) -> f32 {
    var found = atomicExchange(&results[1u + i], 0u);
    while (found == 0u) {
        found = atomicExchange(&results[1u + i], 0u);
    }
    return bitcast<f32>(~found);
}
