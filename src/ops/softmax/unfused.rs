//! `softmax_unfused`: the baseline, an operation at a time with every intermediate in memory.

use super::shape::Softmax;
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{
    BindingRange, Constants, Dispatch, Kernel, Schedule, Slot, Stage, fold_workgroups,
};
use crate::ops::{Fit, Implementation, no_alternatives};
use crate::shader::{Prepared, files};

pub(super) static UNFUSED: Implementation<Softmax> = Implementation {
    kernel: Kernel {
        dtypes: &[Dtype::F32],
        ..Kernel::new(
            "softmax_unfused",
            "five operations through memory: maximum, subtract, exp, sum, divide",
            &[
                Stage::of(&files::SOFTMAX_ROW_MAX),
                Stage::of(&files::SOFTMAX_SUBTRACT),
                Stage::of(&files::SOFTMAX_EXP),
                Stage::of(&files::SOFTMAX_ROW_SUM),
                Stage::of(&files::SOFTMAX_DIVIDE),
            ],
        )
    },
    fit,
    constants: |_, _, _| Ok(Constants::new()),
    alternatives: no_alternatives,
    schedule,
    samples: None,
};

fn fit(softmax: &Softmax, _: &Capabilities) -> Fit {
    if softmax.is_plain() {
        Fit::Able("fused kernels move a quarter of the bytes".into())
    } else {
        Fit::Unable("it has the plain f32 form alone".into())
    }
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    rows: u32,
    cols: u32,
}

/// Five dispatches over the whole matrix, with every intermediate in memory.
fn schedule(softmax: &Softmax, _: &[&Prepared], device: &Capabilities) -> Result<Schedule> {
    if softmax.rows * softmax.cols == 0 {
        return Ok(Schedule::default());
    }
    let params = Params {
        rows: softmax.rows as u32,
        cols: softmax.cols as u32,
    };
    let (matrix, column) = (softmax.rows * softmax.cols * 4, softmax.rows * 4);
    let x = BindingRange::whole(Slot::Operand(0), matrix);
    let y = BindingRange::whole(Slot::Operand(1), matrix);
    let between = BindingRange::whole(Slot::Scratch(0), matrix);
    let of_row = BindingRange::whole(Slot::Scratch(1), column);
    let workgroups = fold_workgroups(softmax.rows, &device.limits)?;
    let step = |stage, windows: &[BindingRange]| Dispatch {
        stage,
        params: bytemuck::bytes_of(&params).to_vec(),
        windows: windows.to_vec(),
        workgroups,
    };
    let steps = vec![
        step(0, &[x, of_row]),
        step(1, &[x, of_row, y]),
        step(2, &[y, between]),
        step(3, &[between, of_row]),
        step(4, &[between, of_row, y]),
    ];
    Ok(Schedule {
        steps,
        scratch: vec![matrix, column],
    })
}
