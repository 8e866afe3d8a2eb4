//! reduce: the sum or the maximum of a vector, or the sum of the products of two, down to one number a workgroup.
//!
//! Each invocation strides over the vectors by the size of the grid, with ELEMS loads at a time and two running results for
//! each of their elements, so that one does not wait for the other; workgroup memory merges the invocations' results in two steps. The first dispatch leaves one
//! number for each workgroup, the last one, of a single workgroup, reduces those.
//!
//! Traffic: one vector read, two for a dot product. Workgroup memory: 1.0625 KiB. Works for any length.

alias Elem = f32;
alias Vector = vec4<Elem>;   // as the buffers hold it
alias Wide = vec4<f32>;      // the same in f32
alias Bits = vec4<u32>;      // the bits of that

const SUM: u32 = 0;
const MAX: u32 = 1;
const DOT: u32 = 2;

const FORM: u32 = 0;                 // SUM, MAX or DOT
const WIDTH: u32 = 4;                // elements of an Vector
const WORKGROUP: u32 = 256;
const ELEMS: u32 = 4;                // Vector that an invocation loads at a time
const MAX_WORKGROUPS: u32 = 2048;    // workgroups of one dispatch at most; read by the host

const LEADERS: u32 = min(WORKGROUP, 16u);   // invocations that merge for the others
const_assert WORKGROUP % LEADERS == 0;

struct Params {
    begin: u32,    // first Vector
    end: u32,      // one past the last Vector
    stride: u32,   // Vector from one turn of a workgroup to its next
    first: u32,    // where the first workgroup's result goes
    empty: f32,    // the result of no elements: 0, or -inf, which WGSL cannot write
    undefined: f32,    // NaN, likewise
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Vector>;        // [elements]
@group(0) @binding(2) var<storage, read> b: array<Vector>;        // [elements], for DOT
@group(0) @binding(3) var<storage, read_write> c: array<f32>;   // [workgroups]

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> merged: array<f32, LEADERS>;

fn load(i: u32) -> Wide {
    if (FORM == DOT) {
        return Wide(a[i]) * Wide(b[i]);
    }
    return Wide(a[i]);
}

// By bits: compilers that assume no NaN take x != x for false.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn join(x: f32, y: f32) -> f32 {
    if (FORM == MAX) {
        // max may pass over a NaN.
        return select(max(x, y), x + y, is_nan(x) || is_nan(y));
    }
    return x + y;
}

// Passes over NaN, which the loop finds by the bits of what it loads.
fn join_wide(x: Wide, y: Wide) -> Wide {
    if (FORM == MAX) {
        return max(x, y);
    }
    return x + y;
}

fn any_nan(largest: Bits) -> bool {
    let each = vec4<u32>(largest);
    return max(max(each.x, each.y), max(each.z, each.w)) > 0x7f800000u;
}

fn across(wide: Wide) -> f32 {
    let each = vec4<f32>(wide);
    if (WIDTH == 1u) {
        return each.x;
    }
    return join(join(each.x, each.y), join(each.z, each.w));
}

@compute @workgroup_size(WORKGROUP)
fn reduce(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
) {
    let begin = params.begin + workgroup_id.x * WORKGROUP * ELEMS + local_index;
    var even = Wide(params.empty);
    var odd = Wide(params.empty);
    // Of all magnitudes; one integer maximum a load instead of comparisons that every step waits for.
    var largest = Bits(0u);
    for (var base = begin; base < params.end; base += params.stride) {
        var values: array<Wide, ELEMS>;
        // unroll
        for (var j = 0u; j < ELEMS; j++) {
            values[j] = Wide(params.empty);
            if (base + j * WORKGROUP < params.end) {
                values[j] = load(base + j * WORKGROUP);
            }
        }
        // unroll
        for (var j = 0u; j < ELEMS; j++) {
            if (j % 2u == 0u) {
                even = join_wide(even, values[j]);
            } else {
                odd = join_wide(odd, values[j]);
            }
            if (FORM == MAX) {
                largest = max(largest, bitcast<Bits>(values[j]) & Bits(0x7fffffffu));
            }
        }
    }

    parts[local_index] = select(across(join_wide(even, odd)), params.undefined, any_nan(largest));
    workgroupBarrier();
    if (local_index < LEADERS) {
        var part = parts[local_index];
        for (var i = local_index + LEADERS; i < WORKGROUP; i += LEADERS) {
            part = join(part, parts[i]);
        }
        merged[local_index] = part;
    }
    workgroupBarrier();
    if (local_index == 0u) {
        var part = merged[0];
        for (var i = 1u; i < LEADERS; i++) {
            part = join(part, merged[i]);
        }
        c[params.first + workgroup_id.x] = part;
    }
}
