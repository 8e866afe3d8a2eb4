//! The whole roofline of one adapter, part by part.

use super::arithmetic::{DOT, F16, F32, INTEGER};
use super::atomics::{self, Counters};
use super::ceilings::{compute, copy_peak, matrix, measure_ceilings, read_peak, triad_peak};
use super::matrix::Operands;
use super::measured::MeasuredRoofline;
use super::memory::Pool;
use super::options::{ProbeOptions, Scope};
use super::peak::{Bench, Peak, PeakCandidate};
use super::{latency, sweep, system, transfers, workgroup};
use crate::bench::HostLoad;
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::report::{AdapterKind, CeilingId, Sampling, Variant};
use crate::shader::Checks;
use std::time::Duration;

/// Measures part after part and tells `progress` the name of each before it begins.
pub struct Session<'a> {
    bench: Bench<'a>,
    extent: Scope,
    progress: &'a dyn Fn(&str),
    figures: MeasuredRoofline,
}

impl<'a> Session<'a> {
    /// A session on `gpu`, beside `others`. `stop` is asked between samples.
    #[must_use]
    pub fn new(
        gpu: &'a Gpu,
        effort: ProbeOptions,
        extent: Scope,
        stop: &'a dyn Fn() -> bool,
        progress: &'a dyn Fn(&str),
        others: HostLoad<'a>,
    ) -> Self {
        Self {
            bench: Bench::new(gpu, effort, stop, others),
            extent,
            progress,
            figures: MeasuredRoofline::default(),
        }
    }

    /// Figures that were measured so far; all of them after [`Session::run`].
    #[must_use]
    pub fn figures(&self) -> &MeasuredRoofline {
        &self.figures
    }

    /// Measures everything. What was measured before an error is in [`Session::figures`].
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`] and [`crate::Error::DeviceLost`]; whatever else happens is a status.
    pub async fn run(&mut self) -> Result<()> {
        if self.extent == Scope::Quick {
            (self.progress)("ceilings");
            self.figures.ceilings = measure_ceilings(
                self.bench.gpu,
                &self.bench.effort,
                self.bench.stop,
                self.bench.others,
            )
            .await?;
            return Ok(());
        }
        if self.extent == Scope::Hierarchy {
            return self.hierarchy().await;
        }
        self.arithmetic().await?;
        self.on_chip().await?;
        let pool = Pool::new(
            self.bench.gpu,
            self.bench.effort.copy_bytes,
            self.bench.effort.seed,
        )
        .await;
        match pool {
            Ok(pool) => {
                self.memory(&pool).await?;
                self.sweeps(&pool).await?;
                self.transfers(&pool).await?;
                let triads = pool.triads(self.bench.gpu, Checks::Off).await;
                (self.progress)(CeilingId::MemoryTriad.as_str());
                let triad = triad_peak().best_of(&mut self.bench, triads).await?;
                self.figures.ceilings.push(triad);
            }
            Err(error) => {
                for id in [
                    CeilingId::MemoryRead,
                    CeilingId::MemoryWrite,
                    CeilingId::MemoryCopy,
                    CeilingId::MemoryTriad,
                ] {
                    self.peak(id, "B/s", "", Err(error.clone())).await?;
                }
            }
        }
        (self.progress)("launches");
        // A long warm-up is for the clock rate of a device; the host's is what counts here.
        let full = &self.bench.effort.sampling;
        let sampling = Sampling {
            warm_up: Duration::from_millis(100).min(full.warm_up),
            max_time: Duration::from_secs(1).min(full.max_time),
            ..full.clone()
        };
        self.figures.system = system::figures(self.bench.gpu, &sampling, self.bench.stop).await?;
        Ok(())
    }

    /// Workgroup memory, reads, and the sweeps.
    async fn hierarchy(&mut self) -> Result<()> {
        self.workgroup().await?;
        let Bench { gpu, effort, .. } = &self.bench;
        match Pool::new(gpu, effort.copy_bytes, effort.seed).await {
            Ok(pool) => {
                self.reads(&pool).await?;
                self.sweeps(&pool).await
            }
            Err(error) => {
                self.peak(CeilingId::MemoryRead, "B/s", "", Err(error))
                    .await
            }
        }
    }

    async fn arithmetic(&mut self) -> Result<()> {
        for arithmetic in [&F32, &F16, &INTEGER, &DOT] {
            (self.progress)(arithmetic.id.as_str());
            let ceiling = compute(&mut self.bench, arithmetic, Checks::Off).await?;
            self.figures.ceilings.push(ceiling);
        }
        for dtype in [Dtype::F16, Dtype::F32] {
            (self.progress)("matrix units");
            let ceiling = matrix(&mut self.bench, dtype, Operands::Live).await?;
            self.figures.ceilings.push(ceiling);
        }
        let ceilings = &self.figures.ceilings;
        if ceilings
            .iter()
            .any(|c| c.id == CeilingId::ComputeF16Matrix && c.value.is_some())
        {
            (self.progress)("matrix units on zeros");
            let ceiling = matrix(&mut self.bench, Dtype::F16, Operands::Idle).await?;
            self.figures.variants.push(Variant {
                what: "idle_data".to_owned(),
                ceiling,
            });
        }
        if !self.bench.gpu.can_omit_checks() {
            return Ok(());
        }
        (self.progress)("compute/f32 with runtime checks");
        let peak = F32.peak();
        let checked = F32
            .candidates(self.bench.gpu, &self.bench.effort, Checks::On)
            .await;
        self.checked(&peak, checked).await?;
        self.matmul().await
    }

    /// A matmul with runtime checks and without: two rows, for what checks cost a real kernel.
    async fn matmul(&mut self) -> Result<()> {
        (self.progress)("a matmul with runtime checks and without");
        let software = self.bench.gpu.capabilities().kind == AdapterKind::Software;
        let shape = if software {
            "256x256x256"
        } else {
            "2048x2048x2048"
        };
        for (what, checks) in [("checks_off", Checks::Off), ("checks_on", Checks::On)] {
            let ceiling = super::safety::matmul(&mut self.bench, shape, checks).await?;
            self.figures.variants.push(Variant {
                what: what.to_owned(),
                ceiling,
            });
        }
        Ok(())
    }

    async fn workgroup(&mut self) -> Result<()> {
        let seed = self.bench.effort.seed;
        let tiles = workgroup::candidates(self.bench.gpu, seed, Checks::Off).await;
        self.peak(CeilingId::MemoryWorkgroup, "B/s", "bytes read", tiles)
            .await
    }

    async fn on_chip(&mut self) -> Result<()> {
        self.workgroup().await?;
        for (id, counters) in [
            (CeilingId::AtomicOne, Counters::One),
            (CeilingId::AtomicMany, Counters::Many),
        ] {
            let probe = atomics::candidates(self.bench.gpu, counters, Checks::Off).await;
            self.peak(id, "OP/s", "additions", probe).await?;
        }
        Ok(())
    }

    async fn reads(&mut self, pool: &Pool) -> Result<()> {
        let reads = pool.reads(Checks::Off);
        self.peak(CeilingId::MemoryRead, "B/s", "bytes read", Ok(reads))
            .await
    }

    async fn memory(&mut self, pool: &Pool) -> Result<()> {
        self.reads(pool).await?;
        let writes = pool.writes(self.bench.gpu, Checks::Off);
        self.peak(CeilingId::MemoryWrite, "B/s", "bytes written", Ok(writes))
            .await?;
        (self.progress)(CeilingId::MemoryCopy.as_str());
        let copies = Ok(pool.copies(self.bench.gpu, Checks::Off));
        let copy = copy_peak().best_of(&mut self.bench, copies).await?;
        self.figures.ceilings.push(copy);
        if !self.bench.gpu.can_omit_checks() {
            return Ok(());
        }
        (self.progress)("memory/read with runtime checks");
        self.checked(&read_peak(), Ok(pool.reads(Checks::On))).await
    }

    async fn sweeps(&mut self, pool: &Pool) -> Result<()> {
        (self.progress)("working sets");
        let sampling = &self.bench.effort.sampling;
        for bytes in sweep::sizes(pool.bytes) {
            let point =
                sweep::point(self.bench.gpu, pool, bytes, sampling, self.bench.stop).await?;
            self.figures.sweep.push(point);
        }
        (self.progress)("latency");
        for bytes in (13..=pool.bytes.ilog2()).map(|bits| 1 << bits) {
            let point =
                latency::latency(self.bench.gpu, &pool.c, bytes, sampling, self.bench.stop).await?;
            self.figures.latency.push(point);
        }
        Ok(())
    }

    async fn transfers(&mut self, pool: &Pool) -> Result<()> {
        (self.progress)("transfers");
        let most = pool.bytes.min(256 << 20);
        let ends = transfers::Ends::new(self.bench.gpu, &pool.c, most).await;
        let sampling = &self.bench.effort.sampling;
        for bytes in (20..=28).step_by(2).map(|bits| 1 << bits) {
            if bytes <= most {
                let point = ends
                    .transfer(self.bench.gpu, bytes, sampling, self.bench.stop)
                    .await?;
                self.figures.transfers.push(point);
            }
        }
        Ok(())
    }

    async fn peak(
        &mut self,
        id: CeilingId,
        unit: &str,
        counts: &str,
        candidates: Result<Vec<PeakCandidate>>,
    ) -> Result<()> {
        (self.progress)(id.as_str());
        let peak = Peak {
            id,
            unit,
            counts: counts.to_owned(),
        };
        let ceiling = peak.best_of(&mut self.bench, candidates).await?;
        self.figures.ceilings.push(ceiling);
        Ok(())
    }

    /// The winner of a ceiling once more, compiled with runtime checks.
    async fn checked(
        &mut self,
        peak: &Peak<'_>,
        candidates: Result<Vec<PeakCandidate>>,
    ) -> Result<()> {
        let known = self.figures.ceilings.iter().find(|c| c.id == peak.id);
        let shape = known.and_then(|ceiling| ceiling.shape.clone());
        let winner = candidates.map(|all| {
            let same = |c: &PeakCandidate| shape.as_ref() == Some(&c.text);
            all.into_iter().filter(same).collect()
        });
        let ceiling = peak.best_of(&mut self.bench, winner).await?;
        self.figures.variants.push(Variant {
            what: "checks_on".to_owned(),
            ceiling,
        });
        Ok(())
    }
}
