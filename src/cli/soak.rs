//! `ridgepoint soak`: one workload for minutes, and what the device sustains.

use super::args::{RunArguments, SoakArguments};
use super::load::Load;
use super::page::{page, show_section};
use super::progress::{Progress, print, tell};
use super::results::ResultsFile;
use super::run::{Opened, recorded, report};
use super::{adapter, stop};
use jiff::Timestamp;
use ridgepoint::bench::{HostLoad, SoakOptions};
use ridgepoint::render::{self, CEILINGS, Rows, Section, terminal};
use ridgepoint::report::{Report, Row, Soak};
use ridgepoint::suite::{Case, Runner, note_missing};
use ridgepoint::units::format_minutes;
use ridgepoint::{Error, Result};
use std::cell::RefCell;
use std::time::Duration;

/// Measures, prints, saves, and returns the exit status. What was measured before Ctrl-C is printed and saved.
pub(crate) async fn soak(arguments: SoakArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let began = Timestamp::now();
    let options = SoakOptions::lasting(Duration::from_secs_f64(60.0 * arguments.minutes));
    let arguments = of_run(arguments)?;
    let opened = Opened::new(&arguments, wanted).await?;
    let case = only(&opened)?;
    stop::listen();
    let mut report = report(&opened, &arguments, began);
    "soak".clone_into(&mut report.settings.suite);
    let (json, page) = (arguments.json, arguments.page);
    let measure = async |report: &mut Report, file: &mut ResultsFile| {
        measure(&opened, &case, &options, report, file).await
    };
    recorded(json, page, began, report, measure).await
}

/// Arguments of a run of the one workload.
fn of_run(arguments: SoakArguments) -> Result<RunArguments> {
    if !arguments.operation.contains(':') || arguments.operation.contains(',') {
        return Err(Error::Argument {
            argument: format!("{:?}", arguments.operation),
            reason: "one operation with its shape is needed, such as matmul:4096x4096x4096"
                .to_owned(),
        });
    }
    Ok(RunArguments {
        op: vec![arguments.operation],
        dtype: vec![arguments.dtype],
        kernel: arguments.kernel.into_iter().collect(),
        json: arguments.json,
        page: arguments.page,
        note: arguments.note,
        data: arguments.data,
        sensors: arguments.sensors,
        ..RunArguments::default()
    })
}

/// The workload of a soak.
fn only(opened: &Opened) -> Result<Case> {
    let kind = opened.gpu.capabilities().kind;
    let cases = opened.selection.cases(kind).all;
    let first = cases.into_iter().next();
    first.ok_or_else(|| Error::NothingToRun {
        reason: "no kernel computes this shape here".to_owned(),
    })
}

/// Measures into `report`; what was measured before an error is in it.
async fn measure(
    opened: &Opened,
    case: &Case,
    options: &SoakOptions,
    report: &mut Report,
    file: &mut ResultsFile,
) -> Result<()> {
    let load = Load::new();
    let others = || load.others();
    let mut runner = Runner::new(&opened.gpu, opened.options.clone(), &stop::asked)
        .beside(HostLoad::from_fn(&others));
    let intervals = options.lasting.as_secs_f64() / options.interval.as_secs_f64();
    let progress = Progress::new(intervals.ceil() as usize, "intervals");
    progress.begin("ceilings");
    report.ceilings = runner.measure_ceilings().await?.to_vec();
    file.save(report);
    let ceilings = render::ceilings(&report.ceilings);
    show_section(&Section::table(CEILINGS, ceilings));
    print("");
    tell(&format!(
        "soak of {} for {}",
        case.id(),
        format_minutes(options.lasting.as_secs_f64())
    ));
    let rows = Rows::planned(std::slice::from_ref(case), opened.has_power);
    let mut table = terminal::Stream::new(rows.columns().to_vec(), &page());
    let shared = RefCell::new((report, file));
    progress.begin(&case.id());
    let mut begun = |row: &Row| {
        let (report, file) = &mut *shared.borrow_mut();
        print(&table.line(&rows.line(row)));
        report.rows.push(row.clone());
        note_missing(report, 1);
        file.save(report);
        progress.start();
    };
    let mut each = |soak: &Soak| {
        let (report, file) = &mut *shared.borrow_mut();
        report.soak = Some(soak.clone());
        file.save(report);
        progress.end();
    };
    let found = runner.soak(case, options, &mut begun, &mut each).await;
    drop(progress);
    found.map(drop)
}
