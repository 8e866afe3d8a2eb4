//! Statistics of repeated measurements. Pure: numbers in, numbers out.

use serde::{Deserialize, Serialize};

/// Five quartiles of a set of times in seconds, with the times themselves in the order in which they were taken.
///
/// All numbers are finite and above zero. Quartiles interpolate linearly between order statistics (definition 7 of
/// Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996; the default of R and of `NumPy`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Summary {
    /// How many samples there are; at least one.
    pub n: usize,
    /// The shortest time.
    pub min: f64,
    /// The time that a quarter of the samples do not exceed.
    pub q1: f64,
    /// The time in the middle.
    pub median: f64,
    /// The time that three quarters of the samples do not exceed.
    pub q3: f64,
    /// The longest time.
    pub max: f64,
    /// Every sample, as taken.
    pub samples: Vec<f64>,
}

/// A summary as it stands in a file, where it may hold anything.
#[derive(Deserialize)]
struct Unchecked {
    n: usize,
    min: f64,
    q1: f64,
    median: f64,
    q3: f64,
    max: f64,
    samples: Vec<f64>,
}

impl TryFrom<Unchecked> for Summary {
    type Error = String;

    fn try_from(found: Unchecked) -> Result<Self, String> {
        let Unchecked {
            n,
            min,
            q1,
            median,
            q3,
            max,
            samples,
        } = found;
        let quartiles = [min, q1, median, q3, max];
        let is_time = |time: &f64| time.is_finite() && *time > 0.0;
        if n == 0 || !quartiles.iter().chain(&samples).all(is_time) || !quartiles.is_sorted() {
            return Err(format!(
                "times have to be above zero and quartiles in order, found {n} samples with {quartiles:?}"
            ));
        }
        Ok(Self {
            n,
            min,
            q1,
            median,
            q3,
            max,
            samples,
        })
    }
}

impl Summary {
    /// Summarises `samples`, in seconds; `None` where there are none, or where one is not finite and above zero.
    ///
    /// ```
    /// use ridgepoint::report::Summary;
    ///
    /// let times = Summary::new(&[4.0, 1.0, 3.0, 2.0]).unwrap();
    /// assert_eq!((times.min, times.q1, times.median), (1.0, 1.75, 2.5));
    /// assert_eq!(Summary::new(&[1.0, 0.0]), None);
    /// ```
    #[must_use]
    pub fn new(samples: &[f64]) -> Option<Self> {
        if !samples.iter().all(|s| s.is_finite() && *s > 0.0) {
            return None;
        }
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            n: sorted.len(),
            min: *sorted.first()?,
            q1: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            q3: quantile(&sorted, 0.75),
            max: *sorted.last()?,
            samples: samples.to_vec(),
        })
    }

    /// The spread of the middle half of the samples over their median: 0.01 is one per cent.
    #[must_use]
    pub fn relative_iqr(&self) -> f64 {
        (self.q3 - self.q1) / self.median
    }

    /// Mean of the samples, in seconds; `None` where a file has the quartiles alone.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.samples.len();
        (count > 0).then(|| self.samples.iter().sum::<f64>() / count as f64)
    }

    /// The time that ceilings are made of: the first quartile, since a ceiling is what the adapter reaches again and
    /// again when nothing disturbs it, and the single shortest time may be an error of the timer.
    #[must_use]
    pub const fn best_stable(&self) -> f64 {
        self.q1
    }
}

/// `sorted` is ascending and not empty.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let position = p * (sorted.len() - 1) as f64;
    let below = position as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let step = (sorted[above] - sorted[below]) * (position - below as f64);
    // Rounding must not carry a quartile past the sample above it.
    (sorted[below] + step).min(sorted[above])
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "hand-computed values and powers of two are exact"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_computed_quartiles() {
        let five = Summary::new(&[5.0, 3.0, 1.0, 2.0, 4.0]).unwrap();
        let quartiles = [five.min, five.q1, five.median, five.q3, five.max];
        assert_eq!(quartiles, [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(five.samples, [5.0, 3.0, 1.0, 2.0, 4.0]);
        assert_eq!(five.best_stable(), 2.0);
        assert!((five.relative_iqr() - 2.0 / 3.0).abs() < 1e-15);

        let six = Summary::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!((six.q1, six.median, six.q3), (2.25, 3.5, 4.75));

        let one = Summary::new(&[0.5]).unwrap();
        assert_eq!((one.n, one.min, one.median, one.max), (1, 0.5, 0.5, 0.5));
        assert_eq!(one.relative_iqr(), 0.0);
    }

    #[test]
    fn what_is_no_time_has_no_summary() {
        for bad in [&[][..], &[1.0, f64::NAN], &[f64::INFINITY], &[0.0], &[-1.0]] {
            assert_eq!(Summary::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn json_has_the_names_of_the_schema() {
        let json = serde_json::to_value(Summary::new(&[2.0]).unwrap()).unwrap();
        let want = r#"{"n":1,"min":2.0,"q1":2.0,"median":2.0,"q3":2.0,"max":2.0,"samples":[2.0]}"#;
        assert_eq!(
            json,
            serde_json::from_str::<serde_json::Value>(want).unwrap()
        );
    }

    #[test]
    fn a_file_with_times_that_cannot_be_is_refused() {
        let read = |quartiles: &str| {
            let [min, q1, median, q3, max] = quartiles.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{quartiles}");
            };
            serde_json::from_str::<Summary>(&format!(
                r#"{{"n":1,"min":{min},"q1":{q1},"median":{median},"q3":{q3},"max":{max},"samples":[]}}"#
            ))
        };
        assert_eq!(read("1 1 2 3 4").unwrap().mean(), None);
        for bad in ["0 1 2 3 4", "1 2 3 4 -5", "2 1 3 4 5"] {
            let error = read(bad).unwrap_err().to_string();
            assert!(
                error.contains("above zero and quartiles in order"),
                "{error}"
            );
        }
    }

    fn times() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(1e-9..1e3, 1..60)
    }

    proptest! {
        #[test]
        fn quartiles_are_ordered(samples in times()) {
            let s = Summary::new(&samples).unwrap();
            prop_assert!(s.min <= s.q1 && s.q1 <= s.median && s.median <= s.q3 && s.q3 <= s.max);
            prop_assert!(s.relative_iqr().is_finite() && s.relative_iqr() >= 0.0);
        }

        #[test]
        fn a_power_of_two_scales_exactly(samples in times(), exponent in -20..20) {
            let scale = 2f64.powi(exponent);
            let scaled: Vec<f64> = samples.iter().map(|s| s * scale).collect();
            let (a, b) = (Summary::new(&samples).unwrap(), Summary::new(&scaled).unwrap());
            let want = [a.min, a.q1, a.median, a.q3, a.max].map(|q| q * scale);
            prop_assert_eq!([b.min, b.q1, b.median, b.q3, b.max], want);
        }

        #[test]
        fn order_does_not_matter(
            (samples, shuffled) in times().prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle()))
        ) {
            let (a, b) = (Summary::new(&samples).unwrap(), Summary::new(&shuffled).unwrap());
            prop_assert_eq!((a.min, a.q1, a.median, a.q3, a.max), (b.min, b.q1, b.median, b.q3, b.max));
        }
    }
}
