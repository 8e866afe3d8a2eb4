//! Two series of times: their ratio with its range, and the verdict.

use crate::report::{Ceiling, Summary};

/// Difference of two medians that counts as none: clocks of one GPU differ by as much from run to run.
const SAME: f64 = 0.01;

/// Width of [min, q3] over the median up to which times can be called the same: with wider ones a difference could hide.
const NARROW: f64 = 0.05;

/// Times of one execution in seconds, or of one operation or byte of a ceiling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Number of samples.
    pub n: usize,
    /// The shortest time.
    pub min: f64,
    /// The time that is quoted: the median of a row, the first quartile of a ceiling.
    pub quoted: f64,
    /// The third quartile.
    pub q3: f64,
}

/// Verdict on times against those of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No difference that matters, and none that could hide.
    Same,
    /// Shorter times.
    Faster,
    /// Longer times.
    Slower,
    /// The times do not say.
    Ambiguous,
}

/// Rate over the rate of the base: 2 is twice as fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Ratio of the quoted times.
    pub value: f64,
    /// Least and greatest ratio of times within [min, q3] of both; `None` where one has a single sample.
    pub range: Option<(f64, f64)>,
}

impl Times {
    /// Times of a row.
    #[must_use]
    pub fn of(times: &Summary) -> Self {
        Self {
            n: times.n,
            min: times.min,
            quoted: times.median,
            q3: times.q3,
        }
    }

    /// Times of a ceiling for one unit of its work, since the best shapes of two adapters differ in work; `None` where it
    /// has no value. A ceiling of a file without times is one sample.
    #[must_use]
    pub fn of_ceiling(ceiling: &Ceiling) -> Option<Self> {
        let value = ceiling.value.filter(|value| *value > 0.0)?;
        let one = Self {
            n: 1,
            min: 1.0 / value,
            quoted: 1.0 / value,
            q3: 1.0 / value,
        };
        let (Some(times), Some(work)) = (&ceiling.time_s, ceiling.work.filter(|w| *w > 0.0)) else {
            return Some(one);
        };
        Some(Self {
            n: times.n,
            min: (times.min / work).min(one.quoted),
            q3: (times.q3 / work).max(one.quoted),
            ..one
        })
    }

    /// Rate over the rate of `base`.
    #[must_use]
    pub fn ratio(&self, base: &Self) -> Ratio {
        let has_range = self.n > 1 && base.n > 1;
        Ratio {
            value: base.quoted / self.quoted,
            range: has_range.then(|| (base.min / self.q3, base.q3 / self.min)),
        }
    }

    /// Verdict against `base`.
    #[must_use]
    pub fn verdict(&self, base: &Self) -> Verdict {
        let difference = self.quoted / base.quoted - 1.0;
        if self.n < 2 || base.n < 2 {
            Verdict::Ambiguous
        } else if self.q3 < base.min && difference < -SAME {
            Verdict::Faster
        } else if self.min > base.q3 && difference > SAME {
            Verdict::Slower
        } else if difference.abs() <= SAME && self.width() <= NARROW && base.width() <= NARROW {
            Verdict::Same
        } else {
            Verdict::Ambiguous
        }
    }

    fn width(&self) -> f64 {
        (self.q3 - self.min) / self.quoted
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Same => "SAME",
            Self::Faster => "FASTER",
            Self::Slower => "SLOWER",
            Self::Ambiguous => "AMBIGUOUS",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CeilingId;

    fn times(min: f64, quoted: f64, q3: f64) -> Times {
        Times {
            n: 20,
            min,
            quoted,
            q3,
        }
    }

    #[test]
    fn verdicts_by_hand() {
        let base = times(0.99, 1.0, 1.01);
        for (other, wanted) in [
            (base, Verdict::Same),
            (times(0.985, 0.995, 1.0), Verdict::Same),
            // Apart, and by more than one per cent.
            (times(0.95, 0.96, 0.97), Verdict::Faster),
            (times(1.02, 1.03, 1.04), Verdict::Slower),
            // Overlapping, and further apart than one per cent.
            (times(1.0, 1.02, 1.03), Verdict::Ambiguous),
            // Equal medians with a wide spread: a difference could hide in the spread.
            (times(0.9, 1.0, 1.1), Verdict::Ambiguous),
            // Wide and yet apart.
            (times(2.0, 3.0, 4.0), Verdict::Slower),
        ] {
            assert_eq!(other.verdict(&base), wanted, "{other:?}");
        }
        // Apart, but by less than one per cent.
        let (low, high) = (times(0.999, 1.0, 1.001), times(1.004, 1.005, 1.006));
        assert_eq!(high.verdict(&low), Verdict::Same);
        let one = Times {
            n: 1,
            ..times(5.0, 5.0, 5.0)
        };
        assert_eq!(one.verdict(&base), Verdict::Ambiguous);
        assert_eq!(base.verdict(&one), Verdict::Ambiguous);
        assert_eq!(one.ratio(&base).range, None);
    }

    #[test]
    fn verdicts_turn_round_with_the_base() {
        let (fast, slow) = (times(0.9, 0.91, 0.92), times(1.0, 1.01, 1.02));
        assert_eq!(fast.verdict(&slow), Verdict::Faster);
        assert_eq!(slow.verdict(&fast), Verdict::Slower);
    }

    #[test]
    fn ratios_are_of_rates_and_their_range_holds_them() {
        let ratio = times(0.4, 0.5, 0.8).ratio(&times(1.0, 1.0, 1.2));
        assert!((ratio.value - 2.0).abs() < 1e-12);
        let (low, high) = ratio.range.unwrap();
        assert!((low - 1.25).abs() < 1e-12 && (high - 3.0).abs() < 1e-12);
    }

    #[test]
    fn ceilings_are_compared_by_unit_of_work() {
        let ceiling = |work: f64, seconds: f64| Ceiling {
            work: Some(work),
            time_s: Summary::new(&[seconds; 3]),
            ..Ceiling::known(CeilingId::MemoryCopy, "B/s", work / seconds)
        };
        let (small, large) = (ceiling(1e9, 1e-3), ceiling(8e9, 4e-3));
        let (small, large) = (
            Times::of_ceiling(&small).unwrap(),
            Times::of_ceiling(&large).unwrap(),
        );
        assert!((large.ratio(&small).value - 2.0).abs() < 1e-12);
        assert_eq!(large.verdict(&small), Verdict::Faster);
        let bare = Ceiling::known(CeilingId::MemoryCopy, "B/s", 1e12);
        assert_eq!(Times::of_ceiling(&bare).unwrap().n, 1);
        let none = Ceiling {
            value: None,
            ..bare
        };
        assert_eq!(Times::of_ceiling(&none), None);
    }
}
