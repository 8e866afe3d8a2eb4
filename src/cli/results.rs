//! The file that the results of a run are written to, as they come.

use super::progress;
use jiff::Timestamp;
use ridgepoint::report::Report;
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
        let path = wanted.unwrap_or_else(|| unused(&report.adapter.name, began, ""));
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
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it holds all that was given to [`ResultsFile::save`].
    pub(crate) fn saved(&self) -> Option<&Path> {
        (!self.failed).then_some(&self.path)
    }
}

fn write(path: &Path, report: &Report) -> Result<()> {
    make_folder(path)?;
    files::replace(path, report.to_json())
}

/// Makes the folder of `path` where it is missing.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|e| Error::File {
        path: folder.display().to_string(),
        reason: if folder.is_file() {
            "this is a file, a folder is needed here".to_owned()
        } else {
            e.to_string()
        },
    })
}

/// An unused path for results of `adapter` whose measurement began at `began`, with `kind` at the end of the name; a second
/// measurement within the same second gets another path.
pub(crate) fn unused(adapter: &str, began: Timestamp, kind: &str) -> PathBuf {
    let stem = format!(
        "{}-{}{kind}",
        file_safe(adapter),
        began.strftime("%Y%m%dT%H%M%SZ")
    );
    let name = |suffix: String| Path::new(FOLDER).join(format!("{stem}{suffix}.json"));
    let mut path = name(String::new());
    let mut count = 2;
    while path.exists() || path.with_extension("html").exists() {
        path = name(format!("-{count}"));
        count += 1;
    }
    path
}
