//! Clocks: they run the measured work and read the time.

use std::time::Duration;

use super::rates::Awake;
use crate::error::Result;
use crate::report::Sampling;
use crate::sensors::Reading;

/// Runs work some number of times and says how long that took.
///
/// The work, its buffers and its pipeline are the clock's own; [`measure`](super::measure) only says how often.
#[expect(
    async_fn_in_trait,
    reason = "callers are generic over the clock and need no Send: a browser has one thread"
)]
pub trait Clock {
    /// Runs the work `repeats` times, back to back in one submission, and waits for the end of it.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`](crate::Error::TimedOut) where the wait was given up, [`Error::DeviceLost`](crate::Error::DeviceLost) where the device is gone, anything
    /// else where the work failed.
    async fn sample(&mut self, repeats: u32) -> Result<Tick>;

    /// Submits no work at all, and waits for the end of it: what a submission costs by itself.
    ///
    /// # Errors
    ///
    /// Errors of [`sample`](Self::sample).
    async fn empty(&mut self) -> Result<Tick>;

    /// The time since some fixed moment. It never goes back.
    fn now(&self) -> Duration;

    /// Brings the device to the rate that it is known to reach, by fixed work: see [`DriftMonitor`](super::DriftMonitor). A clock that watches
    /// no device does nothing, as here.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`](crate::Error::Interrupted) if `should_stop` says so; as [`sample`](Self::sample).
    async fn wake(&mut self, sampling: &Sampling, should_stop: &dyn Fn() -> bool) -> Result<Awake> {
        let _ = (sampling, should_stop);
        Ok(Awake::default())
    }

    /// The device's rate after a measurement that began as `awake` says, in FLOP/s of the fixed work; `None` where the
    /// device is not watched.
    ///
    /// # Errors
    ///
    /// Errors of [`sample`](Self::sample).
    async fn rate_after(&mut self, awake: &Awake) -> Result<Option<f64>> {
        let _ = awake;
        Ok(None)
    }

    /// Values of the device's sensors at this moment, asked between two samples; `None`, as here, where there are none.
    fn sensors(&mut self) -> Option<Reading> {
        None
    }
}

/// Times of one submission, in seconds, all repeats together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// The difference of the GPU timestamps around the work as the adapter gave it, zero and negative included;
    /// `None` where the adapter has none.
    pub gpu_s: Option<f64>,
    /// By the host's clock, from before the submission to after the wait.
    pub wall_s: f64,
}

impl Tick {
    /// About how long it took, for what is not published: by the GPU if that lies within the wall time, never zero.
    pub(crate) fn rough_s(self) -> f64 {
        let by_gpu = self.gpu_s.filter(|s| *s > 0.0 && *s <= self.wall_s);
        by_gpu.unwrap_or(self.wall_s).max(1e-9)
    }
}
