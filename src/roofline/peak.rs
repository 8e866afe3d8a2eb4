//! The best of a grid: every shape screened for a few tens of milliseconds, then the winner measured in full.

use super::options::ProbeOptions;
use super::probe::{Probe, measured, split};
use crate::bench::{Clock, GpuClock, HostLoad, Measurement};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::report::{Ceiling, CeilingId, GridPoint, Sampling, Status, Warning};
use crate::units::format_bytes;
use std::time::Duration;

/// One shape of a grid.
#[derive(Debug)]
pub(super) struct PeakCandidate {
    pub(super) text: String,
    pub(super) probe: Probe,
}

/// The quantity that a peak measures.
#[derive(Debug, Clone)]
pub(super) struct Peak<'a> {
    pub(super) id: CeilingId,
    pub(super) unit: &'a str,
    /// The operations or bytes that count as work.
    pub(super) counts: String,
}

/// On what and how peaks are measured.
pub(super) struct Bench<'a> {
    pub(super) gpu: &'a Gpu,
    pub(super) effort: ProbeOptions,
    pub(super) stop: &'a dyn Fn() -> bool,
    pub(super) others: HostLoad<'a>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        gpu: &'a Gpu,
        effort: ProbeOptions,
        stop: &'a dyn Fn() -> bool,
        others: HostLoad<'a>,
    ) -> Self {
        Self {
            gpu,
            effort,
            stop,
            others: others.on(gpu.capabilities()),
        }
    }

    /// Measures a probe in full, after similar probes were screened for the time `screened`.
    async fn watched_probe(&mut self, probe: &Probe, screened: Duration) -> Result<Measurement> {
        let row = async |gpu: &Gpu, sampling: &Sampling, stop: &dyn Fn() -> bool| {
            let mut measurement = probe.time(gpu, &warmed(sampling, screened), stop).await?;
            if sampling.warning().is_none() {
                // The shortened warm-up is no short sampling: screening ran the rest of it before.
                let is_short = |w: &Warning| matches!(w, Warning::ShortSampling { .. });
                measurement.warnings.retain(|warning| !is_short(warning));
            }
            Ok(measurement)
        };
        self.watched(row).await
    }

    /// Measures a row beside whoever else uses the processor: on what, how long, and until when, are handed to it.
    pub(super) async fn watched(
        &mut self,
        row: impl AsyncFn(&Gpu, &Sampling, &dyn Fn() -> bool) -> Result<Measurement>,
    ) -> Result<Measurement> {
        self.others.begin();
        let mut measurement = row(self.gpu, &self.effort.sampling, self.stop).await?;
        self.others.flag_if_busy(&mut measurement);
        Ok(measurement)
    }
}

impl Peak<'_> {
    /// Screens all candidates and measures the fastest in full.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`], [`crate::Error::DeviceLost`]; whatever else happens is the ceiling's status.
    pub(super) async fn best_of(
        &self,
        bench: &mut Bench<'_>,
        candidates: Result<Vec<PeakCandidate>>,
    ) -> Result<Ceiling> {
        let candidates = match split(candidates)? {
            Ok(candidates) => candidates,
            Err(ended) => return Ok(self.ceiling(bench.gpu, &ended, None, Vec::new())),
        };
        if let [only] = candidates.as_slice() {
            let full = measured(bench.watched_probe(&only.probe, Duration::ZERO).await)?;
            return Ok(self.ceiling(bench.gpu, &full, Some(only), Vec::new()));
        }
        let screening = screening(&bench.effort.sampling);
        let (gpu, stop) = (bench.gpu, bench.stop);
        let mut grid = Vec::new();
        let mut best: Option<(f64, &PeakCandidate)> = None;
        let mut last = Measurement::unsupported("nothing to measure");
        for candidate in &candidates {
            let screened = candidate.probe.time(gpu, &screening, stop).await?;
            let rate = screened
                .time
                .as_ref()
                .map(|time| candidate.probe.work / time.best_stable());
            if let Some(rate) = rate.filter(|rate| best.is_none_or(|(known, _)| *rate > known)) {
                best = Some((rate, candidate));
            }
            grid.push(GridPoint {
                shape: candidate.text.clone(),
                value: rate,
                status: screened.status,
                warnings: screened.drift_marks(),
            });
            last = screened;
        }
        let Some((_, winner)) = best else {
            return Ok(self.ceiling(gpu, &last, None, grid));
        };
        let timed = grid.iter().filter(|point| point.value.is_some()).count();
        let lasted = screening.min_time * timed as u32;
        let full = measured(bench.watched_probe(&winner.probe, lasted).await)?;
        Ok(self.ceiling(gpu, &full, Some(winner), grid))
    }

    fn ceiling(
        &self,
        gpu: &Gpu,
        measured: &Measurement,
        winner: Option<&PeakCandidate>,
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
            id: self.id.clone(),
            value: time.as_ref().zip(work).map(|(t, w)| w / t.best_stable()),
            unit: self.unit.to_owned(),
            status: measured.status,
            reason,
            shape: winner.map(|winner| winner.text.clone()),
            counts: self.counts.clone(),
            checks: winner.map_or_else(Default::default, |w| gpu.checks(w.probe.checks)),
            work,
            clock: measured.clock,
            time_s: time,
            wall_s: measured.wall.clone(),
            discarded: measured.discarded,
            sensors: measured.sensors.clone(),
            grid,
            warnings: measured.warnings.clone(),
        }
    }
}

/// `full`, with the warm-up shortened by the time `lasted` that screening already ran.
fn warmed(full: &Sampling, lasted: Duration) -> Sampling {
    const LEAST: Duration = Duration::from_millis(100);
    Sampling {
        warm_up: full
            .warm_up
            .saturating_sub(lasted)
            .max(full.warm_up.min(LEAST)),
        ..full.clone()
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
    Ok(clock.sample(1).await?.rough_s())
}

/// `2 x 256 MiB`
pub(super) fn times_bytes(count: u64, bytes: u64) -> String {
    format!("{count} x {}", format_bytes(bytes))
}
