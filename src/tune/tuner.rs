//! A search on one adapter: ceilings, and one class at a time.

use super::candidates::candidates;
use super::device::{Device, reason_of};
use super::job::Job;
#[cfg(feature = "statistics")]
use super::judge::Judge;
use super::options::TuneOptions;
use super::roof;
use super::search::{Budget, search};
use super::trials::{DeviceTrials, Setting, look};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, GpuOptions};
use crate::ops::Operation;
use crate::plan::{Plan, PlanOptions};
use crate::report::{Sampling, Tuned, TunedConfig};
use crate::roofline::ArithmeticGrid;
use crate::suite::{Learned, RunOptions, Runner};
use std::sync::Arc;
use std::time::Duration;
use web_time::Instant;

/// Searches on one adapter.
pub struct Tuner<'a> {
    device: Device,
    options: TuneOptions,
    should_stop: &'a dyn Fn() -> bool,
    learned: Learned,
    #[cfg(feature = "statistics")]
    judge: Option<Judge>,
    began: Instant,
}

/// The longest execution that the default may take: other candidates may take many times as long, and watchdogs end
/// dispatches that take seconds.
const LONGEST: Duration = Duration::from_millis(50);
/// The share of the whole time that the ceilings may take.
const CEILINGS: f64 = 0.25;

impl<'a> Tuner<'a> {
    /// A search on `gpu`, which was opened with `reopen`: a device that a candidate loses is opened again so. Its time begins.
    /// `should_stop` is asked between samples.
    #[must_use]
    pub fn new(
        gpu: Gpu,
        reopen: GpuOptions,
        options: TuneOptions,
        should_stop: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            #[cfg(feature = "statistics")]
            judge: Judge::of(gpu.summary(), options.checks),
            device: Device::new(gpu, reopen),
            options,
            should_stop,
            learned: Learned::default(),
            began: Instant::now(),
        }
    }

    /// The device of the search at present.
    #[must_use]
    pub const fn gpu(&self) -> &Gpu {
        &self.device.gpu
    }

    /// Searches one class within `budget`, without ceilings unless [`Tuner::search`] measured them before.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where nothing runs here; any error of the default kernel, after which the device is usable again;
    /// [`Error::Interrupted`] and [`Error::DeviceGivenUp`].
    pub async fn tune(&mut self, job: Job, budget: &Budget) -> Result<Tuned> {
        let searched = match self.fit(job.operation.into()).await {
            Ok((operation, _)) => {
                self.search_class(job.class, operation.as_ref(), budget)
                    .await
            }
            Err(error) => Err(error),
        };
        match searched {
            Ok(found) => Ok(found),
            Err(error) => Err(self.survive(error).await?),
        }
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            options: &self.options,
            should_stop: self.should_stop,
            #[cfg(feature = "statistics")]
            judge: self.judge.as_ref(),
        }
    }

    fn run_options(&self) -> RunOptions {
        RunOptions {
            sampling: Sampling {
                dispatch_cap: LONGEST,
                ..Sampling::quick()
            },
            seed: self.options.seed,
            checks: self.options.checks,
            grid: ArithmeticGrid::Short,
            reads: false,
            tuning: None,
        }
    }

    /// Measures the ceilings, for a share of the time; the reason where there are none.
    ///
    /// # Errors
    /// [`Error::Interrupted`] and [`Error::DeviceGivenUp`].
    pub(super) async fn measure_ceilings(&mut self) -> Result<Option<String>> {
        let until = self.options.time.mul_f64(CEILINGS);
        let is_late = || self.began.elapsed() > until;
        let stop = || (self.should_stop)() || is_late();
        let mut runner = Runner::new(&self.device.gpu, self.run_options(), &stop);
        let ended = runner.measure_ceilings().await.map(drop);
        let learned = runner.into_learned();
        match ended {
            Ok(()) => {
                let reason = "no ceiling of arithmetic or none of memory could be measured";
                let is_known = learned.roofline.is_some();
                self.learned = learned;
                Ok((!is_known).then(|| reason.to_owned()))
            }
            Err(Error::Interrupted) if !(self.should_stop)() => Ok(Some(
                "a quarter of the time was not enough for them".to_owned(),
            )),
            Err(error) => self
                .survive(error)
                .await
                .map(|error| Some(error.to_string())),
        }
    }

    /// Plans `wanted`, or a smaller operation whose dispatch is short enough.
    async fn fit(&mut self, wanted: Arc<dyn Operation>) -> Result<(Arc<dyn Operation>, Plan)> {
        let open = PlanOptions {
            checks: self.options.checks,
            ..PlanOptions::default()
        };
        let runner = Runner::new(&self.device.gpu, self.run_options(), self.should_stop);
        let mut runner = runner.knowing(std::mem::take(&mut self.learned));
        let fitted = runner.fit(wanted, &open).await;
        self.learned = runner.into_learned();
        fitted
    }

    /// The error of a class that `error` ended, with a device that is usable; an error that ends the search.
    pub(super) async fn survive(&mut self, error: Error) -> Result<Error> {
        if error.costs_device() {
            self.device.reopen(&error).await?;
            let reason = reason_of(&error);
            return Ok(Error::Gpu {
                what: "the library's own choice".to_owned(),
                message: format!("{reason}; the device was opened again"),
            });
        }
        if error.ends_run() {
            Err(error)
        } else {
            Ok(error)
        }
    }

    /// Searches the class of `operation`, whose shape suits the device's speed.
    pub(super) async fn search_class(
        &mut self,
        class: String,
        operation: &dyn Operation,
        budget: &Budget,
    ) -> Result<Tuned> {
        let began = Instant::now();
        let all = candidates(operation, self.gpu().capabilities(), budget.candidates)?;
        let roofline = self.learned.roofline.as_ref();
        let is_near = |seconds: f64| roof::is_near(roofline, operation, seconds);
        let setting = Setting {
            options: &self.options,
            should_stop: self.should_stop,
            #[cfg(feature = "statistics")]
            judge: self.judge.as_ref(),
        };
        let trials = DeviceTrials::new(&mut self.device, setting, operation, &all, began);
        let outcome = search(&mut trials.await?, all.len(), &is_near, budget).await?;
        let contender = |place: usize, time_s| {
            TunedConfig::new(all[place].kernel, &all[place].constants, time_s)
        };
        let passed_over = outcome.passed_over.iter();
        Ok(Tuned {
            operation: operation.family().name.to_owned(),
            dtype: operation.dtype(),
            class,
            checks: self.options.checks,
            shape: operation.label(),
            flops: operation.flops(),
            min_bytes: operation.min_bytes(),
            default: contender(0, outcome.default_s),
            winner: outcome.winner.map(|(place, time)| contender(place, time)),
            gain: outcome.gain,
            spread: outcome.spread,
            tried: outcome.tried,
            passed_over: passed_over
                .map(|(place, why)| format!("{}: {why}", all[*place].describe()))
                .collect(),
            warnings: Vec::from_iter(outcome.mark),
            ended: outcome.ended,
            lasted_s: began.elapsed().as_secs_f64(),
        })
    }

    /// Gain that is possible on the default of `wanted`, which becomes a shape that suits the device's speed.
    pub(super) async fn look(&mut self, wanted: &mut Arc<dyn Operation>) -> Result<f64> {
        if (self.should_stop)() {
            return Err(Error::Interrupted);
        }
        let (operation, plan) = self.fit(Arc::clone(wanted)).await?;
        if candidates(operation.as_ref(), self.gpu().capabilities(), 2)?.len() < 2 {
            // There is nothing that could be faster.
            *wanted = operation;
            return Ok(0.0);
        }
        let seconds = look(&self.device.gpu, operation.as_ref(), &plan, &self.setting()).await?;
        let roofline = self.learned.roofline.as_ref();
        let gain = roof::expected_gain(roofline, operation.as_ref(), seconds);
        *wanted = operation;
        Ok(gain)
    }

    /// Time since the search began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Time of the whole search.
    pub(super) const fn total(&self) -> Duration {
        self.options.time
    }
}
