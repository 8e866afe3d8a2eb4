//! The command line: parse, call the library, print. Results go to stdout, everything else to stderr.

mod adapter;
mod args;
mod check;
mod compare;
mod constants;
mod driver;
mod explain;
mod generated;
#[cfg(feature = "history")]
mod history;
mod host;
mod input;
mod list;
mod load;
mod operation;
mod output;
mod page;
mod progress;
mod report;
mod results;
mod results_page;
mod roofline;
mod run;
mod selection;
mod sensors;
mod shader;
mod sink;
mod soak;
mod stop;
mod suite_file;
mod sweep;
mod tune;
mod tunings;

use args::{Arguments, Command, RunArguments};
use clap::Parser;
use ridgepoint::{Error, Result};
use std::process::ExitCode;

/// Success.
const OK: u8 = 0;
/// A gate failed, or a row has no result or a wrong result.
const FAILED: u8 = 1;
/// A request that cannot be carried out; clap exits with this status too.
const BAD_INPUT: u8 = 2;

/// Runs the program, and returns its exit status.
pub(crate) fn main() -> ExitCode {
    quieten_layer();
    let arguments = Arguments::parse();
    progress::set_quiet(arguments.quiet);
    // Colours in the log would need a terminal, and a pipe is what the log is written to.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        .target(env_logger::Target::Pipe(Box::new(progress::Log)))
        .init();
    let status = pollster::block_on(execute(arguments)).unwrap_or_else(|error| {
        progress::say(&format!("error: {error}"));
        status_of(&error)
    });
    if status == OK && progress::output_lost() {
        return ExitCode::from(FAILED);
    }
    ExitCode::from(status)
}

/// Keeps Mesa's layer that orders devices from looking for a desktop session where there is none: it complains on stderr, and
/// adapters are ordered here anyway.
fn quieten_layer() {
    let is_set = |name| std::env::var_os(name).is_some();
    if !is_set("XDG_RUNTIME_DIR") && !is_set("NODEVICE_SELECT") {
        // SAFETY: the program has one thread as yet, so that nobody reads the environment meanwhile.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

async fn execute(arguments: Arguments) -> Result<u8> {
    let default = || Command::Run(RunArguments::default());
    let command = arguments.command.unwrap_or_else(default);
    let adapter = arguments.adapter;
    if adapter.are_all() && !matches!(command, Command::Run(_)) {
        return Err(Error::Argument {
            argument: "--adapter all".to_owned(),
            reason: "`run` alone measures all adapters; name one".to_owned(),
        });
    }
    let wanted = || adapter.wanted();
    match command {
        Command::List(list) => list::list(&list, &wanted()?).await,
        Command::Check(check) => check::check(check, &wanted()?).await,
        // Boxed: it is far larger than the others.
        Command::Run(run) => Box::pin(run::run(run, &adapter)).await,
        Command::Tune(arguments) => tune::tune(arguments, &wanted()?).await,
        Command::Roofline(arguments) => roofline::roofline(arguments, &wanted()?).await,
        Command::Compare(arguments) => {
            adapter.refuse()?;
            compare::compare(arguments)
        }
        Command::Report(report) => {
            adapter.refuse()?;
            report::report(report)
        }
        #[cfg(feature = "history")]
        Command::History(arguments) => history::history(arguments, &adapter),
        Command::Shader(arguments) => shader::shader(arguments, &wanted()?).await,
        Command::Explain(arguments) => explain::explain(arguments, &wanted()?).await,
        Command::Sweep(arguments) => sweep::sweep(arguments, &wanted()?).await,
        Command::Soak(arguments) => Box::pin(soak::soak(arguments, &wanted()?)).await,
        Command::Completions(arguments) => Ok(generated::completions(&arguments)),
        Command::Man(arguments) => generated::man(&arguments),
    }
}

fn status_of(error: &Error) -> u8 {
    match error {
        Error::Interrupted => stop::INTERRUPTED,
        Error::DeviceLost { .. }
        | Error::DeviceGivenUp { .. }
        | Error::Gpu { .. }
        | Error::OutOfMemory { .. }
        | Error::Shader { .. }
        | Error::TimedOut { .. } => FAILED,
        _ => BAD_INPUT,
    }
}
