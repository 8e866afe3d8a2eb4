//! Bandwidth by working set: how fast a working set is read, where a cache may hold it and where none can.

use super::memory::{Pool, WORKGROUP, Walk, Window};
use super::peak::screening;
use super::probe::Probe;
use crate::bench::Measurement;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::report::{Sampling, SweepPoint};
use crate::shader::Checks;
use std::time::Duration;

const VECTOR: u64 = 16;
/// Reads in flight of an invocation.
const UNROLL: u64 = 4;
/// The smallest working set.
const SMALLEST: u64 = 8 << 10;
/// Workgroups of a resident sweep: several for every core of any GPU.
const WORKGROUPS: u64 = 1 << 11;
/// Bytes that a resident dispatch reads, in pools.
const PASSES: u64 = 2;
/// Windows that a cold sample walks at most; fewer bytes than this many of them hold are not cold.
const MOST_WINDOWS: u64 = 1 << 11;

/// The working sets to try in a pool: powers of two, and from 64 KiB on a step of 1.25 and one of 1.5 in between.
pub(super) fn sizes(pool: u64) -> Vec<u64> {
    let mut sizes = Vec::new();
    let mut size = SMALLEST;
    while size <= pool {
        sizes.push(size);
        if size >= 64 << 10 && size < pool {
            sizes.extend([size + size / 4, size + size / 2]);
        }
        size *= 2;
    }
    sizes
}

/// Reads a working set of `bytes`, again and again, and once each in a window that moves on.
///
/// # Errors
/// [`crate::Error::Interrupted`], [`crate::Error::DeviceLost`]; whatever else happens is the point's status.
pub(super) async fn point(
    gpu: &Gpu,
    pool: &Pool,
    bytes: u64,
    sampling: &Sampling,
    stop: &dyn Fn() -> bool,
) -> Result<SweepPoint> {
    let sampling = Sampling {
        min_samples: 5,
        max_time: Duration::from_millis(400),
        ..screening(sampling)
    };
    let probe = resident(pool, bytes);
    let again = probe.time(gpu, &sampling, stop).await?;
    let (cold_rate, cold) = match cold(pool, bytes).filter(|_| bytes.is_power_of_two()) {
        Some(probe) => {
            let measured = probe.time(gpu, &sampling, stop).await?;
            (rate(&probe, &measured), measured)
        }
        None => (
            None,
            Measurement::unsupported(
                "cold windows are powers of two, and long enough to be worth a launch",
            ),
        ),
    };
    Ok(SweepPoint {
        bytes,
        resident: rate(&probe, &again),
        resident_status: again.status,
        cold: cold_rate,
        cold_status: cold.status,
        warnings: [again.drift_marks(), cold.drift_marks()].concat(),
        reason: again.reason.or(cold.reason),
    })
}

fn rate(probe: &Probe, measured: &Measurement) -> Option<f64> {
    measured
        .time
        .as_ref()
        .map(|time| probe.work / time.best_stable())
}

/// All workgroups go through the same window again and again, each in an order of its own.
fn resident(pool: &Pool, bytes: u64) -> Probe {
    let vectors = bytes / VECTOR;
    let total = pool.bytes * PASSES / VECTOR;
    let trips = (total / (WORKGROUPS * WORKGROUP * UNROLL)).max(1);
    // Beginnings that lie as far from each other as they can: the golden section of the window.
    let apart = (vectors as f64 * 0.618) as u64 / WORKGROUP * WORKGROUP;
    let walk = Walk {
        start: apart.max(WORKGROUP),
        step: WORKGROUP,
        // One block more than a multiple of 30 has no factor in common with any of the sizes, so every block is visited.
        turn: 30 * WORKGROUP,
        workgroups: WORKGROUPS,
        unroll: UNROLL,
        trips,
    };
    let window = Window { offset: 0, vectors };
    pool.read(&[window], walk, Checks::Off)
}

/// One window after the other, each read once; `None` where a sample would not leave what caches may hold.
fn cold(pool: &Pool, bytes: u64) -> Option<Probe> {
    let windows = (pool.bytes / bytes).min(MOST_WINDOWS);
    if windows * bytes < pool.bytes / 4 || bytes < WORKGROUP * UNROLL * VECTOR {
        return None;
    }
    let vectors = bytes / VECTOR;
    let blocks = vectors / (WORKGROUP * UNROLL);
    let workgroups = 1u64 << blocks.trailing_zeros().min(14);
    let walk = Walk {
        start: WORKGROUP,
        step: workgroups * WORKGROUP,
        turn: 0,
        workgroups,
        unroll: UNROLL,
        trips: blocks / workgroups,
    };
    let window = |i: u64| Window {
        offset: i * vectors,
        vectors,
    };
    let windows: Vec<Window> = (0..windows).map(window).collect();
    Some(pool.read(&windows, walk, Checks::Off))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_blocks_and_reach_the_pool() {
        let sizes = sizes(1 << 20);
        assert_eq!((sizes[0], sizes.last()), (8 << 10, Some(&(1 << 20))));
        assert!(sizes.is_sorted());
        assert!(sizes.iter().all(|s| s.is_multiple_of(WORKGROUP * VECTOR)));
    }
}
