//! `softmax_online`: rows of any length, read twice.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{long_row_invocations, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows::{self, Width};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(super) static ONLINE: Implementation<Softmax> = Implementation {
    kernel: Kernel::new(
        "softmax_online",
        "a workgroup walks each row twice, maximum and sum in the first pass",
        &[Stage::of(&files::SOFTMAX_ONLINE)],
    ),
    fit: |_, _| Fit::Best,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn constants(softmax: &Softmax, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let workgroup = if runs_invocations_in_turn(device) {
        16
    } else if softmax.cols >= sizes::LONG {
        long_row_invocations(device).min(device.widest_workgroup())
    } else {
        256.min(device.widest_workgroup())
    };
    let elems: u32 = match softmax.width() {
        Width::One => 8,
        Width::Four | Width::Eight => 4,
    };
    Ok(sizes::form(softmax, softmax.width())
        .set("WORKGROUP", workgroup)
        .set("ELEMS", elems))
}

/// Other workgroups, and more or fewer loads in flight.
fn alternatives(softmax: &Softmax, device: &Capabilities) -> Vec<Constants> {
    let elems: &[u64] = match softmax.width() {
        Width::One => &[8, 16, 4],
        Width::Four | Width::Eight => &[4, 8, 2],
    };
    combinations(&[("WORKGROUP", &rows::workgroups(device)), ("ELEMS", elems)])
}
