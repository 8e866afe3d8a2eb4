//! The file that the results of a run are written to, as they come, and their page.

use super::output::{self, is_same};
use super::progress;
use jiff::Timestamp;
use ridgepoint::render::{Reports, format};
use ridgepoint::report::{Input, Report, Results};
use ridgepoint::text::file_safe;
use ridgepoint::{Error, Result, files};
use std::path::{Path, PathBuf};

const FOLDER: &str = "ridgepoint-results";

/// The results file of one run.
#[derive(Debug)]
pub(crate) struct ResultsFile {
    path: PathBuf,
    /// Whether the last attempt to write it went wrong.
    failed: bool,
}

impl ResultsFile {
    /// Chooses the file and writes `report` as it is so far, so that a folder that cannot be written is reported before
    /// hours of work and not after.
    pub(crate) fn create(wanted: Option<PathBuf>, began: Timestamp, report: &Report) -> Self {
        let path = wanted.unwrap_or_else(|| unused(&report.adapter.name, began));
        let mut file = Self {
            path,
            failed: false,
        };
        file.save(report);
        file
    }

    /// Writes `report` over the file. Of several failures in a row, only the first is reported.
    pub(crate) fn save(&mut self, report: &Report) {
        let written = write(&self.path, report);
        if let Err(error) = &written
            && !self.failed
        {
            progress::say(&format!(
                "warning: the results cannot be saved: {error}; name a file that can be written with `--json FILE` \
                 (the results are printed all the same)"
            ));
        }
        self.failed = written.is_err();
    }

    /// The file, whether or not it could be written.
    fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it holds all that was given to [`ResultsFile::save`].
    pub(crate) fn saved(&self) -> Option<&Path> {
        (!self.failed).then_some(&self.path)
    }
}

/// The page of the results of one run.
#[derive(Debug)]
pub(crate) struct ResultsPage {
    path: PathBuf,
    /// Name of the file of the same results.
    results: String,
}

impl ResultsPage {
    /// Writes `report` as it is so far, so that a page that cannot be written is reported before hours of work.
    ///
    /// # Errors
    /// [`Error::Argument`] for the file of the results themselves; [`Error::File`] for one that cannot be written.
    pub(crate) fn create(path: PathBuf, file: &ResultsFile, report: &Report) -> Result<Self> {
        if is_same(&path, file.path()) {
            return Err(Error::Argument {
                argument: format!("--html {}", path.display()),
                reason: "this is the file of the results in JSON; name another".to_owned(),
            });
        }
        let results = file.path().display().to_string();
        let page = Self { path, results };
        page.save(report)?;
        Ok(page)
    }

    /// Writes the page of `report` over the file.
    ///
    /// # Errors
    /// [`Error::File`] for one that cannot be written.
    pub(crate) fn save(&self, report: &Report) -> Result<()> {
        let inputs = [Input {
            name: self.results.clone(),
            results: Results::Run(Box::new(report.clone())),
        }];
        output::write(format("html")?, &Reports(&inputs), &self.path)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn write(path: &Path, report: &Report) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::File {
            path: folder.display().to_string(),
            reason: if folder.is_file() {
                "this is a file, a folder is needed here".to_owned()
            } else {
                e.to_string()
            },
        })?;
    }
    files::replace(path, report.to_json())
}

/// An unused path for a run on `adapter` that began at `began`; a second run within the same second gets another path.
pub(crate) fn unused(adapter: &str, began: Timestamp) -> PathBuf {
    let stem = format!(
        "{}-{}",
        file_safe(adapter),
        began.strftime("%Y%m%dT%H%M%SZ")
    );
    let name = |suffix: String| Path::new(FOLDER).join(format!("{stem}{suffix}.json"));
    let mut path = name(String::new());
    let mut count = 2;
    while path.exists() {
        path = name(format!("-{count}"));
        count += 1;
    }
    path
}
