//! `ridgepoint history`: results of many runs in one file of `SQLite`. No adapter is asked.

mod arguments;
mod database;
mod listing;
mod measurements;
mod trend;

use super::OK;
use super::args::AdapterArguments;
use super::output::{Output, read_bytes};
use super::progress::{print, tell};
use database::Database;
use listing::Listing;
use ridgepoint::files::{UserFolder, variable};
use ridgepoint::render::Reports;
use ridgepoint::text::visible;
use ridgepoint::{Error, Result};
use std::path::{Path, PathBuf};

pub(crate) use arguments::HistoryArguments;
use arguments::HistoryCommand;

/// The variable that names the file in place of the user's folder.
const VARIABLE: &str = "RIDGEPOINT_HISTORY";

/// Carries out a command, and returns the exit status.
pub(crate) fn history(arguments: HistoryArguments, adapter: &AdapterArguments) -> Result<u8> {
    if !matches!(arguments.command, HistoryCommand::Trend { .. }) || adapter.backend.is_some() {
        adapter.refuse()?;
    }
    let file = match arguments.history {
        Some(file) => file,
        None => of_user()?,
    };
    match arguments.command {
        HistoryCommand::Add { files } => add(&file, &files)?,
        HistoryCommand::List { output } => {
            let output = Output::new(output, std::slice::from_ref(&file))?;
            output.write(&Listing(Database::existing(&file)?.runs()?))?;
        }
        HistoryCommand::Show { run, output } => {
            let output = Output::new(output, std::slice::from_ref(&file))?;
            let input = Database::existing(&file)?.input(&run)?;
            output.write(&Reports(&[input]))?;
        }
        HistoryCommand::Trend { row, output } => {
            let output = Output::new(output, std::slice::from_ref(&file))?;
            let database = Database::existing(&file)?;
            output.write(&trend::trend(&database, &row, adapter.adapter.as_deref())?)?;
        }
    }
    Ok(OK)
}

/// The file that the variable names, or `history.sqlite` in the user's folder for data.
fn of_user() -> Result<PathBuf> {
    if let Some(file) = variable(VARIABLE) {
        return Ok(file.into());
    }
    let folder = UserFolder::Data.find(&variable, std::env::consts::OS);
    let folder = folder.ok_or_else(|| Error::File {
        path: "the history".to_owned(),
        reason: format!(
            "the environment names no home; name a file with `--history FILE` or {VARIABLE}"
        ),
    })?;
    Ok(folder.join("history.sqlite"))
}

/// Adds all of `files`, or none where one of them cannot be read.
fn add(history: &Path, files: &[PathBuf]) -> Result<()> {
    let inputs = files
        .iter()
        .map(|path| read_bytes(path))
        .collect::<Result<Vec<_>>>()?;
    let added = Database::open(history)?.add(&inputs)?;
    for (added, (input, _)) in added.iter().zip(&inputs) {
        let what = if added.is_new {
            "added"
        } else {
            "already there"
        };
        print(&format!(
            "{} {}: {what}",
            added.number,
            visible(&input.name)
        ));
    }
    tell(&format!(
        "history: {}",
        visible(&history.display().to_string())
    ));
    Ok(())
}
