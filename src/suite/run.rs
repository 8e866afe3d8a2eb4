//! A whole run: a report of all that is known beforehand, into which ceilings, sweeps and rows are measured as they come.

use super::case::Case;
use super::definition::{Cases, LeftOut};
use super::runner::{RunOptions, Runner};
use super::selection::Selection;
use super::statistics::Ask;
use crate::bench::{HostLoad, device_warnings};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::FAMILIES;
use crate::report::{
    AdapterKind, Hierarchy, Host, Report, SCHEMA, Settings, Tool, Tuning, Warning,
};
use crate::roofline::{ArithmeticGrid, ProbeOptions, Scope, Session};
use crate::shader::{Checks, Constant};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Part of a report that has just been measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The ceilings.
    Ceilings,
    /// Bandwidth and latency over working sets.
    Hierarchy,
    /// The last row.
    Row,
}

/// Whoever shows or keeps a run while it is measured.
pub trait Observer {
    /// The measurement of `part`, `ceilings` or the id of a case, begins.
    fn begin(&mut self, part: &str);

    /// `report` has something new, `what`.
    fn measured(&mut self, report: &Report, what: Measured);
}

/// A run on one device: its workloads, and how they are measured.
pub struct Run<'a> {
    gpu: &'a Gpu,
    options: RunOptions,
    cases: Vec<Case>,
    has_hierarchy: bool,
    should_stop: &'a dyn Fn() -> bool,
    others: HostLoad<'a>,
    compiler: Option<Ask<'a>>,
}

impl RunOptions {
    /// Options that suit `selection` on an adapter of a kind, with generated data of the seed 1 and without runtime checks.
    #[must_use]
    pub fn of(selection: &Selection, kind: AdapterKind) -> Self {
        let is_short = selection.is_quick() || kind == AdapterKind::Software;
        let mut cases = selection.cases(kind).all.into_iter();
        Self {
            sampling: selection.sampling(kind),
            seed: 1,
            checks: Checks::Off,
            grid: if is_short {
                ArithmeticGrid::Short
            } else {
                ArithmeticGrid::Full
            },
            reads: cases.any(|case| case.rotated),
            tuning: None,
        }
    }
}

impl<'a> Run<'a> {
    /// A run of `selection` on `gpu`. `should_stop` is asked between samples.
    #[must_use]
    pub fn new(
        gpu: &'a Gpu,
        selection: &Selection,
        options: RunOptions,
        should_stop: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            gpu,
            options,
            cases: selection.cases(gpu.capabilities().kind).all,
            has_hierarchy: selection.has_hierarchy(),
            should_stop,
            others: HostLoad::default(),
            compiler: None,
        }
    }

    /// The run, with `others` as the load by other processes, which may slow a software adapter down.
    #[must_use]
    pub fn beside(self, others: HostLoad<'a>) -> Self {
        Self { others, ..self }
    }

    /// The run, with `compiler` to say what the driver makes of a text: [`Runner::explained_by`].
    #[must_use]
    pub fn explained_by(self, compiler: Ask<'a>) -> Self {
        Self {
            compiler: Some(compiler),
            ..self
        }
    }

    /// The workloads, in the order in which they are measured.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Measures into `report` and tells `observer`. What was measured before an error is in `report`.
    ///
    /// # Errors
    /// [`Error::Interrupted`] and [`Error::DeviceLost`]; any other error becomes a status.
    pub async fn measure(self, report: &mut Report, observer: &mut dyn Observer) -> Result<()> {
        let Self {
            gpu,
            options,
            cases,
            has_hierarchy,
            should_stop,
            others,
            compiler,
        } = self;
        let seed = options.seed;
        let mut runner = Runner::new(gpu, options, should_stop).beside(others);
        if let Some(compiler) = compiler {
            runner = runner.explained_by(compiler);
        }
        observer.begin("ceilings");
        report.ceilings = runner.measure_ceilings().await?.to_vec();
        observer.measured(report, Measured::Ceilings);
        if has_hierarchy {
            let watching = RefCell::new(&mut *observer);
            let begin = |part: &str| watching.borrow_mut().begin(part);
            let effort = ProbeOptions::of(gpu.capabilities().kind, Scope::Hierarchy, seed);
            let scope = Scope::Hierarchy;
            let mut session = Session::new(gpu, effort, scope, should_stop, &begin, others);
            let ended = session.run().await;
            let figures = session.figures();
            report.hierarchy = Some(Hierarchy {
                levels: figures.levels(gpu.capabilities()),
                sweep: figures.sweep.clone(),
                latency: figures.latency.clone(),
            });
            observer.measured(report, Measured::Hierarchy);
            ended?;
        }
        for case in &cases {
            if should_stop() {
                return Err(Error::Interrupted);
            }
            observer.begin(&case.id());
            let row = runner.measure(case).await?;
            report.rows.push(row);
            report.ceilings = runner.ceilings().to_vec();
            note_missing(report, cases.len());
            observer.measured(report, Measured::Row);
        }
        Ok(())
    }
}

/// Report of a run of `selection` on `gpu` by `options`, with all that is known before the first measurement.
#[must_use]
pub fn planned(gpu: &Gpu, selection: &Selection, options: &RunOptions, host: Host) -> Report {
    let names = selection.names();
    let Cases { all, left_out } = selection.cases(gpu.capabilities().kind);
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        tool: Tool::current(),
        host,
        adapter: gpu.summary().clone(),
        settings: Settings {
            suite: selection.name(),
            operations: names.operations.clone(),
            kernels: names.kernels.clone(),
            dtypes: names.dtypes.clone(),
            seed: options.seed,
            checks: gpu.checks(options.checks),
            sampling: options.sampling.clone(),
            shader_hashes: shader_hashes(),
            tuning: options.tuning.as_deref().map(Tuning::counts),
            note: None,
        },
        ceilings: Vec::new(),
        rows: Vec::new(),
        hierarchy: None,
        soak: None,
        warnings: device_warnings(gpu),
    };
    let left_out = left_out.into_iter();
    let left_out = left_out.map(|LeftOut { what, reason }| Warning::LeftOut { what, reason });
    report.warnings.extend(left_out);
    note_missing(&mut report, all.len());
    report
}

fn shader_hashes() -> BTreeMap<String, String> {
    let kernels = FAMILIES.iter().flat_map(|family| family.kernels);
    let mut hashes = BTreeMap::new();
    for stage in kernels.flat_map(|kernel| kernel.stages) {
        let of = |name: &str, hash: u64| (name.to_owned(), format!("{hash:016x}"));
        hashes.extend([of(stage.shader.name, stage.shader.hash())]);
        for (_, constant) in stage.constants {
            if let Constant::Snippet(snippet) = constant {
                hashes.extend([of(&format!("snippets/{}", snippet.name), snippet.hash())]);
            }
        }
    }
    hashes
}

/// Keeps the warning about missing rows up to date, so that the file of a program that is killed says that rows are missing.
pub fn note_missing(report: &mut Report, planned: usize) {
    report
        .warnings
        .retain(|warning| !matches!(warning, Warning::Incomplete { .. }));
    let rows = report.rows.len();
    if rows < planned {
        report.warnings.push(Warning::Incomplete { rows, planned });
    }
}
