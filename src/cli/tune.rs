//! `ridgepoint tune`: class after class, printed and kept as they come.

use super::args::TuneArguments;
use super::input;
use super::page::{page, show, show_section};
use super::progress::{Progress, print, say, tell};
use super::sink;
use super::{FAILED, OK, adapter, stop, tunings};
use ridgepoint::files::is_stdout;
use ridgepoint::ops::family;
use ridgepoint::plan::Store;
use ridgepoint::render::{self, Page, Section, terminal};
use ridgepoint::report::{Machine, Results, Tuned};
use ridgepoint::tune::{Event, Job, TuneOptions, Tuner, tunable, without_classes};
use ridgepoint::{Dtype, Error, Gpu, GpuOptions, Result, Tuning};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Searches, or shows, exports or imports what is kept; returns the exit status.
pub(crate) async fn tune(arguments: TuneArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let store = arguments.cache.store()?;
    // Wrong arguments are reported before an adapter is opened.
    asked(&arguments, dtypes(&arguments)[0])?;
    if let Some(path) = &arguments.import {
        let name = input::name(path);
        let text = input::text(path, Results::MOST_BYTES)?;
        let tuning = Tuning::parse(Path::new(&name), &text)?;
        let gpu = Gpu::open(&wanted.options).await?;
        let machine = Machine::of(gpu.summary());
        if let Some(difference) = tuning.machine.difference(&machine) {
            return Err(Error::File {
                path: name,
                reason: format!("{difference}; run `ridgepoint tune` for one of its own"),
            });
        }
        return import(&store, &gpu, tuning);
    }
    let gpu = Gpu::open(&wanted.options).await?;
    if arguments.show || arguments.export.is_some() {
        let tuning = tunings::required(&store, gpu.summary())?;
        if let Some(path) = &arguments.export {
            sink::write(path, tuning.to_json().as_bytes())?;
            if !is_stdout(path) {
                tell(&format!("written: {}", path.display()));
            }
        } else {
            let missing = unsearched(&arguments, &gpu, &tuning)?;
            show(&render::tuning(
                &tuning,
                &missing,
                &gpu.summary().describe(),
            ));
        }
        return Ok(OK);
    }
    tell(&format!("tuning {}, {}", gpu.summary().name, wanted.why));
    stop::listen();
    show_section(&Section::paragraph(gpu.summary().describe()));
    print("");
    search(&arguments, &store, gpu, wanted.options.clone()).await
}

/// Operations that the arguments ask for, with `dtype`: a family each, and a job where a shape is given.
fn asked(arguments: &TuneArguments, dtype: Dtype) -> Result<Vec<Wanted>> {
    if arguments.op.is_empty() {
        // Operations that take most of the time of a model come first: a short search may not reach all classes.
        let mut families: Vec<Wanted> = tunable().map(|family| (family, None)).collect();
        families.reverse();
        return Ok(families);
    }
    let one = |text: &String| {
        let (name, shape) = match text.split_once(':') {
            Some((name, shape)) => (name, Some(shape)),
            None => (text.as_str(), None),
        };
        let family = family(name)?;
        let shape = shape.map(|shape| {
            let operation = (family.parse)(shape, dtype)?;
            operation.validate()?;
            Job::of(operation)
        });
        match family.classes {
            [] => Err(without_classes(family)),
            _ => Ok((family, shape.transpose()?)),
        }
    };
    arguments.op.iter().map(one).collect()
}

type Wanted = (&'static ridgepoint::ops::Family, Option<Job>);

/// The element types that are asked for; f32 where none are.
fn dtypes(arguments: &TuneArguments) -> Vec<Dtype> {
    match arguments.dtype.as_slice() {
        [] => vec![Dtype::F32],
        asked => asked.iter().map(|dtype| (*dtype).into()).collect(),
    }
}

/// The classes that are asked for, of each element type that the adapter has: the first of each operation, then the second of
/// each, so that a search that is too short to look at all looks at some of every operation.
fn jobs(arguments: &TuneArguments, gpu: &Gpu) -> Result<Vec<Job>> {
    let mut dtypes = dtypes(arguments);
    let features = gpu.capabilities().features;
    if arguments.dtype.is_empty() && features.contains(wgpu::Features::SHADER_F16) {
        dtypes.push(Dtype::F16);
    }
    let mut jobs = Vec::new();
    for dtype in dtypes {
        for (family, own) in asked(arguments, dtype)? {
            match own {
                Some(job) => jobs.push((0, job)),
                None => match Job::all(family, dtype, gpu.capabilities().kind) {
                    // An operation that lacks an element type is tuned for the types that it has.
                    Err(Error::Unsupported { .. }) if arguments.dtype.is_empty() => {}
                    found => jobs.extend(found?.into_iter().enumerate()),
                },
            }
        }
    }
    jobs.sort_by_key(|(place, _)| *place);
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}

/// Printer and store of a search: prints each result, and keeps it.
struct Keeper<'a> {
    store: &'a Store,
    machine: Machine,
    progress: Progress,
    page: Page,
    table: terminal::Stream,
    /// Classes that were searched this time, and those for which there was no time.
    found: Vec<Tuned>,
    unsearched: Vec<String>,
    status: u8,
}

impl Keeper<'_> {
    fn hear(&mut self, event: Event) -> Result<()> {
        self.progress.advance();
        match event {
            Event::Begins(step) => self.progress.begin(&step),
            Event::WithoutCeilings(reason) => {
                say(&format!(
                    "no ceilings: {reason}; what classes can gain is assumed"
                ));
            }
            Event::Found(found) => {
                print(&self.table.line(&render::tuned(&found)));
                self.store.add(&self.machine, [(*found).clone()])?;
                self.found.push(*found);
            }
            Event::Failed {
                class,
                error: error @ Error::Unsupported { .. },
            } => self.remark(&format!("{class}: {error}")),
            Event::Failed { class, error } => {
                self.remark(&format!("{class}: failed: {error}"));
                self.status = FAILED;
            }
            Event::Unsearched(classes) => self.unsearched = classes,
        }
        Ok(())
    }

    fn remark(&self, text: &str) {
        print(&terminal::paragraph("    ", text, &self.page));
    }
}

async fn search(
    arguments: &TuneArguments,
    store: &Store,
    gpu: Gpu,
    reopen: GpuOptions,
) -> Result<u8> {
    let jobs = jobs(arguments, &gpu)?;
    let machine = Machine::of(gpu.summary());
    // A folder that cannot be written is reported before minutes of work and not after.
    let path = added(store, &gpu, [])?;
    let options = TuneOptions {
        time: Duration::from_secs_f64(60.0 * arguments.minutes),
        seed: arguments.data.seed,
        checks: arguments.data.checks.into(),
    };
    let (page, columns) = (page(), render::tuned_columns());
    let mut keeper = Keeper {
        store,
        machine,
        progress: Progress::within(options.time),
        table: terminal::Stream::new(columns.clone(), &page),
        page,
        found: Vec::new(),
        unsearched: Vec::new(),
        status: OK,
    };
    let mut tuner = Tuner::new(gpu, reopen, options, &stop::asked);
    let ended = tuner.search(jobs, &mut |event| keeper.hear(event)).await;
    let Keeper {
        progress,
        found,
        unsearched,
        status,
        ..
    } = keeper;
    drop(progress);
    if let Err(error) = ended {
        tell(&format!("kept so far: {}", path.display()));
        return Err(error);
    }
    print("");
    if !found.is_empty() {
        show_section(&Section::paragraph(render::legend(&columns)));
    }
    show_section(&Section::paragraph(render::tuned_summary(
        &found,
        &unsearched,
    )));
    tell(&format!("kept: {}", path.display()));
    Ok(status)
}

/// Classes of the adapter that `tuning` lacks.
fn unsearched(arguments: &TuneArguments, gpu: &Gpu, tuning: &Tuning) -> Result<Vec<String>> {
    let mut names: Vec<String> = jobs(arguments, gpu)?.iter().map(Job::name).collect();
    names.retain(|name| !tuning.found.iter().any(|tuned| tuned.name() == *name));
    Ok(names)
}

fn import(store: &Store, gpu: &Gpu, tuning: Tuning) -> Result<u8> {
    let words = tuning.counts();
    let path = added(store, gpu, tuning.found)?;
    tell(&format!("imported {words}; kept: {}", path.display()));
    Ok(OK)
}

/// Keeps `found` for the adapter, and returns the file. A file that is there and cannot be read is reported, and replaced.
fn added(store: &Store, gpu: &Gpu, found: impl IntoIterator<Item = Tuned>) -> Result<PathBuf> {
    if let Err(error) = store.load(gpu.summary()) {
        say(&format!("warning: {error}; what is found now replaces it"));
    }
    store.add(&Machine::of(gpu.summary()), found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Arguments, Command};
    use clap::Parser;

    fn parsed(words: &[&str]) -> TuneArguments {
        let all = ["ridgepoint", "tune"].iter().chain(words);
        match Arguments::parse_from(all).command {
            Some(Command::Tune(arguments)) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn operations_without_classes_and_shapes_that_are_none_are_refused() {
        let refused = |op: &str| {
            let error = asked(&parsed(&["--op", op]), Dtype::F32).unwrap_err();
            error.to_string()
        };
        assert!(refused("softmaxx").contains("did you mean softmax?"));
        assert!(refused("fma").contains("fma has no classes of shapes to tune; these have: copy"));
        assert!(refused("matmul:3x4").contains("is no shape of matmul"));
        let own = asked(&parsed(&["--op", "matmul:300x200x100+tb"]), Dtype::F32).unwrap();
        assert_eq!(own[0].1.as_ref().unwrap().class, "square_small+tb");
        assert!(!asked(&parsed(&[]), Dtype::F32).unwrap().is_empty());
    }
}
