//! An operation planned once: kernel chosen, pipelines built, uniforms and scratch in place.

use super::checks::ExpectedViews;
use super::choose::chosen;
use super::draft::Draft;
use super::launch::Launch;
use super::options::PlanOptions;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline, View};
use crate::kernel::{Constants, Kernel, Schedule, Slot};
use crate::ops::{Candidate, Operand, Operation, candidate};
use crate::report::{Tuned, Tuning};
use crate::shader::{Checks, Prepared};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

/// An operation ready to record, on any buffers that fit its shape, any number of times.
///
/// Scratch memory belongs to the plan: two recordings of one plan are ordered by the queue, and do not overlap.
#[derive(Debug)]
pub struct Plan {
    kernel: &'static Kernel,
    reason: String,
    constants: Constants,
    checks: Checks,
    operation: &'static str,
    shape: String,
    operands: Vec<Operand>,
    schedule: Schedule,
    /// Compiled stages by their index.
    pipelines: BTreeMap<usize, Arc<Pipeline>>,
    uniforms: Vec<wgpu::Buffer>,
    scratch: Vec<wgpu::Buffer>,
    /// Bound in place of operands without elements, since no binding may be empty.
    nothing: wgpu::Buffer,
    device: wgpu::Device,
    alignment: u64,
}

impl Plan {
    /// Plans `operation` on `gpu`.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::TooLarge`] for shapes that cannot be; [`Error::UnknownName`] and
    /// [`Error::Unsupported`] for a kernel that is not, or not here; [`Error::Shader`], [`Error::Gpu`] and
    /// [`Error::OutOfMemory`] from compiling and allocating.
    pub async fn new(gpu: &Gpu, operation: &dyn Operation, options: &PlanOptions) -> Result<Self> {
        let plan = Self::tuned_or_chosen(gpu, operation, options).await?;
        log::debug!(
            "{} {} {} -> {} [{}]: {}",
            plan.operation,
            operation.dtype().name(),
            plan.shape,
            plan.kernel.name,
            plan.constants,
            plan.reason
        );
        Ok(plan)
    }

    /// The plan of a tuning where `options` have one that fits, else of the kernel that the library chooses.
    async fn tuned_or_chosen(
        gpu: &Gpu,
        operation: &dyn Operation,
        options: &PlanOptions,
    ) -> Result<Self> {
        operation.validate()?;
        let mut note = String::new();
        if let Some(tuning) = options.tuning.as_ref().filter(|_| options.is_open()) {
            match Self::tuned(gpu, operation, tuning, options).await {
                Ok(plan) => return Ok(plan),
                Err(why) => note = why,
            }
        }
        // A driver can refuse what capabilities promise, such as a size of subgroups: the next best kernel takes its place.
        let mut capabilities = gpu.capabilities().clone();
        let mut first_refusal = None;
        loop {
            let found = chosen(operation, options, &capabilities);
            let (candidate, reason) = match (found, first_refusal.take()) {
                (Err(_), Some(refusal)) => return Err(refusal),
                (found, refusal) => {
                    first_refusal = refusal;
                    found?
                }
            };
            let kernel = candidate.kernel().name;
            match Self::with_candidate(gpu, operation, &*candidate, options).await {
                Err(error @ Error::Unsupported { .. }) if options.is_open() => {
                    log::warn!("{kernel} is not used: {error}");
                    capabilities.demoted.push(kernel);
                    first_refusal.get_or_insert(error);
                }
                plan => {
                    let reason = reason + &note;
                    return plan.map(|plan| Self { reason, ..plan });
                }
            }
        }
    }

    /// The plan that `tuning` has for `operation`, or why it is the library that chooses, as the end of a reason. What a
    /// tuning says wrong is a warning in the log: a program must not fail of it.
    async fn tuned(
        gpu: &Gpu,
        operation: &dyn Operation,
        tuning: &Tuning,
        options: &PlanOptions,
    ) -> std::result::Result<Self, String> {
        let ignored = |error: Error| {
            log::warn!("the tuning is not used: {error}");
            format!("; its tuning is not used: {error}")
        };
        tuning.require(gpu.summary()).map_err(ignored)?;
        let Some(tuned) = tuning.of(operation, options.checks) else {
            return Err("; there is no tuning for its class".to_owned());
        };
        let Tuned { class, winner, .. } = tuned;
        let Some(winner) = winner else {
            return Err(format!("; tuning found nothing faster for {class}"));
        };
        let (kernel, constants) = winner.resolve(operation.family()).map_err(ignored)?;
        let options = PlanOptions {
            constants,
            ..options.clone()
        };
        let candidate = candidate(operation, kernel.name).map_err(ignored)?;
        let plan = Self::with_candidate(gpu, operation, &*candidate, &options).await;
        let reason = tuned.reason();
        plan.map(|plan| Self { reason, ..plan }).map_err(ignored)
    }

    /// Plans `operation` with a kernel that need not be in its table: one that is being written, or somebody else's, by
    /// [`Implementation::bound`](crate::ops::Implementation::bound). [`PlanOptions::kernel`] is not looked at.
    ///
    /// # Errors
    /// Errors of [`Plan::new`].
    pub async fn with_candidate(
        gpu: &Gpu,
        operation: &dyn Operation,
        candidate: &dyn Candidate,
        options: &PlanOptions,
    ) -> Result<Self> {
        let draft = Draft::new(operation, candidate, options, gpu.capabilities())?;
        let kernel = draft.kernel;
        let mut pipelines = BTreeMap::new();
        for (i, stage) in kernel.stages.iter().enumerate() {
            if draft.dispatches(i) > 0 {
                let constants = stage.all(&draft.constants);
                let compiled =
                    gpu.pipeline(stage.shader, &constants, options.checks, options.loops);
                pipelines.insert(i, compiled.await?);
            }
        }
        let mut uniforms = Vec::new();
        for step in &draft.schedule.steps {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let buffer = gpu
                .create_buffer(kernel.name, step.params.len() as u64, usage)
                .await?;
            let write = || gpu.queue().write_buffer(&buffer, 0, &step.params);
            gpu.catch("write a uniform", write).await?;
            uniforms.push(buffer);
        }
        let mut scratch = Vec::new();
        for bytes in &draft.schedule.scratch {
            scratch.push(gpu.create_storage(kernel.name, *bytes).await?);
        }
        let limits = &gpu.capabilities().limits;
        Ok(Self {
            kernel,
            reason: "given by the caller".to_owned(),
            constants: draft.constants,
            checks: options.checks,
            operation: operation.family().name,
            shape: operation.label(),
            operands: operation.operands(),
            schedule: draft.schedule,
            pipelines,
            uniforms,
            scratch,
            nothing: gpu.create_storage("nothing", 16).await?,
            device: gpu.device().clone(),
            alignment: limits.min_storage_buffer_offset_alignment.into(),
        })
    }

    /// The kernel that was chosen.
    #[must_use]
    pub fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    /// Why this kernel and not another, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The constants the plan was compiled with, beyond its files' own constants.
    #[must_use]
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// Whether its shaders have runtime checks.
    #[must_use]
    pub fn checks(&self) -> Checks {
        self.checks
    }

    /// Texts that were compiled, in the order of the kernel's stages, without stages that nothing dispatches.
    pub fn texts(&self) -> impl Iterator<Item = &Prepared> {
        self.pipelines.values().map(|pipeline| &*pipeline.prepared)
    }

    /// Bytes of memory that the plan itself holds beyond the operands.
    #[must_use]
    pub fn scratch_bytes(&self) -> u64 {
        self.schedule.scratch_bytes()
    }

    /// Bytes that the dispatches bind, each operand of each of them once: what goes between memory and the GPU where
    /// every dispatch reads and writes what it binds once, and no cache holds it for the next.
    #[must_use]
    pub fn bound_bytes(&self) -> u64 {
        let windows = self.schedule.steps.iter().flat_map(|step| &step.windows);
        windows.map(|window| window.bytes).sum()
    }

    /// Dispatches of one recording.
    #[must_use]
    pub fn dispatches(&self) -> usize {
        self.schedule.steps.len()
    }

    /// Binds buffers: one for each operand, inputs first, in the order of [`Operation::operands`].
    ///
    /// # Errors
    /// [`Error::OperandCount`], [`Error::Length`], [`Error::ElementType`], [`Error::Alignment`], [`Error::Usage`],
    /// [`Error::Overlap`].
    pub fn bind(&self, views: &[View<'_>]) -> Result<Launch> {
        let wanted = ExpectedViews {
            operation: self.operation,
            shape: &self.shape,
            operands: &self.operands,
            alignment: self.alignment,
        };
        wanted.check(views)?;
        let mut steps = Vec::new();
        for (step, uniform) in self.schedule.steps.iter().zip(&self.uniforms) {
            let pipeline = &self.pipelines[&step.stage];
            let resource = uniform.as_entire_binding();
            let mut entries = vec![wgpu::BindGroupEntry {
                binding: 0,
                resource,
            }];
            for (i, window) in step.windows.iter().enumerate() {
                let (buffer, base) = match window.slot {
                    // All of its 16 bytes: an array of vec4 may not be bound shorter.
                    _ if window.bytes == 0 => (&self.nothing, 0),
                    Slot::Operand(o) => (views[o].buffer, views[o].offset),
                    Slot::Scratch(s) => (&self.scratch[s], 0),
                };
                let offset = base + window.offset;
                // A binding's size is a multiple of 4, and a buffer may end within that.
                let size = match window.bytes {
                    0 => buffer.size(),
                    bytes => bytes.next_multiple_of(4).min(buffer.size() - offset),
                };
                let binding = wgpu::BufferBinding {
                    buffer,
                    offset,
                    size: NonZeroU64::new(size),
                };
                let resource = wgpu::BindingResource::Buffer(binding);
                entries.push(wgpu::BindGroupEntry {
                    binding: i as u32 + 1,
                    resource,
                });
            }
            let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(self.kernel.name),
                layout: &pipeline.layout,
                entries: &entries,
            });
            steps.push((Arc::clone(pipeline), bind_group, step.workgroups));
        }
        Ok(Launch::of(self.kernel.name, steps))
    }

    /// Binds `views` and records into `encoder`. Does not submit, does not block.
    ///
    /// # Errors
    /// Errors of [`Plan::bind`].
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, views: &[View<'_>]) -> Result<()> {
        self.bind(views)?.record(encoder);
        Ok(())
    }
}
