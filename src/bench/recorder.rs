//! Readings of sensors around and between the samples of a measurement, and what they say of it together.

use super::clock::Clock;
use crate::report::{
    DriftCause, Limit, MeanPower, PowerBy, PowerOf, Range, SensorSummary, Summary,
};
use crate::sensors::Reading;
use std::collections::BTreeSet;
use std::time::Duration;

/// Share of the time that readings may take: after a slow one the next comes later.
const SHARE: f64 = 0.01;
/// Least time in seconds over which power is averaged: the least time of the samples that a published number needs.
const LEAST_S: f64 = 0.5;
/// Steps of an energy counter that a difference has to span. A reading is late by one step at most: where power is even, both
/// are equally late, and the difference is right all the same.
const STEPS: f64 = 5.0;
/// Change of the core clock that is worth words.
const CLOCK_CHANGE: f64 = 0.01;

/// Readings of one measurement.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Least time from one reading to the next.
    every: Duration,
    taken: Vec<Taken>,
    /// Whether the clock gave none, so that it is not asked again.
    is_silent: bool,
    /// Earliest time of the next reading.
    next: Duration,
    /// Place of the first reading of the samples that count.
    first: usize,
}

/// A reading, and when it was complete by the clock.
#[derive(Debug)]
pub(super) struct Taken {
    at: Duration,
    reading: Reading,
}

impl Recorder {
    /// A recorder without a reading, with at least `every` from one reading to the next.
    pub(super) const fn new(every: Duration) -> Self {
        Self {
            every,
            taken: Vec::new(),
            is_silent: false,
            next: Duration::ZERO,
            first: 0,
        }
    }

    /// All readings.
    pub(super) fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// Takes a reading.
    pub(super) fn look(&mut self, clock: &mut impl Clock) {
        if self.is_silent {
            return;
        }
        let began = clock.now();
        let Some(reading) = clock.sensors() else {
            self.is_silent = true;
            return;
        };
        let at = clock.now();
        let rest = at.saturating_sub(began).mul_f64(1.0 / SHARE);
        self.next = at + self.every.max(rest);
        self.taken.push(Taken { at, reading });
    }

    /// Takes a reading if the last one is long enough ago.
    pub(super) fn look_if_due(&mut self, clock: &mut impl Clock) {
        if !self.is_silent && clock.now() >= self.next {
            self.look(clock);
        }
    }

    /// Takes the first reading of samples that count; earlier ones are of the warm-up.
    pub(super) fn begin(&mut self, clock: &mut impl Clock) {
        self.first = self.taken.len();
        self.look(clock);
    }

    /// Summary of the readings of the samples whose times are `time`; `None` without a reading.
    pub(super) fn summary(&self, time: &Summary) -> Option<SensorSummary> {
        summary(&timed(&self.taken[self.first..]), time.median)
    }

    /// Change of the device from the first reading of all to the last one; `None` where nothing changed and no limit holds.
    pub(super) fn change(&self) -> Option<DriftCause> {
        let (first, last) = (self.taken.first()?, self.taken.last()?);
        let clocks = first.reading.core_clock_hz.zip(last.reading.core_clock_hz);
        let limits = self.taken.iter().filter_map(|t| t.reading.limits.as_ref());
        cause(clocks, limits.flatten().copied().collect())
    }

    /// Limits that the first reading gave, which came right after the device was woken.
    pub(super) fn at_first(&self) -> Option<DriftCause> {
        cause(None, self.taken.first()?.reading.limits.clone()?)
    }
}

fn cause(clocks: Option<(f64, f64)>, limits: BTreeSet<Limit>) -> Option<DriftCause> {
    let has_changed = |(first, last): &(f64, f64)| (last / first - 1.0).abs() > CLOCK_CHANGE;
    let core_clock_hz = clocks.filter(has_changed);
    (core_clock_hz.is_some() || !limits.is_empty()).then_some(DriftCause {
        limits,
        core_clock_hz,
    })
}

/// A reading with its time in seconds.
pub(super) type Timed<'a> = (f64, &'a Reading);

/// Mean power, and the part of the machine that it is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mean {
    pub(super) watts: f64,
    pub(super) of: PowerOf,
}

/// Summary of `readings`, each with its time in seconds, around executions of `seconds`; `None` without a reading.
pub(super) fn summary(readings: &[Timed<'_>], seconds: f64) -> Option<SensorSummary> {
    let range = |of: fn(&Reading) -> Option<f64>| {
        Range::of(readings.iter().filter_map(|(_, reading)| of(reading)))
    };
    let limits = readings
        .iter()
        .filter_map(|(_, reading)| reading.limits.as_ref());
    (!readings.is_empty()).then(|| SensorSummary {
        readings: readings.len(),
        core_clock_hz: range(|reading| reading.core_clock_hz),
        memory_clock_hz: range(|reading| reading.memory_clock_hz),
        temperature_c: range(|reading| reading.temperature_c),
        power: mean_power(readings, seconds),
        limits: limits.flatten().copied().collect(),
    })
}

/// Readings with their times in seconds.
pub(super) fn timed(taken: &[Taken]) -> Vec<Timed<'_>> {
    let timed = taken.iter();
    timed
        .map(|taken| (taken.at.as_secs_f64(), &taken.reading))
        .collect()
}

/// Mean power over `readings`, each with its time in seconds, and the energy of one execution of `seconds`; `None` where they
/// span too short a time for their sensors.
fn mean_power(readings: &[Timed<'_>], seconds: f64) -> Option<MeanPower> {
    let counted = by_counter(readings).map(|mean| (mean, PowerBy::EnergyCounter));
    let (mean, by) = counted.or_else(|| Some((by_power(readings)?, PowerBy::PowerReadings)))?;
    let Mean { watts, of } = mean;
    Some(MeanPower {
        watts,
        joules: watts * seconds,
        of,
        by,
    })
}

/// Mean watts by the difference of an energy counter.
pub(super) fn by_counter(readings: &[Timed<'_>]) -> Option<Mean> {
    let mut counted = readings.iter().filter_map(|(at, r)| Some((*at, r.energy?)));
    let (begin, first) = counted.next()?;
    let (end, last) = counted.next_back()?;
    let (lasted, joules) = (end - begin, last.joules - first.joules);
    let is_long = lasted >= LEAST_S.max(STEPS * first.step_s);
    (is_long && joules > 0.0).then(|| Mean {
        watts: joules / lasted,
        of: last.of,
    })
}

/// Mean watts by readings of power. Each stands for the time since the reading before it; a reading that averages over a time
/// before the first one is left out.
pub(super) fn by_power(readings: &[Timed<'_>]) -> Option<Mean> {
    let (begin, _) = readings.first()?;
    let (mut joules, mut lasted, mut of) = (0.0, 0.0, None);
    for pair in readings.windows(2) {
        let ((before, _), (at, reading)) = (pair[0], pair[1]);
        let Some(power) = reading.power else { continue };
        if at - power.averaged_s < *begin - f64::EPSILON {
            continue;
        }
        joules += power.watts * (at - before);
        lasted += at - before;
        of = Some(power.of);
    }
    let (end, _) = readings.last()?;
    (end - begin >= LEAST_S && lasted > 0.0).then_some(Mean {
        watts: joules / lasted,
        of: of?,
    })
}

#[cfg(test)]
mod tests;
