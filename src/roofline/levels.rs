//! Caches and memory, found in the curves of bandwidth and latency over the working set. Pure.

use super::data::{LatencyPoint, Level, SweepPoint};

/// A plateau ends where bandwidth falls below this share of its best.
const FALL: f64 = 0.85;
/// A new one begins where a point reaches this share of the one before it.
const FLAT: f64 = 0.95;
/// Two plateaus nearer than this are one.
const APART: f64 = 1.15;

/// A run of sizes that are read at one rate.
#[derive(Debug, Clone, Copy)]
struct Plateau {
    /// Indices of points.
    first: usize,
    last: usize,
    rate: f64,
}

/// The levels of a sweep, nearest first, memory last; none where there are no points.
///
/// A level ends at the working set whose time for a byte lies halfway between those of its plateau and of the next, by
/// linear interpolation over the logarithm of the size: caches that do not evict in strict order fade out rather than end.
#[must_use]
pub fn levels(sweep: &[SweepPoint], latency: &[LatencyPoint]) -> Vec<Level> {
    let points: Vec<(u64, f64)> = sweep
        .iter()
        .filter_map(|point| Some((point.bytes, point.resident?)))
        .collect();
    let plateaus = plateaus(&points);
    let count = plateaus.len();
    let level = |(i, plateau): (usize, &Plateau)| {
        let next = plateaus.get(i + 1);
        let bytes = next.map(|next| end(&points, plateau, next));
        let name = match next {
            Some(_) => format!("cache {}", i + 1),
            None => "memory".to_owned(),
        };
        Level {
            name,
            bytes,
            bandwidth: Some(plateau.rate),
            latency_s: latency_of(latency, bytes),
        }
    };
    debug_assert!(count <= points.len());
    plateaus.iter().enumerate().map(level).collect()
}

fn plateaus(points: &[(u64, f64)]) -> Vec<Plateau> {
    let mut found: Vec<Plateau> = Vec::new();
    let mut i = 0;
    while i < points.len() {
        let first = i;
        let mut best = points[i].1;
        while i + 1 < points.len() && points[i + 1].1 >= FALL * best {
            i += 1;
            best = best.max(points[i].1);
        }
        let plateau = Plateau {
            first,
            last: i,
            rate: median(&points[first..=i]),
        };
        match found.last_mut() {
            Some(before) if before.rate < APART * plateau.rate => before.last = plateau.last,
            _ => found.push(plateau),
        }
        i += 1;
        // Down the slope, to where it flattens.
        while i + 1 < points.len() && points[i + 1].1 < FLAT * points[i].1 {
            i += 1;
        }
    }
    found
}

fn median(points: &[(u64, f64)]) -> f64 {
    let mut rates: Vec<f64> = points.iter().map(|(_, rate)| *rate).collect();
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The size at which reads are halfway from one plateau to the next.
fn end(points: &[(u64, f64)], plateau: &Plateau, next: &Plateau) -> u64 {
    let halfway = 2.0 / (1.0 / plateau.rate + 1.0 / next.rate);
    let slope = &points[plateau.last..=next.first];
    let crossing = slope
        .windows(2)
        .find(|pair| pair[0].1 >= halfway && pair[1].1 < halfway);
    let Some(&[(small, fast), (large, slow)]) = crossing else {
        return points[plateau.last].0;
    };
    let share = (1.0 / halfway - 1.0 / fast) / (1.0 / slow - 1.0 / fast);
    let logarithm = (small as f64).ln() + share * ((large as f64).ln() - (small as f64).ln());
    logarithm.exp().round() as u64
}

/// The latency well inside a level; of memory, that of the largest working set.
fn latency_of(points: &[LatencyPoint], bytes: Option<u64>) -> Option<f64> {
    let inside = |point: &&LatencyPoint| {
        point.seconds.is_some() && bytes.is_none_or(|bytes| point.bytes <= bytes / 2)
    };
    points.iter().rfind(inside)?.seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Status;

    fn sweep(rate: impl Fn(f64) -> f64) -> Vec<SweepPoint> {
        let point = |i: u32| {
            let bytes = (8192.0 * 2f64.powf(f64::from(i) / 3.0)) as u64;
            SweepPoint {
                bytes,
                resident: Some(rate(bytes as f64)),
                resident_status: Status::Ok,
                cold: None,
                cold_status: Status::Unsupported,
                reason: None,
            }
        };
        (0..49).map(point).collect()
    }

    fn latency() -> Vec<LatencyPoint> {
        let point = |bits: u32| LatencyPoint {
            bytes: 1 << bits,
            seconds: Some(f64::from(bits) * 1e-9),
            status: Status::Ok,
            reason: None,
        };
        (13..30).map(point).collect()
    }

    /// Two caches of 128 KiB and 50 MiB that serve what share of the window they hold, in front of memory.
    #[test]
    fn caches_that_fade_out_are_found() {
        let rate = |bytes: f64| {
            let held = |size: f64| (size / bytes).min(1.0);
            let (l1, l2) = (held(131_072.0), held(52_428_800.0));
            let time = l1 / 20e12 + (l2 - l1).max(0.0) / 6e12 + (1.0 - l2) / 4e12;
            1.0 / time
        };
        let levels = levels(&sweep(rate), &latency());
        assert_eq!(levels.len(), 3, "{levels:?}");
        let size = |i: usize| levels[i].bytes.unwrap() as f64;
        assert!((100_000.0..300_000.0).contains(&size(0)), "{levels:?}");
        assert!((40e6..120e6).contains(&size(1)), "{levels:?}");
        assert_eq!((levels[2].name.as_str(), levels[2].bytes), ("memory", None));
        assert!(levels[2].bandwidth.unwrap() < 4.5e12);
        assert_eq!(levels[2].latency_s, Some(29e-9));
        assert!(levels[0].latency_s.unwrap() < levels[1].latency_s.unwrap());
    }

    #[test]
    fn a_flat_sweep_is_memory_alone() {
        let levels = levels(&sweep(|_| 1e10), &[]);
        assert_eq!(levels.len(), 1);
        assert_eq!(
            (levels[0].name.as_str(), levels[0].latency_s),
            ("memory", None)
        );
        assert!(super::levels(&[], &[]).is_empty());
    }
}
