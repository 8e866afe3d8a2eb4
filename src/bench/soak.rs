//! One workload over minutes: what a device sustains once it is warm.

use super::clock::{Clock, Tick};
use super::recorder::{Mean, Recorder, Timed, by_counter, by_power, summary, timed};
use super::sampler::sample;
use super::timer::Timer;
use crate::error::{Error, Result};
use crate::report::{MeanPower, PowerBy, Sampling, SensorSummary, Soak, SoakPoint, Summary};
use crate::sensors::Power;
use std::time::Duration;

/// Number of intervals of a soak: 120 points fill the width of a chart.
const INTERVALS: u32 = 120;
/// Shortest and longest interval.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// Least time from one reading of the sensors to the next.
const EVERY: Duration = Duration::from_millis(200);

/// How long a soak is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoakOptions {
    /// Time for which the work runs.
    pub lasting: Duration,
    /// Time of one point of the curve.
    pub interval: Duration,
}

impl SoakOptions {
    /// A soak of `lasting`, in 120 intervals of a second at least and half a minute at most.
    #[must_use]
    pub fn lasting(lasting: Duration) -> Self {
        Self {
            lasting,
            interval: (lasting / INTERVALS).clamp(SHORTEST, LONGEST),
        }
    }
}

/// Runs the clock's work without a rest, and adds an interval after the other to `into`, of which `each` is told. Sensors are
/// read between submissions, five times a second at most. What was measured before an error is in `into`.
///
/// # Errors
/// [`Error::Interrupted`] if `should_stop` said so, which is asked before every submission; [`Error::Gpu`] where executions
/// take no time that the clock can tell; errors of the clock.
pub async fn soak<C: Clock>(
    clock: &mut C,
    options: &SoakOptions,
    sampling: &Sampling,
    should_stop: &dyn Fn() -> bool,
    into: &mut Soak,
    each: &mut dyn FnMut(&Soak),
) -> Result<()> {
    let mut session = Session {
        clock,
        sampling,
        should_stop,
        timer: Timer::default(),
        recorder: Recorder::new(EVERY),
        executions: 0,
    };
    let repeats = session.calibrate().await?;
    let began = session.clock.now();
    session.recorder.look(session.clock);
    while session.clock.now().saturating_sub(began) < options.lasting {
        let point = session.interval(began, options.interval, repeats).await?;
        into.push(point);
        let (readings, executions) = (timed(session.recorder.taken()), session.executions);
        into.by_counter = energy(by_counter, &readings, executions, PowerBy::EnergyCounter);
        into.by_readings = energy(by_power, &readings, executions, PowerBy::PowerReadings);
        each(into);
    }
    Ok(())
}

struct Session<'a, C> {
    clock: &'a mut C,
    sampling: &'a Sampling,
    should_stop: &'a dyn Fn() -> bool,
    timer: Timer,
    recorder: Recorder,
    /// Executions since the first reading.
    executions: u64,
}

impl<C: Clock> Session<'_, C> {
    /// Repeats of a submission that is long enough to keep the device busy, and safe from watchdogs.
    async fn calibrate(&mut self) -> Result<u32> {
        self.timer.overhead_s = self.clock.empty().await?.wall_s.max(0.0);
        let longest_s = self.sampling.dispatch_cap.as_secs_f64() / 2.0;
        let mut repeats = 1;
        loop {
            let tick = self.sample(repeats).await?;
            let is_long = 2.0 * self.timer.longest(tick) > longest_s;
            if is_long || repeats > self.sampling.max_repeats / 2 {
                return Ok(repeats);
            }
            repeats *= 2;
        }
    }

    async fn sample(&mut self, repeats: u32) -> Result<Tick> {
        sample(self.clock, &mut self.timer, self.should_stop, repeats).await
    }

    async fn interval(
        &mut self,
        began: Duration,
        lasting: Duration,
        repeats: u32,
    ) -> Result<SoakPoint> {
        // The reading at the end of the interval before is the first of this one.
        let first = self.recorder.taken().len().saturating_sub(1);
        let since = self.clock.now();
        let mut ticks = Vec::new();
        while self.clock.now().saturating_sub(since) < lasting {
            ticks.push(self.sample(repeats).await?);
            self.executions += u64::from(repeats);
            self.recorder.look_if_due(self.clock);
        }
        self.recorder.look(self.clock);
        let kind = self.timer.choose(&ticks).kind;
        let seconds = ticks.iter().map(|tick| self.timer.seconds(kind, *tick));
        let seconds: Vec<f64> = seconds.map(|s| s / f64::from(repeats)).collect();
        let time = Summary::new(&seconds).ok_or_else(|| Error::Gpu {
            what: "soak".to_owned(),
            message: format!(
                "{repeats} executions take no longer than an empty submission; make the work larger"
            ),
        })?;
        let taken = timed(&self.recorder.taken()[first..]);
        Ok(SoakPoint {
            at_s: self.clock.now().saturating_sub(began).as_secs_f64(),
            time_s: time.median,
            executions: ticks.len() as u64 * u64::from(repeats),
            sensors: sensors(&taken, time.median),
        })
    }
}

/// Summary of `readings` around executions of `seconds`. A sensor of power that is too slow for the interval still tells how
/// power changes from one interval to the next.
fn sensors(readings: &[Timed<'_>], seconds: f64) -> Option<SensorSummary> {
    let found = summary(readings, seconds)?;
    let powers = readings.iter().filter_map(|(_, reading)| reading.power);
    let powers: Vec<Power> = powers.collect();
    let slow = powers.last().map(|last| {
        let watts = powers.iter().map(|power| power.watts).sum::<f64>() / powers.len() as f64;
        MeanPower {
            watts,
            joules: watts * seconds,
            of: last.of,
            by: PowerBy::PowerReadings,
        }
    });
    Some(SensorSummary {
        power: found.power.or(slow),
        ..found
    })
}

/// Mean power over `readings` by one way, and the energy of each of `executions`.
fn energy(
    way: fn(&[Timed<'_>]) -> Option<Mean>,
    readings: &[Timed<'_>],
    executions: u64,
    by: PowerBy,
) -> Option<MeanPower> {
    let Mean { watts, of } = way(readings)?;
    let lasted = readings.last()?.0 - readings.first()?.0;
    Some(MeanPower {
        watts,
        joules: watts * lasted / executions as f64,
        of,
        by,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::{FakeClock, FakeSensors, FakeWork};
    use super::*;
    use crate::report::{Limit, Range};
    use pollster::block_on;

    fn soaked(work: FakeWork, minutes: u64) -> (Soak, Result<()>) {
        let mut clock = FakeClock::new(work);
        let options = SoakOptions::lasting(Duration::from_mins(minutes));
        let mut soak = Soak::new("made up", 60.0 * minutes as f64);
        let mut told = 0;
        let sampling = Sampling::default();
        let mut each = |soak: &Soak| told += soak.points.len().min(1);
        let ended = super::soak(
            &mut clock,
            &options,
            &sampling,
            &|| false,
            &mut soak,
            &mut each,
        );
        let ended = block_on(ended);
        assert_eq!(told, soak.points.len());
        (soak, ended)
    }

    #[test]
    fn ten_minutes_of_a_device_that_heats_up_have_a_plateau_with_its_cause() {
        let sensors = FakeSensors::default();
        let work = FakeWork {
            sensors: Some(sensors),
            ..FakeWork::default()
        };
        let (soak, ended) = soaked(work, 10);
        ended.unwrap();
        assert!(
            (115..=120).contains(&soak.points.len()),
            "{}",
            soak.points.len()
        );
        let (first, last) = (&soak.points[0], soak.points.last().unwrap());
        let of = |point: &SoakPoint| point.sensors.clone().unwrap();
        assert_eq!(of(first).core_clock_hz, Range::of([sensors.cool.clock_hz]));
        assert_eq!(of(last).core_clock_hz, Range::of([sensors.warm.clock_hz]));
        let plateau = soak.plateau.as_ref().unwrap();
        let from_s = sensors.warms_after.as_secs_f64();
        assert!((plateau.from_s - from_s).abs() < 15.0, "{plateau:?}");
        let share = sensors.warm.clock_hz / sensors.cool.clock_hz;
        assert!((plateau.share_of_best - share).abs() < 0.01, "{plateau:?}");
        assert_eq!(plateau.limits, [Limit::PowerLimit].into());
        let (counter, readings) = (soak.by_counter.unwrap(), soak.by_readings.unwrap());
        assert!(
            (counter.joules / readings.joules - 1.0).abs() < 0.01,
            "{counter:?} {readings:?}"
        );
        let watts = of(last).power.unwrap().watts;
        assert!((watts / sensors.warm.watts - 1.0).abs() < 0.01, "{watts}");
    }

    #[test]
    fn without_sensors_there_are_times_alone() {
        let (soak, ended) = soaked(FakeWork::default(), 1);
        ended.unwrap();
        assert!(soak.points.iter().all(|point| point.sensors.is_none()));
        assert_eq!((soak.by_counter, soak.by_readings), (None, None));
        assert!(soak.plateau.unwrap().share_of_best > 0.99);
    }

    #[test]
    fn what_was_measured_before_the_end_is_kept() {
        let mut clock = FakeClock::new(FakeWork::default());
        let options = SoakOptions::lasting(Duration::from_mins(1));
        let mut soak = Soak::new("made up", 60.0);
        let points = std::cell::Cell::new(0);
        let stop = || points.get() == 3;
        let mut each = |soak: &Soak| points.set(soak.points.len());
        let sampling = Sampling::default();
        let ended = super::soak(&mut clock, &options, &sampling, &stop, &mut soak, &mut each);
        assert!(matches!(block_on(ended), Err(Error::Interrupted)));
        assert_eq!(soak.points.len(), 3);
    }

    #[test]
    fn a_day_has_no_more_points_than_it_needs() {
        let of = |seconds| {
            SoakOptions::lasting(Duration::from_secs(seconds))
                .interval
                .as_secs()
        };
        assert_eq!([of(30), of(600), of(86_400)], [1, 5, 30]);
    }
}
