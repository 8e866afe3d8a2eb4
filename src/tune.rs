//! A bounded search over kernels and their presets, for each class of shapes.
//!
//! A [`Tuner`] tries at most [`Budget::candidates`] for a class and takes at most [`Budget::time`]. Each candidate is
//! verified before it is timed, and has to beat the library's choice by more than the spread of the comparison. The result
//! is a [`Tuning`](crate::Tuning), which [`Store`](crate::plan::Store) keeps. A plan uses a tuning only where
//! [`PlanOptions::tuning`](crate::PlanOptions::tuning) holds it.
//!
//! ```no_run
//! # async fn example() -> ridgepoint::Result<()> {
//! use ridgepoint::plan::Store;
//! use ridgepoint::{Gpu, GpuOptions, Matmul, Plan, PlanOptions};
//! let gpu = Gpu::open(&GpuOptions::default()).await?;
//! let tuning = Store::of_user()?.load(gpu.summary())?;
//! let options = PlanOptions { tuning: tuning.map(Into::into), ..PlanOptions::default() };
//! let plan = Plan::new(&gpu, &Matmul::new(4096, 4096, 4096), &options).await?;
//! println!("{}: {}", plan.kernel().name, plan.reason());
//! # Ok(())
//! # }
//! ```

mod candidates;
mod known;
mod options;
mod search;
mod trials;

pub use candidates::{Config, candidates};
pub use known::known_cases;
pub use options::TuneOptions;
pub use search::{Budget, Outcome, Phase, Timing, Trials, search};

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::{Family, Operation, class_of};
use crate::plan::PlanOptions;
use crate::report::{AdapterKind, Ceiling, Sampling, Tuned, TunedConfig};
use crate::roofline::ArithmeticGrid;
use crate::suite::{RunOptions, Runner};
use std::time::{Duration, Instant};
use trials::DeviceTrials;

/// One class to search.
#[derive(Debug)]
pub struct Job {
    /// The class, as [`class_of`] names it.
    pub class: String,
    /// The shape that is measured for the class.
    pub operation: Box<dyn Operation>,
}

impl Job {
    /// The class of a shape, measured on that shape.
    ///
    /// # Errors
    /// [`Error::NothingToRun`] for a family without classes.
    pub fn of(operation: Box<dyn Operation>) -> Result<Self> {
        let class =
            class_of(operation.as_ref()).ok_or_else(|| without_classes(operation.family()))?;
        Ok(Self { class, operation })
    }

    /// Every class of `family`, in its order, on shapes for an adapter of a kind.
    ///
    /// # Errors
    /// [`Error::NothingToRun`] for a family without classes.
    pub fn all(family: &'static Family, dtype: Dtype, kind: AdapterKind) -> Result<Vec<Self>> {
        if family.classes.is_empty() {
            return Err(without_classes(family));
        }
        let job = |class: &crate::ops::Class| {
            let text = match kind {
                AdapterKind::Software | AdapterKind::Noop => class.software_shape,
                _ => class.shape,
            };
            let operation = (family.parse)(text, dtype)?;
            let class = class.name.to_owned() + &operation.variant();
            Ok(Self { class, operation })
        };
        family.classes.iter().map(job).collect()
    }
}

/// The error for a `family` without classes, which names the families that have classes.
#[must_use]
pub fn without_classes(family: &Family) -> Error {
    let tuned: Vec<&str> = tunable().map(|family| family.name).collect();
    Error::NothingToRun {
        reason: format!(
            "{} has no classes of shapes to tune; these have: {}",
            family.name,
            tuned.join(", ")
        ),
    }
}

/// The families that have classes.
pub fn tunable() -> impl Iterator<Item = &'static Family> {
    let families = crate::ops::FAMILIES.iter().copied();
    families.filter(|family| !family.classes.is_empty())
}

/// Searches on one adapter.
pub struct Tuner<'a> {
    gpu: &'a Gpu,
    options: TuneOptions,
    should_stop: &'a dyn Fn() -> bool,
    runner: Runner<'a>,
}

/// The longest execution that the default may take: other candidates may take many times as long, and watchdogs end
/// dispatches that take seconds.
const LONGEST: Duration = Duration::from_millis(50);
/// Share of the roof at which a candidate is near it, so that the search of its class ends.
const NEAR: f64 = 0.95;
/// Bytes of operands that fit into caches, 256 MiB: memory is a roof only for larger operands.
const BEYOND_CACHES: u64 = 256 << 20;

impl<'a> Tuner<'a> {
    /// A search on `gpu`. `should_stop` is asked between samples.
    #[must_use]
    pub fn new(gpu: &'a Gpu, options: TuneOptions, should_stop: &'a dyn Fn() -> bool) -> Self {
        let run = RunOptions {
            sampling: Sampling {
                dispatch_cap: LONGEST,
                ..Sampling::quick()
            },
            seed: options.seed,
            checks: options.checks,
            grid: ArithmeticGrid::Short,
            tuning: None,
        };
        Self {
            gpu,
            options,
            should_stop,
            runner: Runner::new(gpu, run, should_stop),
        }
    }

    /// Measures the ceilings: a candidate that comes near them ends the search of its class.
    ///
    /// # Errors
    /// [`Error::Interrupted`] and [`Error::DeviceLost`].
    pub async fn measure_ceilings(&mut self) -> Result<&[Ceiling]> {
        self.runner.measure_ceilings().await
    }

    /// Searches one class.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where nothing runs here; any error of the default kernel; [`Error::Interrupted`],
    /// [`Error::DeviceLost`].
    pub async fn tune(&mut self, job: Job) -> Result<Tuned> {
        let began = Instant::now();
        let open = PlanOptions {
            checks: self.options.checks,
            ..PlanOptions::default()
        };
        let (operation, _) = self.runner.fit(job.operation.into(), &open).await?;
        let operation = operation.as_ref();
        let all = candidates(
            operation,
            self.gpu.capabilities(),
            self.options.budget.candidates,
        )?;
        let mut trials = DeviceTrials::new(
            self.gpu,
            operation,
            &all,
            &self.options,
            self.should_stop,
            began,
        )
        .await?;
        let is_near = |seconds: f64| self.is_near(operation, seconds);
        let outcome = search(&mut trials, all.len(), &is_near, &self.options.budget).await?;
        let contender = |place: usize, time_s| {
            TunedConfig::new(all[place].kernel, &all[place].constants, time_s)
        };
        let passed_over = outcome.passed_over.iter();
        Ok(Tuned {
            operation: operation.family().name.to_owned(),
            dtype: operation.dtype(),
            class: job.class,
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

    /// Whether a time of `seconds` for `operation` is so near to the roof that next to nothing can be gained.
    fn is_near(&self, operation: &dyn Operation, seconds: f64) -> bool {
        let Some(roofline) = self.runner.roofline() else {
            return false;
        };
        let rate = roofline.fastest(operation.dtype().name());
        let arithmetic = rate.map_or(0.0, |rate| {
            operation.flops() as f64 / rate.flops_per_second()
        });
        let memory = match roofline.memory.last() {
            Some(level) if operation.min_bytes() > BEYOND_CACHES => {
                operation.min_bytes() as f64 / level.bandwidth.bytes_per_second()
            }
            _ => 0.0,
        };
        arithmetic.max(memory) >= NEAR * seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Matmul, family};

    #[test]
    fn families_without_classes_are_refused_plainly() {
        let of = |name| Job::all(family(name).unwrap(), Dtype::F32, AdapterKind::Discrete);
        let text = of("fma").unwrap_err().to_string();
        assert!(
            text.contains("fma has no classes of shapes to tune; these have: copy"),
            "{text}"
        );
        let jobs = of("matmul").unwrap();
        assert_eq!(jobs.len(), family("matmul").unwrap().classes.len());
    }

    #[test]
    fn a_shape_of_ones_own_is_its_class() {
        let job = Job::of(Box::new(Matmul::new(300, 200, 100))).unwrap();
        assert_eq!(job.class, "square_small");
        assert_eq!(job.operation.label(), "300x200x100");
    }
}
