//! One run on one adapter: ceilings, then row after row, each verified before it is timed.

use super::case::Case;
use super::row;
use super::statistics::{Ask, Statistics};
use crate::bench::{
    Clock, Coverage, GpuClock, HostLoad, Measurement, OperandBuffers, measure, operand_sets,
};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::Operation;
use crate::plan::{Launch, Plan, PlanOptions};
use crate::report::{AdapterKind, Bound, Ceiling, CeilingId, Row, Sampling, Tuning, Verified};
use crate::roofline::{
    ArithmeticGrid, ProbeOptions, Roofline, Scope, Work, measure_ceilings, measure_some,
};
use crate::shader::Checks;
use std::collections::HashMap;
use std::sync::Arc;

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Warm-up and sampling of each row.
    pub sampling: Sampling,
    /// Seed of the data.
    pub seed: u32,
    /// Runtime checks in shaders.
    pub checks: Checks,
    /// Shapes of the arithmetic probe.
    pub grid: ArithmeticGrid,
    /// Whether reads of memory are among the ceilings: rotated rows are held against them.
    pub reads: bool,
    /// Tuning of this adapter, used where a workload names no kernel.
    pub tuning: Option<Arc<Tuning>>,
}

/// Speeds of an adapter that a runner has measured. They hold for the adapter, on whichever device of it.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    ceilings: Vec<Ceiling>,
    /// The model that `ceilings` make; `None` before they were measured.
    pub(crate) roofline: Option<Roofline>,
    /// Limits whose ceilings were measured again after a row exceeded one.
    raised: Vec<Bound>,
    /// Seconds that one unit of a kernel's work took, by kernel.
    pace: HashMap<&'static str, f64>,
}

/// Measures on one adapter, and remembers what it learned about its speed.
pub struct Runner<'a> {
    gpu: &'a Gpu,
    options: RunOptions,
    should_stop: &'a dyn Fn() -> bool,
    learned: Learned,
    others: HostLoad<'a>,
    statistics: Statistics<'a>,
}

/// A case that is compiled, filled and verified.
pub(super) struct Ready {
    case: Case,
    /// The case's operation, or a smaller one that runs here.
    operation: Arc<dyn Operation>,
    plan: Plan,
    /// A launch for each set of operands: several sets where the case is rotated.
    launches: Vec<Launch>,
    verified: Verified,
    /// Buffers that the launches are bound to.
    _operands: Vec<OperandBuffers>,
}

impl Ready {
    /// Launches of the case, one for each set of operands.
    pub(super) fn launches(&self) -> &[Launch] {
        &self.launches
    }
}

/// Rate assumed for a kernel before its first dispatch, as a share of the ceilings.
const FIRST_GUESS: f64 = 0.02;
/// Rates assumed for an adapter without measured ceilings, in FLOP/s and bytes per second: a slow CPU.
const SLOWEST: (f64, f64) = (1e9, 1e9);

impl<'a> Runner<'a> {
    /// A run on `gpu`. `should_stop` is asked between samples.
    #[must_use]
    pub fn new(gpu: &'a Gpu, options: RunOptions, should_stop: &'a dyn Fn() -> bool) -> Self {
        Self {
            gpu,
            options,
            should_stop,
            learned: Learned::default(),
            others: HostLoad::default(),
            statistics: Statistics::default(),
        }
    }

    /// Device of the run.
    pub(super) const fn gpu(&self) -> &'a Gpu {
        self.gpu
    }

    /// Question whether the run is to end.
    pub(super) const fn should_stop(&self) -> &'a dyn Fn() -> bool {
        self.should_stop
    }

    /// Warm-up and sampling of each row.
    pub(super) fn sampling(&self) -> &Sampling {
        &self.options.sampling
    }

    /// The runner, with what another one learned on the same adapter.
    #[must_use]
    pub(crate) fn knowing(mut self, learned: Learned) -> Self {
        self.learned = learned;
        self
    }

    /// Speeds that the runner has measured.
    #[must_use]
    pub(crate) fn into_learned(self) -> Learned {
        self.learned
    }

    /// The runner, with `others` as the load by other processes, which may slow a software adapter down.
    #[must_use]
    pub fn beside(mut self, others: HostLoad<'a>) -> Self {
        self.others = others.on(self.gpu.capabilities());
        self
    }

    /// The runner, with `compiler` to say what the driver makes of a text. It is asked about each text once, behind the
    /// samples of the first row that has the text: compiling is no part of any time, and the next row wakes the device.
    #[must_use]
    pub fn explained_by(mut self, compiler: Ask<'a>) -> Self {
        self.statistics = Statistics::asking(compiler);
        self
    }

    /// Measures the ceilings that rows are compared with.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`] and [`crate::Error::DeviceLost`]; any other error becomes a ceiling's status.
    pub async fn measure_ceilings(&mut self) -> Result<&[Ceiling]> {
        let effort = ProbeOptions {
            grid: self.options.grid,
            sampling: self.options.sampling.clone(),
            reads: self.options.reads,
            ..ProbeOptions::of(
                self.gpu.capabilities().kind,
                Scope::Quick,
                self.options.seed,
            )
        };
        let found = measure_ceilings(self.gpu, &effort, self.should_stop, self.others).await?;
        self.learned.ceilings = found;
        self.learned.roofline = Roofline::from_ceilings(&self.learned.ceilings);
        Ok(&self.learned.ceilings)
    }

    /// Verifies and times one workload. At the first row above its roof, the ceilings of its kind are measured again, unless
    /// sampling is short. A row that is still above its roof then has a warning, or has failed where no cache explains it.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`] and [`crate::Error::DeviceLost`]; any other error becomes the row's status.
    pub async fn measure(&mut self, case: &Case) -> Result<Row> {
        let row = self.ended(case).await?;
        let is_above = row.percent_of_roof.is_some_and(|percent| percent > 100.0);
        let known = row
            .bound
            .is_none_or(|bound| self.learned.raised.contains(&bound));
        if !is_above || known || self.is_short() {
            return Ok(self.published(row));
        }
        // Either the ceiling is too low or the operands lie in a cache. Measuring again, once a run, shows a low ceiling.
        self.learned.raised.extend(row.bound);
        if self.raise_ceilings(row.bound).await? {
            let again = self.ended(case).await?;
            return Ok(self.published(again));
        }
        Ok(self.published(row))
    }

    /// Whether the run is a first look, which only marks rows above their roof: it is done in seconds, and nothing in it is for
    /// publishing.
    fn is_short(&self) -> bool {
        self.options.sampling.warning().is_some()
    }

    /// The row; a failed row in place of a rotated one above the ceiling of memory, unless sampling is short. Without a ceiling
    /// of reads, a row that reads is held against copies, which are slower, and is only marked. So is a row of a software adapter,
    /// whose caches may hold all sets, and whose ceilings are slower beside other processes.
    pub(super) fn published(&self, row: Row) -> Row {
        let mut ceilings = self.learned.ceilings.iter();
        let has_reads = ceilings.any(|c| c.id == CeilingId::MemoryRead && c.value.is_some());
        let is_gpu = self.gpu.capabilities().kind != AdapterKind::Software;
        if has_reads && is_gpu && !self.is_short() {
            row::below_memory(row)
        } else {
            row
        }
    }

    /// The ceilings so far: a ceiling that a row exceeded is measured again.
    #[must_use]
    pub fn ceilings(&self) -> &[Ceiling] {
        &self.learned.ceilings
    }

    /// Roofline model of the ceilings so far; `None` without a ceiling of arithmetic and one of memory.
    #[must_use]
    pub fn roofline(&self) -> Option<&Roofline> {
        self.learned.roofline.as_ref()
    }

    /// Measures again the ceilings that `bound` depends on, keeps the higher value of each, and returns whether one rose.
    async fn raise_ceilings(&mut self, bound: Option<Bound>) -> Result<bool> {
        let effort = ProbeOptions {
            grid: ArithmeticGrid::Short,
            sampling: self.options.sampling.clone(),
            reads: self.options.reads,
            ..ProbeOptions::of(
                self.gpu.capabilities().kind,
                Scope::Quick,
                self.options.seed,
            )
        };
        let mut rose = false;
        let (stop, others) = (self.should_stop, self.others);
        for again in measure_some(self.gpu, &effort, stop, others, bound).await? {
            let known = self.learned.ceilings.iter_mut().find(|c| c.id == again.id);
            if let Some(known) = known.filter(|known| known.value < again.value) {
                *known = again;
                rose = true;
            }
        }
        if rose {
            self.learned.roofline = Roofline::from_ceilings(&self.learned.ceilings);
        }
        Ok(rose)
    }

    /// A row for `case`, with a status in place of times where measuring failed.
    async fn ended(&mut self, case: &Case) -> Result<Row> {
        match self.try_measure(case).await {
            Err(error) if error.ends_run() => Err(error),
            Err(error) => Ok(self.without_value(case, &error)),
            Ok(row) => Ok(row),
        }
    }

    pub(super) fn without_value(&self, case: &Case, error: &Error) -> Row {
        let row = row::bare(case, self.options.checks, &row::without_value(error));
        Row {
            operand_sets: self.sets(case, case.operation.as_ref()),
            ..row
        }
    }

    /// Sets of operands of `operation`, which is the operation of `case` or a smaller one; `None` where one set is all there is.
    fn sets(&self, case: &Case, operation: &dyn Operation) -> Option<u32> {
        let kind = self.gpu.capabilities().kind;
        case.rotated.then(|| operand_sets(operation, kind))
    }

    /// Plans `case`, fills its operands, runs it once and holds the result against the reference.
    pub(super) async fn ready(&mut self, case: &Case) -> Result<Ready> {
        let wanted = Arc::clone(&case.operation);
        wanted.validate()?;
        let options = PlanOptions {
            kernel: case.kernel,
            checks: self.options.checks,
            tuning: self.options.tuning.clone(),
            ..Default::default()
        };
        let (operation, plan) = self.fit(wanted, &options).await?;
        let (gpu, seed) = (self.gpu, self.options.seed);
        let sets = self.sets(case, operation.as_ref()).unwrap_or(1);
        let sets =
            OperandBuffers::sets(gpu, operation.as_ref(), seed, sets, self.should_stop).await?;
        let launches = sets.iter().map(|set| plan.bind(&set.views()));
        let launches: Vec<Launch> = launches.collect::<Result<_>>()?;
        let kernel = plan.kernel();
        let verified = sets[0]
            .run_and_verify(
                gpu,
                operation.as_ref(),
                kernel,
                &launches[0],
                Coverage::Sampled,
            )
            .await?;
        Ok(Ready {
            case: case.clone(),
            operation,
            plan,
            launches,
            verified,
            _operands: sets,
        })
    }

    /// Times `ready` by `sampling`; what is wrong, or has nothing to compute, is not timed.
    pub(super) async fn time(&self, ready: &Ready, sampling: &Sampling) -> Result<Measurement> {
        if let Err(wrong) = ready.verified.require(ready.plan.kernel().name) {
            return Ok(Measurement::failed(&wrong));
        }
        if ready.plan.dispatches() == 0 {
            return Ok(Measurement::empty());
        }
        self.others.begin();
        let mut clock = GpuClock::rotating(self.gpu, &ready.launches).await?;
        let mut measured = measure(&mut clock, sampling, self.should_stop).await?;
        self.others.flag_if_busy(&mut measured);
        Ok(measured)
    }

    /// The row of `ready`, as `measured`.
    pub(super) fn row(&mut self, ready: &Ready, measured: &Measurement) -> Row {
        let operation = ready.operation.as_ref();
        if let Some(time) = &measured.time {
            self.learned
                .pace
                .insert(ready.plan.kernel().name, time.median / work(operation));
        }
        let mut row = row::planned(
            &ready.case,
            operation,
            &ready.plan,
            ready.verified.clone(),
            measured,
            self.learned.roofline.as_ref(),
        );
        row.operand_sets = self.sets(&ready.case, operation);
        let compiled = self.statistics.of(ready.plan.texts(), ready.plan.checks());
        row::explained(row, compiled)
    }

    async fn try_measure(&mut self, case: &Case) -> Result<Row> {
        let ready = self.ready(case).await?;
        let sampling = self.options.sampling.clone();
        let measured = self.time(&ready, &sampling).await?;
        Ok(self.row(&ready, &measured))
    }

    /// Plans `wanted`, or a smaller operation whose dispatch is short enough, since watchdogs end long dispatches. The pace
    /// of a kernel is learned on a size that is certainly short enough.
    pub(crate) async fn fit(
        &mut self,
        wanted: Arc<dyn Operation>,
        options: &PlanOptions,
    ) -> Result<(Arc<dyn Operation>, Plan)> {
        let cap = self.options.sampling.dispatch_cap.as_secs_f64();
        let plan = Plan::new(self.gpu, wanted.as_ref(), options).await?;
        let name = plan.kernel().name;
        if self.predicted(name, wanted.as_ref()) <= cap {
            return Ok((wanted, plan));
        }
        drop(plan);
        if !self.learned.pace.contains_key(name) {
            let mut small = Arc::clone(&wanted);
            while self.predicted(name, small.as_ref()) > cap
                && let Some(half) = small.halved()
            {
                small = half.into();
            }
            self.learn_pace(small.as_ref(), options).await?;
        }
        let mut operation = wanted;
        while self.predicted(name, operation.as_ref()) > cap
            && let Some(half) = operation.halved()
        {
            operation = half.into();
        }
        let plan = Plan::new(self.gpu, operation.as_ref(), options).await?;
        Ok((operation, plan))
    }

    /// Runs `operation` once to compile it, wakes the device, and records the pace of a second run. A device at rest would
    /// make the kernel seem too slow for its own size.
    async fn learn_pace(&mut self, operation: &dyn Operation, options: &PlanOptions) -> Result<()> {
        let plan = Plan::new(self.gpu, operation, options).await?;
        let space = OperandBuffers::new(self.gpu, operation, self.options.seed).await?;
        let launch = plan.bind(&space.views())?;
        let mut clock = GpuClock::new(self.gpu, &launch).await?;
        clock.sample(1).await?;
        clock.wake(&self.options.sampling, self.should_stop).await?;
        let seconds = clock.sample(1).await?.wall_s;
        self.learned
            .pace
            .insert(plan.kernel().name, seconds / work(operation));
        Ok(())
    }

    /// Predicted seconds of one execution, from the kernel's pace, or from a first guess where the pace is not known.
    fn predicted(&self, kernel: &str, operation: &dyn Operation) -> f64 {
        if let Some(pace) = self.learned.pace.get(kernel) {
            return pace * work(operation);
        }
        let roof = self
            .roofline()
            .and_then(|r| r.limit(&Work::of(operation)))
            .map(|limit| limit.roof());
        let (compute, memory) = roof.map_or(SLOWEST, |roof| {
            (
                roof.compute.flops_per_second() * FIRST_GUESS,
                roof.memory.bytes_per_second() * FIRST_GUESS,
            )
        });
        operation.flops() as f64 / compute + operation.min_bytes() as f64 / memory
    }
}

/// Work of an operation for comparing sizes of one kernel: operations, and bytes where there are hardly any.
fn work(operation: &dyn Operation) -> f64 {
    (operation.flops() + operation.min_bytes()) as f64
}
