//! `norm_looped`: rows of any length, read from memory for each pass.

use super::shape::Norm;
use super::{dispatch, sizes};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::long_row_invocations;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::rows;
use crate::ops::{Fit, Implementation, combinations};
use crate::shader::files;

pub(super) static LOOPED: Implementation<Norm> = Implementation {
    kernel: Kernel::new(
        "norm_looped",
        "a workgroup walks each row once for each of mean, variance and result",
        &[Stage::of(&files::NORM_LOOPED)],
    ),
    fit: |_, _| Fit::Best,
    constants,
    alternatives: |_, device| combinations(&[("WORKGROUP", &rows::workgroups(device))]),
    schedule: dispatch::one_dispatch,
    samples: None,
};

fn constants(norm: &Norm, device: &Capabilities, _: &Constants) -> Result<Constants> {
    Ok(sizes::form(norm).set(
        "WORKGROUP",
        sizes::at_most(long_row_invocations(device), device),
    ))
}
