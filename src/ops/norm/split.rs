//! `norm_split`: many workgroups to a row, for few long rows.

use super::shape::Norm;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::runs_invocations_in_turn;
use crate::kernel::{
    BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage, fold_workgroups,
};
use crate::ops::rows::{self, RowWindow};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::{Prepared, files};

pub(super) static SPLIT: Implementation<Norm> = Implementation {
    kernel: Kernel::new(
        "norm_split",
        "many workgroups share each row, in two dispatches",
        &[
            Stage::of(&files::NORM_SPLIT_MOMENTS),
            Stage::of(&files::NORM_SPLIT_SCALE),
        ],
    ),
    fit,
    constants,
    alternatives,
    schedule,
    samples: None,
};

fn fit(norm: &Norm, device: &Capabilities) -> Fit {
    if sizes::has_few_long_rows(norm, device) {
        return Fit::Best;
    }
    Fit::Able("there are rows enough for a workgroup each, or rows are short".to_owned())
}

fn constants(norm: &Norm, device: &Capabilities, _: &Constants) -> Result<Constants> {
    // As long a part as 256 invocations of 4 loads have, and half as many moments to merge within a workgroup.
    let elems: u32 = if runs_invocations_in_turn(device) {
        4
    } else {
        8
    };
    Ok(sizes::form(norm)
        .set("WORKGROUP", sizes::at_most(128, device))
        .set("ELEMS", elems))
}

/// Other workgroups, and longer or shorter parts of a row.
fn alternatives(norm: &Norm, device: &Capabilities) -> Vec<Constants> {
    let mut elems = sizes::elems(norm);
    // Parts that are long enough to pay for the merge of their moments come first.
    elems.sort_unstable_by(|a, b| b.cmp(a));
    combinations(&[("WORKGROUP", &rows::workgroups(device)), ("ELEMS", &elems)])
}

fn schedule(norm: &Norm, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    let mut schedule = Schedule::default();
    for window in dispatch::windows(norm, device)? {
        add_window(norm, stages, window, &device.limits, &mut schedule)?;
    }
    Ok(schedule)
}

/// Moments of parts of each row of `window`, then the rows scaled by them.
fn add_window(
    norm: &Norm,
    stages: &[&Prepared],
    window: RowWindow,
    limits: &wgpu::Limits,
    schedule: &mut Schedule,
) -> Result<()> {
    let loads = norm.cols / norm.width().elements();
    let parts = loads.div_ceil(stages[0].constant("PART").into());
    let bound = dispatch::Bindings::of(norm, window);
    let bytes = window.rows * parts * 16;
    let moments = BindingRange::whole(Slot::Scratch(0), bytes);
    let scaled = vec![
        bound.x_beside_y(norm),
        bound.weight,
        bound.bias,
        moments,
        bound.y,
    ];
    for (stage, windows) in [(0, vec![bound.x, moments]), (1, scaled)] {
        schedule.steps.push(Dispatch {
            stage,
            params: bytemuck::bytes_of(&dispatch::params(norm, window, parts)).to_vec(),
            windows,
            workgroups: fold_workgroups(window.rows * parts, limits)?,
        });
    }
    // Windows of rows follow each other, and may use the same memory.
    let known = schedule.scratch.first().copied().unwrap_or(0);
    schedule.scratch = vec![known.max(bytes)];
    Ok(())
}
