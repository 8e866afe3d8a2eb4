//! Files, read whole and written in one step.

mod user;

use crate::error::{Error, Result};
use crate::text::visible;
use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use user::{UserFolder, variable};

/// Writes `content` in one step: a reader sees the old file or the new one, never half of one. A link stays a link.
///
/// # Errors
/// [`Error::File`], also where `path` is a folder, a device or anything else that is no ordinary file.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let target = target(path)?;
    let partial = partial(&target);
    let written = std::fs::write(&partial, content.as_ref());
    let written = written.and_then(|()| std::fs::rename(&partial, &target));
    if written.is_err() {
        // A partial file is of no use to anybody; whether it can be removed changes nothing.
        let _ = std::fs::remove_file(&partial);
    }
    written.map_err(|e| failed(path, &e))
}

/// Holds that [`replace`] can write `path`, without changing it.
///
/// # Errors
/// [`Error::File`] as [`replace`] would give it.
pub fn probe(path: &Path) -> Result<()> {
    let partial = partial(&target(path)?);
    let probed = std::fs::write(&partial, "").and_then(|()| std::fs::remove_file(&partial));
    probed.map_err(|e| failed(path, &e))
}

/// The file that is written in place of `target`, to be renamed.
fn partial(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    target.with_file_name(name)
}

/// Writes `files`, each by its name, into `folder`, which is made where it is missing. What else is there stays.
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

/// The file behind `path`, which a rename may replace.
fn target(path: &Path) -> Result<PathBuf> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(failed(path, &"this is a folder, a file is needed here"))
        }
        Ok(found) if !found.is_file() => Err(failed(
            path,
            &"this is a device or a pipe, an ordinary file is needed here",
        )),
        Ok(_) => std::fs::canonicalize(path).map_err(|e| failed(path, &e)),
        Err(_) => Ok(path.to_owned()),
    }
}

/// The text of a file.
///
/// # Errors
/// [`Error::File`] for a file that is not there, or that is not text.
pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| failed(path, &e))
}

/// The bytes of a file that has `most` at most. A file without an end, such as a device, is read no further.
///
/// # Errors
/// [`Error::File`] for a file that is not there, that cannot be read, or that has more bytes.
pub fn read_bytes(path: &Path, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| failed(path, &e))?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(failed(path, &"this is a folder, a file is needed here"));
    }
    let mut beginning = file.take(most as u64 + 1);
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

/// The error of a file, by its reason.
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

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("ridgepoint-files-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = folder("replace");
        let path = folder.join("a.csv");
        replace(&path, "long text").unwrap();
        replace(&path, [1, 2]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [1, 2]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        let error = replace(&folder, "").unwrap_err().to_string();
        assert!(error.contains("this is a folder"), "{error}");
    }

    #[test]
    fn a_probe_changes_nothing_and_finds_what_cannot_be_written() {
        let folder = folder("probe");
        let path = folder.join("a.json");
        probe(&path).unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "old").unwrap();
        probe(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        for bad in [folder.clone(), folder.join("missing/a.json")] {
            let (probed, replaced) = (probe(&bad).unwrap_err(), replace(&bad, "").unwrap_err());
            assert_eq!(probed.to_string(), replaced.to_string());
        }
    }

    #[test]
    #[cfg(unix)]
    fn devices_stay_devices_and_links_stay_links() {
        let error = replace(Path::new("/dev/null"), "").unwrap_err().to_string();
        assert!(error.contains("/dev/null: this is a device"), "{error}");
        let folder = folder("link");
        let (file, link) = (folder.join("file"), folder.join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(read(&file).unwrap(), "new");
    }

    #[test]
    fn files_are_read_up_to_a_size() {
        let path = folder("size").join("four");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_bytes(&path, 4).unwrap(), b"four");
        let error = read_bytes(&path, 3).unwrap_err().to_string();
        assert!(error.contains("more than 3 B"), "{error}");
        #[cfg(unix)]
        assert!(read_bytes(Path::new("/dev/zero"), 100).is_err());
    }
}
