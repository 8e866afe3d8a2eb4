//! Candidates on a real device.

use super::candidates::Config;
use super::device::Device;
#[cfg(feature = "statistics")]
use super::judge::{Judge, objection};
use super::options::TuneOptions;
use super::search::{Phase, Timing, Trials};
use crate::bench::{Coverage, GpuClock, OperandBuffers, measure};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::Operation;
use crate::plan::{Launch, Plan, PlanOptions};
use crate::report::Sampling;
#[cfg(feature = "statistics")]
use std::cell::OnceCell;
use std::time::Duration;
use web_time::Instant;

/// Values that the trials of all classes share.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) options: &'a TuneOptions,
    pub(super) should_stop: &'a dyn Fn() -> bool,
    #[cfg(feature = "statistics")]
    pub(super) judge: Option<&'a Judge>,
}

/// Candidates for one operation, on one set of operands.
pub(super) struct DeviceTrials<'a> {
    device: &'a mut Device,
    setting: Setting<'a>,
    operation: &'a dyn Operation,
    candidates: &'a [Config],
    space: OperandBuffers,
    /// Launch of each candidate, by its index; `None` until the candidate is verified on the present device.
    launches: Vec<Option<Launch>>,
    /// Spills of the default within its loops, once they are asked for; `None` where the driver does not tell.
    #[cfg(feature = "statistics")]
    default_spills: OnceCell<Option<u64>>,
    began: Instant,
}

impl<'a> DeviceTrials<'a> {
    pub(super) async fn new(
        device: &'a mut Device,
        setting: Setting<'a>,
        operation: &'a dyn Operation,
        candidates: &'a [Config],
        began: Instant,
    ) -> Result<Self> {
        let space = OperandBuffers::new(&device.gpu, operation, setting.options.seed).await?;
        Ok(Self {
            device,
            setting,
            operation,
            candidates,
            space,
            launches: candidates.iter().map(|_| None).collect(),
            #[cfg(feature = "statistics")]
            default_spills: OnceCell::new(),
            began,
        })
    }

    /// Asks the driver's compiler about a candidate, away from the device. The default is not asked about: it is what runs.
    #[cfg(feature = "statistics")]
    fn require_compiled(&self, candidate: usize) -> Result<()> {
        let Some(judge) = self.setting.judge.filter(|_| candidate > 0) else {
            return Ok(());
        };
        let device = self.device.gpu.capabilities();
        let spills = |config| judge.spills(self.operation, config, device);
        let of_default = || spills(&self.candidates[0]).ok().flatten();
        let default = *self.default_spills.get_or_init(of_default);
        // NVIDIA's driver tells no spills: compiling each candidate twice would halve what a budget reaches.
        if default.is_none() {
            return Ok(());
        }
        let config = &self.candidates[candidate];
        match objection(spills(config)?, default) {
            None => Ok(()),
            Some(reason) => Err(config.kernel.unsupported(reason)),
        }
    }
}

impl Trials for DeviceTrials<'_> {
    async fn verify(&mut self, candidate: usize) -> Result<()> {
        if (self.setting.should_stop)() {
            return Err(Error::Interrupted);
        }
        #[cfg(feature = "statistics")]
        self.require_compiled(candidate)?;
        let Config { kernel, constants } = &self.candidates[candidate];
        let options = PlanOptions {
            kernel: Some(kernel.name),
            constants: constants.clone(),
            checks: self.setting.options.checks,
            ..PlanOptions::default()
        };
        let (gpu, operation) = (&self.device.gpu, self.operation);
        let plan = Plan::new(gpu, operation, &options).await?;
        let launch = plan.bind(&self.space.views())?;
        let verified =
            self.space
                .run_and_verify(gpu, operation, kernel, &launch, Coverage::Sampled);
        verified.await?.require(kernel.name)?;
        self.launches[candidate] = Some(launch);
        Ok(())
    }

    async fn time(&mut self, candidate: usize, phase: Phase) -> Result<Timing> {
        let kernel = self.candidates[candidate].kernel;
        let failed = |message: String| Error::Gpu {
            what: kernel.name.to_owned(),
            message,
        };
        let launch = self.launches[candidate].as_ref();
        let launch = launch.ok_or_else(|| failed("it was not verified".to_owned()))?;
        let mut clock = GpuClock::new(&self.device.gpu, launch).await?;
        let measured = measure(&mut clock, &sampling(phase), self.setting.should_stop).await?;
        let (rate, mark) = (
            measured.fixed_work.map(|rates| rates.before),
            measured.drift_marks().into_iter().next(),
        );
        let reason = measured.reason.unwrap_or_default();
        let time = measured.time.ok_or_else(|| failed(reason))?;
        Ok(Timing { time, rate, mark })
    }

    async fn reopen(&mut self, lost: &Error) -> Result<()> {
        for launch in &mut self.launches {
            *launch = None;
        }
        self.device.reopen(lost).await?;
        let seed = self.setting.options.seed;
        self.space = OperandBuffers::new(&self.device.gpu, self.operation, seed).await?;
        Ok(())
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Median seconds of one execution of `plan`, looked at for a moment. The result is not verified: this time decides how long a
/// class is searched, and is reported nowhere.
pub(super) async fn look(
    gpu: &Gpu,
    operation: &dyn Operation,
    plan: &Plan,
    setting: &Setting<'_>,
) -> Result<f64> {
    let space = OperandBuffers::new(gpu, operation, setting.options.seed).await?;
    let launch = plan.bind(&space.views())?;
    let mut clock = GpuClock::new(gpu, &launch).await?;
    let ms = Duration::from_millis;
    let sampling = Sampling {
        warm_up: ms(20),
        warm_up_max: ms(60),
        min_samples: 3,
        min_time: ms(15),
        max_time: ms(120),
        ..Sampling::default()
    };
    let measured = measure(&mut clock, &sampling, setting.should_stop).await?;
    let reason = measured.reason.unwrap_or_default();
    let time = measured.time.ok_or_else(|| Error::Gpu {
        what: plan.kernel().name.to_owned(),
        message: reason,
    })?;
    Ok(time.median)
}

/// Sampling of a phase. Short, since candidates are timed often: the spread decides, not a single median.
fn sampling(phase: Phase) -> Sampling {
    let ms = Duration::from_millis;
    let (warm_up, warm_up_max, min_samples, min_time, max_time) = match phase {
        Phase::Screening => (ms(60), ms(150), 8, ms(40), ms(400)),
        Phase::Round => (ms(15), ms(40), 5, ms(25), ms(120)),
    };
    Sampling {
        warm_up,
        warm_up_max,
        min_samples,
        min_time,
        max_time,
        ..Sampling::default()
    }
}
