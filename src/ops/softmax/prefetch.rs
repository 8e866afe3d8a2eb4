//! `softmax_prefetch`: rows one after the other in registers of a workgroup, while the next one is on its way.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{holds_next_row, row_registers, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows;
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

/// Columns up to which rows of f16 overlap on a core without a prefetch.
const ENOUGH_COLUMNS: u64 = 24 * 1024;
/// Rows that a workgroup takes.
const ROWS: u64 = 4;

pub(super) static PREFETCH: Implementation<Softmax> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "softmax_prefetch",
            "rows one after the other in registers of a workgroup, the next one on its way; subgroups merge",
            &[Stage::of(&files::SOFTMAX_PREFETCH)],
        )
    },
    fit,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch_of_16_bytes,
    samples: None,
};

fn fit(softmax: &Softmax, device: &Capabilities) -> Fit {
    if let Err(reason) = sizes(softmax, device, &Constants::new()) {
        return Fit::Unable(reason);
    }
    if softmax.dtype == Dtype::F32 || softmax.cols <= ENOUGH_COLUMNS {
        let reason = "more than one row fits a core, or loads last longer than the arithmetic";
        return Fit::Able(reason.to_owned());
    }
    if !holds_next_row(device) {
        return Fit::Able("an invocation has too few registers for the next row".to_owned());
    }
    if softmax.rows < sizes::MANY_ROWS * ROWS {
        return Fit::Able(format!(
            "{} rows are too few for workgroups of several",
            softmax.rows
        ));
    }
    Fit::Best
}

fn constants(softmax: &Softmax, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let refuse = |reason| PREFETCH.kernel.unsupported(reason);
    let width = softmax.width_of_16_bytes().map_err(refuse)?;
    let sizes = sizes(softmax, device, given).map_err(refuse)?;
    Ok(sizes::form(softmax, width).merged(&sizes))
}

/// More or fewer rows to a workgroup, and smaller workgroups, of which a core may hold several.
fn alternatives(_: &Softmax, device: &Capabilities) -> Vec<Constants> {
    let mut sizes = rows::workgroups(device);
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    combinations(&[("ROWS", &[ROWS, 8, 2]), ("WORKGROUP", &sizes)])
}

/// The workgroup that `given` says, or the largest, so that a row takes as few registers of each invocation as can be.
fn sizes(softmax: &Softmax, device: &Capabilities, given: &Constants) -> Result<Constants, String> {
    let width = softmax.width_of_16_bytes()?.elements();
    let (loads, most) = (softmax.cols / width, row_registers(device) / width);
    let workgroup = if runs_invocations_in_turn(device) {
        16
    } else {
        1024.min(device.widest_workgroup())
    };
    let workgroup = given.integer("WORKGROUP").unwrap_or(workgroup).max(1);
    let needed = loads.div_ceil(workgroup);
    if needed > most {
        return Err(sizes::too_long(softmax, row_registers(device) * workgroup));
    }
    Ok(Constants::from([
        ("WORKGROUP", workgroup),
        ("ELEMS", sizes::rounded(needed)),
        ("ROWS", ROWS),
    ]))
}
