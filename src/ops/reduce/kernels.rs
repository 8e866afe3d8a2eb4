//! The kernels of the reductions: forms of one file.

use super::Reduction;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::{Constant, files};

type Constancy = [(&'static str, Constant)];

const SUM_VECTORS: &Constancy = &[("FORM", Constant::Integer(0))];
const MAX_VECTORS: &Constancy = &[("FORM", Constant::Integer(1))];
const DOT_VECTORS: &Constancy = &[("FORM", Constant::Integer(2))];
const SUM_REST: &Constancy = &rest(0, "Elem");
const MAX_REST: &Constancy = &rest(1, "Elem");
const DOT_REST: &Constancy = &rest(2, "Elem");

/// Single elements, of a type.
const fn rest(form: u32, vector: &'static str) -> [(&'static str, Constant); 5] {
    [
        ("FORM", Constant::Integer(form)),
        ("Vector", Constant::Type(vector)),
        ("Wide", Constant::Type("f32")),
        ("Bits", Constant::Type("u32")),
        ("WIDTH", Constant::Integer(1)),
    ]
}

const fn stage(constants: &'static Constancy) -> Stage {
    Stage {
        shader: &files::REDUCE,
        constants,
    }
}

const fn kernel(name: &'static str, stages: &'static [Stage]) -> Implementation<Reduction> {
    Implementation {
        kernel: Kernel::new(
            name,
            "a grid of workgroups striding over 16 bytes at a time, the last of which merges their results",
            stages,
        ),
        fit: |_, _| Fit::Best,
        constants: super::constants,
        alternatives,
        schedule: super::schedule,
        samples: None,
    }
}

/// Loads in flight, and workgroups of each size. There are never fewer invocations than the bound of a sum's error assumes
/// (`sum_error` in the operation's file).
fn alternatives(_: &Reduction, _: &Capabilities) -> Vec<Constants> {
    let grids: [(u64, &[u64]); 3] = [
        (256, &[528, 1056, 264]),
        (128, &[1056, 2112]),
        (512, &[264, 528]),
    ];
    let of_grid = |(workgroup, most): &(u64, &[u64])| {
        combinations(&[
            ("WORKGROUP", &[*workgroup]),
            ("MAX_WORKGROUPS", most),
            ("ELEMS", &[8, 4, 16]),
        ])
    };
    grids.iter().flat_map(of_grid).collect()
}

pub(super) static REDUCE_SUM: Implementation<Reduction> =
    kernel("reduce_sum", &[stage(SUM_VECTORS), stage(SUM_REST)]);
pub(super) static REDUCE_MAX: Implementation<Reduction> =
    kernel("reduce_max", &[stage(MAX_VECTORS), stage(MAX_REST)]);
pub(super) static REDUCE_DOT: Implementation<Reduction> =
    kernel("reduce_dot", &[stage(DOT_VECTORS), stage(DOT_REST)]);
