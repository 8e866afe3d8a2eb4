//! `softmax_online`: rows of any length, read twice.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::runs_invocations_in_turn;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows::Width;
use crate::ops::{Fit, Implementation, no_alternatives};
use crate::shader::files;

pub(super) static ONLINE: Implementation<Softmax> = Implementation {
    kernel: Kernel::new(
        "softmax_online",
        "a workgroup walks each row twice, maximum and sum in the first pass",
        &[Stage::of(&files::SOFTMAX_ONLINE)],
    ),
    fit: |_, _| Fit::Best,
    constants,
    alternatives: no_alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn constants(softmax: &Softmax, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let workgroup = if runs_invocations_in_turn(device) {
        16
    } else if softmax.cols >= sizes::LONG {
        512.min(sizes::invocations(device))
    } else {
        256.min(sizes::invocations(device))
    };
    let elems: u32 = match softmax.width() {
        Width::One => 8,
        Width::Four | Width::Eight => 4,
    };
    Ok(sizes::form(softmax, softmax.width())
        .set("WORKGROUP", workgroup)
        .set("ELEMS", elems))
}
