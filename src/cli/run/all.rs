//! `ridgepoint run --adapter all`: every adapter of this machine, one after the other, each in a process of its own. A driver
//! that crashes takes its own rows with it, and not the run.

use super::super::args::{AdapterArguments, RunArguments};
use super::super::output::read;
use super::super::page::show;
use super::super::progress::{print, say, tell};
use super::super::results::unused;
use super::super::selection::selection;
use super::super::{BAD_INPUT, FAILED, OK, stop};
use jiff::Timestamp;
use ridgepoint::compare::Comparison;
use ridgepoint::gpu::adapters;
use ridgepoint::render::{Comparing, Subject};
use ridgepoint::report::{AdapterSummary, Input};
use ridgepoint::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Runs on each adapter that can compute, compares the results, and returns the worst exit status.
pub(super) async fn all(arguments: &RunArguments, adapter: &AdapterArguments) -> Result<u8> {
    refuse(arguments)?;
    selection(arguments)?;
    let any = AdapterArguments {
        adapter: None,
        ..adapter.clone()
    };
    let backends = any.wanted()?.options.backends;
    let found = adapters(backends).await;
    if found.is_empty() {
        let names = backends.iter_names().map(|(name, _)| name.to_lowercase());
        let backends = names.collect::<Vec<_>>().join(", ");
        return Err(Error::NoAdapter { backends });
    }
    stop::listen();
    let own = without_adapter(std::env::args_os().skip(1));
    let mut worst = OK;
    let mut paths = Vec::new();
    for (index, summary) in found.iter().enumerate() {
        if stop::asked() {
            break;
        }
        if let Some(reason) = summary.unable() {
            say(&format!("warning: {} is left out: {reason}", summary.name));
            // It comes last, so that none can compute where the first cannot.
            worst = worst.max(if index == 0 { BAD_INPUT } else { OK });
            continue;
        }
        let path = unused(&summary.name, Timestamp::now(), "");
        let status = one(&own, index, &path)?;
        worst = worst.max(told(summary, status));
        paths.push(path);
    }
    // A process that ended before its first row left no file, or a file without rows.
    paths.retain(|path| path.is_file());
    let inputs = read(&paths)?;
    if inputs.len() > 1 {
        print("");
        show_comparison(&inputs);
    }
    if stop::asked() {
        return Err(Error::Interrupted);
    }
    Ok(worst)
}

/// Shows `inputs` side by side.
pub(super) fn show_comparison(inputs: &[Input]) {
    let comparing = Comparing {
        comparison: Comparison::new(inputs),
        statistics: false,
    };
    comparing.documents().iter().for_each(show);
}

/// Refuses options that name one file, since each adapter has its own.
fn refuse(arguments: &RunArguments) -> Result<()> {
    let named = [
        ("--json", arguments.json.is_some()),
        ("--html", arguments.page.html.is_some()),
    ];
    let suite = arguments.suite_file.as_deref();
    if suite == Some(Path::new("-")) {
        return Err(Error::Argument {
            argument: "--suite-file -".to_owned(),
            reason: "with `--adapter all` each adapter reads the suite; name a file".to_owned(),
        });
    }
    match named.into_iter().find(|(_, is_given)| *is_given) {
        Some((argument, _)) => Err(Error::Argument {
            argument: argument.to_owned(),
            reason:
                "with `--adapter all` each adapter has a file of its own, whose name is printed"
                    .to_owned(),
        }),
        None => Ok(()),
    }
}

/// Runs this program with the arguments `own` on one adapter.
fn one(own: &[OsString], index: usize, path: &PathBuf) -> Result<ExitStatus> {
    let failed = |error: std::io::Error| Error::File {
        path: "this program".to_owned(),
        reason: format!("it cannot be started again: {error}"),
    };
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    let has_command = own.iter().any(|argument| argument == "run");
    if !has_command {
        command.arg("run");
    }
    command.args(own).arg("--adapter").arg(index.to_string());
    command.arg("--json").arg(path);
    command.status().map_err(failed)
}

/// Says how the process of an adapter ended, where it ended badly, and returns its exit status.
fn told(summary: &AdapterSummary, status: ExitStatus) -> u8 {
    match status.code() {
        Some(0) => OK,
        Some(code) => {
            tell(&format!("{}: exit status {code}", summary.name));
            u8::try_from(code).unwrap_or(FAILED)
        }
        None => {
            say(&format!(
                "error: {}: the process was ended, {status}: its driver may have crashed; rows measured before are kept",
                summary.name
            ));
            FAILED
        }
    }
}

/// Arguments of the program without those that choose the adapter.
fn without_adapter(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if text == "--adapter" {
            arguments.next();
        } else if !text.starts_with("--adapter=") {
            kept.push(argument);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adapter_alone_is_left_out() {
        let of = |texts: &[&str]| -> Vec<String> {
            let arguments = texts.iter().map(OsString::from);
            let kept = without_adapter(arguments).into_iter();
            kept.map(|argument| argument.into_string().unwrap())
                .collect()
        };
        assert_eq!(
            of(&["--adapter", "all", "run", "--suite", "quick"]),
            ["run", "--suite", "quick"]
        );
        assert_eq!(
            of(&["run", "--adapter=all", "--note", "all"]),
            ["run", "--note", "all"]
        );
    }
}
