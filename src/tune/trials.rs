//! Candidates on a real device.

use super::candidates::Config;
use super::options::TuneOptions;
use super::search::{Phase, Timing, Trials};
use crate::bench::{Coverage, GpuClock, OperandBuffers, measure};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::Operation;
use crate::plan::{Launch, Plan, PlanOptions};
use crate::report::Sampling;
use std::time::{Duration, Instant};

/// Candidates for one operation, on one set of operands.
pub(super) struct DeviceTrials<'a> {
    gpu: &'a Gpu,
    operation: &'a dyn Operation,
    candidates: &'a [Config],
    options: &'a TuneOptions,
    should_stop: &'a dyn Fn() -> bool,
    space: OperandBuffers,
    /// Launch of each candidate, by its index; `None` until the candidate is verified.
    launches: Vec<Option<Launch>>,
    began: Instant,
}

impl<'a> DeviceTrials<'a> {
    pub(super) async fn new(
        gpu: &'a Gpu,
        operation: &'a dyn Operation,
        candidates: &'a [Config],
        options: &'a TuneOptions,
        should_stop: &'a dyn Fn() -> bool,
        began: Instant,
    ) -> Result<Self> {
        Ok(Self {
            gpu,
            operation,
            candidates,
            options,
            should_stop,
            space: OperandBuffers::new(gpu, operation, options.seed).await?,
            launches: candidates.iter().map(|_| None).collect(),
            began,
        })
    }
}

impl Trials for DeviceTrials<'_> {
    async fn verify(&mut self, candidate: usize) -> Result<()> {
        if (self.should_stop)() {
            return Err(Error::Interrupted);
        }
        let Config { kernel, constants } = &self.candidates[candidate];
        let options = PlanOptions {
            kernel: Some(kernel.name),
            constants: constants.clone(),
            checks: self.options.checks,
            ..PlanOptions::default()
        };
        let (gpu, operation) = (self.gpu, self.operation);
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
        let mut clock = GpuClock::new(self.gpu, launch).await?;
        let measured = measure(&mut clock, &sampling(phase), self.should_stop).await?;
        let (rate, mark) = (
            measured.fixed_work.map(|rates| rates.before),
            measured.drift_marks().into_iter().next(),
        );
        let reason = measured.reason.unwrap_or_default();
        let time = measured.time.ok_or_else(|| failed(reason))?;
        Ok(Timing { time, rate, mark })
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
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
