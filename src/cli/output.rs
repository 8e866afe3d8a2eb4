//! Files of results as input, and where what is made of them goes: the format, and a file or stdout.

use super::args::OutputArguments;
use super::{input, page, progress, sink};
use ridgepoint::files::is_stdout;
use ridgepoint::render::{FORMATS, Format, OneChart, Page, Subject, Written, format};
use ridgepoint::report::{Input, Results};
use ridgepoint::{Error, Result, files};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Charts that an error names.
const NAMED: usize = 12;

/// Files from which on reading is shared out: a thread takes longer to start than a file to read.
const MANY: usize = 16;

/// Reads files of results; many of them on every processor.
///
/// # Errors
/// [`Error::File`] for the first that cannot be read.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Input>> {
    if paths.len() < MANY {
        return read_each(paths);
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let shares = paths.chunks(paths.len().div_ceil(processors));
        let readers = shares.map(|paths| scope.spawn(|| read_each(paths)));
        let readers: Vec<_> = readers.collect();
        let mut inputs = Vec::with_capacity(paths.len());
        for reader in readers {
            let read = reader.join();
            inputs.extend(read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(inputs)
    })
}

fn read_each(paths: &[PathBuf]) -> Result<Vec<Input>> {
    paths.iter().map(|path| read_one(path)).collect()
}

fn read_one(path: &Path) -> Result<Input> {
    Ok(read_bytes(path)?.0)
}

/// Reads a file of results, and gives its bytes too.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn read_bytes(path: &Path) -> Result<(Input, Vec<u8>)> {
    let bytes = input::bytes(path, Results::MOST_BYTES)?;
    let name = input::name(path);
    let results = Results::read(&name, &bytes)?;
    Ok((Input { name, results }, bytes))
}

/// Format and place of what a command writes.
#[derive(Debug)]
pub(crate) struct Output {
    format: &'static Format,
    /// The chart, where one alone is wanted.
    chart: Option<String>,
    /// The file or folder; `None` for stdout.
    file: Option<PathBuf>,
}

impl Output {
    /// Output as asked for, made of the files `inputs`. Without a format, a file has the format that its name ends in.
    ///
    /// # Errors
    /// [`Error::UnknownName`]; [`Error::Argument`] for a file that is one of the inputs, for a chart in a format that draws
    /// none, and for a picture on a terminal.
    pub(crate) fn new(arguments: OutputArguments, inputs: &[PathBuf]) -> Result<Self> {
        let file = arguments.out.filter(|path| !is_stdout(path));
        if let Some(file) = &file
            && inputs.iter().any(|input| is_same(input, file))
        {
            return Err(refused(
                format!("--out {}", file.display()),
                "this is one of the files that are read; name another",
            ));
        }
        let format = match (&arguments.format, &file) {
            (Some(name), _) => format(name)?,
            (None, Some(file)) => of_extension(file),
            (None, None) => &FORMATS[0],
        };
        let chart = arguments.chart;
        if let Some(chart) = &chart
            && !format.is_picture
        {
            let pictures = FORMATS.iter().filter(|format| format.is_picture);
            let names: Vec<String> = pictures.map(|f| format!("`--format {}`", f.name)).collect();
            return Err(refused(
                format!("--chart {chart}"),
                format!(
                    "the format {} has all charts or none; add {}",
                    format.name,
                    names.join(" or ")
                ),
            ));
        }
        if file.is_none() && !format.is_text && std::io::stdout().is_terminal() {
            return Err(refused(
                format!("--format {}", format.name),
                "a terminal shows text, and this is none; name a file with `--out FILE`",
            ));
        }
        Ok(Self {
            format,
            chart,
            file,
        })
    }

    /// Writes `subject`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a chart that there is not; [`Error::Argument`] where there is no chart, and for several
    /// without a folder; [`Error::File`] for a file that cannot be written.
    pub(crate) fn write(&self, subject: &dyn Subject) -> Result<()> {
        match &self.chart {
            Some(chart) => self.write_all(&OneChart::new(subject, chart)?),
            None => self.write_all(subject),
        }
    }

    fn write_all(&self, subject: &dyn Subject) -> Result<()> {
        if let Some(file) = &self.file {
            return write(self.format, subject, file);
        }
        match (self.format.write)(subject, &page::page()) {
            Written::One(bytes) => {
                progress::write(&bytes);
                Ok(())
            }
            Written::Folder(files) => Err(several(self.format, &files)),
        }
    }
}

/// Writes `subject` to a file, or to a folder where it makes several.
///
/// # Errors
/// [`Error::Argument`] where there is nothing to draw, and for several charts in place of the one that the name of a file
/// asks for; [`Error::File`] for a file that cannot be written.
pub(crate) fn write(format: &Format, subject: &dyn Subject, path: &Path) -> Result<()> {
    match (format.write)(subject, &Page::default()) {
        Written::One(bytes) => sink::write(path, &bytes),
        Written::Folder(all) if all.is_empty() || has_extension(path, format) => {
            Err(several(format, &all))
        }
        Written::Folder(all) => files::fill(path, &all),
    }
}

/// Bytes that `format` writes of `subject`, where that is one file.
///
/// # Errors
/// [`Error::Argument`] where it is several.
pub(crate) fn bytes(format: &Format, subject: &dyn Subject) -> Result<Vec<u8>> {
    match (format.write)(subject, &Page::default()) {
        Written::One(bytes) => Ok(bytes),
        Written::Folder(all) => Err(several(format, &all)),
    }
}

/// Why `files` have no place in one file.
fn several(format: &Format, files: &[(String, Vec<u8>)]) -> Error {
    let argument = format!("--format {}", format.name);
    if files.is_empty() {
        return refused(
            argument,
            "there is no chart in this: charts are made of ceilings, and of right results of several kernels or sizes",
        );
    }
    let stem = |(name, _): &(String, Vec<u8>)| match name.rsplit_once('.') {
        Some((stem, _)) => stem.to_owned(),
        None => name.clone(),
    };
    let mut names: Vec<String> = files.iter().take(NAMED).map(stem).collect();
    if files.len() > NAMED {
        names.push(format!("and {} more", files.len() - NAMED));
    }
    refused(
        argument,
        format!(
            "this makes {} files; name a folder for them with `--out FOLDER`, or one of them with `--chart NAME`: {}",
            files.len(),
            names.join(", ")
        ),
    )
}

fn refused(argument: String, reason: impl Into<String>) -> Error {
    Error::Argument {
        argument,
        reason: reason.into(),
    }
}

fn has_extension(path: &Path, format: &Format) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension == Some(format.extension)
}

fn of_extension(file: &Path) -> &'static Format {
    let has = |format: &&Format| has_extension(file, format);
    FORMATS.iter().find(has).unwrap_or(&FORMATS[0])
}

/// Whether both are the same file, which may not be there yet.
pub(crate) fn is_same(a: &Path, b: &Path) -> bool {
    resolved(a).is_some_and(|a| resolved(b) == Some(a))
}

/// The path of a file from the root; `None` where its folder is not there.
fn resolved(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok().or_else(|| {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    })
}
