//! Files that are read, and standard input in place of one.

use ridgepoint::{Error, Result, files};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// In place of a file: standard input.
const STDIN: &str = "-";

/// Name of an input in reports and errors.
pub(crate) fn name(path: &Path) -> String {
    if path.as_os_str() == STDIN {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The bytes of a file, or of standard input, which have `most` bytes at most.
///
/// # Errors
/// Errors of [`files::read_bytes`]; [`Error::Argument`] where standard input is read for the second time.
pub(crate) fn bytes(path: &Path, most: usize) -> Result<Vec<u8>> {
    static READ: AtomicBool = AtomicBool::new(false);
    if path.as_os_str() != STDIN {
        return files::read_bytes(path, most);
    }
    if READ.swap(true, Ordering::Relaxed) {
        return Err(Error::Argument {
            argument: STDIN.to_owned(),
            reason: "standard input can be read once; name a file".to_owned(),
        });
    }
    files::read_all(std::io::stdin().lock(), Path::new(&name(path)), most)
}

/// The text of a file, or of standard input, without a byte order mark.
///
/// # Errors
/// Errors of [`bytes`]; [`Error::File`] for what is not text.
pub(crate) fn text(path: &Path, most: usize) -> Result<String> {
    let bytes = bytes(path, most)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        files::failed(Path::new(&name(path)), &format!("it is no text: {error}"))
    })?;
    Ok(files::without_mark(&text).to_owned())
}
