//! The clock of a real device: a launch that is timed, on a device that is woken before.

use super::clock::{Clock, Tick};
use super::fixed_work;
use super::rates::Awake;
use super::timed_launch::TimedLaunch;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::plan::Launch;
use crate::report::Sampling;
use crate::sensors::{Reading, Sensors};
use std::sync::Arc;
use std::time::Duration;

/// Runs a [`Launch`], or several in turn, between two timestamps of one compute pass, many times in one submission.
#[derive(Debug)]
pub struct GpuClock<'a> {
    timed: TimedLaunch<'a>,
    /// Sensors that were attached to the device.
    sensors: Option<Arc<Sensors>>,
}

impl<'a> GpuClock<'a> {
    /// A clock for `launch`, with timestamps where the device has them.
    ///
    /// # Errors
    /// [`crate::Error::Gpu`], [`crate::Error::OutOfMemory`].
    pub async fn new(gpu: &'a Gpu, launch: &'a Launch) -> Result<Self> {
        Self::rotating(gpu, std::slice::from_ref(launch)).await
    }

    /// A clock for `launches` of one plan, each on operands of its own. Each repeat runs the next launch, and the next sample
    /// goes on where the last one ended: a time is of one launch.
    ///
    /// # Errors
    /// Errors of [`GpuClock::new`].
    pub async fn rotating(gpu: &'a Gpu, launches: &'a [Launch]) -> Result<Self> {
        let timed = TimedLaunch::rotating(gpu, launches).await?;
        let sensors = Sensors::of_device(gpu);
        Ok(Self { timed, sensors })
    }
}

impl Clock for GpuClock<'_> {
    async fn sample(&mut self, repeats: u32) -> Result<Tick> {
        self.timed.sample(repeats).await
    }

    async fn empty(&mut self) -> Result<Tick> {
        self.timed.empty().await
    }

    fn now(&self) -> Duration {
        self.timed.now()
    }

    async fn wake(&mut self, sampling: &Sampling, should_stop: &dyn Fn() -> bool) -> Result<Awake> {
        fixed_work::wake(self.timed.gpu, sampling, should_stop).await
    }

    async fn rate_after(&mut self, awake: &Awake) -> Result<Option<f64>> {
        fixed_work::rate_after(self.timed.gpu, awake).await
    }

    fn sensors(&mut self) -> Option<Reading> {
        self.sensors.as_ref().map(|sensors| sensors.read())
    }
}
