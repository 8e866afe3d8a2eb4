//! Drift monitor: fixed arithmetic that tells the rate a device runs at, wakes a device that rested, and shows drift.
//!
//! A device that rested for some seconds runs at a fraction of its rate for a while, and evenly: neither the spread of
//! the times nor a plateau of the warm-up shows it. What shows it is the same fixed work at another time of the process.
//! No time of any particular device is part of the rule.

use super::clock::{Clock, Tick};
use super::measurement::Measurement;
use super::rates::{Awake, FixedWorkRates, TOLERANCE, agree, drift};
use super::timer::Timer;
use crate::error::{Error, Result};
use crate::gpu::lock;
use crate::report::{DriftMoment, Warning};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Least length of a probe in seconds: fixed work that decides whether a device is at its rate.
const PROBE_S: f64 = 1e-3;
/// Least length of a burst in seconds: fixed work dense enough to wake a device, and long enough to average noise.
const BURST_S: f64 = 0.02;
/// Length that is asked for, over the least length: a device that is a little faster next time is still read in one go.
const MARGIN: f64 = 1.5;
/// Least length of a reading without timestamps, in empty submissions, whose noise it contains.
const EMPTY_PER_READING: f64 = 20.0;
/// Time for which the rate must not have risen at the end of the first waking, and where a lower rate is taken to last.
const STEADY: Duration = Duration::from_millis(1500);
/// Longest waking.
const LIMIT: Duration = Duration::from_secs(3);
/// Rates that are kept; their median is what the device is known to reach.
const BEST: usize = 3;
/// Bursts before a row on a software adapter, until two agree.
const MOST_BURSTS: usize = 5;
/// Limit of the repeats in one submission.
const MOST_REPEATS: u32 = 65_536;
/// Largest growth of the repeats from one submission to the next. A very short sample may seem to take no time, and repeats
/// derived from it could pass a watchdog.
const GROWTH: u32 = 4;
/// Empty submissions that the cost of a submission is the shortest of.
const EMPTY_SAMPLES: usize = 3;
/// How often a row is measured again that a drift disturbed.
const RERUNS: usize = 2;

/// How a device is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeRule {
    /// A GPU: probes decide, bursts wake it until it runs at the rate it is known to reach.
    Gpu,
    /// The CPU as an adapter, which does not sleep but shares its time: bursts until two agree, five at most.
    Software,
}

/// The rates of one device in this process, and the rule that decides whether it is awake.
#[derive(Debug)]
pub struct DriftMonitor {
    rule: WakeRule,
    /// FLOPs of one repeat of the fixed work.
    flops: f64,
    state: Mutex<State>,
}

impl DriftMonitor {
    /// A monitor for a device that nothing is known of, whose fixed work has `flops` operations a repeat.
    #[must_use]
    pub fn new(rule: WakeRule, flops: f64) -> Self {
        Self {
            rule,
            flops,
            state: Mutex::default(),
        }
    }

    /// Runs `fixed`, a clock of the fixed work, until the device is at its rate.
    ///
    /// - A probe of 1 to 2 ms comes first. At the rate that is known of the device, the median of the three best within
    ///   3 %, it is awake. Bursts of 20 ms and more run otherwise, until one is at that rate.
    /// - The first waking of a device goes on until the rate has not risen by 3 % for 1.5 s.
    /// - After 3 s it ends with a mark. A lower rate that was steady by then is what is known of the device from there
    ///   on; that happens once. What falls short later is marked each time, but waited for no longer than it helps.
    ///
    /// `should_stop` is asked before every burst.
    ///
    /// # Errors
    /// [`Error::Interrupted`] and what `fixed` gives.
    pub async fn wake<C: Clock>(
        &self,
        fixed: &mut C,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Awake> {
        if self.rule == WakeRule::Software {
            return self.settle(fixed).await;
        }
        let began = fixed.now();
        let found = self.read(fixed, PROBE_S).await?;
        let waking = Waking {
            found,
            known: self.state().settled(),
        };
        let (mut rate, mut risen) = (found, (found, began));
        loop {
            let now = fixed.now();
            let times = Times {
                is_steady: now.saturating_sub(risen.1) >= STEADY,
                is_late: now.saturating_sub(began) >= LIMIT,
            };
            let judged = self.state().judge(&waking, rate, times);
            let warning = match judged {
                Judged::Asleep => None,
                Judged::Awake => Some(None),
                Judged::Marked(moment, from) => Some(Some(drift(moment, from, rate))),
            };
            if let Some(warning) = warning {
                let lasted = now.saturating_sub(began).as_secs_f64();
                log::debug!(
                    "awake after {lasted:.4} s: {found:.4e} -> {rate:.4e} FLOP/s {warning:?}"
                );
                return Ok(Awake {
                    rate: Some(rate),
                    warning,
                });
            }
            if should_stop() {
                return Err(Error::Interrupted);
            }
            rate = self.burst(fixed).await?;
            if rate > risen.0 * (1.0 + TOLERANCE) {
                risen = (rate, fixed.now());
            }
        }
    }

    /// The device's rate after a measurement that began at the rate `before`. A probe reads it; where the probe differs from
    /// `before`, a burst reads it again.
    ///
    /// # Errors
    /// Errors of `fixed`.
    pub async fn rate_after<C: Clock>(&self, fixed: &mut C, before: f64) -> Result<f64> {
        if self.rule == WakeRule::Gpu {
            let rate = self.read(fixed, PROBE_S).await?;
            if agree(rate, before) {
                return Ok(rate);
            }
            log::debug!("a probe after a measurement: {before:.4e} -> {rate:.4e} FLOP/s");
        }
        self.burst(fixed).await
    }

    /// Bursts on a software adapter until two agree with each other and with what is known.
    async fn settle<C: Clock>(&self, fixed: &mut C) -> Result<Awake> {
        let mut rate = self.burst(fixed).await?;
        for _ in 1..MOST_BURSTS {
            let last = rate;
            rate = self.burst(fixed).await?;
            if agree(rate, last) && self.state().known().is_none_or(|known| agree(rate, known)) {
                break;
            }
        }
        Ok(Awake {
            rate: Some(rate),
            warning: None,
        })
    }

    /// The rate of a burst. Bursts alone show what a device reaches: the best of many probes would be the best of noise.
    async fn burst<C: Clock>(&self, fixed: &mut C) -> Result<f64> {
        let rate = self.read(fixed, BURST_S).await?;
        self.state().keep(rate);
        Ok(rate)
    }

    /// Runs the fixed work for `least_s` at least, and gives its rate in FLOP/s.
    async fn read<C: Clock>(&self, fixed: &mut C, least_s: f64) -> Result<f64> {
        if self.state().pace_s.is_none() {
            let mut shortest = f64::INFINITY;
            for _ in 0..EMPTY_SAMPLES {
                shortest = shortest.min(fixed.empty().await?.wall_s);
            }
            self.state().timer.overhead_s = shortest.max(0.0);
            // The first run may compile, and is not counted.
            fixed.sample(1).await?;
        }
        loop {
            let repeats = self.state().repeats(least_s);
            let tick = fixed.sample(repeats).await?;
            let pace_s = self.state().note(tick, repeats, least_s);
            if let Some(pace_s) = pace_s {
                return Ok(self.flops / pace_s);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// How a waking began.
#[derive(Debug, Clone, Copy)]
struct Waking {
    /// Rate of the first probe, in FLOP/s.
    found: f64,
    /// Known rate of the device before this waking, in FLOP/s; `None` before the first waking has ended.
    known: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    /// The rate has not risen for long.
    is_steady: bool,
    /// The waking has taken as long as it may.
    is_late: bool,
}

/// State of a device, judged by its rate.
#[derive(Debug, Clone, Copy)]
enum Judged {
    /// Another burst may wake it.
    Asleep,
    /// The device runs at its known rate.
    Awake,
    /// The waking ends with a mark: when, and the expected rate in FLOP/s.
    Marked(DriftMoment, f64),
}

/// Rates of a device so far, and how to read the next one.
#[derive(Debug, Default)]
struct State {
    timer: Timer,
    /// Seconds of one repeat, by the last reading.
    pace_s: Option<f64>,
    /// The most repeats in one submission so far.
    most_repeats: u32,
    /// Least length of a reading, in seconds, that stands out from the steps of timestamps or the noise of submissions.
    resolvable_s: f64,
    /// The best rates of bursts, highest first, [`BEST`] at most.
    best: Vec<f64>,
    /// The first waking has ended.
    is_known: bool,
    /// Whether the known rate was lowered already. It is lowered once in a process.
    was_lowered: bool,
    /// The rate at which the device was last given up.
    given_up: Option<f64>,
}

impl State {
    fn known(&self) -> Option<f64> {
        self.best.get(self.best.len() / 2).copied()
    }

    /// Known rate, once the first waking has ended.
    fn settled(&self) -> Option<f64> {
        self.known().filter(|_| self.is_known)
    }

    fn keep(&mut self, rate: f64) {
        let place = self.best.partition_point(|best| *best >= rate);
        self.best.insert(place, rate);
        self.best.truncate(BEST);
    }

    /// Whether a waking ends at `rate`.
    fn judge(&mut self, waking: &Waking, rate: f64, times: Times) -> Judged {
        self.is_known |= times.is_steady;
        if !self.is_known {
            return if times.is_late {
                Judged::Marked(DriftMoment::Rising, waking.found)
            } else {
                Judged::Asleep
            };
        }
        let known = self.known().unwrap_or(rate);
        if agree(rate, known) {
            self.given_up = None;
            let from = waking.known.filter(|from| known > from * (1.0 + TOLERANCE));
            return from.map_or(Judged::Awake, |from| {
                Judged::Marked(DriftMoment::Faster, from)
            });
        }
        let is_no_better = |given_up: f64| rate < known && agree(rate, given_up);
        if self.given_up.is_some_and(is_no_better) {
            return Judged::Marked(DriftMoment::Before, known);
        }
        if !times.is_late {
            return Judged::Asleep;
        }
        if times.is_steady && !self.was_lowered {
            self.was_lowered = true;
            self.best = vec![rate; BEST];
            return Judged::Marked(DriftMoment::Lowered, known);
        }
        self.given_up = Some(rate);
        Judged::Marked(DriftMoment::Before, known)
    }

    /// Repeats that last a little longer than `least_s` by the last reading; one at first.
    fn repeats(&self, least_s: f64) -> u32 {
        let wanted = self
            .pace_s
            .map_or(1.0, |pace_s| MARGIN * self.least(least_s) / pace_s);
        let most = (GROWTH * self.most_repeats).clamp(1, MOST_REPEATS);
        wanted.ceil().clamp(1.0, most.into()) as u32
    }

    /// The least length of a reading, in seconds: timestamps may be too coarse for a shorter one, or absent.
    fn least(&self, least_s: f64) -> f64 {
        least_s.max(self.resolvable_s)
    }

    /// Seconds of one repeat, where the sample was long enough; the pace is kept either way.
    fn note(&mut self, tick: Tick, repeats: u32, least_s: f64) -> Option<f64> {
        self.timer.observe(tick);
        self.resolvable_s = self.timer.resolvable(tick);
        if !self.timer.believes(tick) {
            self.resolvable_s = self
                .resolvable_s
                .max(EMPTY_PER_READING * self.timer.overhead_s);
        }
        let length = self.timer.length(tick);
        let pace_s = length.max(1e-9) / f64::from(repeats);
        self.pace_s = Some(pace_s);
        self.most_repeats = self.most_repeats.max(repeats);
        let is_long = length >= self.least(least_s) || repeats >= MOST_REPEATS;
        is_long.then_some(pace_s)
    }
}

/// Measures work, and measures it again where the device drifted by more than 3 % meanwhile: twice at most, and once if
/// it then drifts as much, since the work itself slows the device down. The mark stays whatever comes of that, and
/// tells the first drift.
///
/// # Errors
/// Errors of `row`.
pub(super) async fn measure_again_on_drift(
    mut row: impl AsyncFnMut() -> Result<Measurement>,
) -> Result<Measurement> {
    let mut mark: Option<Warning> = None;
    let mut last: Option<f64> = None;
    let mut runs = 0;
    loop {
        let mut measured = row().await?;
        runs += 1;
        let own = measured.warnings.iter().position(is_during);
        let own = own.map(|place| measured.warnings.remove(place));
        let drifted = own.is_some();
        mark = mark.or(own);
        measured.warnings.extend(mark.clone());
        let share = measured.fixed_work.map_or(0.0, FixedWorkRates::share);
        let is_alike = last.is_some_and(|last| (share - last).abs() <= TOLERANCE);
        if !drifted || is_alike || runs > RERUNS {
            return Ok(measured);
        }
        last = Some(share);
    }
}

fn is_during(warning: &Warning) -> bool {
    let moment = DriftMoment::During;
    matches!(warning, Warning::ClockDrift { moment: m, .. } if *m == moment)
}

#[cfg(test)]
mod tests;
