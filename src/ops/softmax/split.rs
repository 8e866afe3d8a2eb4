//! `softmax_split`: many workgroups to a row, for few long rows.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::runs_invocations_in_turn;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows::{self, Width};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(super) static SPLIT: Implementation<Softmax> = Implementation {
    kernel: Kernel::new(
        "softmax_split",
        "many workgroups share each row, in two dispatches",
        &[
            Stage::of(&files::SOFTMAX_SPLIT_SUMS),
            Stage::of(&files::SOFTMAX_SPLIT_SCALE),
        ],
    ),
    fit: |softmax, device| Fit::unless(sizes::enough_rows(softmax, device)),
    constants,
    alternatives,
    schedule: |softmax, stages, device| {
        dispatch::two_dispatches(softmax, softmax.width(), stages, device)
    },
    samples: None,
};

fn constants(softmax: &Softmax, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let workgroup = if runs_invocations_in_turn(device) {
        16
    } else {
        128.min(device.widest_workgroup())
    };
    let elems =
        sizes::rounded(sizes::loads(softmax).div_ceil(workgroup)).min(most_elems(softmax, device));
    Ok(sizes::form(softmax, softmax.width())
        .set("WORKGROUP", workgroup)
        .set("ELEMS", elems))
}

/// Loads that an invocation holds at most: of single elements half of what it may, so that more workgroups share a core.
fn most_elems(softmax: &Softmax, device: &Capabilities) -> u64 {
    let most = sizes::most_elems(softmax, device);
    match softmax.width() {
        Width::One if !runs_invocations_in_turn(device) => most / 2,
        _ => most,
    }
}

/// Other workgroups, and longer or shorter parts of a row.
fn alternatives(softmax: &Softmax, device: &Capabilities) -> Vec<Constants> {
    let mut elems = rows::elems(sizes::loads(softmax), sizes::most_elems(softmax, device));
    // Parts that are long enough to pay for the merge of their sums come first.
    elems.sort_unstable_by(|a, b| b.cmp(a));
    combinations(&[("WORKGROUP", &rows::workgroups(device)), ("ELEMS", &elems)])
}
