//! How long cases will take, said before anything is measured.

use super::case::Case;
use super::definition::Suite;
use crate::report::{AdapterKind, ListedSuite, Sampling};
use std::time::Duration;

/// Speed that is assumed of an adapter whose ceilings nobody has measured yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// FLOP/s of an ordinary kernel.
    pub flops: f64,
    /// Bytes per second of an ordinary kernel.
    pub bytes: f64,
    /// Seconds of a row beside its samples: compiling, filling, verifying, waking the device.
    pub row_s: f64,
    /// Seconds of the ceilings in front of the rows.
    pub ceilings_s: f64,
    /// Seconds of the sweeps over working sets.
    pub hierarchy_s: f64,
}

/// Part of the longest sampling that rows take on the average, since most are quiet soon.
const OF_SAMPLES: f64 = 1.1;
/// Executions of a long kernel beside its samples: the first, the verified one, the warm-up.
const EXTRA: f64 = 4.0;

impl Pace {
    /// Speed of a modest adapter of a kind.
    #[must_use]
    pub fn of(kind: AdapterKind) -> Self {
        let (flops, bytes, ceilings_s, hierarchy_s) = match kind {
            AdapterKind::Discrete => (1e13, 4e11, 8.0, 40.0),
            AdapterKind::Software | AdapterKind::Noop => (1e10, 5e9, 15.0, 20.0),
            _ => (1e12, 4e10, 12.0, 40.0),
        };
        Self {
            flops,
            bytes,
            row_s: 0.2,
            ceilings_s,
            hierarchy_s,
        }
    }

    /// Seconds of one execution of `case`.
    fn execution(&self, case: &Case) -> f64 {
        let operation = case.operation.as_ref();
        let compute = operation.flops() as f64 / self.flops;
        compute.max(operation.min_bytes() as f64 / self.bytes)
    }
}

/// The time that `cases` and the ceilings take by `sampling` at `pace`, with the table of caches and memory or without, to
/// within a factor of two on adapters that were tried.
#[must_use]
pub fn expected(cases: &[Case], has_hierarchy: bool, sampling: &Sampling, pace: &Pace) -> Duration {
    let row = |case: &Case| {
        let one = pace.execution(case);
        let samples = (sampling.min_time.as_secs_f64() * OF_SAMPLES)
            .max(one * sampling.min_samples as f64)
            .min(sampling.max_time.as_secs_f64().max(one));
        pace.row_s + sampling.warm_up.as_secs_f64() + samples + EXTRA * one
    };
    let rows: f64 = cases.iter().map(row).sum();
    let hierarchy = if has_hierarchy { pace.hierarchy_s } else { 0.0 };
    Duration::from_secs_f64(rows + pace.ceilings_s + hierarchy)
}

impl Suite {
    /// The suite as a list shows it: its rows on an adapter of a kind, and how long they take there.
    #[must_use]
    pub fn listed(&'static self, kind: AdapterKind) -> ListedSuite {
        let cases = self.cases(kind).all;
        let (sampling, pace) = (self.sampling(kind), Pace::of(kind));
        let time = expected(&cases, self.has_hierarchy, &sampling, &pace);
        ListedSuite {
            name: &self.name,
            about: &self.about,
            rows: cases.len(),
            expected_s: time.as_secs_f64().round(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::suite;

    fn seconds(name: &str, kind: AdapterKind) -> f64 {
        let suite = suite(name).unwrap();
        let cases = suite.cases(kind).all;
        expected(&cases, false, &suite.sampling(kind), &Pace::of(kind)).as_secs_f64()
    }

    /// On an NVIDIA H200 (Vulkan), `ridgepoint run --suite standard` takes 57 to 62 s.
    #[test]
    fn the_standard_suite_takes_about_as_long_as_is_said() {
        let standard = seconds("standard", AdapterKind::Discrete);
        assert!((40.0..90.0).contains(&standard), "{standard} s");
        assert!(seconds("quick", AdapterKind::Discrete) < standard / 2.0);
    }

    #[test]
    fn long_kernels_count_by_their_own_time() {
        let slow = Pace {
            flops: 1e9,
            ..Pace::of(AdapterKind::Discrete)
        };
        let suite = suite("standard").unwrap();
        let cases = suite.cases(AdapterKind::Discrete).all;
        let sampling = suite.sampling(AdapterKind::Discrete);
        let slow = expected(&cases, false, &sampling, &slow).as_secs_f64();
        assert!(slow > 3000.0, "{slow} s");
    }
}
