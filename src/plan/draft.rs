//! A plan as far as it needs no GPU: constants and dispatches of a kernel for an operation.

use super::checks::{check_schedule, check_sizes, check_uniforms};
use super::choose::constants_of;
use super::options::PlanOptions;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::ops::{Candidate, Operation};
use crate::shader::Prepared;

/// A kernel with its constants and dispatches for an operation, before anything is compiled.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) kernel: &'static Kernel,
    /// Constants of the kernel, beyond its files' own constants.
    pub(crate) constants: Constants,
    pub(crate) schedule: Schedule,
}

impl Draft {
    /// The draft of `operation` on `device` with the kernel of `candidate`, where the shape can be and buffers, bindings and
    /// dispatches are within the limits of the device. Pure. [`PlanOptions::kernel`] and [`PlanOptions::tuning`] are not
    /// looked at.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] and [`crate::Error::TooLarge`] for shapes that cannot be, and errors of [`Draft::unchecked`].
    pub(super) fn new(
        operation: &dyn Operation,
        candidate: &dyn Candidate,
        options: &PlanOptions,
        device: &Capabilities,
    ) -> Result<Self> {
        operation.validate()?;
        device.require_compute()?;
        check_sizes(&operation.operands(), &device.limits)?;
        let draft = Self::unchecked(operation, candidate, options, device)?;
        check_schedule(draft.kernel, &draft.schedule, &device.limits)?;
        Ok(draft)
    }

    /// [`Draft::new`] of a valid shape, whatever buffers, bindings and dispatches it needs.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] for a kernel that does not run here, [`crate::Error::UnknownName`] and
    /// [`crate::Error::Shader`] for constants that its files do not have, [`crate::Error::TooLarge`] where its work cannot be
    /// cut into dispatches.
    pub(crate) fn unchecked(
        operation: &dyn Operation,
        candidate: &dyn Candidate,
        options: &PlanOptions,
        device: &Capabilities,
    ) -> Result<Self> {
        let kernel = candidate.kernel();
        let constants = constants_of(candidate, options, device)?;
        let prepared = kernel.prepare_for(operation.dtype(), &constants, device)?;
        let stages: Vec<&Prepared> = prepared.iter().map(|stage| &**stage).collect();
        let schedule = candidate.schedule(&stages, device)?;
        check_uniforms(kernel, &stages, &schedule)?;
        Ok(Self {
            kernel,
            constants,
            schedule,
        })
    }

    /// Dispatches of the stage of an index. A stage that nothing dispatches, such as the sum of parts of a K that is not
    /// split, is not compiled.
    pub(super) fn dispatches(&self, stage: usize) -> usize {
        let steps = self.schedule.steps.iter();
        steps.filter(|step| step.stage == stage).count()
    }
}
