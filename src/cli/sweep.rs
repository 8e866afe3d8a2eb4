//! `ridgepoint sweep`: the time of a kernel with every combination of constants, for whoever writes or tunes one.

mod combinations;
mod compile;
mod files_of;
mod subject;
mod timing;

pub(crate) use combinations::{Axis, axis};

use super::args::SweepArguments;
use super::progress::{Progress, print, tell};
use super::{FAILED, OK, adapter, constants, driver, operation, stop};
use combinations::combinations;
use compile::compile_all;
use ridgepoint::bench::OperandBuffers;
use ridgepoint::compiler::Compiler;
use ridgepoint::gpu::{Capabilities, presumed};
use ridgepoint::kernel::Constants;
use ridgepoint::plan::choose;
use ridgepoint::shader::Checks;
use ridgepoint::{Dtype, Error, Gpu, Operation, PlanOptions, Result};
use subject::{Subject, Trial};
use timing::Timed;

/// Columns of a line's constants.
const WIDTH: usize = 60;

/// Times every combination, prints lines with the fastest last, and returns the exit status.
pub(crate) async fn sweep(arguments: SweepArguments, wanted: &adapter::Wanted) -> Result<u8> {
    // Wrong arguments are reported before an adapter is opened.
    let operation = operation::parse(&arguments.operation, Dtype::from(arguments.dtype))?;
    let operation = operation.as_ref();
    let family = operation.family();
    let subject = Subject::parse(
        &arguments.kernel,
        family,
        arguments.place.as_deref(),
        operation,
    )?;
    check_arguments(&arguments, &subject)?;
    let checks = checks(&arguments);
    let combinations: Vec<Constants> = combinations(&arguments.constants)?
        .iter()
        .map(|one| constants::resolve(one, family, subject.kernel()))
        .collect::<Result<_>>()?;
    if let Some(driver_of) = &arguments.compile {
        if let Some(status) = driver::started_on(driver_of)? {
            return Ok(status);
        }
        let (adapter, device) = presumed(&wanted.options).await?;
        let compiler = Compiler::open(&adapter)?;
        stop::listen();
        let trials = trials(&arguments, operation, &subject, combinations, &device)?;
        head(
            operation,
            &format!("{}, {}", adapter.name, adapter.driver_info),
            checks,
        );
        let name_of = |trial: &Trial<'_>| name(&subject, trial);
        return compile_all(operation, &device, &compiler, checks, &trials, name_of);
    }
    let gpu = Gpu::open(&wanted.options).await?;
    tell(&format!("measuring {}, {}", gpu.summary().name, wanted.why));
    stop::listen();
    let device = gpu.capabilities();
    let trials = trials(&arguments, operation, &subject, combinations, device)?;
    head(operation, &gpu.summary().name, checks);
    let spaces = timing::spaces(&gpu, operation, arguments.flushed).await?;
    time_all(&gpu, operation, &arguments, &subject, &trials, &spaces).await
}

/// Trials of `subject` on `device`; says which kernel is the library's choice, where that is the subject.
fn trials<'a>(
    arguments: &SweepArguments,
    operation: &'a dyn Operation,
    subject: &Subject,
    combinations: Vec<Constants>,
    device: &Capabilities,
) -> Result<Vec<Trial<'a>>> {
    if let Subject::Chosen = subject {
        let choice = choose(operation, &PlanOptions::default(), device)?;
        print(&format!("# {}: {}", choice.kernel.name, choice.reason));
        // A constant of another kernel of the operation would fail once for each combination.
        for (name, _) in combinations.iter().flatten() {
            constants::name(name, operation.family(), Some(choice.kernel))?;
        }
    }
    subject.trials(operation, device, combinations, arguments.most)
}

/// Prints the subject of all lines.
fn head(operation: &dyn Operation, device: &str, checks: Checks) {
    print(&format!(
        "# {} {} {}, {device}, checks {}",
        operation.family().name,
        operation.dtype().name(),
        operation.label(),
        if checks == Checks::On { "on" } else { "off" },
    ));
}

/// Name of a trial in its line: its constants, after its kernel where trials have several.
fn name(subject: &Subject, trial: &Trial<'_>) -> String {
    let kernel = match subject {
        Subject::Candidates => trial.candidate.kernel().name.to_owned() + " ",
        _ => String::new(),
    };
    kernel + &in_order(&trial.constants)
}

/// Refuses options that cannot be combined with the others.
fn check_arguments(arguments: &SweepArguments, subject: &Subject) -> Result<()> {
    let refuse = |argument: &str, reason: &str| {
        Err(Error::Argument {
            argument: argument.to_owned(),
            reason: reason.to_owned(),
        })
    };
    let is_search = matches!(subject, Subject::Candidates);
    if is_search && !arguments.constants.is_empty() {
        return refuse(
            "candidates",
            "they have constants of their own; name a kernel to set some",
        );
    }
    if !is_search && arguments.most.is_some() {
        return refuse("--most", "only `candidates` are counted");
    }
    if arguments.place.is_some() && !matches!(subject, Subject::Files { is_file: true, .. }) {
        return refuse("--as", "only a file takes the place of a kernel");
    }
    Ok(())
}

/// Times `trials`, and returns the exit status: failed where a result was wrong or no trial has a time.
async fn time_all(
    gpu: &Gpu,
    operation: &dyn Operation,
    arguments: &SweepArguments,
    subject: &Subject,
    trials: &[Trial<'_>],
    spaces: &[OperandBuffers],
) -> Result<u8> {
    let progress = Progress::new(trials.len(), "combinations");
    progress.start();
    let mut lines: Vec<(f64, String)> = Vec::new();
    let (mut status, mut ended) = (OK, Ok(()));
    for trial in trials {
        let text = name(subject, trial);
        progress.begin(&text);
        let timed = if stop::asked() {
            Err(Error::Interrupted)
        } else {
            timed(gpu, operation, arguments, trial, spaces).await
        };
        progress.end();
        match timed {
            Ok(Timed { seconds, figures }) => {
                lines.push((seconds, format!("{text:WIDTH$} {figures}")));
            }
            Err(error) if error.ends_run() => {
                ended = Err(error);
                break;
            }
            Err(error) => {
                let is_lacking =
                    matches!(error, Error::Unsupported { .. } | Error::TooLarge { .. });
                if !is_lacking {
                    status = FAILED;
                }
                print(&format!("{text:WIDTH$} {}", shortened(&error)));
            }
        }
    }
    drop(progress);
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, line) in &lines {
        print(line);
    }
    ended?;
    Ok(if lines.is_empty() { FAILED } else { status })
}

async fn timed(
    gpu: &Gpu,
    operation: &dyn Operation,
    arguments: &SweepArguments,
    trial: &Trial<'_>,
    spaces: &[OperandBuffers],
) -> Result<Timed> {
    let options = PlanOptions {
        constants: trial.constants.clone(),
        checks: checks(arguments),
        ..PlanOptions::default()
    };
    if arguments.longest {
        timing::longest_dispatch(gpu, operation, trial, &options, spaces).await
    } else {
        timing::whole(gpu, operation, trial, &options, spaces).await
    }
}

fn checks(arguments: &SweepArguments) -> Checks {
    if arguments.checks {
        Checks::On
    } else {
        Checks::Off
    }
}

/// Constants in the order in which they were given, which is the order of the loops.
fn in_order(constants: &Constants) -> String {
    let words = constants
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    words.collect::<Vec<_>>().join(" ")
}

/// The first line of an error; all lines of a shader's error, since its caret points into the text.
fn shortened(error: &Error) -> String {
    let text = error.to_string();
    match error {
        Error::Shader { .. } => text.trim_end().to_owned(),
        _ => text.lines().next().unwrap_or_default().to_owned(),
    }
}
