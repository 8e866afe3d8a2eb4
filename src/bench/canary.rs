//! A fixed piece of arithmetic before and after a row: whether the device still runs at the rate it had.

use super::clock::Clock;
use crate::error::Result;
use crate::warning::Warning;

/// The canary lasts at least this long, and about twice as long at most.
const LONG_S: f64 = 0.02;
/// It may differ by this share from before a row to after it.
const DRIFT: f64 = 0.03;
/// How often a row is measured again whose canary differed.
const RERUNS: usize = 2;
/// Runs before a row until two agree; the first may find a device that had gone idle.
const MOST_RUNS: usize = 5;
/// Repeats of the work that the canary is made of.
const MOST_REPEATS: u32 = 1 << 16;

/// How long the canary is, and how long it took at the device's highest rate.
#[derive(Debug, Clone, Default)]
pub struct Canary {
    repeats: Option<u32>,
    fastest_s: Option<f64>,
}

impl Canary {
    /// Does `row` between two runs of the canary, which is the work of `clock`. If they differ by more than 3 %, the row
    /// is done again, twice at most, and once if they then differ as much: the row itself slows the device down. The warning
    /// stays whatever comes of that, and tells the first difference.
    ///
    /// # Errors
    /// What `row` gives, and what `clock` gives.
    pub async fn watch<C: Clock, T>(
        &mut self,
        clock: &mut C,
        mut row: impl AsyncFnMut() -> Result<T>,
    ) -> Result<(T, Option<Warning>)> {
        let mut mark = None;
        let mut last: Option<f64> = None;
        let mut runs = 0;
        loop {
            let before = self.settled(clock).await?;
            let done = row().await?;
            let share = self.run(clock).await? / before - 1.0;
            runs += 1;
            let drifted = share.abs() > DRIFT;
            if drifted {
                mark = mark.or(Some(Warning::ClockDrift { share }));
            }
            let alike = last.is_some_and(|last| (share - last).abs() <= DRIFT);
            if !drifted || alike || runs > RERUNS {
                return Ok((done, mark));
            }
            last = Some(share);
        }
    }

    /// Seconds of the canary once two runs agree, near the least that it ever took: a device that went idle while results
    /// were compared may stay at its lowest rate for several runs.
    async fn settled<C: Clock>(&mut self, clock: &mut C) -> Result<f64> {
        let mut last = self.run(clock).await?;
        for _ in 1..MOST_RUNS {
            let now = self.run(clock).await?;
            let agree = (now / last - 1.0).abs() <= DRIFT;
            let awake = self.fastest_s.is_none_or(|s| now / s - 1.0 <= DRIFT);
            last = now;
            if agree && awake {
                break;
            }
        }
        Ok(last)
    }

    async fn run<C: Clock>(&mut self, clock: &mut C) -> Result<f64> {
        let repeats = match self.repeats {
            Some(repeats) => repeats,
            None => *self.repeats.insert(calibrate(clock).await?),
        };
        let took_s = clock.sample(repeats).await?.rough_s();
        self.fastest_s = Some(self.fastest_s.map_or(took_s, |s| s.min(took_s)));
        Ok(took_s)
    }
}

/// Repeats are doubled until a sample is long enough: never one that a watchdog would end.
async fn calibrate<C: Clock>(clock: &mut C) -> Result<u32> {
    let mut repeats = 1;
    clock.sample(repeats).await?;
    while clock.sample(repeats).await?.rough_s() < LONG_S && repeats < MOST_REPEATS {
        repeats *= 2;
    }
    Ok(repeats)
}

#[cfg(test)]
mod tests {
    use super::super::clock::{FakeClock, FakeWork};
    use super::*;
    use pollster::block_on;

    /// A device whose samples take so many times as long in turn.
    fn clock(pattern: &[f64]) -> FakeClock {
        FakeClock::new(FakeWork {
            seconds: 0.03,
            pattern: pattern.to_vec(),
            ..FakeWork::default()
        })
    }

    /// Rows that were done, and the mark of the last.
    fn watched(pattern: &[f64]) -> (usize, Option<Warning>) {
        let mut clock = clock(pattern);
        let mut rows = 0;
        let row = async || {
            rows += 1;
            Ok(())
        };
        let watched = block_on(Canary::default().watch(&mut clock, row));
        (rows, watched.unwrap().1)
    }

    #[test]
    fn a_steady_device_is_not_marked() {
        assert_eq!(watched(&[]), (1, None));
        assert_eq!(watched(&[1.0, 1.01, 0.99]), (1, None));
    }

    #[test]
    fn a_drift_is_measured_again_and_stays_marked() {
        // Two samples calibrate, two agree, then the device slows down for good.
        let slower = [[1.0; 4].as_slice(), &[1.1; 20]].concat();
        let (rows, mark) = watched(&slower);
        assert_eq!(rows, 2);
        assert!(
            matches!(mark, Some(Warning::ClockDrift { share }) if (share - 0.1).abs() < 0.01),
            "{mark:?}"
        );
    }

    #[test]
    fn rows_are_measured_three_times_at_most_and_twice_where_they_slow_the_device_down() {
        for (first, second, count) in [(1.2, 1.1, 3), (1.2, 1.19, 2)] {
            let restless = [1.0, 1.0, 1.0, 1.0, first, 1.0, 1.0, second, 1.0, 1.0, 1.2];
            let (rows, mark) = watched(&restless);
            assert_eq!(rows, count);
            assert_eq!(mark.unwrap().id(), "clock_drift");
        }
    }

    /// Two runs agree at a third of the rate that the device had before.
    #[test]
    fn a_device_that_was_faster_before_is_waited_for() {
        let mut clock = clock(&[1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0]);
        let mut canary = Canary::default();
        for _ in 0..2 {
            let ((), mark) = block_on(canary.watch(&mut clock, async || Ok(()))).unwrap();
            assert_eq!(mark, None);
        }
    }

    #[test]
    fn a_device_that_wakes_up_is_waited_for() {
        let waking = [3.0, 2.0, 2.0, 1.5, 1.0, 1.0, 1.0];
        assert_eq!(watched(&waking), (1, None));
    }
}
