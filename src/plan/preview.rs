//! Texts that a plan would compile, without a device.

use super::checks::{check_schedule, check_sizes};
use super::choose::{chosen, constants_of};
use super::options::PlanOptions;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel};
use crate::ops::Operation;
use crate::shader::Prepared;
use std::sync::Arc;

/// Choice and texts of a [`Plan`](crate::Plan), before anything is compiled.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Why this kernel and not another, in words.
    pub reason: String,
    /// Constants of the kernel, beyond its files' own constants.
    pub constants: Constants,
    /// Stages that are dispatched, in the kernel's order. None for a shape without elements.
    pub stages: Vec<PreviewStage>,
}

/// One stage of a [`Preview`].
#[derive(Debug, Clone)]
pub struct PreviewStage {
    /// The text that is compiled.
    pub text: Arc<Prepared>,
    /// Dispatches of the stage in one execution.
    pub dispatches: usize,
}

/// The texts that a plan of `operation` would compile on `device`. Pure. [`PlanOptions::tuning`] is not looked at.
///
/// # Errors
/// Errors of [`choose`](super::choose()), [`crate::Error::Shape`] and [`crate::Error::TooLarge`] for shapes that cannot be.
pub fn preview(
    operation: &dyn Operation,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<Preview> {
    operation.validate()?;
    check_sizes(&operation.operands(), &device.limits)?;
    let (candidate, reason) = chosen(operation, options, device)?;
    let kernel = candidate.kernel();
    let constants = constants_of(&*candidate, options, device)?;
    let prepared = kernel.prepare_for(operation.dtype(), &constants, device)?;
    let files: Vec<&Prepared> = prepared.iter().map(|file| &**file).collect();
    let schedule = candidate.schedule(&files, device)?;
    check_schedule(kernel, &files, &schedule, &device.limits)?;
    let texts = kernel.prepare(&constants, options.loops, device.features)?;
    let stages = texts.into_iter().enumerate().map(|(i, text)| PreviewStage {
        text,
        dispatches: schedule.steps.iter().filter(|step| step.stage == i).count(),
    });
    Ok(Preview {
        kernel,
        reason,
        constants,
        stages: stages.filter(|stage| stage.dispatches > 0).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Matmul;
    use crate::report::AdapterKind;
    use crate::shader::Loops;

    #[test]
    fn constants_are_set_and_stages_that_nothing_dispatches_are_left_out() {
        let device = Capabilities::fake(AdapterKind::Discrete);
        let matmul = Matmul::new(512, 512, 512);
        let options = PlanOptions {
            kernel: Some("matmul_tiled"),
            constants: Constants::new().set("TILE", 8u32),
            loops: Loops::AsWritten,
            ..PlanOptions::default()
        };
        let found = preview(&matmul, &options, &device).unwrap();
        assert_eq!(found.kernel.name, "matmul_tiled");
        assert_eq!(found.reason, "named by the caller");
        let dispatched: usize = found.stages.iter().map(|stage| stage.dispatches).sum();
        assert!(dispatched > 0 && found.stages.iter().all(|stage| stage.dispatches > 0));
        assert_eq!(found.stages[0].text.constant("TILE"), 8);
        let empty = preview(&Matmul::new(0, 512, 512), &options, &device).unwrap();
        assert!(empty.stages.is_empty());
    }
}
