//! Costs around a kernel: launching it, waiting for it, compiling it.

use super::probe::{Probe, ProbeDispatch, ProbeFile, Span, measured};
use crate::bench::{Awake, Clock, Measurement, Tick};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::Constants;
use crate::plan::Launch;
use crate::report::{Ceiling, CeilingId, Sampling, Warning};
use crate::shader::{Checks, Constant, Loops, files};
use std::time::Duration;
use web_time::Instant;

pub(super) static LAUNCH_EMPTY: ProbeFile = ProbeFile {
    shader: files::LAUNCH_EMPTY,
    features: wgpu::Features::empty(),
};

/// Times work of the host by the host's clock.
struct HostClock<'a, F> {
    gpu: &'a Gpu,
    work: F,
    began: Instant,
}

impl<F: AsyncFnMut(u32) -> Result<()>> Clock for HostClock<'_, F> {
    async fn sample(&mut self, repeats: u32) -> Result<Tick> {
        let begin = Instant::now();
        (self.work)(repeats).await?;
        Ok(Tick {
            gpu_s: None,
            wall_s: begin.elapsed().as_secs_f64(),
        })
    }

    /// Nothing is taken off: submissions are part of what is measured.
    async fn empty(&mut self) -> Result<Tick> {
        Ok(Tick {
            gpu_s: None,
            wall_s: 0.0,
        })
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The device's rate after it is not read: how long the host takes hardly depends on it.
    async fn wake(&mut self, sampling: &Sampling, should_stop: &dyn Fn() -> bool) -> Result<Awake> {
        crate::bench::wake(self.gpu, sampling, should_stop).await
    }
}

/// Times `work` on `gpu` by the host's clock. The argument of `work` is the number of repeats.
pub(super) async fn by_host(
    gpu: &Gpu,
    sampling: &Sampling,
    stop: &dyn Fn() -> bool,
    work: impl AsyncFnMut(u32) -> Result<()>,
) -> Result<Measurement> {
    let mut clock = HostClock {
        gpu,
        work,
        began: Instant::now(),
    };
    let mut measured = measured(crate::bench::measure(&mut clock, sampling, stop).await)?;
    // Timestamps do not matter here: the host's clock is read whatever the adapter has.
    measured
        .warnings
        .retain(|w| !matches!(w, Warning::NoTimestamps | Warning::HostTime { .. }));
    Ok(measured)
}

fn figure(id: CeilingId, counts: &str, measured: Measurement) -> Ceiling {
    let time = measured.time;
    Ceiling {
        value: time.as_ref().map(|time| time.median),
        status: measured.status,
        reason: measured.reason,
        counts: counts.to_owned(),
        clock: measured.clock,
        time_s: time,
        wall_s: measured.wall,
        discarded: measured.discarded,
        sensors: measured.sensors,
        warnings: measured.warnings,
        ..Ceiling::known(id, "s", 0.0)
    }
}

/// Waits in this very thread: another one would cost more than what is measured.
pub(super) async fn finish(gpu: &Gpu, submission: wgpu::SubmissionIndex) -> Result<()> {
    #[cfg(not(target_arch = "wasm32"))]
    {
        let wait = wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: Some(Duration::from_mins(1)),
        };
        let polled = gpu.device().poll(wait);
        gpu.fault()?;
        polled.map(drop).map_err(|_| Error::TimedOut {
            what: "a submission".to_owned(),
            seconds: 60.0,
        })
    }
    #[cfg(target_arch = "wasm32")]
    gpu.wait(submission, "a submission").await
}

pub(super) fn recorded(
    gpu: &Gpu,
    record: impl FnOnce(&mut wgpu::CommandEncoder),
) -> wgpu::CommandBuffer {
    let descriptor = wgpu::CommandEncoderDescriptor::default();
    let mut encoder = gpu.device().create_command_encoder(&descriptor);
    record(&mut encoder);
    encoder.finish()
}

/// Launches, readback of 4 bytes, and compiling, in seconds each.
///
/// # Errors
/// [`Error::Interrupted`], [`Error::DeviceLost`]; whatever else happens is a figure's status.
pub(super) async fn figures(
    gpu: &Gpu,
    sampling: &Sampling,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Ceiling>> {
    let mut found = launches(gpu, sampling, stop).await?;
    let readback = readback(gpu, sampling, stop).await?;
    found.push(figure(
        CeilingId::SystemReadback,
        "4 bytes: copy, submission, wait, map",
        readback,
    ));
    let few = Sampling {
        warm_up: Duration::ZERO,
        warm_up_max: Duration::ZERO,
        sample_min: Duration::ZERO,
        min_samples: 5,
        min_time: Duration::ZERO,
        max_time: Duration::from_millis(500),
        ..sampling.clone()
    };
    // A program that no cache has seen; the second time it may be found in the driver's.
    let mut salt = salt();
    let first = by_host(gpu, &few, stop, async |repeats: u32| {
        for _ in 0..repeats {
            salt = salt.wrapping_add(1);
            compile(gpu, salt).await?;
        }
        Ok(())
    })
    .await?;
    found.push(figure(
        CeilingId::SystemPipelineFirst,
        "a small shader from WGSL to a pipeline, never seen before",
        first,
    ));
    let again = by_host(gpu, &few, stop, async |repeats: u32| {
        for _ in 0..repeats {
            compile(gpu, 2).await?;
        }
        Ok(())
    })
    .await?;
    found.push(figure(
        CeilingId::SystemPipelineAgain,
        "the same shader once more",
        again,
    ));
    Ok(found)
}

async fn launches(gpu: &Gpu, sampling: &Sampling, stop: &dyn Fn() -> bool) -> Result<Vec<Ceiling>> {
    let answer = gpu.create_storage("nothing", 64 * 4).await?;
    let probe = Probe {
        file: &LAUNCH_EMPTY,
        constants: Constants::new(),
        checks: Checks::Off,
        dispatches: vec![ProbeDispatch {
            params: vec![0; 16],
            bindings: vec![Span::whole(&answer)],
            workgroups: [1, 1, 1],
        }],
        work: 1.0,
        answer: None,
    };
    let launch = probe.launch(gpu).await?;
    let launch: &Launch = &launch;
    let within = probe.time(gpu, sampling, stop).await?;
    let submits = by_host(gpu, sampling, stop, async |repeats: u32| {
        let mut last = None;
        for _ in 0..repeats {
            let buffer = recorded(gpu, |encoder| launch.record(encoder));
            last = Some(gpu.queue().submit([buffer]));
        }
        match last {
            Some(last) => finish(gpu, last).await,
            None => Ok(()),
        }
    })
    .await?;
    let round_trips = by_host(gpu, sampling, stop, async |repeats: u32| {
        for _ in 0..repeats {
            let buffer = recorded(gpu, |encoder| launch.record(encoder));
            finish(gpu, gpu.queue().submit([buffer])).await?;
        }
        Ok(())
    })
    .await?;
    Ok(vec![
        figure(
            CeilingId::SystemDispatch,
            "an empty dispatch behind another in one pass",
            within,
        ),
        figure(
            CeilingId::SystemSubmit,
            "an empty dispatch in a submission of its own, not waited for",
            submits,
        ),
        figure(
            CeilingId::SystemRoundTrip,
            "an empty dispatch, submitted and waited for",
            round_trips,
        ),
    ])
}

async fn readback(gpu: &Gpu, sampling: &Sampling, stop: &dyn Fn() -> bool) -> Result<Measurement> {
    let source = gpu.create_storage("source", 16).await?;
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = gpu.create_buffer("staging", 16, usage).await?;
    by_host(gpu, sampling, stop, async |repeats: u32| {
        for _ in 0..repeats {
            let buffer = recorded(gpu, |encoder| {
                encoder.copy_buffer_to_buffer(&source, 0, &staging, 0, 4);
            });
            let submission = gpu.queue().submit([buffer]);
            staging.slice(..4).map_async(wgpu::MapMode::Read, |_| ());
            finish(gpu, submission).await?;
            let read = staging.slice(..4).get_mapped_range().map(|view| view.len());
            staging.unmap();
            read.map_err(|e| Error::Gpu {
                what: "map a buffer for reading".into(),
                message: e.to_string(),
            })?;
        }
        Ok(())
    })
    .await
}

async fn compile(gpu: &Gpu, salt: u32) -> Result<()> {
    let constants = [("SALT", Constant::Integer(salt))];
    let features = gpu.capabilities().features;
    let shader = &LAUNCH_EMPTY.shader;
    let prepared = shader.prepare(&constants, Loops::Unrolled, features)?;
    gpu.compile(prepared, None, Checks::Off).await.map(drop)
}

/// Another number in every process.
fn salt() -> u32 {
    let since = web_time::SystemTime::now().duration_since(web_time::UNIX_EPOCH);
    let nanos = since.map_or(0, |d| d.as_nanos() as u64);
    crate::data::mix(nanos as u32 ^ (nanos >> 32) as u32) | 1 << 16
}
