//! `softmax_workgroup`: a row in registers of one workgroup, merged by subgroups.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{row_registers, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows;
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(in crate::ops) static WORKGROUP: Implementation<Softmax> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "softmax_workgroup",
            "each row in registers of a workgroup, read once; subgroups merge",
            &[Stage::of(&files::SOFTMAX_WORKGROUP)],
        )
    },
    fit,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(softmax: &Softmax, device: &Capabilities) -> Fit {
    match sizes(softmax, device, &Constants::new()) {
        Err(reason) => Fit::Unable(reason),
        Ok(_) if softmax.cols <= sizes::SHORT => Fit::Able(format!(
            "{} columns leave most of a workgroup idle",
            softmax.cols
        )),
        Ok(_) => Fit::unless(sizes::unheld(softmax, device)),
    }
}

fn constants(softmax: &Softmax, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let sizes = sizes(softmax, device, given);
    let sizes = sizes.map_err(|reason| WORKGROUP.kernel.unsupported(reason))?;
    Ok(sizes::form(softmax, softmax.width()).merged(&sizes))
}

/// More or fewer loads for each invocation, and so smaller or larger workgroups.
fn alternatives(softmax: &Softmax, device: &Capabilities) -> Vec<Constants> {
    let each = sizes::loads(softmax).div_ceil(smallest(device));
    let elems = rows::elems(each, sizes::most_elems(softmax, device));
    combinations(&[("ELEMS", &elems)])
}

/// The smallest workgroup worth its launch.
fn smallest(device: &Capabilities) -> u64 {
    if runs_invocations_in_turn(device) {
        4
    } else {
        64
    }
}

/// The smallest workgroup whose invocations hold as many loads as `given` says, or half of what they may; the largest where
/// that is not enough.
fn sizes(softmax: &Softmax, device: &Capabilities, given: &Constants) -> Result<Constants, String> {
    let (loads, most) = (sizes::loads(softmax), sizes::most_elems(softmax, device));
    let largest = device.widest_workgroup().min(1024);
    let target = given.integer("ELEMS").unwrap_or(most / 2);
    let fits = |workgroup: &u64| loads.div_ceil(*workgroup) <= target;
    let sizes = (0..11)
        .map(|i| 1u64 << i)
        .filter(|w| (smallest(device)..=largest).contains(w));
    let chosen = sizes.clone().find(fits).or(sizes.max()).unwrap_or(largest);
    let workgroup = given.integer("WORKGROUP").unwrap_or(chosen).max(1);
    let needed = loads.div_ceil(workgroup);
    if needed > most {
        return Err(sizes::too_long(softmax, row_registers(device) * workgroup));
    }
    Ok(Constants::from([
        ("WORKGROUP", workgroup),
        ("ELEMS", sizes::rounded(needed)),
    ]))
}
