//! The best of a grid: every shape screened for a few tens of milliseconds, then the winner measured in full.

use super::ceilings::Effort;
use super::probe::{Probe, split};
use crate::bench::{Clock, GpuClock, Measurement, Sampling, Status};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::report::{Ceiling, GridPoint};
use crate::units::format_bytes;
use std::time::Duration;

/// One shape of a grid.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) text: String,
    pub(super) probe: Probe,
}

/// What a peak is a peak of.
#[derive(Debug, Clone)]
pub(super) struct Peak<'a> {
    pub(super) id: &'a str,
    pub(super) unit: &'a str,
    /// What is counted as work.
    pub(super) counts: String,
}

impl Peak<'_> {
    /// Screens all candidates and measures the fastest in full.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`], [`crate::Error::DeviceLost`]; whatever else happens is the ceiling's status.
    pub(super) async fn best_of(
        &self,
        gpu: &Gpu,
        candidates: Result<Vec<Candidate>>,
        effort: &Effort,
        stop: &dyn Fn() -> bool,
    ) -> Result<Ceiling> {
        let candidates = match split(candidates)? {
            Ok(candidates) => candidates,
            Err(ended) => return Ok(self.ceiling(&ended, None, Vec::new())),
        };
        let screening = screening(&effort.sampling);
        let mut grid = Vec::new();
        let mut best: Option<(f64, &Candidate)> = None;
        let mut last = Measurement::unsupported("nothing to measure");
        for candidate in &candidates {
            let measured = candidate.probe.time(gpu, &screening, stop).await?;
            let rate = measured
                .time
                .as_ref()
                .map(|time| candidate.probe.work / time.best_stable());
            if let Some(rate) = rate.filter(|rate| best.is_none_or(|(known, _)| *rate > known)) {
                best = Some((rate, candidate));
            }
            grid.push(GridPoint {
                shape: candidate.text.clone(),
                value: rate,
                status: measured.status,
            });
            last = measured;
        }
        let Some((_, winner)) = best else {
            return Ok(self.ceiling(&last, None, grid));
        };
        let measured = winner.probe.time(gpu, &effort.sampling, stop).await?;
        Ok(self.ceiling(&measured, Some(winner), grid))
    }

    fn ceiling(
        &self,
        measured: &Measurement,
        winner: Option<&Candidate>,
        grid: Vec<GridPoint>,
    ) -> Ceiling {
        let work = winner.map(|winner| winner.probe.work);
        let time = measured.time.clone();
        let reason = match (measured.status, &measured.reason) {
            (Status::Ok, _) => winner.map(|winner| match grid.len() {
                0 | 1 => winner.text.clone(),
                count => format!("{}; best of {count}", winner.text),
            }),
            (_, reason) => reason.clone(),
        };
        Ceiling {
            id: self.id.to_owned(),
            value: time.as_ref().zip(work).map(|(t, w)| w / t.best_stable()),
            unit: self.unit.to_owned(),
            status: measured.status,
            reason,
            shape: winner.map(|winner| winner.text.clone()),
            counts: self.counts.clone(),
            checks: winner.map_or_else(Default::default, |w| w.probe.checks),
            work,
            clock: measured.clock,
            time_s: time,
            wall_s: measured.wall.clone(),
            discarded: measured.discarded,
            grid,
            warnings: measured.warnings.clone(),
        }
    }
}

/// A few tens of milliseconds.
pub(super) fn screening(full: &Sampling) -> Sampling {
    Sampling {
        warm_up: Duration::ZERO,
        warm_up_max: Duration::from_millis(20),
        min_samples: 3,
        min_time: Duration::from_millis(20),
        max_time: Duration::from_millis(100),
        ..full.clone()
    }
}

/// Seconds of one run, the second of two: the first may compile.
pub(super) async fn pace(gpu: &Gpu, probe: &Probe) -> Result<f64> {
    let launch = probe.launch(gpu).await?;
    let mut clock = GpuClock::new(gpu, &launch).await?;
    clock.sample(1).await?;
    let tick = clock.sample(1).await?;
    let by_gpu = tick.gpu_s.filter(|s| *s > 0.0 && *s <= tick.wall_s);
    Ok(by_gpu.unwrap_or(tick.wall_s).max(1e-9))
}

/// `2 x 256 MiB`
pub(super) fn times_bytes(count: u64, bytes: u64) -> String {
    format!("{count} x {}", format_bytes(bytes))
}
