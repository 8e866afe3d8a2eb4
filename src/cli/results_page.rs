//! The page of a measurement, written at its end.

use super::args::PageArguments;
use super::output::{self, is_same};
use super::progress::{say, tell};
use super::results::{make_folder, page_of};
use super::sink::{Sink, require_plain};
use ridgepoint::files::is_stdout;
use ridgepoint::render::{Reports, format};
use ridgepoint::report::{Input, Results};
use ridgepoint::{Error, Result};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The file of the same results in JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Beside<'a> {
    /// A file that the user named.
    Named(&'a Path),
    /// The place where results go by themselves.
    Default(&'a Path),
}

/// The page of the results of one measurement.
#[derive(Debug)]
pub(crate) struct ResultsPage {
    path: PathBuf,
    sink: Sink,
    /// Name of the file of the same results.
    results: String,
    is_opened: bool,
}

impl ResultsPage {
    /// The page that was asked for, or that somebody at a terminal gets; `None` where neither is so. A page that cannot be
    /// written is reported now rather than after hours of work.
    ///
    /// # Errors
    /// [`Error::Argument`] for the file of the results themselves; [`Error::File`] for one that cannot be written.
    pub(crate) fn new(arguments: PageArguments, json: Beside<'_>) -> Result<Option<Self>> {
        let is_asked = arguments.html.is_some() || arguments.open;
        let (Beside::Named(file) | Beside::Default(file)) = json;
        let is_default = matches!(json, Beside::Default(_)) && std::io::stdout().is_terminal();
        if !is_asked && !is_default {
            return Ok(None);
        }
        if arguments.open {
            match (&arguments.html, json) {
                (Some(path), _) => require_plain("--open with --html", path)?,
                (None, Beside::Named(path)) => require_plain("--open with --json", path)?,
                (None, Beside::Default(_)) => {}
            }
        }
        let path = arguments.html.unwrap_or_else(|| page_of(file));
        if is_same(&path, file) || is_stdout(&path) && is_stdout(file) {
            return Err(Error::Argument {
                argument: format!("--html {}", path.display()),
                reason: "this is the file of the results in JSON; name another".to_owned(),
            });
        }
        match sink(&path, json) {
            Ok(sink) => Ok(Some(Self {
                path,
                sink,
                results: file.display().to_string(),
                is_opened: arguments.open,
            })),
            Err(error) if is_asked => Err(error),
            Err(error) => {
                say(&format!(
                    "warning: there will be no page: {error}; name a file that can be written with `--html FILE`"
                ));
                Ok(None)
            }
        }
    }

    /// Writes the page of `results`, and tells its path.
    ///
    /// # Errors
    /// [`Error::File`] for one that cannot be written.
    pub(crate) fn save(&mut self, results: Results) -> Result<()> {
        let inputs = [Input {
            name: self.results.clone(),
            results,
        }];
        let page = output::bytes(format("html")?, &Reports(&inputs))?;
        self.sink.write(&page)?;
        if !is_stdout(&self.path) {
            tell(&format!("page: {}", self.path.display()));
        }
        Ok(())
    }

    /// Opens the page in the browser, where that was asked for.
    pub(crate) fn open(&self) {
        if !self.is_opened {
            return;
        }
        if let Err(error) = opener::open(&self.path) {
            say(&format!(
                "warning: the page cannot be opened here: {error}; open {} in a browser",
                self.path.display()
            ));
        }
    }
}

/// Place of the page at `path`.
fn sink(path: &Path, json: Beside<'_>) -> Result<Sink> {
    if matches!(json, Beside::Default(file) if file.parent() == path.parent()) {
        make_folder(path)?;
    }
    Sink::open(path)
}
