//! Timing that can be trusted: warm up, calibrate, sample, and say how good the answer is.
//!
//! [`measure`] drives a [`Clock`], which runs the work and reads the time; on a GPU that is a submission of
//! dispatches between two timestamps. What comes back is a [`Measurement`], which ends in a value with its spread or
//! in the reason why there is none. The sampler knows of no GPU, and [`FakeClock`] stands in for one; [`GpuClock`] is one.
//!
//! ```
//! use ridgepoint::bench::{FakeClock, FakeWork, measure};
//! use ridgepoint::report::{Sampling, Status};
//!
//! let mut clock = FakeClock::new(FakeWork { seconds: 250e-6, ..FakeWork::default() });
//! let never = || false;
//! let measured = pollster::block_on(measure(&mut clock, &Sampling::default(), &never))?;
//! assert_eq!(measured.status, Status::Ok);
//! assert!(measured.time.is_some_and(|time| (time.median / 250e-6 - 1.0).abs() < 0.01));
//! # Ok::<(), ridgepoint::error::Error>(())
//! ```

mod clock;
mod device_warnings;
mod drift;
mod fake;
mod fixed_work;
mod gpu_clock;
mod host_load;
mod measurement;
mod operand_buffers;
mod rates;
mod recorder;
mod rotation;
mod rounds;
mod sampler;
mod soak;
mod stats;
mod timed_launch;
mod timer;
mod verdict;

pub use clock::{Clock, Tick};
pub use device_warnings::device_warnings;
pub use drift::{DriftMonitor, WakeRule};
pub use fake::{FakeClock, FakeSensors, FakeState, FakeTimestamps, FakeWork, Fault, Ramp, Sleep};
pub(crate) use fixed_work::wake;
pub use gpu_clock::GpuClock;
pub use host_load::HostLoad;
pub use measurement::Measurement;
pub use operand_buffers::{Coverage, OperandBuffers};
pub use rates::{Awake, FixedWorkRates};
pub use rotation::operand_sets;
pub use rounds::{joined, of_round};
pub use sampler::{MIN_FOR_NOISE, NOISY_ABOVE, measure};
pub use soak::{SoakOptions, soak};
