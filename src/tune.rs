//! A bounded search over kernels and their presets, for each class of shapes.
//!
//! A [`Tuner`] has one budget for all classes, [`TuneOptions::time`], which it shares out by expected gain. Each candidate is
//! verified before it is timed, and has to beat the library's choice by more than the spread of the comparison. A candidate
//! that does not compile, or that loses the device, costs itself alone. The result is a [`Tuning`](crate::Tuning), which
//! [`Store`](crate::plan::Store) keeps. A plan uses a tuning only where
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
mod device;
mod job;
#[cfg(feature = "statistics")]
mod judge;
mod known;
mod options;
mod roof;
mod search;
mod session;
mod sharing;
mod trials;
mod tuner;

pub use candidates::{Config, candidates};
pub use job::{Job, tunable, without_classes};
pub use known::known_cases;
pub use options::TuneOptions;
pub use search::{Budget, Outcome, Phase, Timing, Trials, search};
pub use session::{Event, Listener};
pub use tuner::Tuner;
