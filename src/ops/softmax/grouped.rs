//! `softmax_grouped`: a row in registers of a few invocations, several rows to a workgroup.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{row_registers, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows;
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(super) static GROUPED: Implementation<Softmax> = Implementation {
    kernel: Kernel::new(
        "softmax_grouped",
        "rows in registers of groups of invocations, read once",
        &[Stage::of(&files::SOFTMAX_GROUPED)],
    ),
    fit,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(softmax: &Softmax, device: &Capabilities) -> Fit {
    match sizes(softmax, device, &Constants::new()) {
        Err(reason) => Fit::Unable(reason),
        Ok(_) => Fit::unless(sizes::unheld(softmax, device)),
    }
}

fn constants(softmax: &Softmax, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let sizes = sizes(softmax, device, given);
    let sizes = sizes.map_err(|reason| GROUPED.kernel.unsupported(reason))?;
    Ok(sizes::form(softmax, softmax.width()).merged(&sizes))
}

/// More or fewer loads for each invocation, and so fewer or more invocations for a row; more or fewer rows to a workgroup.
fn alternatives(softmax: &Softmax, device: &Capabilities) -> Vec<Constants> {
    let elems = rows::elems(sizes::loads(softmax), sizes::most_elems(softmax, device));
    let plain = combinations(&[("ELEMS", &elems)]).into_iter();
    let sized = combinations(&[("WORKGROUP", &rows::workgroups(device)), ("ELEMS", &elems)]);
    plain.chain(sized).collect()
}

/// Invocations that share a row, and loads that each holds of it: as many loads as `given` says, or what suits the device.
fn sizes(softmax: &Softmax, device: &Capabilities, given: &Constants) -> Result<Constants, String> {
    let (loads, most) = (sizes::loads(softmax), sizes::most_elems(softmax, device));
    let largest = device.widest_workgroup().min(1024);
    let (target, small) = if runs_invocations_in_turn(device) {
        (most, 16)
    } else {
        ((most / 4).max(1), 64)
    };
    let target = given.integer("ELEMS").unwrap_or(target).max(1);
    let mut group = loads.div_ceil(target).max(1).next_power_of_two();
    let most_invocations = given.integer("WORKGROUP").unwrap_or(largest).max(1);
    if group > most_invocations {
        group = 1 << most_invocations.ilog2();
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
