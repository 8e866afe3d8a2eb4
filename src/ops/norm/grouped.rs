//! `norm_grouped`: a row in registers of a few invocations, several rows to a workgroup.

use super::shape::Norm;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows;
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(super) static GROUPED: Implementation<Norm> = Implementation {
    kernel: Kernel::new(
        "norm_grouped",
        "rows in registers of groups of invocations, read once",
        &[Stage::of(&files::NORM_GROUPED)],
    ),
    fit,
    constants,
    alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(norm: &Norm, device: &Capabilities) -> Fit {
    match sizes::held(norm, device, &Constants::new()) {
        Err(reason) => Fit::Unable(reason),
        Ok(_) => Fit::unless(sizes::unheld(norm, device)),
    }
}

fn constants(norm: &Norm, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let held = sizes::held(norm, device, given);
    let (group, elems) = held.map_err(|reason| GROUPED.kernel.unsupported(reason))?;
    Ok(sizes::form(norm)
        .set("WORKGROUP", group.max(sizes::at_most(64, device)))
        .set("GROUP", group)
        .set("ELEMS", elems))
}

/// More or fewer loads for each invocation, and so fewer or more invocations for a row; more or fewer rows to a workgroup.
fn alternatives(norm: &Norm, device: &Capabilities) -> Vec<Constants> {
    let elems = sizes::elems(norm);
    let plain = combinations(&[("ELEMS", &elems)]).into_iter();
    let sized = combinations(&[("WORKGROUP", &rows::workgroups(device)), ("ELEMS", &elems)]);
    plain.chain(sized).collect()
}
