//! `softmax_split_subgroup`: many workgroups to a row, merged by subgroups, for few long rows.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::runs_invocations_in_turn;
use crate::kernel::{Constants, Kernel, Schedule, Stage};
use crate::ops::rows::{self, Width};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::{Prepared, files};

/// Loads of a part of a row, shared by a workgroup of the first dispatch.
const PART_LOADS: u64 = 2048;

pub(super) static SPLIT_SUBGROUP: Implementation<Softmax> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "softmax_split_subgroup",
            "many workgroups share each row, in two dispatches; subgroups merge",
            &[
                Stage::of(&files::SOFTMAX_SPLIT_SUBGROUP_SUMS),
                Stage::of(&files::SOFTMAX_SPLIT_SUBGROUP_SCALE),
            ],
        )
    },
    fit,
    constants,
    alternatives,
    schedule,
    samples: None,
};

fn fit(softmax: &Softmax, device: &Capabilities) -> Fit {
    match softmax.width_of_16_bytes() {
        Err(reason) => Fit::Unable(reason),
        Ok(_) => Fit::unless(sizes::enough_rows(softmax, device)),
    }
}

fn constants(softmax: &Softmax, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let width = width(softmax)?;
    Ok(sizes::form(softmax, width).merged(&sizes(width, device)))
}

fn schedule(softmax: &Softmax, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    dispatch::two_dispatches(softmax, width(softmax)?, stages, device)
}

/// Longer or shorter parts of a row and of its second walk, then other workgroups of both.
fn alternatives(_: &Softmax, device: &Capabilities) -> Vec<Constants> {
    let sizes = rows::workgroups(device);
    let lengths = combinations(&[("STEPS", &[1, 2, 4]), ("TURNS", &[1, 2, 4])]);
    let workgroups = combinations(&[("WORKGROUP", &sizes), ("SCALE_WORKGROUP", &sizes)]);
    lengths.into_iter().chain(workgroups).collect()
}

/// The width of loads.
///
/// # Errors
/// [`crate::Error::Unsupported`] where rows do not begin and end at multiples of 16 bytes.
fn width(softmax: &Softmax) -> Result<Width> {
    let width = softmax.width_of_16_bytes();
    width.map_err(|reason| SPLIT_SUBGROUP.kernel.unsupported(reason))
}

/// Sizes of the two files. f16 has twice the arithmetic for its bytes, which overlaps with loads where a workgroup comes
/// back for more.
fn sizes(width: Width, device: &Capabilities) -> Constants {
    let in_turn = runs_invocations_in_turn(device);
    let (workgroup, elems, scale_workgroup, turns) = match (in_turn, width) {
        (true, Width::Eight) => (16, 4, 16, 2),
        (true, _) => (16, 4, 16, 1),
        (false, Width::Eight) => (256, 2, 256, 2),
        _ => (512, 4, 64, 1),
    };
    let workgroup = device.widest_workgroup().min(workgroup);
    let steps = if in_turn {
        2
    } else {
        (PART_LOADS / (workgroup * elems)).max(1)
    };
    Constants::from([
        ("WORKGROUP", workgroup),
        ("ELEMS", elems),
        ("STEPS", steps),
        (
            "SCALE_WORKGROUP",
            device.widest_workgroup().min(scale_workgroup),
        ),
        ("SCALE_ELEMS", 4),
        ("TURNS", turns),
    ])
}
