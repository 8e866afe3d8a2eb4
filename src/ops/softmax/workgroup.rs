//! `softmax_workgroup`: a row in registers of one workgroup, merged by subgroups.

use super::shape::Softmax;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{row_registers, runs_invocations_in_turn};
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation, no_alternatives};
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
    alternatives: no_alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(softmax: &Softmax, device: &Capabilities) -> Fit {
    match sizes(softmax, device) {
        Err(reason) => Fit::Unable(reason),
        Ok(_) if softmax.cols <= sizes::SHORT => Fit::Able(format!(
            "{} columns leave most of a workgroup idle",
            softmax.cols
        )),
        Ok(_) => Fit::unless(sizes::too_few_rows(softmax, device)),
    }
}

fn constants(softmax: &Softmax, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let sizes = sizes(softmax, device).map_err(|reason| WORKGROUP.kernel.unsupported(reason))?;
    Ok(sizes::form(softmax, softmax.width()).merged(&sizes))
}

/// The smallest workgroup whose invocations hold half of what they may, or the largest where that is not enough.
fn sizes(softmax: &Softmax, device: &Capabilities) -> Result<Constants, String> {
    let (loads, most) = (sizes::loads(softmax), sizes::most_elems(softmax, device));
    let largest = sizes::invocations(device).min(1024);
    let smallest = if runs_invocations_in_turn(device) {
        4
    } else {
        64
    };
    let fits = |workgroup: &u64| loads.div_ceil(*workgroup) <= most / 2;
    let sizes = (0..11)
        .map(|i| 1u64 << i)
        .filter(|w| (smallest..=largest).contains(w));
    let workgroup = sizes.clone().find(fits).or(sizes.max()).unwrap_or(largest);
    let needed = loads.div_ceil(workgroup);
    if needed > most {
        return Err(sizes::too_long(softmax, row_registers(device) * workgroup));
    }
    Ok(Constants::from([
        ("WORKGROUP", workgroup),
        ("ELEMS", sizes::rounded(needed)),
    ]))
}
