//! `softmax_grouped`: a row in registers of a few invocations, several rows to a workgroup.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{row_registers, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation, no_alternatives};
use crate::shader::files;

pub(super) static GROUPED: Implementation<Softmax> = Implementation {
    kernel: Kernel::new(
        "softmax_grouped",
        "rows in registers of groups of invocations, read once",
        &[Stage::of(&files::SOFTMAX_GROUPED)],
    ),
    fit,
    constants,
    alternatives: no_alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(softmax: &Softmax, device: &Capabilities) -> Fit {
    match sizes(softmax, device) {
        Err(reason) => Fit::Unable(reason),
        Ok(_) => Fit::unless(sizes::too_few_rows(softmax, device)),
    }
}

fn constants(softmax: &Softmax, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let sizes = sizes(softmax, device).map_err(|reason| GROUPED.kernel.unsupported(reason))?;
    Ok(sizes::form(softmax, softmax.width()).merged(&sizes))
}

/// Invocations that share a row, and loads that each holds of it.
fn sizes(softmax: &Softmax, device: &Capabilities) -> Result<Constants, String> {
    let (loads, most) = (sizes::loads(softmax), sizes::most_elems(softmax, device));
    let largest = sizes::invocations(device).min(1024);
    let (target, small) = if runs_invocations_in_turn(device) {
        (most, 16)
    } else {
        ((most / 4).max(1), 64)
    };
    let mut group = loads.div_ceil(target).max(1).next_power_of_two();
    if group > largest {
        group = 1 << largest.ilog2();
    }
    let needed = loads.div_ceil(group);
    if needed > most {
        return Err(sizes::too_long(softmax, row_registers(device) * group));
    }
    let workgroup = group.max(small.min(largest));
    Ok(Constants::from([
        ("WORKGROUP", workgroup),
        ("GROUP", group),
        ("ELEMS", sizes::rounded(needed)),
    ]))
}
