//! A clock without a GPU, for tests: a device that ramps, sleeps, fails and lies about the time.

use super::clock::{Clock, Tick};
use super::drift::{DriftMonitor, WakeRule};
use super::rates::Awake;
use crate::error::{Error, Result};
use crate::report::{Limit, PowerOf, Sampling};
use crate::sensors::{Energy, Power, Reading};
use std::sync::Arc;
use std::time::Duration;

/// The work that a [`FakeClock`] pretends to run.
#[derive(Debug, Clone, PartialEq)]
pub struct FakeWork {
    /// Time of one repeat on a warm device, in seconds.
    pub seconds: f64,
    /// Wall time that a submission adds, in seconds.
    pub overhead: f64,
    /// Extra wall time of the first empty submissions, beside a machine that is busy just then, in seconds.
    pub disturbed: Vec<f64>,
    /// Extra wall time of the first sample, as for a shader that is compiled late, in seconds.
    pub cold: f64,
    /// Each sample is longer or shorter by up to this share; 0.001 is 0.1 %. The sequence is fixed.
    pub jitter: f64,
    /// Factors of the samples in their order, over and over; empty stands for 1.
    pub pattern: Vec<f64>,
    /// The device is slow at first.
    pub ramp: Option<Ramp>,
    /// The device falls asleep when it rests, and is watched by a [`DriftMonitor`].
    pub sleep: Option<Sleep>,
    /// The device has sensors, and slows down as it gets warm.
    pub sensors: Option<FakeSensors>,
    /// Behaviour of the GPU timestamps.
    pub timestamps: FakeTimestamps,
    /// The sample, counted from 0, at which something goes wrong, and what.
    pub fault: Option<(usize, Fault)>,
}

impl Default for FakeWork {
    /// 1 ms a repeat with 0.1 % of jitter, 50 us a submission, sound timestamps.
    fn default() -> Self {
        Self {
            seconds: 1e-3,
            overhead: 50e-6,
            disturbed: Vec::new(),
            cold: 0.0,
            jitter: 1e-3,
            pattern: Vec::new(),
            ramp: None,
            sleep: None,
            sensors: None,
            timestamps: FakeTimestamps::Sound,
            fault: None,
        }
    }
}

/// A clock rate that rises from the first sample on: work takes `slowdown` times as long at first, and ever less
/// until `lasts` has passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ramp {
    /// How long the device takes to reach its full rate; 220 to 440 ms on an Apple M1.
    pub lasts: Duration,
    /// How many times slower it is at the start.
    pub slowdown: f64,
}

/// A device that runs at an even, lower rate after it has rested, until work has kept it busy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sleep {
    /// The rest after which it is asleep; about 2 s on an H200.
    pub after: Duration,
    /// How many times slower it is then.
    pub slowdown: f64,
    /// The work that wakes it, added up; 0.23 to 0.36 s on an H200.
    pub lasts: Duration,
    /// Shorter submissions do not count as work: with the pauses between them they neither wake it nor keep it awake.
    pub dense: Duration,
}

/// Sensors of a device that draws power whenever time passes, and whose clock falls once it is warm: work takes longer by
/// as much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FakeSensors {
    /// State at first.
    pub cool: FakeState,
    /// State from `warms_after` on, in which the power limit holds.
    pub warm: FakeState,
    /// Time after which the device is warm.
    pub warms_after: Duration,
    /// Time that a reading takes.
    pub cost: Duration,
}

/// State of a device with sensors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FakeState {
    /// Clock of the cores, in Hz.
    pub clock_hz: f64,
    /// Power, in watts.
    pub watts: f64,
    /// Temperature, in degrees Celsius.
    pub temperature_c: f64,
}

impl Default for FakeSensors {
    /// 1980 MHz and 400 W, from the third minute on 1755 MHz and 350 W; a reading takes a millisecond.
    fn default() -> Self {
        Self {
            cool: FakeState {
                clock_hz: 1.98e9,
                watts: 400.0,
                temperature_c: 40.0,
            },
            warm: FakeState {
                clock_hz: 1.755e9,
                watts: 350.0,
                temperature_c: 80.0,
            },
            warms_after: Duration::from_mins(2),
            cost: Duration::from_millis(1),
        }
    }
}

impl FakeSensors {
    fn state(&self, now: Duration) -> FakeState {
        if now < self.warms_after {
            self.cool
        } else {
            self.warm
        }
    }
}

/// Behaviour of the timestamps of a [`FakeClock`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FakeTimestamps {
    /// True.
    Sound,
    /// The adapter has none.
    Missing,
    /// Begin and end are the same, as on macOS 26.
    Zero,
    /// The end comes before the beginning.
    Backwards,
    /// Timestamps advance in steps of this many nanoseconds; 65,536 in Chrome.
    Quantised(u64),
    /// True but for a wrong period: differences are too long by this factor.
    Scaled(f64),
}

/// A failure of a [`FakeClock`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The submission is refused.
    Fails,
    /// The work does not end within this time.
    Hangs(Duration),
    /// The device is lost.
    DeviceLost,
}

/// A clock without a GPU, whose time passes only as its work runs: seconds of sampling take microseconds.
#[derive(Debug, Clone)]
pub struct FakeClock {
    work: FakeWork,
    device: FakeDevice,
    monitor: Arc<DriftMonitor>,
    asked: Vec<u32>,
    empties: usize,
}

/// History of a fake device.
#[derive(Debug, Clone, Copy, Default)]
struct FakeDevice {
    now: Duration,
    /// The end of the last work that counts.
    worked: Duration,
    /// Seconds of work that are missing until it is awake.
    asleep_s: f64,
    /// Energy that it has drawn, in joules.
    energy_j: f64,
}

/// Seconds and FLOPs of one repeat of the fixed work on a fake device.
const FIXED_WORK_S: f64 = 100e-6;
const FIXED_WORK_FLOPS: f64 = 1e9;

impl FakeClock {
    /// A clock at time zero that pretends to run `work`.
    #[must_use]
    pub fn new(work: FakeWork) -> Self {
        Self {
            work,
            device: FakeDevice::default(),
            monitor: Arc::new(DriftMonitor::new(WakeRule::Gpu, FIXED_WORK_FLOPS)),
            asked: Vec::new(),
            empties: 0,
        }
    }

    /// Lets the device rest.
    pub fn rest(&mut self, lasting: Duration) {
        self.device.now += lasting;
    }

    /// A clock of the fixed work on the same device.
    fn fixed_work(&self) -> Self {
        let work = FakeWork {
            seconds: FIXED_WORK_S,
            cold: 0.0,
            pattern: Vec::new(),
            fault: None,
            ..self.work.clone()
        };
        Self {
            device: self.device,
            ..Self::new(work)
        }
    }

    /// The repeats of every sample that was asked for, in order.
    #[must_use]
    pub fn asked(&self) -> &[u32] {
        &self.asked
    }

    fn seconds_of(&self, index: usize, repeats: u32) -> f64 {
        // The golden ratio spreads multiples evenly over 0..1, which is all that noise needs here.
        let noise = (index as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0;
        let pattern = match self.work.pattern.as_slice() {
            [] => 1.0,
            factors => factors[index % factors.len()],
        };
        let slowdown = self.work.ramp.map_or(1.0, |ramp| {
            let done = (self.device.now.as_secs_f64() / ramp.lasts.as_secs_f64()).min(1.0);
            ramp.slowdown + (1.0 - ramp.slowdown) * done
        });
        let sensors = self.work.sensors;
        let slowed = sensors.map_or(1.0, |sensors| {
            sensors.cool.clock_hz / sensors.state(self.device.now).clock_hz
        });
        slowed
            * self.work.seconds
            * f64::from(repeats)
            * (1.0 + self.work.jitter * noise)
            * pattern
            * slowdown
    }

    /// Seconds that work of `seconds` takes, for a device that may sleep: it wakes by the work.
    fn work_for(&mut self, seconds: f64) -> f64 {
        let Some(sleep) = self.work.sleep else {
            return seconds;
        };
        let device = &mut self.device;
        if device.now.saturating_sub(device.worked) >= sleep.after {
            device.asleep_s = sleep.lasts.as_secs_f64();
        }
        if device.asleep_s <= 0.0 {
            return seconds;
        }
        let seconds = seconds * sleep.slowdown;
        if seconds >= sleep.dense.as_secs_f64() {
            device.asleep_s -= seconds;
        }
        seconds
    }

    fn timestamps(&self, seconds: f64) -> Option<f64> {
        match self.work.timestamps {
            FakeTimestamps::Sound => Some(seconds),
            FakeTimestamps::Missing => None,
            FakeTimestamps::Zero => Some(0.0),
            FakeTimestamps::Backwards => Some(-seconds),
            FakeTimestamps::Quantised(step) => {
                let begin = self.device.now.as_nanos() as u64;
                let end = begin + (seconds * 1e9) as u64;
                Some(((end / step - begin / step) * step) as f64 * 1e-9)
            }
            FakeTimestamps::Scaled(factor) => Some(seconds * factor),
        }
    }

    fn pass(&mut self, gpu_s: Option<f64>, wall_s: f64) -> Tick {
        let now = self.device.now;
        let sensors = self.work.sensors;
        let watts = sensors.map_or(0.0, |sensors| sensors.state(now).watts);
        self.device.energy_j += watts * wall_s;
        self.device.now += Duration::from_secs_f64(wall_s);
        Tick { gpu_s, wall_s }
    }
}

impl Clock for FakeClock {
    async fn sample(&mut self, repeats: u32) -> Result<Tick> {
        let index = self.asked.len();
        self.asked.push(repeats);
        if let Some((_, fault)) = self.work.fault.filter(|(at, _)| *at == index) {
            return Err(match fault {
                Fault::Fails => Error::Gpu {
                    what: "a sample".into(),
                    message: "the fake submission was refused".to_owned(),
                },
                Fault::Hangs(limit) => {
                    self.device.now += limit;
                    Error::TimedOut {
                        what: "the fake submission".to_owned(),
                        seconds: limit.as_secs_f64(),
                    }
                }
                Fault::DeviceLost => Error::DeviceLost {
                    reason: "unplugged".to_owned(),
                },
            });
        }
        let seconds = self.work_for(self.seconds_of(index, repeats));
        let cold = if index == 0 { self.work.cold } else { 0.0 };
        let gpu_s = self.timestamps(seconds);
        let tick = self.pass(gpu_s, seconds + self.work.overhead + cold);
        let dense = self.work.sleep.map_or(Duration::ZERO, |sleep| sleep.dense);
        if seconds >= dense.as_secs_f64() {
            self.device.worked = self.device.now;
        }
        Ok(tick)
    }

    async fn empty(&mut self) -> Result<Tick> {
        let gpu_s = self.timestamps(0.0);
        let disturbed = self.work.disturbed.get(self.empties).unwrap_or(&0.0);
        let wall_s = self.work.overhead + disturbed;
        self.empties += 1;
        Ok(self.pass(gpu_s, wall_s))
    }

    fn now(&self) -> Duration {
        self.device.now
    }

    async fn wake(&mut self, _: &Sampling, should_stop: &dyn Fn() -> bool) -> Result<Awake> {
        if self.work.sleep.is_none() {
            return Ok(Awake::default());
        }
        let mut fixed = self.fixed_work();
        let awake = self.monitor.wake(&mut fixed, should_stop).await;
        self.device = fixed.device;
        awake
    }

    async fn rate_after(&mut self, awake: &Awake) -> Result<Option<f64>> {
        let Some(before) = awake.rate else {
            return Ok(None);
        };
        let mut fixed = self.fixed_work();
        let after = self.monitor.rate_after(&mut fixed, before).await;
        self.device = fixed.device;
        after.map(Some)
    }

    fn sensors(&mut self) -> Option<Reading> {
        let sensors = self.work.sensors?;
        self.pass(None, sensors.cost.as_secs_f64());
        let state = sensors.state(self.device.now);
        let is_warm = self.device.now >= sensors.warms_after;
        Some(Reading {
            core_clock_hz: Some(state.clock_hz),
            memory_clock_hz: None,
            temperature_c: Some(state.temperature_c),
            power: Some(Power {
                watts: state.watts,
                of: PowerOf::Board,
                averaged_s: 0.1,
            }),
            energy: Some(Energy {
                joules: self.device.energy_j,
                of: PowerOf::Board,
                step_s: 0.1,
            }),
            limits: Some(is_warm.then_some(Limit::PowerLimit).into_iter().collect()),
        })
    }
}
