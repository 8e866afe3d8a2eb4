//! `norm_grouped`: a row in registers of a few invocations, several rows to a workgroup.

use super::shape::Norm;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Fit, Implementation, no_alternatives};
use crate::shader::files;

pub(super) static GROUPED: Implementation<Norm> = Implementation {
    kernel: Kernel::new(
        "norm_grouped",
        "rows in registers of groups of invocations, read once",
        &[Stage::of(&files::NORM_GROUPED)],
    ),
    fit,
    constants,
    alternatives: no_alternatives,
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn fit(norm: &Norm, device: &Capabilities) -> Fit {
    match sizes::held(norm, device) {
        Err(reason) => Fit::Unable(reason),
        Ok(_) => Fit::unless(sizes::too_few_rows(norm, device)),
    }
}

fn constants(norm: &Norm, device: &Capabilities, _: &Constants) -> Result<Constants> {
    let held = sizes::held(norm, device);
    let (group, elems) = held.map_err(|reason| GROUPED.kernel.unsupported(reason))?;
    Ok(sizes::form(norm)
        .set("WORKGROUP", group.max(sizes::at_most(64, device)))
        .set("GROUP", group)
        .set("ELEMS", elems))
}
