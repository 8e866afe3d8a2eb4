use super::*;
use crate::error::Error;
use pollster::block_on;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn claim(gain: f64, least: u64) -> Claim {
    Claim {
        gain,
        least: seconds(least),
    }
}

/// Classes on a clock that advances as they are looked at and searched.
struct Fake {
    claims: Vec<Option<Claim>>,
    /// Seconds that each can use at most.
    needs: Vec<f64>,
    looks: Duration,
    now: Duration,
    searched: Vec<(usize, Duration)>,
    /// The class at which the user asks to stop.
    stopped_at: Option<usize>,
}

impl Fake {
    fn new(claims: &[Claim]) -> Self {
        Self {
            claims: claims.iter().copied().map(Some).collect(),
            needs: vec![f64::MAX; claims.len()],
            looks: Duration::from_millis(500),
            now: Duration::ZERO,
            searched: Vec::new(),
            stopped_at: None,
        }
    }

    fn share_out(&mut self, total: u64) -> Vec<usize> {
        let count = self.claims.len();
        block_on(share_out(self, count, seconds(total))).unwrap()
    }

    fn order(&self) -> Vec<usize> {
        self.searched.iter().map(|(class, _)| *class).collect()
    }
}

impl Classes for Fake {
    fn now(&self) -> Duration {
        self.now
    }

    async fn look(&mut self, class: usize) -> Result<Option<Claim>> {
        self.now += self.looks;
        Ok(self.claims[class])
    }

    async fn search(&mut self, class: usize, time: Duration) -> Result<()> {
        if self.stopped_at == Some(class) {
            return Err(Error::Interrupted);
        }
        self.searched.push((class, time));
        self.now += Duration::from_secs_f64(time.as_secs_f64().min(self.needs[class]));
        Ok(())
    }
}

#[test]
fn the_largest_gain_comes_first_and_gets_the_most() {
    let mut fake = Fake::new(&[claim(0.1, 2), claim(1.6, 2), claim(0.4, 2)]);
    assert!(fake.share_out(60).is_empty());
    assert_eq!(fake.order(), [1, 2, 0]);
    let shares: Vec<f64> = fake.searched.iter().map(|(_, t)| t.as_secs_f64()).collect();
    // 58.5 s are left after the looks, of which 6 are the least of all.
    assert!(
        (shares[0] - (2.0 + 52.5 * 1.6 / 2.1)).abs() < 1e-6,
        "{shares:?}"
    );
    assert!(
        ((shares[1] - 2.0) / (shares[2] - 2.0) - 4.0).abs() < 1e-6,
        "{shares:?}"
    );
    assert!(
        (fake.now.as_secs_f64() - 60.0).abs() < 1e-6,
        "{:?}",
        fake.now
    );
}

#[test]
fn what_a_class_leaves_flows_on() {
    let mut fake = Fake::new(&[claim(1.0, 1), claim(1.0, 1)]);
    fake.needs[0] = 3.0;
    fake.share_out(60);
    assert_eq!(fake.order(), [0, 1]);
    assert!((fake.searched[1].1.as_secs_f64() - 56.0).abs() < 1e-6);
}

#[test]
fn one_class_gets_all_that_is_left() {
    let mut fake = Fake::new(&[claim(0.0, 3)]);
    assert!(fake.share_out(300).is_empty());
    let all = Duration::from_millis(299_500);
    assert!(fake.searched[0].1.abs_diff(all) < Duration::from_micros(1));
}

#[test]
fn without_time_for_all_the_largest_gains_are_searched_and_the_others_named() {
    let claims: Vec<Claim> = (0..10).map(|i| claim(0.1 * i as f64, 3)).collect();
    let mut fake = Fake::new(&claims);
    let unsearched = fake.share_out(20);
    assert_eq!(fake.order(), [9, 8, 7, 6, 5]);
    assert_eq!(unsearched, [0, 1, 2, 3, 4]);
    assert!(fake.now <= seconds(20), "{:?}", fake.now);
    // Time that a search left unspent is enough for more.
    let mut fake = Fake::new(&claims);
    fake.needs = vec![0.5; 10];
    assert!(fake.share_out(20).is_empty());
}

#[test]
fn looks_end_in_time_for_searches() {
    let mut fake = Fake::new(&[claim(1.0, 1); 100]);
    let unsearched = fake.share_out(20);
    // Twenty looks, then ten searches of the least time.
    assert_eq!(fake.searched.len(), 10);
    assert_eq!(unsearched.len(), 90);
    assert!(fake.now <= seconds(20), "{:?}", fake.now);
    // Less than a look's time is up after one look.
    let mut fake = Fake::new(&[claim(1.0, 1); 2]);
    assert_eq!(fake.share_out(0), [0, 1]);
    assert_eq!(fake.now, fake.looks);
}

#[test]
fn a_class_that_asks_for_too_much_does_not_keep_others_from_theirs() {
    let mut fake = Fake::new(&[claim(2.0, 100), claim(0.5, 4)]);
    assert_eq!(fake.share_out(20), [0]);
    assert_eq!(fake.order(), [1]);
}

#[test]
fn a_class_that_failed_is_neither_searched_nor_waiting() {
    let mut fake = Fake::new(&[claim(1.0, 1); 3]);
    fake.claims[1] = None;
    assert!(fake.share_out(60).is_empty());
    assert_eq!(fake.order(), [0, 2]);
}

#[test]
fn who_asks_to_stop_is_heard() {
    let mut fake = Fake::new(&[claim(1.0, 1), claim(2.0, 1)]);
    fake.stopped_at = Some(0);
    let ended = block_on(share_out(&mut fake, 2, seconds(60)));
    assert_eq!(ended, Err(Error::Interrupted));
    assert_eq!(fake.order(), [1]);
}
