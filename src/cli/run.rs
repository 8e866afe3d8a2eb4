//! `ridgepoint run`: ceilings, then row after row, printed and saved as they come.

mod ab;
mod all;

use super::args::{AdapterArguments, RunArguments};
use super::load::Load;
use super::page::{page, show, show_section};
use super::progress::{Progress, print, tell};
use super::results::ResultsFile;
use super::results_page::{Beside, ResultsPage};
use super::selection::Selection;
use super::{BAD_INPUT, FAILED, OK, adapter, host, stop, tunings};
use jiff::Timestamp;
use ridgepoint::bench::HostLoad;
use ridgepoint::compiler::Compiler;
use ridgepoint::ops::FAMILIES;
use ridgepoint::render::{self, CEILINGS, Rows, Section, terminal};
use ridgepoint::report::{
    AdapterKind, Hierarchy, Report, Results, Row, SCHEMA, Settings, StageStatistics, Status, Tool,
    Warning,
};
use ridgepoint::roofline::{ArithmeticGrid, ProbeOptions, Scope, Session};
use ridgepoint::shader::{Checks, Constant, Prepared};
use ridgepoint::suite::{Case, Cases, LeftOut, Pace, RunOptions, Runner, expected};
use ridgepoint::units::format_about;
use ridgepoint::{Error, Gpu, Result, Tuning};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs what was selected, and returns the exit status.
pub(crate) async fn run(arguments: RunArguments, adapter: &AdapterArguments) -> Result<u8> {
    if !arguments.ab.is_empty() {
        return ab::ab(&arguments, adapter).await;
    }
    if adapter.are_all() {
        return all::all(&arguments, adapter).await;
    }
    let began = Timestamp::now();
    let Opened {
        gpu,
        selection,
        options,
    } = Opened::new(&arguments, &adapter.wanted()?).await?;
    stop::listen();
    let mut report = report(&arguments, &selection, &gpu, &options, began);
    let kind = gpu.capabilities().kind;
    let Cases {
        all: cases,
        left_out,
    } = selection.cases(kind);
    report
        .warnings
        .extend(left_out.into_iter().map(left_out_of));
    note_missing(&mut report, cases.len());
    announce(&selection, &cases, kind);
    let beside = match &arguments.json {
        Some(_) => Beside::Named,
        None => Beside::Default,
    };
    let mut file = ResultsFile::create(arguments.json, began, &report);
    let mut page = ResultsPage::new(arguments.page, beside(file.path()))?;
    show(&render::header(&report));
    print("");
    let plan = Planned {
        cases: &cases,
        has_hierarchy: selection.has_hierarchy(),
    };
    let ended = measure(&gpu, options, &plan, &mut report, &mut file).await;
    print("");
    show(&render::end(&report));
    file.finish(&report);
    file.tell();
    if let Some(page) = &mut page {
        page.save(Results::Run(Box::new(report.clone())))?;
    }
    ended?;
    if let Some(page) = page {
        page.open();
    }
    if file.saved().is_none() {
        return Ok(BAD_INPUT);
    }
    Ok(if report.rows.iter().any(is_bad) {
        FAILED
    } else {
        OK
    })
}

/// An open device, the workloads that were selected for it, and how to run them.
struct Opened {
    gpu: Gpu,
    selection: Selection,
    options: RunOptions,
}

impl Opened {
    async fn new(arguments: &RunArguments, wanted: &adapter::Wanted) -> Result<Self> {
        let selection = Selection::new(arguments)?;
        let gpu = Gpu::open(&wanted.options).await?;
        selection.require_room(&gpu.capabilities().limits)?;
        tell(&format!("measuring {}, {}", gpu.summary().name, wanted.why));
        let tuning = if arguments.tuned {
            Some(tunings::required(&arguments.cache.store()?, gpu.summary())?)
        } else {
            None
        };
        let options = options(arguments, &selection, &gpu, tuning);
        Ok(Self {
            gpu,
            selection,
            options,
        })
    }
}

fn left_out_of(left: LeftOut) -> Warning {
    let LeftOut { what, reason } = left;
    Warning::LeftOut { what, reason }
}

/// Says how long the run will take, before it begins.
fn announce(selection: &Selection, cases: &[Case], kind: AdapterKind) {
    let (sampling, pace) = (selection.sampling(kind), Pace::of(kind));
    let time = expected(cases, selection.has_hierarchy(), &sampling, &pace);
    let rows = match cases.len() {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    };
    tell(&format!(
        "suite {}: {rows}, about {}",
        selection.name(),
        format_about(time.as_secs_f64())
    ));
}

/// Measurements behind the ceilings: cases, and the sweeps over working sets where a suite asks for them.
struct Planned<'a> {
    cases: &'a [Case],
    has_hierarchy: bool,
}

fn options(
    arguments: &RunArguments,
    selection: &Selection,
    gpu: &Gpu,
    tuning: Option<Tuning>,
) -> RunOptions {
    let kind = gpu.capabilities().kind;
    let is_short = selection.is_quick() || kind == AdapterKind::Software;
    RunOptions {
        sampling: selection.sampling(kind),
        seed: arguments.data.seed,
        checks: arguments.data.checks.into(),
        grid: if is_short {
            ArithmeticGrid::Short
        } else {
            ArithmeticGrid::Full
        },
        tuning: tuning.map(Arc::new),
    }
}

/// A report with all that is known before the first measurement.
fn report(
    arguments: &RunArguments,
    selection: &Selection,
    gpu: &Gpu,
    options: &RunOptions,
    began: Timestamp,
) -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        tool: Tool::current(),
        host: host::host(began),
        adapter: gpu.summary().clone(),
        settings: Settings {
            suite: selection.name(),
            operations: arguments.op.clone(),
            kernels: arguments.kernel.clone(),
            dtypes: selection.dtypes().to_vec(),
            seed: options.seed,
            checks: options.checks,
            sampling: options.sampling.clone(),
            shader_hashes: shader_hashes(),
            tuning: options.tuning.as_deref().map(tunings::counts),
            note: arguments.note.clone(),
        },
        ceilings: Vec::new(),
        rows: Vec::new(),
        hierarchy: None,
        warnings: warnings(gpu),
    }
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

pub(super) fn warnings(gpu: &Gpu) -> Vec<Warning> {
    let adapter = gpu.summary();
    let kind = match adapter.kind {
        AdapterKind::Software => Some(Warning::SoftwareAdapter {
            adapter: adapter.name.clone(),
        }),
        AdapterKind::Noop => Some(Warning::NoopAdapter),
        _ => None,
    };
    let timer = gpu
        .timestamp_period_ns()
        .is_none()
        .then_some(Warning::NoTimestamps);
    let device = gpu.warnings().iter().cloned();
    kind.into_iter().chain(timer).chain(device).collect()
}

/// Measures into `report`; what was measured before an error is in it.
async fn measure(
    gpu: &Gpu,
    options: RunOptions,
    plan: &Planned<'_>,
    report: &mut Report,
    file: &mut ResultsFile,
) -> Result<()> {
    let (cases, seed) = (plan.cases, options.seed);
    let progress = Progress::new(cases.len(), "rows");
    let load = Load::new();
    let others = || load.others();
    // Opened in front of everything, so that all rows are measured beside the same devices.
    let compiler = Compiler::open(gpu.summary());
    let compiler = compiler.inspect_err(|error| log::debug!("{error}")).ok();
    let statistics = |text: &Prepared, checks| statistics(compiler.as_ref()?, text, checks);
    let mut runner = Runner::new(gpu, options, &stop::asked)
        .beside(HostLoad::from_fn(&others))
        .explained_by(&statistics);
    progress.begin("ceilings");
    report.ceilings = runner.measure_ceilings().await?.to_vec();
    file.save(report);
    progress.start();
    let ceilings = render::ceilings(&report.ceilings);
    show_section(&Section::table(CEILINGS, ceilings));
    print("");
    if plan.has_hierarchy {
        let name = |part: &str| progress.begin(part);
        let others = HostLoad::from_fn(&others);
        let effort = ProbeOptions::of(gpu.capabilities().kind, Scope::Hierarchy, seed);
        let stop = &stop::asked;
        let mut session = Session::new(gpu, effort, Scope::Hierarchy, stop, &name, others);
        let ended = session.run().await;
        let figures = session.figures();
        report.hierarchy = Some(Hierarchy {
            levels: figures.levels(gpu.capabilities()),
            sweep: figures.sweep.clone(),
            latency: figures.latency.clone(),
        });
        file.save(report);
        ended?;
    }
    let rows = Rows::planned(cases);
    let mut table = terminal::Stream::new(rows.columns().to_vec(), &page());
    for case in cases {
        if stop::asked() {
            return Err(Error::Interrupted);
        }
        progress.begin(&case.id());
        let row = runner.measure(case).await?;
        progress.end();
        print(&table.line(&rows.line(&row)));
        report.rows.push(row);
        report.ceilings = runner.ceilings().to_vec();
        note_missing(report, cases.len());
        file.save(report);
    }
    Ok(())
}

/// Statistics of a text by the driver's compiler; `None`, with a line in the log, where the driver does not compile the text.
fn statistics(compiler: &Compiler, text: &Prepared, checks: Checks) -> Option<StageStatistics> {
    let answer = compiler.compile(text, checks);
    let answer = answer.inspect_err(|error| log::debug!("no statistics: {error}"));
    Some(answer.ok()?.statistics(text.name))
}

/// Keeps the warning about missing rows up to date, so that the file of a program that is killed says that rows are missing.
fn note_missing(report: &mut Report, planned: usize) {
    report
        .warnings
        .retain(|warning| !matches!(warning, Warning::Incomplete { .. }));
    let rows = report.rows.len();
    if rows < planned {
        report.warnings.push(Warning::Incomplete { rows, planned });
    }
}

/// Whether a row should have a right result but has no result or a wrong one.
fn is_bad(row: &Row) -> bool {
    matches!(row.status, Status::Failed | Status::TimedOut)
        || row.verified.as_ref().is_some_and(|verified| !verified.ok)
}
