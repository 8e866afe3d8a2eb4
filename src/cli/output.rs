//! Files of results as input, and where what is made of them goes: the format, and a file or stdout.

use super::args::OutputArguments;
use super::{page, progress};
use ridgepoint::render::{FORMATS, Format, Page, Subject, Written, format};
use ridgepoint::report::{Input, Results};
use ridgepoint::{Error, Result, files};
use std::path::{Path, PathBuf};

/// In place of a file: stdout.
const STDOUT: &str = "-";

/// Reads files of results.
///
/// # Errors
/// [`Error::File`] for the first that cannot be read.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Input>> {
    let inputs = paths.iter().map(|path| {
        let bytes = files::read_bytes(path, Results::MOST_BYTES)?;
        let name = path.display().to_string();
        let results = Results::read(&name, &bytes)?;
        Ok(Input { name, results })
    });
    inputs.collect()
}

/// Format and place of what a command writes.
#[derive(Debug)]
pub(crate) struct Output {
    format: &'static Format,
    /// The file; `None` for stdout.
    file: Option<PathBuf>,
}

impl Output {
    /// Output as asked for, made of the files `inputs`. Without a format, a file has the format that its name ends in.
    ///
    /// # Errors
    /// [`Error::UnknownName`]; [`Error::Argument`] for a file that is one of the inputs.
    pub(crate) fn new(arguments: OutputArguments, inputs: &[PathBuf]) -> Result<Self> {
        let file = arguments.out.filter(|path| path.as_os_str() != STDOUT);
        if let Some(file) = &file
            && inputs.iter().any(|input| is_same(input, file))
        {
            return Err(Error::Argument {
                argument: format!("--out {}", file.display()),
                reason: "this is one of the files that are read; name another".to_owned(),
            });
        }
        let format = match (&arguments.format, &file) {
            (Some(name), _) => format(name)?,
            (None, Some(file)) => of_extension(file),
            (None, None) => &FORMATS[0],
        };
        Ok(Self { format, file })
    }

    /// Writes `subject`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a folder of files without a name; [`Error::File`] for a file that cannot be written.
    pub(crate) fn write(&self, subject: &dyn Subject) -> Result<()> {
        if let Some(file) = &self.file {
            return write(self.format, subject, file);
        }
        match (self.format.write)(subject, &page::page()) {
            Written::One(bytes) => progress::write(&bytes),
            Written::Folder(files) => {
                return Err(Error::Argument {
                    argument: format!("--format {}", self.format.name),
                    reason: format!(
                        "this makes {} files; name a folder for them with `--out FOLDER`",
                        files.len()
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Writes `subject` to a file, or to a folder where it makes several.
///
/// # Errors
/// [`Error::File`] for a file that cannot be written.
pub(crate) fn write(format: &Format, subject: &dyn Subject, path: &Path) -> Result<()> {
    match (format.write)(subject, &Page::default()) {
        Written::One(bytes) => files::replace(path, bytes),
        Written::Folder(all) => files::fill(path, &all),
    }
}

fn of_extension(file: &Path) -> &'static Format {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let has = |format: &&Format| Some(format.extension) == extension;
    FORMATS.iter().find(has).unwrap_or(&FORMATS[0])
}

/// Whether both are the same file.
pub(crate) fn is_same(a: &Path, b: &Path) -> bool {
    let same = |a: &Path| std::fs::canonicalize(a).ok();
    same(a).is_some_and(|a| same(b) == Some(a))
}
