//! Texts and dispatches of a plan, without a device.

use super::checks::check_sizes;
use super::choose::chosen;
use super::draft::Draft;
use super::options::PlanOptions;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::ops::{Candidate, Operation};
use crate::shader::{Binding, Prepared};
use std::sync::Arc;

/// Choice, texts and dispatches of a [`Plan`](crate::Plan), before anything is compiled: all that a tool needs to compile and
/// run the plan without this library.
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
    /// Dispatches in order, each with its uniform, its workgroups and the bytes that it binds, and the scratch buffers.
    pub schedule: Schedule,
}

/// One stage of a [`Preview`].
#[derive(Debug, Clone)]
pub struct PreviewStage {
    /// Index of [`Kernel::stages`], by which [`Dispatch::stage`](crate::kernel::Dispatch::stage) names the stage.
    pub index: usize,
    /// The text that is compiled.
    pub text: Arc<Prepared>,
    /// Dispatches of the stage in one execution.
    pub dispatches: usize,
}

impl PreviewStage {
    /// Bindings of group 0, by index: the uniform, then the buffers of [`Dispatch::windows`](crate::kernel::Dispatch::windows)
    /// in their order.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.text.bindings
    }
}

impl Preview {
    /// The preview of a plan with a kernel that need not be in the operation's table, as
    /// [`Plan::with_candidate`](crate::Plan::with_candidate) makes it. Pure. [`PlanOptions::kernel`] and
    /// [`PlanOptions::tuning`] are not looked at.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] and [`crate::Error::TooLarge`] for shapes that cannot be, [`crate::Error::Unsupported`] for a
    /// kernel that does not run on `device`, [`crate::Error::UnknownName`] and [`crate::Error::Shader`] for constants that
    /// its files do not have.
    pub fn with_candidate(
        operation: &dyn Operation,
        candidate: &dyn Candidate,
        options: &PlanOptions,
        device: &Capabilities,
    ) -> Result<Self> {
        let draft = Draft::new(operation, candidate, options, device)?;
        let kernel = draft.kernel;
        let texts = kernel.prepare(&draft.constants, options.loops, device.features)?;
        let stages = texts
            .into_iter()
            .enumerate()
            .map(|(index, text)| PreviewStage {
                index,
                text,
                dispatches: draft.dispatches(index),
            });
        Ok(Self {
            kernel,
            reason: "given by the caller".to_owned(),
            stages: stages.filter(|stage| stage.dispatches > 0).collect(),
            constants: draft.constants,
            schedule: draft.schedule,
        })
    }

    /// Bytes of memory that the plan holds beyond the operands.
    #[must_use]
    pub fn scratch_bytes(&self) -> u64 {
        self.schedule.scratch_bytes()
    }
}

/// The preview of the plan of `operation` on `device`. Pure. [`PlanOptions::tuning`] is not looked at.
///
/// # Errors
/// Errors of [`choose`](super::choose()) and of [`Preview::with_candidate`].
pub fn preview(
    operation: &dyn Operation,
    options: &PlanOptions,
    device: &Capabilities,
) -> Result<Preview> {
    operation.validate()?;
    check_sizes(&operation.operands(), &device.limits)?;
    let (candidate, reason) = chosen(operation, options, device)?;
    let preview = Preview::with_candidate(operation, &*candidate, options, device)?;
    Ok(Preview { reason, ..preview })
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

    #[test]
    fn dispatches_bind_what_their_stages_declare() {
        let device = Capabilities::fake(AdapterKind::Discrete);
        let options = PlanOptions {
            constants: Constants::new().set("SPLIT_K", 4u32),
            kernel: Some("matmul_blocked"),
            ..PlanOptions::default()
        };
        let found = preview(&Matmul::new(64, 64, 4096), &options, &device).unwrap();
        assert_eq!(found.scratch_bytes(), 4 * 64 * 64 * 4);
        assert_eq!(found.stages.len(), 2);
        for step in &found.schedule.steps {
            let mut stages = found.stages.iter();
            let stage = stages.find(|stage| stage.index == step.stage).unwrap();
            let indices: Vec<u32> = stage.bindings().iter().map(|b| b.index).collect();
            let bound = 0..=step.windows.len() as u32;
            assert_eq!(indices, bound.collect::<Vec<_>>());
        }
    }
}
