//! A device with its queue: opened from options, or wrapped around one that somebody else opened.

use super::adapters::{self, GpuOptions};
use super::architecture::Architecture;
use super::capabilities::Capabilities;
use super::features::COOPERATIVE;
#[cfg(feature = "bench")]
use super::kept::Kept;
use super::mutex::lock;
#[cfg(target_arch = "wasm32")]
use super::oneshot::oneshot;
use super::pipeline::{Pipeline, check_limits, create, experimental};
#[cfg(not(target_arch = "wasm32"))]
use super::poller::Poller;
use crate::error::{Error, Result};
use crate::report::{AdapterSummary, Warning};
use crate::shader::{Checks, Constant, Key, Loops, Prepared, Shader};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Faults that arrived outside any call of ours: uncaptured errors, a lost device.
#[derive(Debug, Default)]
struct Faults {
    uncaptured: Option<String>,
    lost: Option<String>,
}

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
    #[cfg(feature = "bench")]
    kept: Kept,
    faults: Arc<Mutex<Faults>>,
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
    adapter.request_device(&descriptor).await
}

/// How long to wait for the GPU before a submission counts as hung. Longer than any driver's own watchdog.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Gpu {
    /// Opens the adapter that `options` name, whose matrix units nobody has tried yet.
    ///
    /// # Errors
    /// Errors of [`Gpu::open`].
    pub(crate) async fn open_untried(options: &GpuOptions) -> Result<Self> {
        let (summary, adapter) = adapters::select(options).await?;
        let limits = options.limits.clone().unwrap_or_else(|| adapter.limits());
        let mut features = options.features & adapter.features();
        if !adapters::has_usable_fragments(&summary) {
            features = features - COOPERATIVE;
        }
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

    /// Wraps a device that the caller opened, with whatever features and limits it has.
    ///
    /// The caller's error handlers stay as they are.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(adapter: &wgpu::Adapter, device: &wgpu::Device, queue: &wgpu::Queue) {
    /// let gpu = ridgepoint::Gpu::wrap(adapter, device.clone(), queue.clone());
    /// # }
    /// ```
    #[must_use]
    pub fn wrap(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self::from_parts(AdapterSummary::of(adapter), device, queue)
    }

    fn from_parts(mut summary: AdapterSummary, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let timestamps = device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        summary.timestamp_period_ns = timestamps.then(|| queue.get_timestamp_period());
        let capabilities = Capabilities {
            features: device.features(),
            limits: device.limits(),
            kind: summary.kind,
            architecture: Architecture::of(&summary),
            subgroup_sizes: (summary.subgroup_min, summary.subgroup_max),
            matrix_lanes: None,
            cooperative: Vec::new(),
            demoted: Vec::new(),
        };
        let faults = Arc::default();
        Self {
            device,
            queue,
            summary,
            capabilities,
            pipelines: Mutex::default(),
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
            lock(&faults).uncaptured.get_or_insert(error.to_string());
        }));
        let faults = Arc::clone(&self.faults);
        self.device
            .set_device_lost_callback(move |reason, message| {
                // Whoever drops a device has it destroyed, which is nothing to log.
                let message = match reason {
                    wgpu::DeviceLostReason::Destroyed => "it was destroyed".to_owned(),
                    wgpu::DeviceLostReason::Unknown => {
                        log::error!("device lost: {message}");
                        message
                    }
                };
                lock(&faults).lost.get_or_insert(message);
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

    /// Nanoseconds per tick of a timestamp; `None` without timestamps.
    #[must_use]
    pub fn timestamp_period_ns(&self) -> Option<f32> {
        self.summary.timestamp_period_ns
    }

    /// A compiled shader: found if it was compiled before, compiled otherwise.
    ///
    /// # Errors
    /// Errors of [`Shader::prepare`]; [`Error::TooLarge`] past the device's limits; [`Error::Gpu`] from the driver.
    pub async fn pipeline(
        &self,
        shader: &Shader,
        constants: &[(&str, Constant)],
        checks: Checks,
        loops: Loops,
    ) -> Result<Arc<Pipeline>> {
        let features = self.capabilities.features;
        let key = (shader.key(constants, loops, features), checks);
        if let Some(found) = lock(&self.pipelines).get(&key) {
            return Ok(Arc::clone(found));
        }
        let prepared = shader.prepare(constants, loops, features)?;
        let pipeline = Arc::new(self.compile(prepared, checks).await?);
        lock(&self.pipelines).insert(key, Arc::clone(&pipeline));
        Ok(pipeline)
    }

    /// Compiles `prepared`, which no cache holds.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where workgroup memory or size pass the device's limits, which wgpu does not check;
    /// [`Error::Unsupported`] where the driver gave it subgroups of another size than it is written for;
    /// [`Error::Gpu`] with the driver's text otherwise.
    pub(crate) async fn compile(
        &self,
        prepared: Arc<Prepared>,
        checks: Checks,
    ) -> Result<Pipeline> {
        check_limits(&prepared, &self.capabilities.limits)?;
        #[cfg(not(target_arch = "wasm32"))]
        super::dump::dump(&prepared);
        let what = format!("compile shaders/{}.wgsl", prepared.name);
        let create = || create(&self.device, &prepared, checks);
        let (raw, layout) = self.catch(&what, create).await?;
        let pipeline = Pipeline {
            raw,
            layout,
            prepared,
        };
        // Boxed: the check runs a dispatch, whose own parts never compile anything.
        Box::pin(self.require_subgroup_size(&pipeline)).await?;
        Ok(pipeline)
    }

    /// The value of type `T` that goes with this device: one for all that use it, made at the first call.
    #[cfg(feature = "bench")]
    pub(crate) fn kept<T: Default + wgpu::WasmNotSendSync + 'static>(&self) -> Arc<T> {
        self.kept.of()
    }

    /// Runs `call` inside error scopes and turns what they catch into an [`Error`].
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Gpu`], and a fault that arrived earlier outside any scope.
    pub async fn catch<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T> {
        self.fault()?;
        let filters = [
            wgpu::ErrorFilter::Internal,
            wgpu::ErrorFilter::OutOfMemory,
            wgpu::ErrorFilter::Validation,
        ];
        let scopes = filters.map(|filter| self.device.push_error_scope(filter));
        let value = call();
        // Popping takes effect at once and in reverse order; only the answers are waited for.
        let mut answers = Vec::new();
        for scope in scopes.into_iter().rev() {
            answers.push(scope.pop());
        }
        let mut first = None;
        for answer in answers {
            first = first.or(answer.await);
        }
        match first {
            None => self.fault().map(|()| value),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(self.lost_or(Error::OutOfMemory {
                what: what.to_owned(),
            })),
            Some(error) => Err(self.lost_or(Error::Gpu {
                what: what.to_owned(),
                message: error.to_string(),
            })),
        }
    }

    /// The loss of the device in place of `error`, if it is lost: what a lost device makes is invalid, and the first error is
    /// that of its use.
    fn lost_or(&self, error: Error) -> Error {
        // A device that was destroyed says so when it is polled.
        let _ = self.device.poll(wgpu::PollType::Poll);
        match lock(&self.faults).lost.clone() {
            Some(reason) => Error::DeviceLost { reason },
            None => error,
        }
    }

    /// The first fault that arrived outside any call, if one did.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or [`Error::Gpu`] for an uncaptured error.
    pub fn fault(&self) -> Result<()> {
        let mut faults = lock(&self.faults);
        if let Some(reason) = &faults.lost {
            return Err(Error::DeviceLost {
                reason: reason.clone(),
            });
        }
        match faults.uncaptured.take() {
            None => Ok(()),
            Some(message) => Err(Error::Gpu {
                what: "an earlier call".into(),
                message,
            }),
        }
    }

    /// Creates a buffer of `bytes` (at least 16, rounded up to 4) that kernels can read and write.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond `max_buffer_size`; [`Error::OutOfMemory`].
    pub async fn create_storage(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        self.create_buffer(label, bytes, usage).await
    }

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
        self.catch(&format!("create `{label}` of {size} bytes"), || {
            self.device.create_buffer(&descriptor)
        })
        .await
    }

    /// Submits what was recorded and returns when the GPU has finished it, without blocking the executor.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::DeviceLost`], [`Error::Gpu`].
    pub async fn submit(&self, encoder: wgpu::CommandEncoder, what: &str) -> Result<()> {
        let submission = self
            .catch(what, || self.queue.submit([encoder.finish()]))
            .await?;
        self.wait(submission, what).await
    }

    /// Returns when `submission` has finished. Natively the poller's thread waits, so that whatever executor runs this does not.
    pub(crate) async fn wait(&self, submission: wgpu::SubmissionIndex, what: &str) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        let receiver = self.poller.finished(&self.device, submission, self.timeout);
        #[cfg(target_arch = "wasm32")]
        let receiver = {
            let (sender, receiver) = oneshot();
            let _ = submission;
            self.queue.on_submitted_work_done(move || sender.send(true));
            receiver
        };
        let finished = receiver.await;
        self.fault()?;
        match finished {
            Some(true) => Ok(()),
            Some(false) => Err(self.lost_or(Error::TimedOut {
                what: what.to_owned(),
                seconds: self.timeout.as_secs_f64(),
            })),
            None => Err(Error::Gpu {
                what: what.to_owned(),
                message: "waiting for it panicked".to_owned(),
            }),
        }
    }

    /// Sets how long a submission may take before it counts as hung; 60 s unless set.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }
}
