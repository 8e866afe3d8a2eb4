//! The whole roofline of one adapter, part by part.

use super::arithmetic::{DOT, F16, F32, INTEGER};
use super::atomics::{self, Counters};
use super::ceilings::{ArithmeticGrid, Effort, compute, copy_peak, measure_ceilings};
use super::data::{LatencyPoint, Level, SweepPoint, TransferPoint, Variant};
use super::memory::Pool;
use super::peak::{Candidate, Peak};
use super::{latency, sweep, system, workgroup};
use crate::bench::Sampling;
use crate::error::Result;
use crate::gpu::{AdapterKind, Capabilities, Gpu};
use crate::report::Ceiling;
use crate::shader::Checks;
use std::time::Duration;

/// How much of the roofline is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The ceilings that `run` uses.
    Quick,
    /// Everything.
    Full,
}

/// What was measured; [`super::RooflineReport`] adds where and how.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// What the adapter can reach.
    pub ceilings: Vec<Ceiling>,
    /// Ceilings measured in another way.
    pub variants: Vec<Variant>,
    /// Bandwidth by working set.
    pub sweep: Vec<SweepPoint>,
    /// Latency by working set.
    pub latency: Vec<LatencyPoint>,
    /// Launches, readback, compiling.
    pub system: Vec<Ceiling>,
    /// Between host and device.
    pub transfers: Vec<TransferPoint>,
}

impl Figures {
    /// Workgroup memory, the caches that the sweeps show, and memory.
    #[must_use]
    pub fn levels(&self, device: &Capabilities) -> Vec<Level> {
        let value = |id: &str| self.ceilings.iter().find(|c| c.id == id)?.value;
        let mut levels = super::levels::levels(&self.sweep, &self.latency);
        if let Some(memory) = levels.last_mut() {
            memory.bandwidth = value("memory/read").or(memory.bandwidth);
        }
        if let Some(bandwidth) = value("memory/workgroup") {
            let level = Level {
                name: "workgroup".to_owned(),
                bytes: Some(device.limits.max_compute_workgroup_storage_size.into()),
                bandwidth: Some(bandwidth),
                latency_s: None,
            };
            levels.insert(0, level);
        }
        levels
    }
}

/// Bytes of each of the two buffers that memory is measured with: on a GPU with memory of its own, on others, which share
/// that of the host, and on a software adapter.
const POOL_DISCRETE: u64 = 1 << 30;
const POOL: u64 = 256 << 20;
const POOL_SOFTWARE: u64 = 32 << 20;

impl Effort {
    /// What suits an adapter: a software adapter gets small buffers and little time, since its figures say nothing of a
    /// GPU.
    #[must_use]
    pub fn of(kind: AdapterKind, extent: Extent, seed: u32) -> Self {
        let software = kind == AdapterKind::Software;
        let sampling = match (software, extent) {
            (true, _) => Sampling {
                warm_up_max: Duration::from_millis(300),
                max_time: Duration::from_millis(800),
                ..Sampling::quick()
            },
            (false, Extent::Quick) => Sampling::quick(),
            (false, Extent::Full) => Sampling {
                max_time: Duration::from_secs(4),
                ..Sampling::default()
            },
        };
        Self {
            grid: if software || extent == Extent::Quick {
                ArithmeticGrid::Short
            } else {
                ArithmeticGrid::Full
            },
            copy_bytes: match kind {
                AdapterKind::Software => POOL_SOFTWARE,
                AdapterKind::Discrete => POOL_DISCRETE,
                _ => POOL,
            },
            sampling,
            seed,
        }
    }
}

/// Measures part after part and tells `progress` the name of each before it begins.
pub struct Session<'a> {
    gpu: &'a Gpu,
    effort: Effort,
    extent: Extent,
    stop: &'a dyn Fn() -> bool,
    progress: &'a dyn Fn(&str),
    figures: Figures,
}

impl<'a> Session<'a> {
    /// A session on `gpu`. `stop` is asked between samples.
    #[must_use]
    pub fn new(
        gpu: &'a Gpu,
        effort: Effort,
        extent: Extent,
        stop: &'a dyn Fn() -> bool,
        progress: &'a dyn Fn(&str),
    ) -> Self {
        Self {
            gpu,
            effort,
            extent,
            stop,
            progress,
            figures: Figures::default(),
        }
    }

    /// What was measured so far; all of it after [`Session::run`].
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Measures everything. What was measured before an error is in [`Session::figures`].
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`] and [`crate::Error::DeviceLost`]; whatever else happens is a status.
    pub async fn run(&mut self) -> Result<()> {
        if self.extent == Extent::Quick {
            (self.progress)("ceilings");
            self.figures.ceilings = measure_ceilings(self.gpu, &self.effort, self.stop).await?;
            return Ok(());
        }
        self.arithmetic().await?;
        self.on_chip().await?;
        let pool = Pool::new(self.gpu, self.effort.copy_bytes, self.effort.seed).await;
        match pool {
            Ok(pool) => {
                self.memory(&pool).await?;
                self.sweeps(&pool).await?;
                self.transfers(&pool).await?;
                let triads = pool.triads(self.gpu, Checks::Off).await;
                self.peak("memory/triad", "B/s", "two reads, one write", triads)
                    .await?;
            }
            Err(error) => {
                for id in ["memory/read", "memory/write", "memory/copy", "memory/triad"] {
                    self.peak(id, "B/s", "", Err(error.clone())).await?;
                }
            }
        }
        (self.progress)("launches");
        self.figures.system = system::figures(self.gpu, &self.effort.sampling, self.stop).await?;
        Ok(())
    }

    async fn arithmetic(&mut self) -> Result<()> {
        for arithmetic in [&F32, &F16, &INTEGER, &DOT] {
            (self.progress)(arithmetic.id);
            let ceiling =
                compute(self.gpu, arithmetic, &self.effort, Checks::Off, self.stop).await?;
            self.figures.ceilings.push(ceiling);
        }
        (self.progress)("compute/f32 with runtime checks");
        let peak = F32.peak();
        let checked = F32.candidates(self.gpu, &self.effort, Checks::On).await;
        self.checked(&peak, checked).await
    }

    async fn on_chip(&mut self) -> Result<()> {
        let seed = self.effort.seed;
        let tiles = workgroup::candidates(self.gpu, seed, Checks::Off).await;
        self.peak("memory/workgroup", "B/s", "bytes read", tiles)
            .await?;
        for (id, counters) in [
            ("atomic/one", Counters::One),
            ("atomic/many", Counters::Many),
        ] {
            let probe = atomics::candidates(self.gpu, counters, Checks::Off).await;
            self.peak(id, "OP/s", "additions", probe).await?;
        }
        Ok(())
    }

    async fn memory(&mut self, pool: &Pool) -> Result<()> {
        let reads = pool.reads(Checks::Off);
        self.peak("memory/read", "B/s", "bytes read", Ok(reads))
            .await?;
        let writes = pool.writes(self.gpu, Checks::Off);
        self.peak("memory/write", "B/s", "bytes written", Ok(writes))
            .await?;
        (self.progress)("memory/copy");
        let copies = Ok(pool.copies(self.gpu, Checks::Off));
        let copy = copy_peak()
            .best_of(self.gpu, copies, &self.effort, self.stop)
            .await?;
        self.figures.ceilings.push(copy);
        (self.progress)("memory/read with runtime checks");
        let peak = Peak {
            id: "memory/read",
            unit: "B/s",
            counts: "bytes read".to_owned(),
        };
        self.checked(&peak, Ok(pool.reads(Checks::On))).await
    }

    async fn sweeps(&mut self, pool: &Pool) -> Result<()> {
        (self.progress)("working sets");
        let sampling = &self.effort.sampling;
        for bytes in sweep::sizes(pool.bytes) {
            let point = sweep::point(self.gpu, pool, bytes, sampling, self.stop).await?;
            self.figures.sweep.push(point);
        }
        (self.progress)("latency");
        for bytes in (13..=pool.bytes.ilog2()).map(|bits| 1 << bits) {
            let point = latency::latency(self.gpu, &pool.c, bytes, sampling, self.stop).await?;
            self.figures.latency.push(point);
        }
        Ok(())
    }

    async fn transfers(&mut self, pool: &Pool) -> Result<()> {
        (self.progress)("transfers");
        let most = pool.bytes.min(256 << 20);
        let ends = system::Ends::new(self.gpu, &pool.c, most).await;
        let sampling = &self.effort.sampling;
        for bytes in (20..=28).step_by(2).map(|bits| 1 << bits) {
            if bytes <= most {
                let point = ends.transfer(self.gpu, bytes, sampling, self.stop).await?;
                self.figures.transfers.push(point);
            }
        }
        Ok(())
    }

    async fn peak(
        &mut self,
        id: &str,
        unit: &str,
        counts: &str,
        candidates: Result<Vec<Candidate>>,
    ) -> Result<()> {
        (self.progress)(id);
        let peak = Peak {
            id,
            unit,
            counts: counts.to_owned(),
        };
        let ceiling = peak
            .best_of(self.gpu, candidates, &self.effort, self.stop)
            .await?;
        self.figures.ceilings.push(ceiling);
        Ok(())
    }

    /// The winner of a ceiling once more, compiled with runtime checks.
    async fn checked(&mut self, peak: &Peak<'_>, candidates: Result<Vec<Candidate>>) -> Result<()> {
        let known = self.figures.ceilings.iter().find(|c| c.id == peak.id);
        let shape = known.and_then(|ceiling| ceiling.shape.clone());
        let winner = candidates.map(|all| {
            let same = |c: &Candidate| shape.as_ref() == Some(&c.text);
            all.into_iter().filter(same).collect()
        });
        let ceiling = peak
            .best_of(self.gpu, winner, &self.effort, self.stop)
            .await?;
        self.figures.variants.push(Variant {
            what: "checks_on".to_owned(),
            ceiling,
        });
        Ok(())
    }
}
