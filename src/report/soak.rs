//! One workload over minutes as plain data: what a device sustains once it is warm.

use super::sensors::{Limit, MeanPower, SensorSummary};
use super::summary::Summary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One workload over minutes, submitted without a rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Soak {
    /// Id of the row whose workload it is.
    pub id: String,
    /// Length that was asked for, in seconds.
    pub planned_s: f64,
    /// Intervals, in their order.
    pub points: Vec<SoakPoint>,
    /// Part at whose end the rate no longer moved; null where it moved to the last.
    pub plateau: Option<Plateau>,
    /// Mean power by the energy counter, and energy of one execution with the rests between submissions.
    pub by_counter: Option<MeanPower>,
    /// Mean power by readings of power, and energy of one execution with the rests between submissions.
    pub by_readings: Option<MeanPower>,
}

/// One interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoakPoint {
    /// End of the interval, in seconds since the first submission.
    pub at_s: f64,
    /// Median time of one execution, in seconds.
    pub time_s: f64,
    /// Executions in the interval.
    pub executions: u64,
    /// Readings of the device's sensors; absent without sensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensors: Option<SensorSummary>,
}

impl SoakPoint {
    /// Limits that a reading gave.
    fn limits(&self) -> impl Iterator<Item = Limit> {
        let sensors = self.sensors.iter();
        sensors.flat_map(|sensors| sensors.limits.iter().copied())
    }
}

/// The last part of a soak, in which the rate does not move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// Beginning of its first interval, in seconds since the first submission.
    pub from_s: f64,
    /// Median time of one execution in it, in seconds.
    pub time_s: f64,
    /// Its rate over the rate of the fastest interval of all.
    pub share_of_best: f64,
    /// Limits that held in most of its intervals.
    #[serde(default)]
    pub limits: BTreeSet<Limit>,
}

/// Share by which times may differ within a plateau.
const LEVEL: f64 = 0.015;
/// Least number of intervals of a plateau, and their least share of all.
const LEAST: usize = 6;
const LEAST_SHARE: f64 = 0.2;
/// Intervals at the beginning of a plateau that have to be level with all of it.
const BEGIN: usize = 3;

impl Soak {
    /// A soak that begins.
    #[must_use]
    pub fn new(id: impl Into<String>, planned_s: f64) -> Self {
        Self {
            id: id.into(),
            planned_s,
            points: Vec::new(),
            plateau: None,
            by_counter: None,
            by_readings: None,
        }
    }

    /// Adds an interval, and looks for the plateau anew.
    pub fn push(&mut self, point: SoakPoint) {
        self.points.push(point);
        self.plateau = plateau(&self.points);
    }

    /// Length of what was measured, in seconds.
    #[must_use]
    pub fn lasted_s(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.at_s)
    }
}

/// The longest part up to the end whose thirds have the same median time, and whose first intervals have it too.
fn plateau(points: &[SoakPoint]) -> Option<Plateau> {
    let times: Vec<f64> = points.iter().map(|point| point.time_s).collect();
    let length = LEAST.max((times.len() as f64 * LEAST_SHARE).ceil() as usize);
    let last = times.len().checked_sub(length)?;
    let first = (0..=last).find(|first| is_level(&times[*first..]))?;
    let usual_s = median(&times[first..])?;
    // Medians pass over a first interval from before the step.
    let is_of_it = |place: &usize| is_near(times[*place], usual_s);
    let first = (first..=last).find(is_of_it).unwrap_or(first);
    let part = &points[first..];
    let best_s = times.iter().copied().reduce(f64::min)?;
    let all: BTreeSet<Limit> = part.iter().flat_map(SoakPoint::limits).collect();
    let is_usual = |limit: &Limit| {
        let holding = part
            .iter()
            .filter(|point| point.limits().any(|other| other == *limit));
        2 * holding.count() > part.len()
    };
    Some(Plateau {
        from_s: first
            .checked_sub(1)
            .map_or(0.0, |before| points[before].at_s),
        time_s: usual_s,
        share_of_best: best_s / usual_s,
        limits: all.into_iter().filter(is_usual).collect(),
    })
}

fn is_level(times: &[f64]) -> bool {
    let Some(middle) = median(times) else {
        return false;
    };
    let thirds = times.chunks(times.len().div_ceil(3));
    let mut parts = thirds.chain([&times[..BEGIN.min(times.len())]]);
    parts.all(|part| median(part).is_some_and(|time| is_near(time, middle)))
}

fn is_near(time: f64, other: f64) -> bool {
    (time / other - 1.0).abs() <= LEVEL
}

fn median(times: &[f64]) -> Option<f64> {
    Some(Summary::new(times)?.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A soak with an interval of 5 s for each of `times`.
    fn soak(times: impl IntoIterator<Item = f64>) -> Soak {
        let mut soak = Soak::new("matmul", 600.0);
        for (index, time_s) in times.into_iter().enumerate() {
            let is_hot = time_s > 1.1e-3;
            soak.push(SoakPoint {
                at_s: 5.0 * (index + 1) as f64,
                time_s,
                executions: 1000,
                sensors: Some(SensorSummary {
                    readings: 1,
                    core_clock_hz: None,
                    memory_clock_hz: None,
                    temperature_c: None,
                    power: None,
                    limits: is_hot.then_some(Limit::Temperature).into_iter().collect(),
                }),
            });
        }
        soak
    }

    #[test]
    fn a_laptop_that_slows_down_has_its_plateau_behind_the_step() {
        let noise = |index: usize| 1.0 + 0.004 * ((index * 7 % 5) as f64 - 2.0);
        let times = (0..120).map(|index| {
            let warm = (index as f64 / 40.0).min(1.0);
            (1e-3 + 0.25e-3 * warm) * noise(index)
        });
        let plateau = soak(times).plateau.unwrap();
        assert!((165.0..=200.0).contains(&plateau.from_s), "{plateau:?}");
        assert!((plateau.time_s / 1.25e-3 - 1.0).abs() < 0.01, "{plateau:?}");
        assert!((plateau.share_of_best - 0.8).abs() < 0.02, "{plateau:?}");
        assert_eq!(plateau.limits, BTreeSet::from([Limit::Temperature]));
    }

    #[test]
    fn an_even_rate_is_a_plateau_from_the_beginning() {
        let plateau = soak([1e-3; 10]).plateau.unwrap();
        assert_eq!((plateau.from_s, plateau.share_of_best), (0.0, 1.0));
        assert!(plateau.limits.is_empty());
    }

    #[test]
    fn a_rate_that_moves_to_the_last_has_none() {
        let rising = (0..60).map(|index| 1e-3 * (1.0 + 0.01 * f64::from(index)));
        assert_eq!(soak(rising).plateau, None);
        assert_eq!(soak([1e-3; 5]).plateau, None);
        assert_eq!(soak([]).plateau, None);
    }
}
