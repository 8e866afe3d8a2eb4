//! `norm_workgroup`: a row in registers of one workgroup, merged by subgroups.

use super::shape::Norm;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::runs_invocations_in_turn;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

/// Columns up to which a row is too short for a workgroup of its own.
const SHORT: u64 = 512;

pub(super) static WORKGROUP: Implementation<Norm> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::SUBGROUP,
        ..Kernel::new(
            "norm_workgroup",
            "each row in registers of a workgroup, read once; subgroups merge",
            &[Stage::of(&files::NORM_WORKGROUP)],
        )
    },
    fit,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(norm: &Norm, device: &Capabilities) -> Fit {
    if let Err(reason) = sizes::held(norm, device, &Constants::new()) {
        return Fit::Unable(reason);
    }
    if runs_invocations_in_turn(device) || norm.cols <= SHORT {
        return Fit::Able(format!(
            "{} columns leave most of a workgroup idle",
            norm.cols
        ));
    }
    Fit::unless(sizes::unheld(norm, device))
}

fn constants(norm: &Norm, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let held = sizes::held(norm, device, given);
    let (group, elems) = held.map_err(|reason| WORKGROUP.kernel.unsupported(reason))?;
    Ok(sizes::form(norm)
        .set("WORKGROUP", group.max(sizes::at_most(64, device)))
        .set("ELEMS", elems))
}

/// More or fewer loads for each invocation, and so smaller or larger workgroups.
fn alternatives(norm: &Norm, _: &Capabilities) -> Vec<Constants> {
    combinations(&[("ELEMS", &sizes::elems(norm))])
}
