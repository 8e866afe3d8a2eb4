//! `ridgepoint roofline`: what this adapter can reach.

use super::args::RooflineArguments;
use super::load::Load;
use super::page::show;
use super::progress::{Progress, tell};
use super::results::unused;
use super::results_page::{Beside, ResultsPage};
use super::sink::Sink;
use super::{FAILED, OK, adapter, host, sensors, stop};
use jiff::Timestamp;
use ridgepoint::bench::HostLoad;
use ridgepoint::files::is_stdout;
use ridgepoint::report::{Results, Status};
use ridgepoint::roofline::{Circumstances, ProbeOptions, Scope, Session};
use ridgepoint::{Gpu, Result};
use std::time::Instant;

/// Measures, prints, saves, and returns the exit status.
pub(crate) async fn roofline(arguments: RooflineArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let began = (Timestamp::now(), Instant::now());
    // A file that cannot be written is reported now rather than after a minute of measuring.
    let sink = arguments.json.as_deref().map(Sink::open).transpose()?;
    let mut options = wanted.options.clone();
    options.features |= ridgepoint::roofline::FEATURES;
    let gpu = Gpu::open(&options).await?;
    let unnamed = unused(&gpu.summary().name, began.0, "-roofline");
    let json = match &arguments.json {
        Some(path) => Beside::Named(path),
        None => Beside::Default(&unnamed),
    };
    let mut page = ResultsPage::new(arguments.page, json)?;
    tell(&format!("measuring {}, {}", gpu.summary().name, wanted.why));
    stop::listen();
    let extent = if arguments.quick {
        Scope::Quick
    } else {
        Scope::Full
    };
    let effort = ProbeOptions::of(gpu.capabilities().kind, extent, arguments.seed);
    sensors::attach(&gpu, &arguments.sensors, &effort.sampling);
    let progress = Progress::new(0, "parts");
    let name = |part: &str| progress.begin(part);
    let load = Load::new();
    let others = || load.others();
    let mut session = Session::new(
        &gpu,
        effort.clone(),
        extent,
        &stop::asked,
        &name,
        HostLoad::from_fn(&others),
    );
    let ended = session.run().await;
    let figures = session.figures().clone();
    drop(progress);
    let how = Circumstances {
        options: &effort,
        scope: extent,
        host: host::host(began.0, &gpu),
        note: arguments.note,
        lasted: began.1.elapsed(),
    };
    let report = figures.report(&gpu, how);
    show(&ridgepoint::render::roofline(&report));
    if let (Some(path), Some(mut sink)) = (&arguments.json, sink) {
        sink.write(report.to_json().as_bytes())?;
        if !is_stdout(path) {
            tell(&format!("results: {}", path.display()));
        }
    }
    if let Some(page) = &mut page {
        page.save(Results::Roofline(Box::new(report.clone())))?;
    }
    ended?;
    if let Some(page) = page {
        page.open();
    }
    let bad = |status: Status| matches!(status, Status::Failed | Status::TimedOut);
    let failed = report.ceilings.iter().any(|c| bad(c.status));
    Ok(if failed { FAILED } else { OK })
}
