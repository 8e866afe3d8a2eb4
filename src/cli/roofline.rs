//! `ridgepoint roofline`: what this adapter can reach.

use super::args::RooflineArguments;
use super::load::Load;
use super::page::show;
use super::progress::{Progress, tell};
use super::{FAILED, OK, adapter, host, stop};
use jiff::Timestamp;
use ridgepoint::bench::HostLoad;
use ridgepoint::report::{ROOFLINE_SCHEMA, RooflineReport, RooflineSettings, Status, Tool};
use ridgepoint::roofline::{MeasuredRoofline, PROBE_FILES, ProbeOptions, Scope, Session};
use ridgepoint::{Error, Gpu, Result};
use std::path::Path;
use std::time::Instant;

/// Measures, prints, saves, and returns the exit status.
pub(crate) async fn roofline(arguments: RooflineArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let began = (Timestamp::now(), Instant::now());
    if let Some(path) = &arguments.json {
        // A file that cannot be written is reported now rather than after a minute of measuring.
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        file.map_err(|e| cannot_write(path, &e))?;
    }
    let mut options = wanted.options.clone();
    options.features |= ridgepoint::roofline::FEATURES;
    let gpu = Gpu::open(&options).await?;
    tell(&format!("measuring {}, {}", gpu.summary().name, wanted.why));
    stop::listen();
    let extent = if arguments.quick {
        Scope::Quick
    } else {
        Scope::Full
    };
    let effort = ProbeOptions::of(gpu.capabilities().kind, extent, arguments.seed);
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
    let report = report(&arguments, &gpu, &effort, figures, began);
    show(&ridgepoint::render::roofline(&report));
    if let Some(path) = &arguments.json {
        write(path, &report)?;
        tell(&format!("results: {}", path.display()));
    }
    ended?;
    let bad = |status: Status| matches!(status, Status::Failed | Status::TimedOut);
    let failed = report.ceilings.iter().any(|c| bad(c.status));
    Ok(if failed { FAILED } else { OK })
}

fn report(
    arguments: &RooflineArguments,
    gpu: &Gpu,
    effort: &ProbeOptions,
    figures: MeasuredRoofline,
    began: (Timestamp, Instant),
) -> RooflineReport {
    let hashes = PROBE_FILES.iter().map(|file| {
        (
            file.shader.name.to_owned(),
            format!("{:016x}", file.shader.hash()),
        )
    });
    RooflineReport {
        schema: ROOFLINE_SCHEMA.to_owned(),
        tool: Tool::current(),
        host: host::host(began.0),
        adapter: gpu.summary().clone(),
        settings: RooflineSettings {
            quick: arguments.quick,
            seed: effort.seed,
            sampling: effort.sampling.clone(),
            pool_bytes: effort.copy_bytes,
            shader_hashes: hashes.collect(),
            note: arguments.note.clone(),
            lasted_s: began.1.elapsed().as_secs_f64(),
        },
        levels: figures.levels(gpu.capabilities()),
        ceilings: figures.ceilings,
        variants: figures.variants,
        sweep: figures.sweep,
        latency: figures.latency,
        system: figures.system,
        transfers: figures.transfers,
        warnings: super::run::warnings(gpu),
    }
}

fn write(path: &Path, report: &RooflineReport) -> Result<()> {
    std::fs::write(path, report.to_json()).map_err(|e| cannot_write(path, &e))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
