//! The search itself: independent of any device, bounded in candidates and in time.

use super::device::reason_of;
use crate::bench::NOISY_ABOVE;
use crate::error::{Error, Result};
use crate::report::{StopReason, Summary, Warning};
use std::collections::BTreeSet;
use std::time::Duration;

/// Limits of the search of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most candidates, the default included.
    pub candidates: usize,
    /// The most time, from the first moment of [`Trials::now`]. A step begins only if the longest step so far would end in
    /// time. A step that has begun is waited for.
    pub time: Duration,
}

impl Budget {
    /// A budget of `time`: 12 candidates, and one more for each second beyond ten, up to 48.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        let more = time.saturating_sub(Self::default().time).as_secs() as usize;
        let candidates = (Self::default().candidates + more).min(MOST_CANDIDATES);
        Self { candidates, time }
    }
}

impl Default for Budget {
    /// 12 candidates, 10 s.
    fn default() -> Self {
        Self {
            candidates: 12,
            time: Duration::from_secs(10),
        }
    }
}

/// Phase of a search, which decides how long a candidate is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Screening: is the candidate worth a comparison?
    Screening,
    /// One round of a comparison, in turn with others.
    Round,
}

/// Times of one candidate, and what the drift monitor says of the device.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Times of one execution, in seconds.
    pub time: Summary,
    /// Rate of the fixed work just before, in FLOP/s; `None` without a drift monitor.
    pub rate: Option<f64>,
    /// [`Warning::ClockDrift`] for a device that was not at its rate.
    pub mark: Option<Warning>,
}

/// Runs candidates, identified by their indices; 0 is the default.
#[expect(
    async_fn_in_trait,
    reason = "callers are generic over it and need no Send: a browser has one thread"
)]
pub trait Trials {
    /// Compiles a candidate, runs it once, and compares the result with the reference.
    ///
    /// # Errors
    /// The reason why the candidate must not be timed.
    async fn verify(&mut self, candidate: usize) -> Result<()>;

    /// Times of one execution of a candidate that was verified, on a device that is awake.
    ///
    /// # Errors
    /// The reason why there are no times.
    async fn time(&mut self, candidate: usize, phase: Phase) -> Result<Timing>;

    /// Opens the device again after `lost`, an error that cost it, with operands as before. No candidate is verified on it.
    ///
    /// # Errors
    /// [`Error::DeviceGivenUp`], and errors of the new device.
    async fn reopen(&mut self, lost: &Error) -> Result<()>;

    /// The time since the search of the class began, which never goes back.
    fn now(&self) -> Duration;
}

/// Result of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Median time of the default, in seconds.
    pub default_s: f64,
    /// The candidate that beat the default by more than the spread, and its median time in seconds.
    pub winner: Option<(usize, f64)>,
    /// Time of the default over time of the winner, less one; 0 without a winner.
    pub gain: f64,
    /// Spread of the comparison, which a gain had to exceed.
    pub spread: f64,
    /// Candidates that were timed.
    pub tried: usize,
    /// Candidates that were not timed, and why.
    pub passed_over: Vec<(usize, String)>,
    /// [`Warning::ClockDrift`] where one of the times was taken on a device that was not at its rate.
    pub mark: Option<Warning>,
    /// How the search ended.
    pub ended: StopReason,
}

/// The most candidates of a class, however much time it has.
const MOST_CANDIDATES: usize = 48;
/// Candidates of one class that may cost the device: a driver that resets as often is not worth a search.
const MOST_LOST: usize = 3;
/// A smaller gain does not count, whatever the spread: 0.01 is 1 %.
const LEAST_GAIN: f64 = 0.01;
/// Number of screened candidates that are compared with the default.
const CHALLENGERS: usize = 2;
/// Factor on the default's time above which a screened candidate is not compared. It allows for clock rates that rise
/// during the screening.
const MARGIN: f64 = 1.05;
/// Rounds of the comparison, the least number that proves anything, and the most that are begun: a round in which the
/// device drifted is repeated.
const ROUNDS: usize = 5;
const LEAST_ROUNDS: usize = 3;
const MOST_ROUNDS: usize = 2 * ROUNDS;
/// Share by which rates of the fixed work in one round may differ: beyond it, the device drifted.
const DRIFT: f64 = 0.03;
/// The share of the time that the screening may take; the rest is for the comparison.
const SCREENING: f64 = 0.75;

/// Screens `count` candidates in their order, until one is `near` the roof or the time is up, and compares the best
/// with the default in alternating rounds: a winner has to be faster by more than the spread.
///
/// # Errors
/// Any error of the default; [`Error::Interrupted`]. Any other candidate that fails is passed over. One that costs the device
/// is passed over too, and the device is opened again: [`Error::DeviceGivenUp`] at the third, or where it does not open.
pub async fn search<T: Trials>(
    trials: &mut T,
    count: usize,
    near: &dyn Fn(f64) -> bool,
    budget: &Budget,
) -> Result<Outcome> {
    let mut session = Search {
        trials,
        budget,
        longest: Duration::ZERO,
        verified: BTreeSet::new(),
        lost: 0,
    };
    let Timing { time, mark, .. } = session.screen(0).await?;
    let default = time;
    let mut outcome = Outcome {
        default_s: default.median,
        winner: None,
        gain: 0.0,
        mark,
        spread: default.relative_iqr(),
        tried: 1,
        passed_over: Vec::new(),
        ended: StopReason::Complete,
    };
    let mut screened = Vec::new();
    let mut is_near = near(default.median);
    for candidate in 1..count.min(budget.candidates) {
        if is_near {
            break;
        }
        if !session.has_time(budget.time.mul_f64(SCREENING)) {
            outcome.ended = StopReason::OutOfTime;
            break;
        }
        match session.screen(candidate).await {
            Ok(Timing { time, .. }) => {
                outcome.tried += 1;
                screened.push((candidate, time.median));
                is_near = near(time.median);
            }
            Err(error) if error.costs_device() => {
                let reason = session.recover(&error).await?;
                outcome.passed_over.push((candidate, reason));
            }
            Err(error) if error.ends_run() => return Err(error),
            Err(error) => outcome.passed_over.push((candidate, error.to_string())),
        }
    }
    if is_near {
        outcome.ended = StopReason::NearRoof;
    }
    screened.retain(|(_, median)| *median <= default.median * MARGIN);
    screened.sort_by(|a, b| a.1.total_cmp(&b.1));
    screened.truncate(CHALLENGERS);
    let mut challengers: Vec<usize> = screened.iter().map(|(place, _)| *place).collect();
    while !challengers.is_empty() {
        let Some((lost, error)) = session.compare(&challengers, &mut outcome).await? else {
            break;
        };
        // Times before and after are of different devices: the others are compared anew.
        let reason = session.recover(&error).await?;
        outcome.passed_over.push((lost, reason));
        challengers.retain(|challenger| *challenger != lost);
    }
    Ok(outcome)
}

struct Search<'a, T> {
    trials: &'a mut T,
    budget: &'a Budget,
    /// The longest step so far.
    longest: Duration,
    /// Candidates that were verified on the present device.
    verified: BTreeSet<usize>,
    /// Candidates that cost the device.
    lost: usize,
}

/// A candidate that cost the device, and how.
type Lost = (usize, Error);

impl<T: Trials> Search<'_, T> {
    fn has_time(&self, until: Duration) -> bool {
        self.trials.now() + self.longest <= until
    }

    async fn screen(&mut self, candidate: usize) -> Result<Timing> {
        let began = self.trials.now();
        self.verify(candidate).await?;
        let time = self.trials.time(candidate, Phase::Screening).await;
        self.longest = self.longest.max(self.trials.now().saturating_sub(began));
        time
    }

    async fn verify(&mut self, candidate: usize) -> Result<()> {
        self.trials.verify(candidate).await?;
        self.verified.insert(candidate);
        Ok(())
    }

    /// Opens the device again after `error`, which cost it, and verifies the default there; why the candidate at fault is passed
    /// over.
    async fn recover(&mut self, error: &Error) -> Result<String> {
        self.lost += 1;
        if self.lost == MOST_LOST {
            return Err(Error::DeviceGivenUp {
                reason: format!(
                    "{MOST_LOST} candidates of one class lost it, the last so: {error}"
                ),
            });
        }
        self.trials.reopen(error).await?;
        self.verified.clear();
        self.verify(0).await?;
        Ok(reason_of(error))
    }

    /// Times of `all` candidates in turn. If the first, which is the default, has no time, the round ends. The candidate that
    /// cost the device, in place of an answer, if one did.
    async fn round(
        &mut self,
        all: &[usize],
    ) -> Result<std::result::Result<Vec<Result<Timing>>, Lost>> {
        let mut round = Vec::new();
        for candidate in all {
            let timed = self.trials.time(*candidate, Phase::Round).await;
            match &timed {
                Err(error) if *candidate > 0 && error.costs_device() => {
                    return Ok(Err((*candidate, error.clone())));
                }
                Err(error) if error.ends_run() || error.costs_device() => return Err(error.clone()),
                _ => {}
            }
            let is_lost = timed.is_err() && round.is_empty();
            round.push(timed);
            if is_lost {
                break;
            }
        }
        Ok(Ok(round))
    }

    /// The default, and those `challengers` that are right on the present device; the one that cost it, in place of them.
    async fn contenders(
        &mut self,
        challengers: &[usize],
        outcome: &mut Outcome,
    ) -> Result<std::result::Result<Vec<usize>, Lost>> {
        let mut all = vec![0];
        for challenger in challengers {
            if !self.verified.contains(challenger) {
                match self.verify(*challenger).await {
                    Ok(()) => {}
                    Err(error) if error.costs_device() => return Ok(Err((*challenger, error))),
                    Err(error) if error.ends_run() => return Err(error),
                    Err(error) => {
                        outcome.passed_over.push((*challenger, error.to_string()));
                        continue;
                    }
                }
            }
            all.push(*challenger);
        }
        Ok(Ok(all))
    }

    /// Times the default and each challenger in turn, and notes the winner if there is one; the challenger that cost the
    /// device, if one did, with nothing noted.
    async fn compare(
        &mut self,
        challengers: &[usize],
        outcome: &mut Outcome,
    ) -> Result<Option<Lost>> {
        let all = match self.contenders(challengers, outcome).await? {
            Ok(all) => all,
            Err(lost) => return Ok(Some(lost)),
        };
        let mut times = vec![Vec::new(); all.len()];
        let (mut compared, mut marks) = (0, Vec::new());
        self.longest = Duration::ZERO;
        for _ in 0..MOST_ROUNDS {
            let began = self.trials.now();
            if compared == ROUNDS {
                break;
            }
            if !self.has_time(self.budget.time) {
                outcome.ended = StopReason::OutOfTime;
                break;
            }
            let round = match self.round(&all).await? {
                Ok(round) => round,
                Err(lost) => return Ok(Some(lost)),
            };
            self.longest = self.longest.max(self.trials.now().saturating_sub(began));
            if has_drifted(&round) {
                log::debug!("a round is repeated: the device drifted");
                continue;
            }
            compared += 1;
            for (place, timed) in round.into_iter().enumerate() {
                match timed {
                    Ok(timing) => {
                        times[place].push(timing.time.median);
                        marks.extend(timing.mark);
                    }
                    // The default had a time before: the device is too busy now, and there is nothing to compare with.
                    Err(_) if place == 0 => {}
                    // A challenger without times loses.
                    Err(error) => outcome.passed_over.push((all[place], error.to_string())),
                }
            }
        }
        let rounds: Vec<Option<Summary>> = times.iter().map(|t| Summary::new(t)).collect();
        let Some(default) = rounds[0].as_ref().filter(|d| d.n >= LEAST_ROUNDS) else {
            return Ok(None);
        };
        outcome.default_s = default.median;
        outcome.mark = marks.into_iter().next();
        outcome.spread = default.relative_iqr().max(LEAST_GAIN);
        for (candidate, time) in all.iter().zip(&rounds).skip(1) {
            let Some(time) = time.as_ref().filter(|time| time.n == default.n) else {
                continue;
            };
            let gain = default.median / time.median - 1.0;
            let spread = default
                .relative_iqr()
                .max(time.relative_iqr())
                .max(LEAST_GAIN);
            // Widely spread times prove nothing, however far apart their medians are.
            if gain > spread && gain > outcome.gain && spread <= 2.0 * NOISY_ABOVE {
                outcome.winner = Some((*candidate, time.median));
                outcome.gain = gain;
                outcome.spread = spread;
            }
        }
        Ok(None)
    }
}

/// Whether the device's rate changed within a round.
fn has_drifted(round: &[Result<Timing>]) -> bool {
    let rates = round.iter().flatten().filter_map(|timing| timing.rate);
    let (least, most) = rates.fold((f64::INFINITY, 0.0_f64), |(least, most), rate| {
        (least.min(rate), most.max(rate))
    });
    most > least * (1.0 + DRIFT)
}

#[cfg(test)]
mod tests;
