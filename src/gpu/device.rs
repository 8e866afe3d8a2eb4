//! A device with its queue: opened from options, or taken from whoever opened it.

use super::adapters::{self, GpuOptions};
use super::architecture::Architecture;
use super::capabilities::Capabilities;
use super::cores::cores;
use super::faults::Faults;
use super::features::{COOPERATIVE, KERNEL_FEATURES};
#[cfg(feature = "bench")]
use super::kept::Kept;
use super::mutex::lock;
#[cfg(target_arch = "wasm32")]
use super::oneshot::oneshot;
#[cfg(not(target_arch = "wasm32"))]
use super::pipeline::PipelineFile;
use super::pipeline::{CompileTimes, Pipeline, check_limits, create, experimental};
#[cfg(not(target_arch = "wasm32"))]
use super::poller::Poller;
use super::polling::Waited;
use crate::error::{Error, Result};
use crate::report::{AdapterSummary, Warning};
use crate::shader::{Checks, Constant, Key, Loops, Prepared, Shader};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use web_time::Instant;

type PipelineKey = (Key, Checks);

/// A device to run kernels on, with its queue and the pipelines compiled so far.
///
/// Cheap to share by reference; every method takes `&self`.
#[derive(Debug)]
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    summary: AdapterSummary,
    pub(crate) capabilities: Capabilities,
    pipelines: Mutex<HashMap<PipelineKey, Arc<Pipeline>>>,
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) file: Option<PipelineFile>,
    times: Mutex<CompileTimes>,
    #[cfg(feature = "bench")]
    kept: Kept,
    faults: Arc<Faults>,
    #[cfg(not(target_arch = "wasm32"))]
    poller: Poller,
    timeout: Duration,
    pub(crate) warnings: Vec<Warning>,
}

async fn request(
    adapter: &wgpu::Adapter,
    features: wgpu::Features,
    limits: &wgpu::Limits,
) -> std::result::Result<(wgpu::Device, wgpu::Queue), wgpu::RequestDeviceError> {
    let mut descriptor = wgpu::DeviceDescriptor {
        label: Some("ridgepoint"),
        required_features: features,
        required_limits: limits.clone(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    };
    if features.contains(COOPERATIVE) {
        descriptor.experimental_features = experimental();
    }
    #[cfg(target_arch = "wasm32")]
    return super::browser::request(adapter, &descriptor).await;
    #[cfg(not(target_arch = "wasm32"))]
    adapter.request_device(&descriptor).await
}

/// Time after which a submission counts as hung, longer than any driver's own watchdog.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Gpu {
    /// Opens the adapter that `options` name, without trials of its matrix units.
    ///
    /// # Errors
    /// Errors of [`Gpu::open`].
    pub(crate) async fn open_untried(options: &GpuOptions) -> Result<Self> {
        let (summary, adapter) = adapters::select(options).await?;
        let limits = options.limits.clone().unwrap_or_else(|| adapter.limits());
        let mut features = adapters::usable_features(options.features, &adapter, &summary);
        let mut opened = request(&adapter, features, &limits).await;
        if opened.is_err() && features.contains(COOPERATIVE) {
            features = features - COOPERATIVE;
            opened = request(&adapter, features, &limits).await;
        }
        let refused = |e: wgpu::RequestDeviceError| Error::DeviceRequest {
            adapter: summary.name.clone(),
            reason: e.to_string(),
        };
        let (device, queue) = opened.map_err(refused)?;
        let gpu = Self::from_parts(summary, device, queue);
        gpu.install_handlers();
        Ok(gpu)
    }

    /// Takes a device that the caller opened, with whatever features and limits it has, and asks for nothing more:
    /// [`wanted_features`](Self::wanted_features) and [`wanted_limits`](Self::wanted_limits) say what to request for the
    /// fastest kernels. Every kernel that the device can run is used; those on matrix units, and some
    /// forms of others, only after [`Gpu::run_trials`].
    ///
    /// The caller's handlers for uncaptured errors and for the loss of the device stay as they are, and errors of the
    /// caller's own calls stay the caller's: each call of this crate opens error scopes around what it asks of wgpu, and
    /// asks whether the device is lost. Waiting polls the device, which may run callbacks of the caller's own mappings on
    /// a thread of this crate.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(adapter: &wgpu::Adapter) -> Result<(), Box<dyn std::error::Error>> {
    /// use ridgepoint::Gpu;
    /// let (device, queue) = adapter
    ///     .request_device(&wgpu::DeviceDescriptor {
    ///         required_features: Gpu::wanted_features(adapter) - wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
    ///         required_limits: Gpu::wanted_limits(adapter),
    ///         ..Default::default()
    ///     })
    ///     .await?;
    /// let gpu = Gpu::from_wgpu(adapter, device.clone(), queue.clone());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn from_wgpu(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let gpu = Self::from_parts(AdapterSummary::of(adapter), device, queue);
        if cfg!(target_arch = "wasm32") {
            gpu.note_loss_by_callback();
        }
        gpu
    }

    /// Features that kernels and measurements use where a device has them, of those that `adapter` has. None is needed.
    ///
    /// `EXPERIMENTAL_COOPERATIVE_MATRIX` is among them where the adapter lists fragments that kernels have a form for:
    /// `DeviceDescriptor::experimental_features` then has to be `ExperimentalFeatures::enabled()`, which is `unsafe`.
    /// `PIPELINE_CACHE` lets [`Gpu::load_pipelines`] keep what was compiled.
    #[must_use]
    pub fn wanted_features(adapter: &wgpu::Adapter) -> wgpu::Features {
        adapters::usable_features(KERNEL_FEATURES, adapter, &AdapterSummary::of(adapter))
    }

    /// Limits to request of `adapter` for the fastest kernels and the largest operands: WebGPU's defaults, or what the
    /// adapter has where that is less, with all that it has of workgroup memory (bytes), of invocations in a workgroup,
    /// of storage buffers, and of bytes in a buffer and in a binding. Raise others as your own program needs them.
    #[must_use]
    pub fn wanted_limits(adapter: &wgpu::Adapter) -> wgpu::Limits {
        let most = adapter.limits();
        wgpu::Limits {
            max_compute_workgroup_storage_size: most.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: most.max_compute_invocations_per_workgroup,
            max_compute_workgroup_size_x: most.max_compute_workgroup_size_x,
            max_compute_workgroup_size_y: most.max_compute_workgroup_size_y,
            max_compute_workgroup_size_z: most.max_compute_workgroup_size_z,
            max_storage_buffers_per_shader_stage: most.max_storage_buffers_per_shader_stage,
            max_storage_buffer_binding_size: most.max_storage_buffer_binding_size,
            max_buffer_size: most.max_buffer_size,
            ..wgpu::Limits::default().or_worse_values_from(&most)
        }
    }

    fn from_parts(mut summary: AdapterSummary, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        #[cfg(target_arch = "wasm32")]
        super::browser::describe(&mut summary, &device);
        #[cfg(target_arch = "wasm32")]
        let features = super::browser::features(&device);
        #[cfg(not(target_arch = "wasm32"))]
        let features = device.features();
        let timestamps = features.contains(wgpu::Features::TIMESTAMP_QUERY);
        summary.timestamp_period_ns = timestamps.then(|| queue.get_timestamp_period());
        let capabilities = Capabilities {
            features,
            limits: device.limits(),
            kind: summary.kind,
            architecture: Architecture::of(&summary),
            cores: cores(&summary),
            subgroup_sizes: (summary.subgroup_min, summary.subgroup_max),
            matrix_lanes: None,
            cooperative: Vec::new(),
            demoted: Vec::new(),
            keeps_small_halves: false,
        };
        let faults = Arc::default();
        Self {
            device,
            queue,
            summary,
            capabilities,
            pipelines: Mutex::default(),
            #[cfg(not(target_arch = "wasm32"))]
            file: None,
            times: Mutex::default(),
            #[cfg(feature = "bench")]
            kept: Kept::default(),
            faults,
            #[cfg(not(target_arch = "wasm32"))]
            poller: Poller::default(),
            timeout: TIMEOUT,
            warnings: Vec::new(),
        }
    }

    fn install_handlers(&self) {
        let faults = Arc::clone(&self.faults);
        self.device.on_uncaptured_error(Arc::new(move |error| {
            log::error!("uncaptured wgpu error: {error}");
            faults.note_uncaptured(error.to_string());
        }));
        self.note_loss_by_callback();
    }

    /// Has the device's callback note a loss. A device has one callback natively, and any number in a browser.
    fn note_loss_by_callback(&self) {
        let faults = Arc::clone(&self.faults);
        self.device
            .set_device_lost_callback(move |reason, message| {
                // An owner destroys a device on purpose, which is not logged.
                let message = match reason {
                    wgpu::DeviceLostReason::Destroyed => "it was destroyed".to_owned(),
                    wgpu::DeviceLostReason::Unknown => {
                        log::error!("device lost: {message}");
                        message
                    }
                };
                faults.note_loss(message);
            });
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Name, driver and type of the adapter.
    #[must_use]
    pub fn summary(&self) -> &AdapterSummary {
        &self.summary
    }

    /// Problems that were found with the device when it was opened.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The capabilities of the device.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether shaders can be compiled without runtime checks. A browser leaves its own in whatever is asked for.
    pub(crate) fn can_omit_checks(&self) -> bool {
        self.summary.backend != wgpu::Backend::BrowserWebGpu.to_str()
    }

    /// Runtime checks that shaders have on this device where `wanted` are asked for.
    pub(crate) fn checks(&self, wanted: Checks) -> Checks {
        if self.can_omit_checks() {
            wanted
        } else {
            Checks::On
        }
    }

    /// Nanoseconds per tick of a timestamp; `None` without timestamps.
    #[must_use]
    pub fn timestamp_period_ns(&self) -> Option<f32> {
        self.summary.timestamp_period_ns
    }

    /// `shader` with `constants`, compiled: at the first call with these arguments, and found again at later ones.
    ///
    /// # Errors
    /// Errors of [`Shader::prepare`]; [`Error::TooLarge`] past the device's limits; [`Error::Unsupported`] for subgroups of
    /// another size than the text is written for; [`Error::Gpu`] from the driver; [`Error::DeviceLost`].
    pub async fn pipeline(
        &self,
        shader: &Shader,
        constants: &[(&str, Constant)],
        checks: Checks,
        loops: Loops,
    ) -> Result<Arc<Pipeline>> {
        let features = self.capabilities.features;
        let checks = self.checks(checks);
        let key = (shader.key(constants, loops, features), checks);
        if let Some(found) = lock(&self.pipelines).get(&key) {
            return Ok(Arc::clone(found));
        }
        let began = Instant::now();
        let (prepared, module) = shader.prepare_with_module(constants, loops, features)?;
        lock(&self.times).prepare_s += began.elapsed().as_secs_f64();
        let pipeline = Arc::new(self.compile(prepared, module, checks).await?);
        lock(&self.pipelines).insert(key, Arc::clone(&pipeline));
        Ok(pipeline)
    }

    /// Time that compiling took on this device so far.
    #[must_use]
    pub fn compile_times(&self) -> CompileTimes {
        *lock(&self.times)
    }

    /// Compiles `prepared`, which no cache holds. `module` is what naga made of its text, where it is at hand.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where workgroup memory or size pass the device's limits, which wgpu does not check;
    /// [`Error::Unsupported`] where the driver gave it subgroups of another size than it is written for;
    /// [`Error::Gpu`] with the driver's text otherwise.
    pub(crate) async fn compile(
        &self,
        prepared: Arc<Prepared>,
        module: Option<naga::Module>,
        checks: Checks,
    ) -> Result<Pipeline> {
        check_limits(&prepared, &self.capabilities.limits)?;
        #[cfg(not(target_arch = "wasm32"))]
        super::dump::dump(&prepared);
        let what = format!("compile shaders/{}.wgsl", prepared.name);
        #[cfg(not(target_arch = "wasm32"))]
        let cache = self.file.as_ref().map(|file| &file.cache);
        #[cfg(target_arch = "wasm32")]
        let cache = None;
        // Threads compile side by side; the times are added up once a pipeline is there.
        let mut times = CompileTimes::default();
        let source = self.source(&prepared, module);
        let create = || create(&self.device, &prepared, source, checks, cache, &mut times);
        let (raw, layout) = self.catch(&what, create).await?;
        lock(&self.times).add(&times);
        let pipeline = Pipeline {
            raw,
            layout,
            prepared,
        };
        // Boxed, which keeps this future small: few pipelines need the check.
        Box::pin(self.require_subgroup_size(&pipeline)).await?;
        Ok(pipeline)
    }

    /// Source of `prepared` that wgpu compiles: the module, which need not be parsed again, and the text where there is none.
    #[cfg(not(target_arch = "wasm32"))]
    #[expect(
        clippy::unused_self,
        reason = "in a browser the device's features are part of the text"
    )]
    pub(crate) fn source<'a>(
        &self,
        prepared: &'a Prepared,
        module: Option<naga::Module>,
    ) -> wgpu::ShaderSource<'a> {
        match module {
            Some(module) => wgpu::ShaderSource::Naga(Cow::Owned(module)),
            None => wgpu::ShaderSource::Wgsl(Cow::Borrowed(&prepared.wgsl)),
        }
    }

    /// Source of `prepared` that wgpu compiles: a browser wants text, and some of it otherwise.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn source<'a>(
        &self,
        prepared: &'a Prepared,
        _: Option<naga::Module>,
    ) -> wgpu::ShaderSource<'a> {
        let has_subgroups = self
            .capabilities
            .features
            .contains(wgpu::Features::SUBGROUP);
        let text = crate::shader::for_browsers(&prepared.wgsl, has_subgroups);
        wgpu::ShaderSource::Wgsl(Cow::Owned(text))
    }

    /// The value of type `T` that goes with this device: one for all that use it, made at the first call.
    #[cfg(feature = "bench")]
    pub(crate) fn kept<T: Default + wgpu::WasmNotSendSync + 'static>(&self) -> Arc<T> {
        self.kept.of()
    }

    /// Runs `call` inside error scopes and turns what they catch into an [`Error`], which calls it `what`. Scopes that the
    /// caller has open stay the caller's: they catch nothing of `call`, and what they caught before is left to them.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Gpu`], and errors of [`Gpu::fault`].
    pub async fn catch<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T> {
        self.faults.catch(&self.device, what, call).await
    }

    /// [`Gpu::catch`] for a step of a call that asks at its end whether the device is lost, as [`Gpu::wait`] does.
    ///
    /// # Errors
    /// Errors of [`Gpu::catch`]. On a lost device a step may succeed, and what it makes is invalid.
    pub(crate) async fn step<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T> {
        self.faults.step(&self.device, what, call).await
    }

    /// The first fault that arrived outside any call, if one did. A lost device is found whoever opened it.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], at this and every later call, or [`Error::Gpu`] once for an uncaptured error.
    pub fn fault(&self) -> Result<()> {
        self.faults.check(&self.device)
    }

    /// Faults of the device, for values that outlive a borrow of it.
    pub(crate) fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// Creates a buffer of `bytes` (at least 16, rounded up to 4) of zeros that kernels can read and write, and that can be
    /// copied from and to.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond `max_buffer_size`; [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub async fn create_storage(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let buffer = self.allocate_storage(label, bytes).await?;
        self.fault()?;
        Ok(buffer)
    }

    /// [`Gpu::create_storage`] as a [`step`](Gpu::step).
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub(crate) async fn allocate_storage(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        self.create_buffer(label, bytes, usage).await
    }

    /// Creates a buffer of `bytes` (at least 16, rounded up to 4) for `usage`, as a [`step`](Gpu::step).
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond `max_buffer_size`; [`Error::OutOfMemory`].
    pub(crate) async fn create_buffer(
        &self,
        label: &str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        let limit = self.capabilities.limits.max_buffer_size;
        if bytes > limit {
            let what = format!("`{label}`, in bytes");
            return Err(Error::TooLarge {
                what,
                needed: bytes,
                limit_name: "max_buffer_size",
                limit,
            });
        }
        let size = bytes.next_multiple_of(4).max(16);
        let descriptor = wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        };
        self.step(&format!("create `{label}` of {size} bytes"), || {
            self.device.create_buffer(&descriptor)
        })
        .await
    }

    /// Creates a buffer that holds `bytes`, at most a few kilobytes, for uniforms, as a [`step`](Gpu::step).
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub(crate) async fn create_uniforms(&self, label: &str, bytes: &[u8]) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = self.create_buffer(label, bytes.len() as u64, usage).await?;
        let write = || self.queue.write_buffer(&buffer, 0, bytes);
        self.step("write uniforms", write).await?;
        Ok(buffer)
    }

    /// Submits what was recorded and returns when the GPU has finished it, without blocking the executor. Errors call the
    /// work `what`.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::DeviceLost`], [`Error::Gpu`].
    pub async fn submit(&self, encoder: wgpu::CommandEncoder, what: &str) -> Result<()> {
        let submission = self
            .step(what, || self.queue.submit([encoder.finish()]))
            .await?;
        self.wait(submission, what).await
    }

    /// Returns when `submission` has finished. Natively the poller's thread waits, so that whatever executor runs this does not.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::DeviceLost`], [`Error::Gpu`].
    pub(crate) async fn wait(&self, submission: wgpu::SubmissionIndex, what: &str) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        let receiver = self.poller.finished(&self.device, submission, self.timeout);
        #[cfg(target_arch = "wasm32")]
        let receiver = {
            let (sender, receiver) = oneshot();
            let _ = submission;
            self.queue
                .on_submitted_work_done(move || sender.send(Waited::Finished));
            receiver
        };
        let finished = receiver.await;
        if let Some(Waited::Lost(reason)) = &finished {
            self.faults.note_loss(reason.clone());
        }
        self.fault()?;
        match finished {
            Some(Waited::Finished) => Ok(()),
            Some(Waited::TimedOut) => Err(Error::TimedOut {
                what: what.to_owned(),
                seconds: self.timeout.as_secs_f64(),
            }),
            Some(Waited::Lost(reason)) => Err(Error::DeviceLost { reason }),
            None => Err(Error::Gpu {
                what: what.to_owned(),
                message: "the thread that waits for it has ended".to_owned(),
            }),
        }
    }

    /// Sets how long a submission may take before it counts as hung; 60 s unless set.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }
}
