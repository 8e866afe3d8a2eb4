//! `ridgepoint run`: ceilings, then row after row, printed and saved as they come.

mod ab;
mod all;

use super::args::{AdapterArguments, PageArguments, RunArguments};
use super::load::Load;
use super::page::{page, show, show_section};
use super::progress::{Progress, print, tell};
use super::results::ResultsFile;
use super::results_page::{Beside, ResultsPage};
use super::selection::selection;
use super::{BAD_INPUT, FAILED, OK, adapter, host, sensors, stop, tunings};
use jiff::Timestamp;
use ridgepoint::bench::HostLoad;
use ridgepoint::compiler::Compiler;
use ridgepoint::render::{self, CEILINGS, Rows, Section, terminal};
use ridgepoint::report::{Report, Results, Row, StageStatistics, Status};
use ridgepoint::shader::{Checks, Prepared};
use ridgepoint::suite::{Measured, Observer, Pace, Run, RunOptions, Selection, expected, planned};
use ridgepoint::units::format_about;
use ridgepoint::{Gpu, Result, Tuning};
use std::path::PathBuf;
use std::sync::Arc;

/// Runs what was selected, and returns the exit status.
pub(crate) async fn run(arguments: RunArguments, adapter: &AdapterArguments) -> Result<u8> {
    if !arguments.ab.is_empty() {
        // Boxed: it holds two ways to run, and stands on the stack of every command otherwise.
        return Box::pin(ab::ab(&arguments, adapter)).await;
    }
    if adapter.are_all() {
        return all::all(&arguments, adapter).await;
    }
    let began = Timestamp::now();
    let opened = Opened::new(&arguments, &adapter.wanted()?).await?;
    stop::listen();
    let report = report(&opened, &arguments, began);
    announce(&opened);
    let (json, page) = (arguments.json, arguments.page);
    let measure =
        async |report: &mut Report, file: &mut ResultsFile| measure(&opened, report, file).await;
    recorded(json, page, began, report, measure).await
}

/// Has `measure` fill `report`, shows and saves what was measured, also before an error, and returns the exit status.
pub(super) async fn recorded(
    json: Option<PathBuf>,
    page: PageArguments,
    began: Timestamp,
    mut report: Report,
    measure: impl AsyncFnOnce(&mut Report, &mut ResultsFile) -> Result<()>,
) -> Result<u8> {
    let beside = match &json {
        Some(_) => Beside::Named,
        None => Beside::Default,
    };
    let mut file = ResultsFile::create(json, began, &report);
    let mut page = ResultsPage::new(page, beside(file.path()))?;
    show(&render::header(&report));
    print("");
    let ended = measure(&mut report, &mut file).await;
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
pub(super) struct Opened {
    pub(super) gpu: Gpu,
    pub(super) selection: Selection,
    pub(super) options: RunOptions,
    /// Whether sensors will tell the power of rows.
    pub(super) has_power: bool,
}

impl Opened {
    pub(super) async fn new(arguments: &RunArguments, wanted: &adapter::Wanted) -> Result<Self> {
        let selection = selection(arguments)?;
        let gpu = Gpu::open(&wanted.options).await?;
        selection.require_room(&gpu.capabilities().limits)?;
        tell(&format!("measuring {}, {}", gpu.summary().name, wanted.why));
        let tuning = if arguments.tuned {
            Some(tunings::required(&arguments.cache.store()?, gpu.summary())?)
        } else {
            None
        };
        let options = options(arguments, &selection, &gpu, tuning);
        let has_power = sensors::attach(&gpu, &arguments.sensors, &options.sampling);
        Ok(Self {
            gpu,
            selection,
            options,
            has_power,
        })
    }
}

/// Says how long the run will take, before it begins.
fn announce(opened: &Opened) {
    let (selection, kind) = (&opened.selection, opened.gpu.capabilities().kind);
    let (cases, pace) = (selection.cases(kind).all, Pace::of(kind));
    let sampling = &opened.options.sampling;
    let time = expected(&cases, selection.has_hierarchy(), sampling, &pace);
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

/// Options of a run of `selection` on `gpu`, as the arguments change them.
fn options(
    arguments: &RunArguments,
    selection: &Selection,
    gpu: &Gpu,
    tuning: Option<Tuning>,
) -> RunOptions {
    RunOptions {
        seed: arguments.data.seed,
        checks: arguments.data.checks.into(),
        tuning: tuning.map(Arc::new),
        ..RunOptions::of(selection, gpu.capabilities().kind)
    }
}

/// A report with all that is known before the first measurement.
pub(super) fn report(opened: &Opened, arguments: &RunArguments, began: Timestamp) -> Report {
    let Opened {
        gpu,
        selection,
        options,
        ..
    } = opened;
    let mut report = planned(gpu, selection, options, host::host(began, gpu));
    report.settings.note.clone_from(&arguments.note);
    report
}

/// Measures into `report`; what was measured before an error is in it.
async fn measure(opened: &Opened, report: &mut Report, file: &mut ResultsFile) -> Result<()> {
    let Opened {
        gpu,
        selection,
        options,
        has_power,
    } = opened;
    let load = Load::new();
    let others = || load.others();
    // Opened in front of everything, so that all rows are measured beside the same devices.
    let compiler = Compiler::open(gpu.summary());
    let compiler = compiler.inspect_err(|error| log::debug!("{error}")).ok();
    let statistics = |text: &Prepared, checks| statistics(compiler.as_ref()?, text, checks);
    let run = Run::new(gpu, selection, options.clone(), &stop::asked)
        .beside(HostLoad::from_fn(&others))
        .explained_by(&statistics);
    let rows = Rows::planned(run.cases(), *has_power);
    let mut shown = Shown {
        progress: Progress::new(run.cases().len(), "rows"),
        table: terminal::Stream::new(rows.columns().to_vec(), &page()),
        rows,
        file,
    };
    run.measure(report, &mut shown).await
}

/// A run on the screen and in its file.
struct Shown<'a> {
    progress: Progress,
    rows: Rows,
    table: terminal::Stream,
    file: &'a mut ResultsFile,
}

impl Observer for Shown<'_> {
    fn begin(&mut self, part: &str) {
        self.progress.begin(part);
    }

    fn measured(&mut self, report: &Report, what: Measured) {
        match what {
            Measured::Ceilings => {
                self.progress.start();
                let ceilings = render::ceilings(&report.ceilings);
                show_section(&Section::table(CEILINGS, ceilings));
                print("");
            }
            Measured::Hierarchy => {}
            Measured::Row => {
                self.progress.end();
                if let Some(row) = report.rows.last() {
                    print(&self.table.line(&self.rows.line(row)));
                }
            }
        }
        self.file.save(report);
    }
}

/// Statistics of a text by the driver's compiler; `None`, with a line in the log, where the driver does not compile the text.
fn statistics(compiler: &Compiler, text: &Prepared, checks: Checks) -> Option<StageStatistics> {
    let answer = compiler.compile(text, checks);
    let answer = answer.inspect_err(|error| log::debug!("no statistics: {error}"));
    Some(answer.ok()?.statistics(text.name))
}

/// Whether a row should have a right result but has no result or a wrong one.
fn is_bad(row: &Row) -> bool {
    matches!(row.status, Status::Failed | Status::TimedOut)
        || row.verified.as_ref().is_some_and(|verified| !verified.ok)
}
