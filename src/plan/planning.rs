//! An operation planned once: kernel chosen, pipelines built, uniforms and scratch in place.

use super::checks::{ExpectedViews, check_one_use, check_scratch};
use super::choose::chosen;
use super::draft::Draft;
use super::launch::Launch;
use super::options::{PlanOptions, ScratchOwner};
use crate::error::{Error, Result};
use crate::gpu::{Faults, Gpu, Pipeline, View};
use crate::kernel::{Constants, Dispatch, Kernel, Schedule, Slot};
use crate::ops::{Candidate, Operand, Operation, candidate};
use crate::report::{Tuned, Tuning};
use crate::shader::{Checks, Prepared};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

/// An operation ready to record, on any buffers that fit its shape, any number of times.
///
/// Scratch memory belongs to the plan unless [`PlanOptions::scratch`] says otherwise: two recordings of one plan are ordered
/// by the queue, and do not overlap.
#[derive(Debug)]
pub struct Plan {
    kernel: &'static Kernel,
    reason: String,
    constants: Constants,
    checks: Checks,
    operation: &'static str,
    shape: String,
    flops: u64,
    min_bytes: u64,
    operands: Vec<Operand>,
    schedule: Schedule,
    /// Compiled stages by their index.
    pipelines: BTreeMap<usize, Arc<Pipeline>>,
    memory: Memory,
    device: wgpu::Device,
    faults: Arc<Faults>,
    alignment: u64,
}

/// Buffers that a plan owns.
#[derive(Debug)]
struct Memory {
    /// Uniforms of all dispatches, one behind the other.
    uniforms: wgpu::Buffer,
    /// Where each dispatch's uniform begins, in bytes.
    offsets: Vec<u64>,
    scratch: Vec<wgpu::Buffer>,
    /// Bound in place of operands without elements, since no binding may be empty.
    nothing: wgpu::Buffer,
}

impl Memory {
    /// Allocates what `schedule` needs, as a step of planning, which asks at its end whether the device is lost.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    async fn new(
        gpu: &Gpu,
        kernel: &Kernel,
        schedule: &Schedule,
        scratch: ScratchOwner,
    ) -> Result<Self> {
        let limits = &gpu.capabilities().limits;
        let alignment = limits.min_uniform_buffer_offset_alignment.max(16) as usize;
        let mut bytes = Vec::new();
        let mut offsets = Vec::new();
        for step in &schedule.steps {
            bytes.resize(bytes.len().next_multiple_of(alignment), 0);
            offsets.push(bytes.len() as u64);
            bytes.extend(&step.params);
        }
        let mut buffers = Vec::new();
        let owned = schedule.scratch.iter();
        for bytes in owned.filter(|_| scratch == ScratchOwner::Plan) {
            buffers.push(gpu.allocate_storage(kernel.name, *bytes).await?);
        }
        Ok(Self {
            uniforms: gpu.create_uniforms(kernel.name, &bytes).await?,
            offsets,
            scratch: buffers,
            nothing: gpu.allocate_storage("nothing", 16).await?,
        })
    }
}

impl Plan {
    /// Plans `operation` on `gpu`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a shape that contradicts itself, [`Error::TooLarge`] for one beyond the limits of the device;
    /// [`Error::UnknownName`] for a kernel or a constant that does not exist, [`Error::Unsupported`] for a kernel that does
    /// not run here; [`Error::Shader`], [`Error::Gpu`] and [`Error::OutOfMemory`] from compiling and allocating;
    /// [`Error::DeviceLost`].
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
    /// [`Implementation::bound`](crate::ops::Implementation::bound). [`PlanOptions::kernel`] is not looked at, and
    /// [`PlanOptions::checks`] only as far as [`Candidate::trust`] allows.
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
        let checks = gpu.checks(candidate.trust().checks(options.checks));
        let mut pipelines = BTreeMap::new();
        for (i, stage) in kernel.stages.iter().enumerate() {
            if draft.dispatches(i) > 0 {
                let constants = stage.all(&draft.constants);
                let compiled = gpu.pipeline(stage.shader, &constants, checks, options.loops);
                pipelines.insert(i, compiled.await?);
            }
        }
        let memory = Memory::new(gpu, kernel, &draft.schedule, options.scratch).await?;
        gpu.fault()?;
        let limits = &gpu.capabilities().limits;
        Ok(Self {
            kernel,
            reason: "given by the caller".to_owned(),
            constants: draft.constants,
            checks,
            operation: operation.family().name,
            shape: operation.label(),
            flops: operation.flops(),
            min_bytes: operation.min_bytes(),
            operands: operation.operands(),
            schedule: draft.schedule,
            pipelines,
            memory,
            device: gpu.device().clone(),
            faults: Arc::clone(gpu.faults()),
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

    /// Floating-point operations of one execution; see [`Operation::flops`].
    #[must_use]
    pub fn flops(&self) -> u64 {
        self.flops
    }

    /// Bytes that have to move in one execution; see [`Operation::min_bytes`].
    #[must_use]
    pub fn min_bytes(&self) -> u64 {
        self.min_bytes
    }

    /// Bytes of each scratch buffer, in the order of [`Plan::bind_with_scratch`].
    #[must_use]
    pub fn scratch(&self) -> &[u64] {
        &self.schedule.scratch
    }

    /// Bytes of memory that the plan needs beyond the operands.
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

    /// Binds buffers: one for each operand, inputs first, in the order of [`Operation::operands`]. The launch keeps the
    /// buffers alive, and can be recorded any number of times.
    ///
    /// # Errors
    /// [`Error::OperandCount`], [`Error::Length`], [`Error::ElementType`], [`Error::Alignment`], [`Error::Usage`],
    /// [`Error::Overlap`] and [`Error::ReadWriteBuffer`] for buffers that do not fit; [`Error::Gpu`] for a buffer that was
    /// destroyed or belongs to another device; [`Error::Scratch`] where the caller owns the scratch memory, for
    /// [`Plan::bind_with_scratch`] to be given it; [`Error::DeviceLost`].
    pub fn bind(&self, views: &[View<'_>]) -> Result<Launch> {
        let scratch: Vec<&wgpu::Buffer> = self.memory.scratch.iter().collect();
        self.bind_with_scratch(views, &scratch)
    }

    /// [`Plan::bind`], with scratch memory of the caller's: a buffer for each of [`Plan::scratch`], with as many bytes and
    /// `BufferUsages::STORAGE`. Their content does not matter. Launches that share scratch memory have to run one
    /// after the other, as they do in one queue.
    ///
    /// # Errors
    /// Errors of [`Plan::bind`]; [`Error::Scratch`] for a buffer that is missing or too short, [`Error::Usage`].
    pub fn bind_with_scratch(
        &self,
        views: &[View<'_>],
        scratch: &[&wgpu::Buffer],
    ) -> Result<Launch> {
        let wanted = ExpectedViews {
            operation: self.operation,
            shape: &self.shape,
            operands: &self.operands,
            alignment: self.alignment,
        };
        wanted.check(views)?;
        check_scratch(self.kernel.name, &self.schedule.scratch, scratch)?;
        for step in &self.schedule.steps {
            let bindings = &self.pipelines[&step.stage].prepared.bindings;
            check_one_use(step, bindings, &self.operands, views)?;
        }
        let what = format!("bind {} {}", self.operation, self.shape);
        let bind_all = || {
            let places = self.schedule.steps.iter().zip(&self.memory.offsets);
            let bound = places.map(|(step, at)| self.bind_step(step, *at, views, scratch));
            bound.collect()
        };
        let steps = self.faults.catch_now(&self.device, &what, bind_all)?;
        Ok(Launch::of(self.kernel.name, steps))
    }

    /// One dispatch with its bind group; its uniform begins at byte `at` of the uniforms.
    fn bind_step(
        &self,
        step: &Dispatch,
        at: u64,
        views: &[View<'_>],
        scratch: &[&wgpu::Buffer],
    ) -> (Arc<Pipeline>, wgpu::BindGroup, [u32; 3]) {
        let pipeline = &self.pipelines[&step.stage];
        let mut entries = vec![entry(
            0,
            &self.memory.uniforms,
            at,
            step.params.len() as u64,
        )];
        for (i, window) in step.windows.iter().enumerate() {
            let (buffer, base) = match window.slot {
                // All of its 16 bytes: an array of vec4 may not be bound shorter.
                _ if window.bytes == 0 => (&self.memory.nothing, 0),
                Slot::Operand(o) => (views[o].buffer, views[o].offset),
                Slot::Scratch(s) => (scratch[s], 0),
            };
            let offset = base + window.offset;
            // A binding's size is a multiple of 4, and a buffer may end within that.
            let size = match window.bytes {
                0 => buffer.size(),
                bytes => bytes.next_multiple_of(4).min(buffer.size() - offset),
            };
            entries.push(entry(i as u32 + 1, buffer, offset, size));
        }
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.kernel.name),
            layout: &pipeline.layout,
            entries: &entries,
        });
        (Arc::clone(pipeline), bind_group, step.workgroups)
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

/// `size` bytes from byte `offset` of `buffer` on, as binding `binding`.
fn entry(binding: u32, buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry {
        binding,
        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset,
            size: NonZeroU64::new(size),
        }),
    }
}
