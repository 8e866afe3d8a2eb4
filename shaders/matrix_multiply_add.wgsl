//! matrix_multiply_add: products of matrix fragments, summed in registers: work of matrix units and nothing else.
//!
//! A subgroup holds ROWS fragments of A, COLUMNS of B and ROWS * COLUMNS sums. In every step, each sum adds the product of
//! its fragment of B and a fragment of A, another one than in the step before, so that no product can be hoisted out of the
//! loop. At the end all sums are added, element by element through workgroup memory, since Metal has no sum of fragments, and
//! stored. The host checks them against the product of the sums of A and of B.
//!
//! Operations: 2 * FRAGMENT^3 * ROWS * COLUMNS * steps a subgroup. Workgroup memory: 1 KiB. Works for any number of workgroups
//! where a subgroup has LANES invocations.

enable wgpu_cooperative_matrix;

alias Elem = f32;   // type of A and B
alias FragmentA = coop_mat8x8<f32, A>;
alias FragmentB = coop_mat8x8<f32, B>;
alias Sums = coop_mat8x8<f32, C>;
const FRAGMENT: u32 = 8;
const LANES: u32 = 32;       // invocations of a subgroup
const SUBGROUPS_VARY: bool = false;   // the device has subgroups of several sizes
const SUBGROUPS: u32 = 4;    // subgroups per workgroup
const ROWS: u32 = 2;         // fragments of A
const COLUMNS: u32 = 4;      // fragments of B
const UNROLL: u32 = 4;       // steps in the loop's body, a multiple of ROWS

const_assert UNROLL % ROWS == 0;

const WORKGROUP: u32 = SUBGROUPS * LANES;
const CELLS: u32 = FRAGMENT * FRAGMENT;
const OWN: u32 = (CELLS + LANES - 1u) / LANES;   // cells of an invocation

struct Params {
    trips: u32,   // steps / UNROLL
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Elem>;        // [ROWS, FRAGMENT, FRAGMENT]
@group(0) @binding(2) var<storage, read> b: array<Elem>;        // [COLUMNS, FRAGMENT, FRAGMENT]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;   // [subgroups, FRAGMENT, FRAGMENT]

var<workgroup> cells: array<f32, SUBGROUPS * CELLS>;

@compute @workgroup_size(WORKGROUP)
fn matrix_multiply_add(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_size) subgroup_size: u32,
) {
    // A uniform of zeros asks for the size of this pipeline's subgroups.
    if (SUBGROUPS_VARY) {
        if (params.trips == 0u) {
            if (local_index == 0u) {
                y[0] = f32(subgroup_size);
            }
            return;
        }
    }
    let subgroup = workgroup_id.x * SUBGROUPS + local_index / LANES;
    var a_part: array<FragmentA, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
        a_part[i] = coopLoadT<FragmentA>(&a[i * CELLS], FRAGMENT);
    }
    var b_part: array<FragmentB, COLUMNS>;
    for (var j = 0u; j < COLUMNS; j++) {
        b_part[j] = coopLoadT<FragmentB>(&b[j * CELLS], FRAGMENT);
    }
    var sum: array<array<Sums, COLUMNS>, ROWS>;
    for (var trip = 0u; trip < params.trips; trip++) {
        for (var step = 0u; step < UNROLL; step++) {
            for (var i = 0u; i < ROWS; i++) {
                for (var j = 0u; j < COLUMNS; j++) {
                    sum[i][j] = coopMultiplyAdd(a_part[(i + step) % ROWS], b_part[j], sum[i][j]);
                }
            }
        }
    }
    let lane = local_index % LANES;
    let first = local_index / LANES * CELLS;
    var total: array<f32, OWN>;
    for (var i = 0u; i < ROWS; i++) {
        for (var j = 0u; j < COLUMNS; j++) {
            // naga 30 needs each operand bound by a `let` just before the store.
            let value = sum[i][j];
            let pointer = &cells[first];
            let stride = FRAGMENT + 0u;
            coopStoreT(value, pointer, stride);
            workgroupBarrier();
            for (var k = 0u; k < OWN; k++) {
                let cell = lane + k * LANES;
                if (cell < CELLS) {
                    total[k] += cells[first + cell];
                }
            }
            workgroupBarrier();
        }
    }
    for (var k = 0u; k < OWN; k++) {
        let cell = lane + k * LANES;
        if (cell < CELLS) {
            y[subgroup * CELLS + cell] = total[k];
        }
    }
}
