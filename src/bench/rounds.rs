//! One measurement in several rounds, between which something else is measured. Pure: measurements in, one out.

use super::measurement::Measurement;
use super::sampler::{noise, of_samples};
use crate::report::{Sampling, SensorSummary, Status, Summary, Warning};

/// Sampling of one of `count` rounds, which together have the samples and the time of `full`. Each round warms up as the whole
/// does, since something else ran before it.
#[must_use]
pub fn of_round(full: &Sampling, count: u32) -> Sampling {
    Sampling {
        min_samples: full.min_samples.div_ceil(count as usize),
        min_time: full.min_time / count,
        max_time: full.max_time / count + full.warm_up_max,
        ..full.clone()
    }
}

/// The measurement that `rounds` make together, whose samples are those of all rounds in order. A round without times is the
/// outcome of the whole. Warnings about too few samples and about noise are those of the whole, as `full` asks for it.
///
/// # Panics
/// Without a round.
#[must_use]
pub fn joined(rounds: &[Measurement], full: &Sampling) -> Measurement {
    let last = rounds.last().expect("there is a round");
    let without = rounds.iter().find(|round| round.time.is_none());
    let (Some(time), None) = (all(rounds, |round| round.time.as_ref()), without) else {
        return without.unwrap_or(last).clone();
    };
    let lasted = rounds.iter().map(|round| {
        let samples = round.time.iter().flat_map(|time| &time.samples);
        samples.sum::<f64>() * f64::from(round.repeats.unwrap_or(1))
    });
    let seconds: f64 = lasted.sum();
    let mut warnings: Vec<Warning> = Vec::from_iter(full.warning());
    for warning in rounds.iter().flat_map(|round| &round.warnings) {
        let is_of_whole = matches!(
            warning,
            Warning::ShortSampling { .. } | Warning::FewSamples { .. } | Warning::Noisy { .. }
        );
        if !is_of_whole && warnings.iter().all(|known| known.id() != warning.id()) {
            warnings.push(warning.clone());
        }
    }
    warnings.extend(of_samples(&time, seconds, full));
    let reason = noise(&time);
    let first = &rounds[0];
    Measurement {
        status: if reason.is_some() {
            Status::Noisy
        } else {
            Status::Ok
        },
        reason,
        wall: all(rounds, |round| round.wall.as_ref()),
        sensors: SensorSummary::joined(
            rounds.iter().filter_map(|round| round.sensors.as_ref()),
            time.median,
        ),
        time: Some(time),
        repeats: rounds.iter().filter_map(|round| round.repeats).max(),
        discarded: rounds.iter().map(|round| round.discarded).sum(),
        warnings,
        ..first.clone()
    }
}

/// The samples of all rounds.
fn all(rounds: &[Measurement], of: fn(&Measurement) -> Option<&Summary>) -> Option<Summary> {
    let samples = rounds.iter().filter_map(of);
    let samples: Vec<f64> = samples.flat_map(|time| time.samples.clone()).collect();
    Summary::new(&samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ClockKind;

    fn round(samples: &[f64]) -> Measurement {
        Measurement {
            clock: Some(ClockKind::GpuTimestamp),
            time: Summary::new(samples),
            wall: Summary::new(samples),
            repeats: Some(100),
            discarded: 3,
            warnings: vec![Warning::FewSamples {
                samples: samples.len(),
                seconds: 0.1,
            }],
            ..Measurement::ended(Status::Ok, None)
        }
    }

    fn ids(measured: &Measurement) -> Vec<&str> {
        measured.warnings.iter().map(Warning::id).collect()
    }

    #[test]
    fn rounds_have_together_what_the_whole_needs() {
        let full = Sampling::default();
        let part = of_round(&full, 4);
        assert!(part.min_samples * 4 >= full.min_samples && part.min_time * 4 == full.min_time);
        let rounds: Vec<_> = (0..4).map(|_| round(&[1e-3; 5])).collect();
        let whole = joined(&rounds, &full);
        let time = whole.time.as_ref().unwrap();
        assert_eq!(
            (time.n, whole.discarded, whole.status),
            (20, 12, Status::Ok)
        );
        assert!(ids(&whole).is_empty(), "{:?}", whole.warnings);
    }

    #[test]
    fn rounds_that_disagree_are_noisy_together_though_each_is_quiet() {
        let rounds = [round(&[1e-3; 20]), round(&[1.2e-3; 20])];
        let whole = joined(&rounds, &Sampling::default());
        assert_eq!(whole.status, Status::Noisy);
        assert_eq!(ids(&whole), ["noisy"]);
    }

    #[test]
    fn a_round_without_times_and_too_few_samples_are_told() {
        let failed = Measurement::unsupported("no shader-f16");
        let whole = joined(&[round(&[1e-3; 5]), failed.clone()], &Sampling::default());
        assert_eq!(whole, failed);
        let few = joined(&[round(&[1e-3; 5])], &Sampling::default());
        assert_eq!(ids(&few), ["few_samples"]);
    }
}
