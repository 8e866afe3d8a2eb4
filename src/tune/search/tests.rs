use super::*;
use crate::error::Error;
use pollster::block_on;

/// Candidates whose times are known, on a clock that advances only as they run.
struct Fake {
    /// Seconds of one execution; `None` for a candidate whose result is wrong.
    seconds: Vec<Option<f64>>,
    /// Time that verifying takes, in seconds.
    verifying: f64,
    /// Factors of the times of rounds, repeated; 0 for no time.
    pattern: Vec<f64>,
    /// Rates of the fixed work before the first timings of rounds; later timings have no known rate.
    rates: Vec<f64>,
    now: Duration,
    verified: Vec<usize>,
    rounds: usize,
    /// The candidate at which the user asks to stop.
    stopped_at: Option<usize>,
    /// Verifications and timings, counted from 0 each, that cost the device.
    lost_at: Vec<Step>,
    timed: usize,
    /// How often the device was opened again, and how often it can be.
    reopened: usize,
    reopens: usize,
}

/// A step of a search, by the number of steps of its kind before it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Verify(usize),
    Time(usize),
}

/// An error that costs the device.
fn lost() -> Error {
    Error::DeviceLost {
        reason: "a hang".into(),
    }
}

impl Fake {
    fn new(seconds: &[f64]) -> Self {
        Self {
            seconds: seconds.iter().copied().map(Some).collect(),
            verifying: 0.3,
            pattern: vec![1.0],
            rates: Vec::new(),
            now: Duration::ZERO,
            verified: Vec::new(),
            rounds: 0,
            stopped_at: None,
            lost_at: Vec::new(),
            timed: 0,
            reopened: 0,
            reopens: usize::MAX,
        }
    }

    fn search(&mut self, budget: &Budget) -> Outcome {
        let count = self.seconds.len();
        block_on(search(self, count, &|_| false, budget)).unwrap()
    }

    fn ended(&mut self) -> Result<Outcome> {
        let count = self.seconds.len();
        block_on(search(self, count, &|_| false, &Budget::default()))
    }

    /// Candidates of which the device holds a launch: those that were verified since it was opened.
    fn present(&self) -> &[usize] {
        let opened = self.verified.iter().rposition(|place| *place == REOPENED);
        &self.verified[opened.map_or(0, |opened| opened + 1)..]
    }
}

/// Marks in [`Fake::verified`] that the device was opened again.
const REOPENED: usize = usize::MAX;

impl Trials for Fake {
    async fn verify(&mut self, candidate: usize) -> Result<()> {
        if self.stopped_at == Some(candidate) {
            return Err(Error::Interrupted);
        }
        self.now += Duration::from_secs_f64(self.verifying);
        let count = self.verified.iter().filter(|place| **place != REOPENED);
        let step = Step::Verify(count.count());
        self.verified.push(candidate);
        if self.lost_at.contains(&step) {
            return Err(lost());
        }
        self.seconds[candidate].map(drop).ok_or_else(|| Error::Gpu {
            what: "a candidate".into(),
            message: "wrong result".into(),
        })
    }

    async fn time(&mut self, candidate: usize, phase: Phase) -> Result<Timing> {
        assert!(self.present().contains(&candidate), "timed before verified");
        let step = Step::Time(self.timed);
        self.timed += 1;
        if self.lost_at.contains(&step) {
            return Err(lost());
        }
        let seconds = self.seconds[candidate].expect("what is wrong is not timed");
        let factor = match phase {
            Phase::Screening => 1.0,
            Phase::Round => {
                self.rounds += 1;
                self.pattern[(self.rounds - 1) % self.pattern.len()]
            }
        };
        self.now += match phase {
            Phase::Screening => Duration::from_millis(200),
            Phase::Round => Duration::from_millis(40),
        };
        let rate = match phase {
            Phase::Screening => None,
            Phase::Round => self.rates.get(self.rounds - 1).copied(),
        };
        // A slower device slows everything down.
        let seconds = seconds * factor / rate.unwrap_or(1.0);
        let time = Summary::new(&[seconds * 0.999, seconds, seconds * 1.001]);
        let time = time.ok_or_else(|| Error::Gpu {
            what: "a candidate".into(),
            message: "no time".into(),
        })?;
        let mark = None;
        Ok(Timing { time, rate, mark })
    }

    async fn reopen(&mut self, lost: &Error) -> Result<()> {
        assert!(lost.costs_device(), "{lost}");
        if self.reopened == self.reopens {
            return Err(Error::DeviceGivenUp {
                reason: "it did not open again".into(),
            });
        }
        self.reopened += 1;
        self.now += Duration::from_secs(1);
        self.verified.push(REOPENED);
        Ok(())
    }

    fn now(&self) -> Duration {
        self.now
    }
}

#[test]
fn the_fastest_wins_and_every_one_is_verified_first() {
    let mut fake = Fake::new(&[1.0, 1.2, 0.8, 0.9]);
    let outcome = fake.search(&Budget::default());
    assert_eq!(outcome.winner, Some((2, 0.8)));
    assert!((outcome.gain - 0.25).abs() < 1e-9, "{}", outcome.gain);
    assert_eq!((outcome.tried, outcome.ended), (4, StopReason::Complete));
    assert_eq!(fake.verified, [0, 1, 2, 3]);
    // The default and two challengers, five times each.
    assert_eq!(fake.rounds, 15);
}

#[test]
fn a_gain_within_the_spread_is_none() {
    let outcome = Fake::new(&[1.0, 0.995]).search(&Budget::default());
    assert_eq!((outcome.winner, outcome.gain), (None, 0.0));
    // Default and challenger take turns: the pattern hits both alike, and 4 % drown in it.
    let mut noisy = Fake::new(&[1.0, 0.96]);
    noisy.pattern = vec![1.0, 1.0, 1.1, 1.1, 0.95, 0.95];
    let outcome = noisy.search(&Budget::default());
    assert!(outcome.spread > 0.04, "{}", outcome.spread);
    assert_eq!(outcome.winner, None);
}

#[test]
fn noise_that_favours_the_screened_does_not_pick_a_winner() {
    // The candidate looked faster in the screening, and is slower in the comparison.
    let mut fake = Fake::new(&[1.0, 0.9]);
    fake.pattern = vec![1.0, 1.2];
    let outcome = fake.search(&Budget::default());
    assert_eq!(outcome.winner, None);
}

#[test]
fn there_are_twelve_candidates_at_most() {
    let mut fake = Fake::new(&[1.0; 40]);
    fake.verifying = 0.0;
    let outcome = fake.search(&Budget::default());
    assert_eq!(outcome.tried, 12);
    assert_eq!(fake.verified.len(), 12);
}

#[test]
fn the_time_is_kept() {
    for verifying in [0.1, 0.5, 1.0, 2.0, 3.5] {
        let mut fake = Fake::new(&[1.0, 0.9, 0.8, 0.7, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5]);
        fake.verifying = verifying;
        let outcome = fake.search(&Budget::default());
        let lasted = fake.now.as_secs_f64();
        assert!(lasted <= 10.0, "{verifying}: {lasted}");
        let was_cut = outcome.tried < 12;
        assert_eq!(
            outcome.ended == StopReason::OutOfTime,
            was_cut,
            "{verifying}"
        );
        assert!(outcome.winner.is_some(), "{verifying}");
    }
}

#[test]
fn without_time_the_default_stays() {
    let budget = Budget {
        time: Duration::ZERO,
        ..Budget::default()
    };
    let mut fake = Fake::new(&[1.0, 0.5]);
    let outcome = fake.search(&budget);
    assert_eq!((outcome.winner, outcome.tried), (None, 1));
    assert_eq!(outcome.ended, StopReason::OutOfTime);
}

#[test]
fn near_the_roof_it_stops() {
    let mut fake = Fake::new(&[1.0, 0.6, 0.1]);
    let near = |seconds: f64| seconds <= 0.65;
    let outcome = block_on(search(&mut fake, 3, &near, &Budget::default())).unwrap();
    assert_eq!(outcome.ended, StopReason::NearRoof);
    assert_eq!(outcome.winner, Some((1, 0.6)));
    assert_eq!(fake.verified, [0, 1]);
    let mut fake = Fake::new(&[0.6, 0.1]);
    let outcome = block_on(search(&mut fake, 2, &near, &Budget::default())).unwrap();
    assert_eq!((outcome.winner, outcome.tried), (None, 1));
}

#[test]
fn what_is_wrong_is_passed_over_unless_it_is_the_default() {
    let mut fake = Fake::new(&[1.0, 0.1, 0.8]);
    fake.seconds[1] = None;
    let outcome = fake.search(&Budget::default());
    assert_eq!(outcome.winner, Some((2, 0.8)));
    assert_eq!(outcome.tried, 2);
    assert!(outcome.passed_over[0].1.contains("wrong result"));
    let mut fake = Fake::new(&[1.0, 0.1]);
    fake.seconds[0] = None;
    let failed = block_on(search(&mut fake, 2, &|_| false, &Budget::default()));
    assert!(matches!(failed, Err(Error::Gpu { .. })));
}

#[test]
fn a_round_in_which_the_default_got_no_time_compares_nothing() {
    for (lost, winner) in [(0, true), (2, true), (3, false), (5, false)] {
        let mut fake = Fake::new(&[1.0, 0.5]);
        fake.pattern = vec![0.0; lost];
        fake.pattern.extend([1.0; 20]);
        let outcome = fake.search(&Budget::default());
        assert_eq!(outcome.winner.is_some(), winner, "{lost}");
        assert!(outcome.passed_over.is_empty());
        assert_eq!((outcome.default_s, fake.rounds), (1.0, 10 - lost), "{lost}");
    }
}

/// The default is timed while the device is slow: it is not a third as fast as its challenger.
#[test]
fn a_round_in_which_the_device_drifted_is_repeated() {
    let mut fake = Fake::new(&[1.0, 0.995]);
    fake.rates = [[0.3, 1.0]; 3].concat();
    let outcome = fake.search(&Budget::default());
    assert_eq!((outcome.winner, fake.rounds), (None, 16));
    assert!((outcome.default_s - 1.0).abs() < 1e-9);
    // A device that never comes to rest is given up, and the default stays.
    fake.rates = [[0.3, 1.0]; 100].concat();
    fake.rounds = 0;
    let outcome = fake.search(&Budget::default());
    assert_eq!((outcome.winner, fake.rounds), (None, 20));
    // A slow device that is evenly slow compares well.
    let mut fake = Fake::new(&[1.0, 0.5]);
    fake.rates = vec![0.3; 100];
    let outcome = fake.search(&Budget::default());
    assert_eq!((outcome.winner.is_some(), fake.rounds), (true, 10));
}

#[test]
fn who_asks_to_stop_is_heard() {
    let mut fake = Fake::new(&[1.0, 0.9, 0.8]);
    fake.stopped_at = Some(1);
    let ended = block_on(search(&mut fake, 3, &|_| false, &Budget::default()));
    assert_eq!(ended, Err(Error::Interrupted));
}

#[test]
fn a_candidate_that_loses_the_device_is_passed_over_and_the_search_goes_on() {
    // As it is verified, and as it is timed.
    for step in [Step::Verify(1), Step::Time(1)] {
        let mut fake = Fake::new(&[1.0, 0.1, 0.8]);
        fake.lost_at = vec![step];
        let outcome = fake.ended().unwrap();
        assert_eq!(outcome.winner, Some((2, 0.8)), "{step:?}");
        assert_eq!(outcome.tried, 2);
        assert_eq!(
            outcome.passed_over,
            [(1, "it lost the device: a hang".to_owned())]
        );
        // The default is verified on the new device before anything else.
        assert_eq!(fake.verified, [0, 1, REOPENED, 0, 2]);
    }
}

#[test]
fn a_challenger_that_loses_the_device_in_the_comparison_leaves_it_to_the_other() {
    let mut fake = Fake::new(&[1.0, 0.7, 0.8]);
    // Three screenings, then the default and the best challenger of the second round.
    fake.lost_at = vec![Step::Time(3 + 3 + 1)];
    let outcome = fake.ended().unwrap();
    assert_eq!(outcome.winner, Some((2, 0.8)));
    assert_eq!(outcome.passed_over.len(), 1);
    assert_eq!(outcome.passed_over[0].0, 1);
    assert_eq!(fake.verified, [0, 1, 2, REOPENED, 0, 2]);
    // The comparison began anew: five rounds of two, beside the four timings before.
    assert_eq!(fake.timed, 3 + 5 + 10);
    // A challenger that was screened on the first device, and loses the second as it is verified there.
    let mut fake = Fake::new(&[1.0, 0.7, 0.8, 0.9]);
    fake.lost_at = vec![Step::Time(3), Step::Verify(5)];
    let outcome = fake.ended().unwrap();
    assert_eq!(outcome.winner, Some((2, 0.8)));
    let passed: Vec<usize> = outcome
        .passed_over
        .iter()
        .map(|(place, _)| *place)
        .collect();
    assert_eq!(passed, [3, 1]);
}

#[test]
fn a_default_that_loses_the_device_ends_its_class() {
    for step in [Step::Verify(0), Step::Time(0), Step::Time(2)] {
        let mut fake = Fake::new(&[1.0, 0.7]);
        fake.lost_at = vec![step];
        assert_eq!(fake.ended(), Err(lost()), "{step:?}");
        assert_eq!(fake.reopened, 0);
    }
    // On the new device, after a candidate lost the first.
    let mut fake = Fake::new(&[1.0, 0.7]);
    fake.lost_at = vec![Step::Verify(1), Step::Verify(2)];
    assert_eq!(fake.ended(), Err(lost()));
}

#[test]
fn a_device_that_is_lost_too_often_or_does_not_open_is_given_up() {
    let given_up = |fake: &mut Fake| match fake.ended() {
        Err(Error::DeviceGivenUp { reason }) => reason,
        other => panic!("{other:?}"),
    };
    let mut fake = Fake::new(&[1.0; 6]);
    // Each loss is followed by a verification of the default.
    fake.lost_at = vec![Step::Verify(1), Step::Verify(3), Step::Verify(5)];
    assert!(given_up(&mut fake).starts_with("3 candidates of one class lost it"));
    assert_eq!(fake.reopened, 2);
    let mut fake = Fake::new(&[1.0; 6]);
    fake.lost_at = vec![Step::Verify(1)];
    fake.reopens = 0;
    assert_eq!(given_up(&mut fake), "it did not open again");
}

#[test]
fn more_time_allows_more_candidates() {
    let seconds = |seconds| Budget::within(Duration::from_secs(seconds)).candidates;
    assert_eq!(
        [0, 10, 11, 30, 46, 300].map(seconds),
        [12, 12, 13, 32, 48, 48]
    );
}
