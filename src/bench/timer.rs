//! Whether GPU timestamps can be believed, and what to read instead.

use super::clock::Tick;
use crate::report::{ClockKind, Warning};
use crate::units::{format_percent, format_seconds};

/// Timestamps that advance in steps longer than this are called coarse: a sample of 5 ms has 500 of them.
const COARSE_STEP_S: f64 = 10e-6;
/// A sample lasts at least this many steps, so that the error of one step at its end is two per cent at most.
const STEPS_PER_SAMPLE: f64 = 50.0;
/// A sample by the wall clock that lasts less than this many empty submissions beyond one is mostly their noise.
const RESOLVED_OVER_EMPTY: f64 = 0.5;
/// GPU work lies inside the wait for it; this much more is a wrong clock.
const LONGER_THAN_WALL: f64 = 1.05;
/// Less of the wall time than this, and the timestamps are taken to be wrong.
const UNBELIEVABLE_SHARE: f64 = 0.1;
/// Less of the wall time than this is worth a warning.
const SMALL_SHARE: f64 = 0.5;

/// Clock that a set of samples is read from, and words about the choice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) kind: ClockKind,
    pub(super) warning: Option<Warning>,
}

/// Turns ticks into seconds. It has seen all samples, the calibrating ones too, and knows what a submission costs.
#[derive(Debug, Default)]
pub(super) struct Timer {
    /// The wall time of an empty submission.
    pub(super) overhead_s: f64,
    steps: Steps,
}

impl Timer {
    /// Takes note of a sample of any length.
    pub(super) fn observe(&mut self, tick: Tick) {
        if let Some(seconds) = tick.gpu_s {
            self.steps.observe(seconds);
        }
    }

    /// The wall time without the submission, zero at least.
    fn net_wall(&self, tick: Tick) -> f64 {
        (tick.wall_s - self.overhead_s).max(0.0)
    }

    /// How long the work of a sample ran, as far as can be known before the clock is chosen. No longer than the wall
    /// time, nor very much shorter, so that wrong timestamps mislead the calibration neither way.
    pub(super) fn length(&self, tick: Tick) -> f64 {
        self.believable(tick).unwrap_or_else(|| self.net_wall(tick))
    }

    fn believable(&self, tick: Tick) -> Option<f64> {
        tick.gpu_s
            .filter(|gpu| gpu.is_finite())
            .map(|gpu| gpu.min(tick.wall_s))
            .filter(|gpu| *gpu > 0.0 && *gpu >= UNBELIEVABLE_SHARE * self.net_wall(tick))
    }

    /// Whether the GPU timestamps of a sample can be right.
    pub(super) fn believes(&self, tick: Tick) -> bool {
        self.believable(tick).is_some()
    }

    /// The longest that the work of a sample may have run.
    pub(super) fn longest(&self, tick: Tick) -> f64 {
        self.length(tick).max(self.net_wall(tick))
    }

    /// The least length in seconds that a sample like this one should have to be measured well: many steps of the
    /// timestamps, or without any to believe as long as an empty submission.
    pub(super) fn resolvable(&self, tick: Tick) -> f64 {
        match self.believable(tick) {
            Some(_) => self.resolvable_steps(),
            None => self.resolvable_steps().max(self.overhead_s),
        }
    }

    fn resolvable_steps(&self) -> f64 {
        self.steps
            .coarse()
            .map_or(0.0, |step| STEPS_PER_SAMPLE * step)
    }

    /// Whether calibrated samples are long enough for their clock to resolve.
    pub(super) fn resolves(&self, ticks: &[Tick]) -> bool {
        let kind = self.choose(ticks).kind;
        let least = match kind {
            ClockKind::GpuTimestamp => 0.0,
            ClockKind::Wall => RESOLVED_OVER_EMPTY * self.overhead_s,
        };
        let mut seconds = ticks.iter().map(|tick| self.seconds(kind, *tick));
        seconds.all(|s| s > 0.0 && s >= least)
    }

    /// The seconds of a sample by the chosen clock.
    pub(super) fn seconds(&self, kind: ClockKind, tick: Tick) -> f64 {
        match (kind, tick.gpu_s) {
            (ClockKind::GpuTimestamp, Some(gpu)) => gpu,
            _ => self.net_wall(tick),
        }
    }

    /// Chooses the clock for calibrated samples. One bad timestamp makes all of them suspect.
    pub(super) fn choose(&self, ticks: &[Tick]) -> Choice {
        let Some(gpu) = ticks
            .iter()
            .map(|tick| tick.gpu_s)
            .collect::<Option<Vec<f64>>>()
        else {
            return wall(Warning::NoTimestamps);
        };
        let implausible = |reason: String| wall(Warning::ImplausibleTimestamps { reason });
        if let Some(bad) = gpu.iter().find(|s| !s.is_finite() || **s < 0.0) {
            return implausible(format!("the end is {bad} s after the beginning"));
        }
        if gpu.contains(&0.0) {
            return implausible("beginning and end are the same".to_owned());
        }
        if let Some((gpu, tick)) = gpu
            .iter()
            .zip(ticks)
            .find(|(gpu, tick)| **gpu > LONGER_THAN_WALL * tick.wall_s)
        {
            return implausible(format!(
                "they say {} where the wall clock says {}",
                format_seconds(*gpu),
                format_seconds(tick.wall_s)
            ));
        }
        let net: f64 = ticks.iter().map(|tick| self.net_wall(*tick)).sum();
        let total: f64 = gpu.iter().sum();
        if total < UNBELIEVABLE_SHARE * net {
            return implausible(format!(
                "they account for {} of the wall time",
                format_percent(total / net)
            ));
        }
        if let Some(step_s) = self.steps.coarse() {
            let resolved = gpu.iter().all(|s| *s >= self.resolvable_steps());
            let kind = if resolved {
                ClockKind::GpuTimestamp
            } else {
                ClockKind::Wall
            };
            let warning = Some(Warning::CoarseTimestamps {
                step_s,
                clock: kind,
            });
            return Choice { kind, warning };
        }
        Choice {
            kind: ClockKind::GpuTimestamp,
            warning: (total < SMALL_SHARE * net).then(|| Warning::HostTime { share: total / net }),
        }
    }
}

const fn wall(warning: Warning) -> Choice {
    Choice {
        kind: ClockKind::Wall,
        warning: Some(warning),
    }
}

/// The step in which timestamps advance: the greatest common divisor of their differences, in whole nanoseconds.
#[derive(Debug, Default)]
struct Steps {
    divisor_ns: u64,
    /// The first few values that differ from each other. Two may share a large divisor by chance.
    distinct_ns: Vec<u64>,
}

impl Steps {
    const ENOUGH: usize = 3;

    fn observe(&mut self, seconds: f64) {
        let ns = (seconds * 1e9).round() as u64;
        if ns == 0 {
            return;
        }
        self.divisor_ns = greatest_common_divisor(self.divisor_ns, ns);
        if self.distinct_ns.len() < Self::ENOUGH && !self.distinct_ns.contains(&ns) {
            self.distinct_ns.push(ns);
        }
    }

    /// The step in seconds, if it is a coarse one.
    fn coarse(&self) -> Option<f64> {
        let step = self.divisor_ns as f64 * 1e-9;
        (self.distinct_ns.len() >= Self::ENOUGH && step > COARSE_STEP_S).then_some(step)
    }
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "zero is exact")]
mod tests {
    use super::*;

    fn ticks(gpu_s: &[f64], wall_s: f64) -> Vec<Tick> {
        let tick = |gpu: &f64| Tick {
            gpu_s: Some(*gpu),
            wall_s,
        };
        gpu_s.iter().map(tick).collect()
    }

    fn chosen(gpu_s: &[f64], wall_s: f64) -> Choice {
        let mut timer = Timer {
            overhead_s: 1e-4,
            ..Timer::default()
        };
        let ticks = ticks(gpu_s, wall_s);
        for tick in &ticks {
            timer.observe(*tick);
        }
        timer.choose(&ticks)
    }

    #[test]
    fn sound_timestamps_are_used() {
        let choice = chosen(&[5.000_1e-3, 5.000_3e-3, 5.000_4e-3], 5.2e-3);
        assert_eq!(choice.kind, ClockKind::GpuTimestamp);
        assert_eq!(choice.warning, None);
    }

    #[test]
    fn bad_timestamps_are_not() {
        let cases: [&[f64]; 6] = [
            &[5e-3, 0.0],
            &[5e-3, -5e-3],
            &[5e-3, f64::NAN],
            &[5e-3, f64::INFINITY],
            &[5e-3, 5.5e-3],
            &[1e-6, 1e-6],
        ];
        for gpu_s in cases {
            let choice = chosen(gpu_s, 5.2e-3);
            assert_eq!(choice.kind, ClockKind::Wall, "{gpu_s:?}");
            let warning = choice.warning.unwrap();
            assert_eq!(warning.id(), "implausible_timestamps", "{gpu_s:?}");
        }
        let none = Tick {
            gpu_s: None,
            wall_s: 1.0,
        };
        assert_eq!(
            Timer::default().choose(&[none]),
            wall(Warning::NoTimestamps)
        );
    }

    #[test]
    fn much_host_time_is_told() {
        let choice = chosen(&[1.000_1e-3, 1.000_2e-3], 5.1e-3);
        assert_eq!(choice.kind, ClockKind::GpuTimestamp);
        assert_eq!(choice.warning.unwrap().id(), "host_time");
    }

    #[test]
    fn steps_are_found_and_must_be_short_against_a_sample() {
        let of = |step: f64| [60.0 * step, 61.0 * step, 63.0 * step];
        let fine = chosen(&of(65_536e-9), 4.2e-3);
        assert_eq!(fine.kind, ClockKind::GpuTimestamp);
        assert_eq!(fine.warning.unwrap().id(), "coarse_timestamps");

        let few = [2e-3, 3e-3, 5e-3];
        let choice = chosen(&few, 5.1e-3);
        assert_eq!(choice.kind, ClockKind::Wall);
        assert_eq!(choice.warning.unwrap().id(), "coarse_timestamps");

        assert_eq!(chosen(&of(1.024e-6), 66e-6).warning, None);
    }

    #[test]
    fn calibration_is_not_misled() {
        let timer = Timer {
            overhead_s: 1e-4,
            ..Timer::default()
        };
        let length = |gpu_s: Option<f64>, wall_s: f64| timer.length(Tick { gpu_s, wall_s });
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(length(Some(1e-3), 1.5e-3), 1e-3));
        assert!(close(length(None, 1.1e-3), 1e-3));
        assert!(close(length(Some(-1.0), 1.1e-3), 1e-3));
        assert!(close(length(Some(1e-9), 1.1e-3), 1e-3));
        assert!(close(length(Some(f64::NAN), 1.1e-3), 1e-3));
        assert!(close(length(Some(9.0), 1.1e-3), 1.1e-3));
        assert_eq!(length(None, 1e-5), 0.0);
    }
}
