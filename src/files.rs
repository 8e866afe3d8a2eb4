//! Files of text, read whole and written in one step.

use crate::error::{Error, Result};
use std::fmt::Display;
use std::path::Path;

/// Writes `text` in one step: a reader sees the old file or the new one, never half of one.
///
/// # Errors
/// [`Error::File`].
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let partial = path.with_extension("json.partial");
    let written = std::fs::write(&partial, text).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        // A partial file is of no use to anybody; whether it can be removed changes nothing.
        let _ = std::fs::remove_file(&partial);
    }
    written.map_err(|e| failed(path, &e))
}

/// The text of a file.
///
/// # Errors
/// [`Error::File`] for a file that is not there, or that is not text.
pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| failed(path, &e))
}

/// The error of a file, by its reason.
#[must_use]
pub fn failed(path: &Path, reason: &dyn Display) -> Error {
    Error::File {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}
