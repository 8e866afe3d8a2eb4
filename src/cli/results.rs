//! The file that the results of a run are written to, as they come.

use super::progress;
use super::sink::Sink;
use jiff::Timestamp;
use ridgepoint::files::is_stdout;
use ridgepoint::report::Report;
use ridgepoint::text::file_safe;
use ridgepoint::{Error, Result};
use std::path::{Path, PathBuf};

const FOLDER: &str = "ridgepoint-results";

/// The results file of one run.
#[derive(Debug)]
pub(crate) struct ResultsFile {
    path: PathBuf,
    /// The place that was opened; `None` before that, and where it could not be.
    sink: Option<Sink>,
    /// Whether the last attempt to write it went wrong.
    failed: bool,
}

impl ResultsFile {
    /// Chooses the file and writes `report` as it is so far, so that a folder that cannot be written is reported before
    /// hours of work and not after. What is no plain file is opened, and written at the end.
    pub(crate) fn create(wanted: Option<PathBuf>, began: Timestamp, report: &Report) -> Self {
        let path = wanted.unwrap_or_else(|| unused(&report.adapter.name, began, ""));
        let mut file = Self {
            path,
            sink: None,
            failed: false,
        };
        file.save(report);
        file
    }

    /// Writes `report` over a plain file. Of several failures in a row, only the first is reported.
    pub(crate) fn save(&mut self, report: &Report) {
        self.write(report, false);
    }

    /// Writes `report`, which is complete, to whatever the file is.
    pub(crate) fn finish(&mut self, report: &Report) {
        // A plain file was saved after the last row; a warning may have come since.
        self.write(report, true);
    }

    fn write(&mut self, report: &Report, is_last: bool) {
        let is_other = || self.path.metadata().is_ok_and(|found| !found.is_file());
        if self.failed && !is_last && is_other() {
            // A FIFO without a reader would be waited for after every row.
            return;
        }
        let written = self.open().and_then(|sink| {
            if is_last || sink.is_replaced() {
                sink.write(report.to_json().as_bytes())
            } else {
                Ok(())
            }
        });
        if let Err(error) = &written
            && !self.failed
        {
            progress::say(&format!(
                "warning: the results cannot be saved: {error}; name a file that can be written with `--json FILE` \
                 (the results are printed all the same)"
            ));
        }
        self.failed = written.is_err();
        if self.failed {
            // The folder may have gone, and is made again.
            self.sink = None;
        }
    }

    fn open(&mut self) -> Result<&mut Sink> {
        let sink = if let Some(sink) = self.sink.take() {
            sink
        } else {
            make_folder(&self.path)?;
            Sink::open(&self.path)?
        };
        Ok(self.sink.insert(sink))
    }

    /// The file, whether or not it could be written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it holds all that was given to [`ResultsFile::save`].
    pub(crate) fn saved(&self) -> Option<&Path> {
        (!self.failed).then_some(&self.path)
    }

    /// Tells where the results are, unless they are not saved or went by themselves to standard output.
    pub(crate) fn tell(&self) {
        if let Some(path) = self.saved()
            && !is_stdout(path)
        {
            progress::tell(&format!("results: {}", path.display()));
        }
    }
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

/// The page of the results in `path`. An extension that is not that of results stays, since it may be all that tells two files
/// apart.
pub(crate) fn page_of(path: &Path) -> PathBuf {
    with_end(path, ".html")
}

/// `path` with `end` in place of `.json`.
pub(crate) fn with_end(path: &Path, end: &str) -> PathBuf {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let name = if is_json {
        path.file_stem()
    } else {
        path.file_name()
    };
    let mut name = name.unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
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
    while path.exists() || page_of(&path).exists() {
        path = name(format!("-{count}"));
        count += 1;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_in_the_extension_have_pages_that_differ() {
        for (path, page) in [
            ("x/mine.json", "x/mine.html"),
            ("x/mine.1", "x/mine.1.html"),
            ("x/mine.2", "x/mine.2.html"),
            ("mine", "mine.html"),
        ] {
            assert_eq!(page_of(Path::new(path)), Path::new(page));
        }
    }
}
