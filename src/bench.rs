//! Timing that can be trusted: warm up, calibrate, sample, and say how good the answer is.
//!
//! [`measure`] drives a [`Clock`], which runs the work and reads the time; on a GPU that is a submission of
//! dispatches between two timestamps. What comes back is a [`Measurement`], which ends in a value with its spread or
//! in the reason why there is none. The sampler knows of no GPU, and [`FakeClock`] stands in for one; [`GpuClock`] is one.
//!
//! ```
//! use ridgepoint::bench::{FakeClock, FakeWork, Sampling, Status, measure};
//!
//! let mut clock = FakeClock::new(FakeWork { seconds: 250e-6, ..FakeWork::default() });
//! let never = || false;
//! let measured = pollster::block_on(measure(&mut clock, &Sampling::default(), &never))?;
//! assert_eq!(measured.status, Status::Ok);
//! assert!(measured.time.is_some_and(|time| (time.median / 250e-6 - 1.0).abs() < 0.01));
//! # Ok::<(), ridgepoint::error::Error>(())
//! ```

mod clock;
mod drift;
mod fixed_work;
mod gpu_clock;
mod measurement;
mod others;
mod row;
mod runner;
mod sampler;
mod sampling;
mod stats;
mod timer;
mod verdict;
mod workspace;

pub use clock::{Clock, FakeClock, FakeTimestamps, FakeWork, Fault, Ramp, Sleep, Tick};
pub use drift::{Awake, DriftMonitor, FixedWorkRates, WakeRule};
pub(crate) use fixed_work::wake;
pub use gpu_clock::GpuClock;
pub use measurement::{ClockKind, Measurement, Status};
pub use others::Others;
pub use runner::{RunOptions, Runner};
pub use sampler::{MIN_FOR_NOISE, NOISY_ABOVE, measure};
pub use sampling::Sampling;
pub use stats::Summary;
pub use workspace::{Coverage, Workspace};
