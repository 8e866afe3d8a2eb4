//! Files of results of any schema, read back. Pure: bytes in, typed results or a plain error out.

use super::adapter::AdapterSummary;
use super::clpeak;
use super::hierarchy::Level;
use super::roofline::{ROOFLINE_SCHEMA, RooflineReport};
use super::run::{Ceiling, Host, Report, Row, SCHEMA, Tool};
use super::warning::Warning;
use crate::error::{Error, Result};
use crate::text::{fnv_1a, visible};
use crate::units::format_bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

/// Results of one file.
#[derive(Debug, Clone, PartialEq)]
pub enum Results {
    /// A run: `ridgepoint.run/1`.
    Run(Box<Report>),
    /// A roofline: `ridgepoint.roofline/1`. Ceilings of a file of clpeak are one too.
    Roofline(Box<RooflineReport>),
}

/// Results, and the name of the file that they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Name of the file.
    pub name: String,
    /// Results of the file.
    pub results: Results,
}

/// The only fields that are read before the schema is known.
#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
    /// Files of clpeak have it; of its older ones it is the mark.
    clpeak_version: Option<IgnoredAny>,
}

/// Characters of an error that are shown: one that quotes a file may be as long as the file.
const LONGEST_REASON: usize = 300;

impl Results {
    /// Bytes of the largest file that is read: a run of 10,000 rows with all samples has about 40 MB.
    pub const MOST_BYTES: usize = 64 << 20;

    /// Bytes of the longest text in a file. Messages of shader compilers are the longest that runs write, a few KiB.
    pub const LONGEST_TEXT: usize = 64 << 10;

    /// Reads the `bytes` of a file that errors call `name`. Kernels and constants of earlier versions get the names that
    /// they have now.
    ///
    /// # Errors
    /// [`Error::File`], with line and column where there are any, for bytes that are no JSON text of a schema that this
    /// version reads, and for more than [`Results::MOST_BYTES`].
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        read(bytes).map_err(|reason| {
            let mut reason = visible(&reason).into_owned();
            if let Some((at, _)) = reason.char_indices().nth(LONGEST_REASON) {
                reason.truncate(at);
                reason.push_str("...");
            }
            Error::File {
                path: visible(name).into_owned(),
                reason,
            }
        })
    }

    /// Schema that the file is written in.
    #[must_use]
    pub fn schema(&self) -> &str {
        match self {
            Self::Run(run) => &run.schema,
            Self::Roofline(roofline) => &roofline.schema,
        }
    }

    /// Who says so: the schema of the file that the figures stand in.
    #[must_use]
    pub fn source(&self) -> &str {
        if self.tool().name == clpeak::NAME {
            return clpeak::SCHEMA;
        }
        self.schema()
    }

    /// Program that measured.
    #[must_use]
    pub fn tool(&self) -> &Tool {
        match self {
            Self::Run(run) => &run.tool,
            Self::Roofline(roofline) => &roofline.tool,
        }
    }

    /// Machine of the measurement.
    #[must_use]
    pub fn host(&self) -> &Host {
        match self {
            Self::Run(run) => &run.host,
            Self::Roofline(roofline) => &roofline.host,
        }
    }

    /// Adapter that was measured.
    #[must_use]
    pub fn adapter(&self) -> &AdapterSummary {
        match self {
            Self::Run(run) => &run.adapter,
            Self::Roofline(roofline) => &roofline.adapter,
        }
    }

    /// Ceilings of the adapter.
    #[must_use]
    pub fn ceilings(&self) -> &[Ceiling] {
        match self {
            Self::Run(run) => &run.ceilings,
            Self::Roofline(roofline) => &roofline.ceilings,
        }
    }

    /// Levels of the memory hierarchy; a run has none.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        match self {
            Self::Run(_) => &[],
            Self::Roofline(roofline) => &roofline.levels,
        }
    }

    /// Rows of a run; a roofline has none.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        match self {
            Self::Run(run) => &run.rows,
            Self::Roofline(_) => &[],
        }
    }

    /// Warnings about the measurement as a whole.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        match self {
            Self::Run(run) => &run.warnings,
            Self::Roofline(roofline) => &roofline.warnings,
        }
    }

    /// Remark of the user.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::Run(run) => run.settings.note.as_deref(),
            Self::Roofline(roofline) => roofline.settings.note.as_deref(),
        }
    }

    /// Seed of the data.
    #[must_use]
    pub fn seed(&self) -> u32 {
        match self {
            Self::Run(run) => run.settings.seed,
            Self::Roofline(roofline) => roofline.settings.seed,
        }
    }

    /// Id of the measurement, `r` and 16 hexadecimal digits, which no reader of tables takes for a number: the same for two
    /// files of one measurement, whatever version reads them and however they are laid out. Names of kernels, texts of warnings and the note are no part of it, since later
    /// versions rename the former and users change the latter.
    #[must_use]
    pub fn id(&self) -> String {
        let (tool, host, adapter) = (self.tool(), self.host(), self.adapter());
        let mut parts = vec![
            self.schema().to_owned(),
            tool.version.clone(),
            tool.commit.clone(),
            host.os.clone(),
            host.cpu.clone(),
            host.utc.clone(),
            adapter.name.clone(),
            adapter.vendor_id.to_string(),
            adapter.device_id.to_string(),
            adapter.backend.clone(),
            adapter.driver.clone(),
            adapter.driver_info.clone(),
            self.seed().to_string(),
        ];
        if !tool.is_own() {
            parts.push(tool.name.clone());
        }
        for ceiling in self.ceilings() {
            parts.push(format!("{} {:?}", ceiling.id, ceiling.value));
        }
        for row in self.rows() {
            let (operation, dtype, median) = (
                &row.operation,
                row.dtype.name(),
                row.time_s.as_ref().map(|time| time.median),
            );
            parts.push(format!(
                "{operation} {dtype} {:?} {} {} {median:?}",
                row.shape, row.flops, row.min_bytes
            ));
        }
        // A byte that no text of UTF-8 has stands between the parts, so that no two lists of parts are one text.
        let bytes = parts
            .iter()
            .flat_map(|part| part.bytes().chain(std::iter::once(0xff)));
        format!("r{:016x}", fnv_1a(bytes))
    }
}

fn read(bytes: &[u8]) -> Result<Results, String> {
    if bytes.len() > Results::MOST_BYTES {
        let (size, most) = (bytes.len() as u64, Results::MOST_BYTES as u64);
        return Err(format!(
            "it has {}, {} are the most that is read",
            format_bytes(size),
            format_bytes(most)
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let (line, column) = place(bytes, e.valid_up_to());
        format!("it is no text in UTF-8, at line {line} column {column}")
    })?;
    // Editors of Windows begin a file with a byte order mark, which JSON does not have.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err("it is empty".to_owned());
    }
    if let Some((at, length)) = long_text(text.as_bytes()) {
        let (line, column) = place(text.as_bytes(), at);
        let most = format_bytes(Results::LONGEST_TEXT as u64);
        return Err(format!(
            "a text of {length} bytes begins at line {line} column {column}, the longest that is read has {most}"
        ));
    }
    let head: Head = parse(text)?;
    match head.schema.as_deref() {
        None | Some(clpeak::SCHEMA) if head.clpeak_version.is_some() => {
            let roofline = clpeak::roofline(parse(text)?)?;
            Ok(Results::Roofline(Box::new(roofline)))
        }
        Some(SCHEMA) => {
            let mut report: Report = parse(text)?;
            report.rename();
            Ok(Results::Run(Box::new(report)))
        }
        Some(ROOFLINE_SCHEMA) => Ok(Results::Roofline(Box::new(parse(text)?))),
        Some(other) => Err(format!(
            "its schema is {other:?}, this version reads {SCHEMA:?} and {ROOFLINE_SCHEMA:?}"
        )),
        None => Err(format!(
            "it has no schema; a file of `ridgepoint run` or `ridgepoint roofline --json` has {SCHEMA:?} or {ROOFLINE_SCHEMA:?}"
        )),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|e| {
        // A number that is cut off is bad syntax to the parser.
        let is_at_end = (e.line(), e.column() + 1) == place(text.as_bytes(), text.len());
        match e.classify() {
            Category::Eof => format!("it ends too early, a part is missing: {e}"),
            Category::Syntax if is_at_end => format!("it ends too early, a part is missing: {e}"),
            Category::Syntax => format!("it is no JSON: {e}"),
            Category::Data | Category::Io => e.to_string(),
        }
    })
}

/// Line and column of the byte at `at`, from one.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at];
    let line = before.split(|byte| *byte == b'\n').count();
    let begin = before.iter().rposition(|byte| *byte == b'\n');
    (line, at - begin.map_or(0, |begin| begin + 1) + 1)
}

/// Place and length of the first text of JSON that is too long, in bytes.
fn long_text(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut begin, mut is_escaped) = (None, false);
    for (at, byte) in bytes.iter().enumerate() {
        match (begin, byte) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(first), b'"') => {
                let length = at - first - 1;
                if length > Results::LONGEST_TEXT {
                    return Some((first, length));
                }
                begin = None;
            }
            (None, b'"') => begin = Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
