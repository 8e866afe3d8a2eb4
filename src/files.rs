//! Files, read whole and written in one step.

mod destination;
mod user;

use crate::error::{Error, Result};
use crate::text::visible;
use std::fmt::Display;
use std::io::Read as _;
use std::path::Path;

pub use destination::{Destination, is_stdout};
pub use user::{UserFolder, variable};

/// Writes `content` to the [`Destination`] at `path`.
///
/// # Errors
/// [`Error::File`].
pub fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    Destination::open(path)?.write(content)
}

/// Reason to refuse a folder.
const FOLDER: &str = "this is a folder, a file is needed here";

/// Writes `files`, each by its name, into `folder`, which is made where it is missing. Other files of
/// the folder stay.
///
/// # Errors
/// [`Error::File`], also where `folder` is a file.
pub fn fill(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    if folder.is_file() {
        return Err(failed(folder, &"this is a file, a folder is needed here"));
    }
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (name, content) in files {
        replace(&folder.join(name), content)?;
    }
    Ok(())
}

/// The text of a file, without the byte order mark that editors of Windows begin some files with.
///
/// # Errors
/// [`Error::File`] for a file that is not there, or that is not text.
pub fn read(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|e| failed(path, &e))?;
    Ok(without_mark(&text).to_owned())
}

/// `text` without a byte order mark at its beginning.
#[must_use]
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The bytes of a file of at most `most` bytes. Of a file without an end, such as a device, no more is read.
///
/// # Errors
/// [`Error::File`] for a file that is not there, that cannot be read, or that has more bytes.
pub fn read_bytes(path: &Path, most: usize) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(|e| failed(path, &e))?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(failed(path, &FOLDER));
    }
    read_all(file, path, most)
}

/// All bytes of `from`, at most `most`. Errors name it by `path`.
///
/// # Errors
/// Errors of [`read_bytes`].
pub fn read_all(from: impl std::io::Read, path: &Path, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut beginning = from.take(most as u64 + 1);
    let read = beginning.read_to_end(&mut bytes);
    read.map_err(|e| failed(path, &e))?;
    if bytes.len() > most {
        let most = crate::units::format_bytes(most as u64);
        return Err(failed(
            path,
            &format!("it has more than {most}, the most that is read"),
        ));
    }
    Ok(bytes)
}

/// The [`Error::File`] of `path` for `reason`.
#[must_use]
pub fn failed(path: &Path, reason: &dyn Display) -> Error {
    Error::File {
        path: visible(&path.display().to_string()).into_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_a_size() {
        let name = format!("ridgepoint-files-{}-size", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_bytes(&path, 4).unwrap(), b"four");
        let error = read_bytes(&path, 3).unwrap_err().to_string();
        assert!(error.contains("more than 3 B"), "{error}");
        #[cfg(unix)]
        assert!(read_bytes(Path::new("/dev/zero"), 100).is_err());
        let error = read_bytes(&std::env::temp_dir(), 3).unwrap_err();
        assert!(error.to_string().contains("this is a folder"), "{error}");
        std::fs::write(&path, "\u{feff}four\u{feff}").unwrap();
        assert_eq!(read(&path).unwrap(), "four\u{feff}");
        std::fs::remove_file(&path).unwrap();
    }
}
