//! Caches and memory, found in the curves of bandwidth and latency over the working set. Pure.

use crate::report::{LatencyPoint, Level, SweepPoint};

/// A plateau ends where bandwidth falls below this share of its best.
const FALL: f64 = 0.85;
/// A new one begins where two points in a row reach this share of the one before.
const FLAT: f64 = 0.95;
/// Two plateaus nearer than this are one.
const APART: f64 = 1.4;
/// Shares of a window held by a cache, between which the rate shows the size of the cache.
const TELLING: std::ops::Range<f64> = 0.2..0.85;

/// A run of sizes that are read at one rate.
#[derive(Debug, Clone, Copy)]
struct Plateau {
    /// Index of its last point.
    last: usize,
    /// Near its beginning, where nothing further away is asked yet, and at its end, where nothing nearer helps.
    rate: f64,
    end_rate: f64,
}

/// The levels of a sweep, nearest first, memory last; none where there are no points.
///
/// Behind a plateau, caches fade out rather than end: of a window of `w` bytes read in no order that favours it, a cache of
/// `c` bytes serves the share `c / w`. So each point on the slope tells a size, and the median of them is the level's.
#[must_use]
pub fn levels(sweep: &[SweepPoint], latency: &[LatencyPoint]) -> Vec<Level> {
    let points: Vec<(u64, f64)> = sweep
        .iter()
        .filter_map(|point| Some((point.bytes, point.resident?)))
        .collect();
    let mut plateaus = plateaus(&points);
    if let (Some(memory), Some((_, rate))) = (plateaus.last_mut(), points.last()) {
        memory.end_rate = *rate;
    }
    let level = |(i, plateau): (usize, &Plateau)| {
        let next = plateaus.get(i + 1);
        let bytes = next.map(|next| size(&points, plateau, next));
        let name = match next {
            Some(_) => format!("cache {}", i + 1),
            None => "memory".to_owned(),
        };
        let rate = if next.is_some() {
            plateau.rate
        } else {
            plateau.end_rate
        };
        let latency_s = latency_of(latency, bytes);
        Level {
            name,
            bytes,
            bandwidth: Some(rate),
            latency_s,
            lane_bytes: bytes.and(latency_s).and_then(|s| lane_bytes(latency, s)),
        }
    };
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
        let middle = usize::midpoint(first, i);
        let plateau = Plateau {
            last: i,
            rate: median(points[first..=i].iter().map(|(_, rate)| *rate)),
            end_rate: median(points[middle..=i].iter().map(|(_, rate)| *rate)),
        };
        match found.last_mut() {
            Some(before) if before.rate < APART * plateau.rate => {
                before.last = plateau.last;
                before.end_rate = plateau.end_rate;
            }
            _ => found.push(plateau),
        }
        i += 1;
        // Down the slope, to where it flattens.
        let flat = |at: usize| at + 1 >= points.len() || points[at + 1].1 >= FLAT * points[at].1;
        while i < points.len() && !(flat(i) && flat(i + 1)) {
            i += 1;
        }
    }
    found
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Bytes that a level holds, from how it fades.
fn size(points: &[(u64, f64)], near: &Plateau, far: &Plateau) -> u64 {
    let (fast, slow) = (1.0 / near.end_rate, 1.0 / far.end_rate);
    let held = points[near.last..=far.last]
        .iter()
        .filter_map(|&(bytes, rate)| {
            let share = (slow - 1.0 / rate) / (slow - fast);
            TELLING.contains(&share).then_some(bytes as f64 * share)
        });
    let held: Vec<f64> = held.collect();
    if held.is_empty() {
        return points[near.last].0;
    }
    median(held.into_iter()).round() as u64
}

/// The latency well inside a level, since one lane meets its caches earlier than all workgroups together seem to. For
/// memory, the latency of the largest working set.
fn latency_of(points: &[LatencyPoint], bytes: Option<u64>) -> Option<f64> {
    let inside = |point: &&LatencyPoint| {
        point.seconds.is_some() && bytes.is_none_or(|bytes| point.bytes <= bytes / 8)
    };
    points.iter().rfind(inside)?.seconds
}

/// A read still comes from a level where it takes no longer than this many of the level's own.
const SAME_LATENCY: f64 = 1.2;

/// The largest working set that one lane reads at the latency of a level.
fn lane_bytes(points: &[LatencyPoint], latency_s: f64) -> Option<u64> {
    let near = |point: &&LatencyPoint| point.seconds.is_some_and(|s| s <= SAME_LATENCY * latency_s);
    points.iter().rfind(near).map(|point| point.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Status;

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
                warnings: Vec::new(),
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
            warnings: Vec::new(),
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
        assert!((size(0) / 131_072.0 - 1.0).abs() < 0.1, "{levels:?}");
        // The largest window still finds a tenth of itself in the cache, so the rate of memory is a little off.
        assert!((size(1) / 52_428_800.0 - 1.0).abs() < 0.15, "{levels:?}");
        assert_eq!((levels[2].name.as_str(), levels[2].bytes), ("memory", None));
        assert!(levels[2].bandwidth.unwrap() < 4.5e12);
        assert_eq!(levels[2].latency_s, Some(29e-9));
        assert!(levels[0].latency_s.unwrap() < levels[1].latency_s.unwrap());
        // 13 ns at 8 KiB, within an eighth of the first cache; 15 ns at 32 KiB are near enough, 16 ns are not.
        assert_eq!(
            (levels[0].lane_bytes, levels[2].lane_bytes),
            (Some(1 << 15), None)
        );
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
