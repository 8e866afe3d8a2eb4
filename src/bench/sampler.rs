//! Warm-up, calibration, sampling and the verdict.

use std::time::Duration;

use super::clock::{Clock, Tick};
use super::drift::measure_again_on_drift;
use super::measurement::Measurement;
use super::rates::FixedWorkRates;
use super::recorder::Recorder;
use super::stats::{agree, noise_is_stable};
use super::timer::{Choice, Timer};
use crate::error::{Error, Result};
use crate::report::{Sampling, Status, Summary, Warning};
use crate::units::format_percent;

/// A relative interquartile range above this makes a measurement [`Status::Noisy`]: five per cent.
pub const NOISY_ABOVE: f64 = 0.05;
/// Fewer samples than this make it [`Status::Noisy`] too, since the quartiles of so few say nothing.
pub const MIN_FOR_NOISE: usize = 5;

/// Samples that together last this many times the least time are enough, however noisy they are: a device that is slowed
/// down by its own heat does not become quiet, and only gets hotter.
const PATIENCE: f64 = 3.0;

/// Least time from one reading of the sensors to the next.
const READINGS: Duration = Duration::from_millis(100);
/// How many empty submissions the cost of a submission is the median of.
const EMPTY_SAMPLES: usize = 5;
/// Ends a warm-up whose clock stands still: a lost device may make every wait return at once.
const MAX_WARM_UP_SAMPLES: usize = 10_000;
/// A first run this many times longer than the others, and longer than `COLD_FROM_S`, is worth a warning.
const COLD_FACTOR: f64 = 10.0;
const COLD_FROM_S: f64 = 0.05;

/// Measures the time of one repeat of the clock's work.
///
/// 1. The device is woken ([`Clock::wake`]): nothing is timed on one that has just rested. The work runs once, cold, and
///    is not counted. Then come a few empty submissions.
/// 2. It warms up by running: repeats of one sample are doubled, from one, until a sample is long enough, and
///    warm-up ends when the time for it has passed and successive samples agree. None of these samples are counted.
/// 3. Samples are taken until there are enough of them, as [`Sampling`] says, one in any case.
/// 4. Empty submissions run again, and the smaller median of the two counts: a machine that was busy just then must not
///    make the work look shorter.
/// 5. The times are read from GPU timestamps if those can be right, and from the wall clock less an empty submission
///    if not; the wall time is kept in either case. Samples that hardly exceed an empty submission are taken again with
///    more repeats. A [`Warning`] tells what limits the result.
/// 6. Where the clock has sensors, they are read after waking, after the warm-up, between samples every 100 ms or less often,
///    and after the last sample: never within a sample.
/// 7. The device's rate is read again ([`Clock::rate_after`]). If it changed by more than 3 %, all of this is done again,
///    twice at most, and once if it then changes as much: the work itself slows the device down. The mark stays.
///
/// `should_stop` is asked before every sample.
///
/// # Errors
///
/// [`Error::Interrupted`] if `should_stop` said so and [`Error::DeviceLost`] if the device is gone: neither is a
/// property of the work. All other errors of the clock become the [`Status`] of the measurement.
pub async fn measure<C: Clock>(
    clock: &mut C,
    sampling: &Sampling,
    should_stop: &dyn Fn() -> bool,
) -> Result<Measurement> {
    let once = async || {
        let session = Sampler {
            clock: &mut *clock,
            sampling,
            should_stop,
            timer: Timer::default(),
            recorder: Recorder::new(READINGS),
        };
        session.measure().await
    };
    match measure_again_on_drift(once).await {
        Err(error) if error.ends_run() => Err(error),
        Err(error) => Ok(Measurement::failed(&error)),
        ended => ended,
    }
}

struct Sampler<'a, C> {
    clock: &'a mut C,
    sampling: &'a Sampling,
    should_stop: &'a dyn Fn() -> bool,
    timer: Timer,
    recorder: Recorder,
}

/// How warming up ended.
struct WarmUp {
    repeats: u32,
    samples: usize,
    lasted: Duration,
    settled: bool,
}

impl<C: Clock> Sampler<'_, C> {
    async fn measure(mut self) -> Result<Measurement> {
        let awake = self.clock.wake(self.sampling, self.should_stop).await?;
        self.recorder.look(self.clock);
        let mut measured = self.measure_awake().await?;
        let after = self.clock.rate_after(&awake).await?;
        let rates = awake.rate.zip(after);
        measured.fixed_work = rates.map(|(before, after)| FixedWorkRates { before, after });
        let during = measured.fixed_work.and_then(FixedWorkRates::warning);
        let before = awake.warning;
        let before = before.map(|warning| warning.because(self.recorder.at_first()));
        let during = during.map(|warning| warning.because(self.recorder.change()));
        measured.warnings.extend(before);
        measured.warnings.extend(during);
        Ok(measured)
    }

    async fn measure_awake(&mut self) -> Result<Measurement> {
        let cold = self.sample(1).await?;
        let began = self.clock.now();
        self.timer.overhead_s = self.empty().await?;
        let mut warm_up = self.warm_up(began).await?;
        let ticks = loop {
            let ticks = self.collect(began, warm_up.repeats).await?;
            self.timer.overhead_s = self.empty().await?.min(self.timer.overhead_s);
            // Beside other processes a wait may be of any length; the shortest says how long the work can be at most.
            // Work so short may be sampled once more even if the time is up.
            let can_double = |tick: &Tick| self.can_double(warm_up.repeats, *tick);
            if self.timer.resolves(&ticks) || !ticks.iter().any(can_double) {
                break ticks;
            }
            warm_up.samples += ticks.len();
            warm_up.repeats *= 2;
        };
        Ok(self.verdict(cold, &warm_up, &ticks))
    }

    async fn sample(&mut self, repeats: u32) -> Result<Tick> {
        sample(self.clock, &mut self.timer, self.should_stop, repeats).await
    }

    /// The median wall time of an empty submission; zero where the clock is too coarse to see one.
    async fn empty(&mut self) -> Result<f64> {
        let mut wall_s = [0.0; EMPTY_SAMPLES];
        for slot in &mut wall_s {
            *slot = self.clock.empty().await?.wall_s.max(0.0);
        }
        wall_s.sort_unstable_by(f64::total_cmp);
        Ok(wall_s[EMPTY_SAMPLES / 2])
    }

    fn since(&self, began: Duration) -> Duration {
        self.clock.now().saturating_sub(began)
    }

    /// Runs the work until the device is at its usual rate, and finds the repeats that make a sample long enough.
    /// Both at once, for a sample gets shorter as the clock rate rises.
    async fn warm_up(&mut self, began: Duration) -> Result<WarmUp> {
        let sampling = self.sampling;
        let latest = sampling.warm_up_max.min(sampling.max_time);
        let mut repeats = 1;
        let mut samples = 0;
        let mut alike = Vec::new();
        loop {
            let tick = self.sample(repeats).await?;
            samples += 1;
            let lasted = self.since(began);
            if self.may_double(repeats, tick) {
                repeats *= 2;
                alike.clear();
            } else {
                alike.push(tick);
            }
            let settled = self.is_plateau(&alike);
            if (settled && lasted >= sampling.warm_up)
                || lasted >= latest
                || samples >= MAX_WARM_UP_SAMPLES
            {
                return Ok(WarmUp {
                    repeats,
                    samples,
                    lasted,
                    settled,
                });
            }
        }
    }

    fn may_double(&self, repeats: u32, tick: Tick) -> bool {
        let wanted = self
            .timer
            .resolvable(tick)
            .max(self.sampling.sample_min.as_secs_f64());
        self.timer.length(tick) < wanted && self.can_double(repeats, tick)
    }

    fn can_double(&self, repeats: u32, tick: Tick) -> bool {
        2.0 * self.timer.longest(tick) <= self.sampling.dispatch_cap.as_secs_f64()
            && repeats <= self.sampling.max_repeats / 2
    }

    fn is_plateau(&self, alike: &[Tick]) -> bool {
        let count = self.sampling.plateau_samples;
        alike.len() >= count && {
            let (_, seconds) = self.read(&alike[alike.len() - count..], 1);
            agree(&seconds, self.sampling.plateau_tolerance)
        }
    }

    /// The clock to read samples from, and the seconds of one repeat in each of them.
    fn read(&self, ticks: &[Tick], repeats: u32) -> (Choice, Vec<f64>) {
        let choice = self.timer.choose(ticks);
        let seconds = |tick: &Tick| self.timer.seconds(choice.kind, *tick) / f64::from(repeats);
        let seconds = ticks.iter().map(seconds).collect();
        (choice, seconds)
    }

    async fn collect(&mut self, began: Duration, repeats: u32) -> Result<Vec<Tick>> {
        let mut ticks = Vec::new();
        self.recorder.begin(self.clock);
        loop {
            ticks.push(self.sample(repeats).await?);
            if ticks.len() >= self.sampling.max_samples
                || self.since(began) >= self.sampling.max_time
                || self.is_enough(&ticks)
            {
                self.recorder.look(self.clock);
                return Ok(ticks);
            }
            self.recorder.look_if_due(self.clock);
        }
    }

    fn is_enough(&self, ticks: &[Tick]) -> bool {
        let sampling = self.sampling;
        if ticks.len() < sampling.min_samples {
            return false;
        }
        let (_, seconds) = self.read(ticks, 1);
        let target = sampling.target_relative_iqr;
        let quiet = || Summary::new(&seconds).is_some_and(|s| s.relative_iqr() <= target);
        let lasted = seconds.iter().sum::<f64>() / sampling.min_time.as_secs_f64();
        let are_many = seconds.len() >= 2 * sampling.min_samples;
        let steady = || are_many && (lasted >= PATIENCE || noise_is_stable(&seconds, target));
        lasted >= 1.0 && (quiet() || steady())
    }

    fn verdict(&self, cold: Tick, warm_up: &WarmUp, ticks: &[Tick]) -> Measurement {
        let repeats = warm_up.repeats;
        let ended = |status, reason| Measurement {
            overhead_s: Some(self.timer.overhead_s),
            first_sample_s: Some(cold.wall_s),
            repeats: Some(repeats),
            discarded: warm_up.samples + 1,
            ..Measurement::ended(status, reason)
        };
        let (choice, seconds) = self.read(ticks, repeats);
        let Some(time) = Summary::new(&seconds) else {
            let reason = format!(
                "{repeats} repeats in one submission take no longer than an empty one; make the work larger"
            );
            return ended(Status::Failed, Some(reason));
        };
        let wall = |tick: &Tick| tick.wall_s / f64::from(repeats);
        let wall: Vec<f64> = ticks.iter().map(wall).collect();
        let mut warnings = Vec::from_iter(choice.warning);
        warnings.extend(self.warnings(cold, warm_up, &time));
        let noise = noise(&time);
        let status = if noise.is_some() {
            Status::Noisy
        } else {
            Status::Ok
        };
        Measurement {
            clock: Some(choice.kind),
            wall: Summary::new(&wall),
            sensors: self.recorder.summary(&time),
            time: Some(time),
            warnings,
            ..ended(status, noise)
        }
    }

    fn warnings(&self, cold: Tick, warm_up: &WarmUp, time: &Summary) -> Vec<Warning> {
        let sampling = self.sampling;
        let mut warnings = Vec::from_iter(sampling.warning());
        let later_s = time.median + self.timer.overhead_s;
        if cold.wall_s > COLD_FROM_S && cold.wall_s > COLD_FACTOR * later_s {
            warnings.push(Warning::ColdFirstSample {
                first_s: cold.wall_s,
                later_s,
            });
        }
        if !warm_up.settled {
            warnings.push(Warning::NotSettled {
                seconds: warm_up.lasted.as_secs_f64(),
            });
        }
        let cap_s = sampling.dispatch_cap.as_secs_f64();
        if time.median > cap_s {
            warnings.push(Warning::LongDispatch {
                seconds: time.median,
                cap_s,
            });
        }
        let seconds = time.samples.iter().sum::<f64>() * f64::from(warm_up.repeats);
        warnings.extend(of_samples(time, seconds, sampling));
        warnings
    }
}

/// A sample of `clock`, noted by `timer`.
///
/// # Errors
/// [`Error::Interrupted`] if `should_stop` says so; errors of [`Clock::sample`].
pub(super) async fn sample<C: Clock>(
    clock: &mut C,
    timer: &mut Timer,
    should_stop: &dyn Fn() -> bool,
    repeats: u32,
) -> Result<Tick> {
    if should_stop() {
        return Err(Error::Interrupted);
    }
    let tick = clock.sample(repeats).await?;
    timer.observe(tick);
    Ok(tick)
}

/// Warnings about samples that are too few, that last `seconds` where `sampling` asks for more, or that are widely spread.
pub(super) fn of_samples(time: &Summary, seconds: f64, sampling: &Sampling) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if time.n < sampling.min_samples || seconds < sampling.min_time.as_secs_f64() {
        warnings.push(Warning::FewSamples {
            samples: time.n,
            seconds,
        });
    }
    let relative_iqr = time.relative_iqr();
    if relative_iqr > NOISY_ABOVE {
        warnings.push(Warning::Noisy { relative_iqr });
    }
    warnings
}

/// Why these times are noisy, if they are.
pub(super) fn noise(time: &Summary) -> Option<String> {
    let relative_iqr = time.relative_iqr();
    if time.n < MIN_FOR_NOISE {
        Some(format!("{} samples are too few to tell the noise", time.n))
    } else if relative_iqr > NOISY_ABOVE {
        Some(format!(
            "the relative interquartile range is {}, above {}",
            format_percent(relative_iqr),
            format_percent(NOISY_ABOVE)
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
