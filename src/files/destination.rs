//! Destinations of output: plain files, which are replaced in one step, and devices and pipes, which are written through.

use super::{FOLDER, failed};
use crate::error::Result;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Time that a FIFO waits for its reader.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Links of a chain that are followed, as many as by Linux. A longer chain is taken for a loop.
const MOST_LINKS: usize = 40;
/// Paths of the standard output of a process.
const STDOUT: [&str; 4] = [
    "/dev/stdout",
    "/dev/fd/1",
    "/proc/self/fd/1",
    "/proc/thread-self/fd/1",
];

/// A place that output is written to. A plain file, or a path where there is nothing yet, is replaced in one step: a reader
/// sees the old file or the new one, never half of one. Links are followed and stay, also where their target is missing.
/// Devices, FIFOs and open descriptors (`/dev/fd/3`) are opened at the beginning and written through.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file that a rename replaces, whether or not it is there.
    File(PathBuf),
    /// A device, a FIFO or a descriptor, which is open.
    Stream(File),
}

/// The end of a chain of links.
enum End {
    /// A plain file, or nothing yet.
    File(PathBuf),
    /// A device, a FIFO, or a descriptor of a process.
    Other(PathBuf),
}

impl Destination {
    /// The destination at `path`, once it can be written. No file changes.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) for a folder, for what cannot be written, and for a FIFO that nobody begins to
    /// read within five seconds.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |error: io::Error| failed(path, &error);
        let place = match follow(path).map_err(wrong)? {
            End::File(target) if target.is_dir() => return Err(failed(path, &FOLDER)),
            End::File(target) if target.file_name().is_none() => {
                return Err(failed(path, &"the name of a file is needed here"));
            }
            End::File(target) => {
                probe(&target).map_err(wrong)?;
                Place::File(target)
            }
            End::Other(target) => Place::Stream(open_stream(&target).map_err(wrong)?),
        };
        Ok(Self {
            path: path.to_owned(),
            place,
        })
    }

    /// Whether a second [`write`](Self::write) replaces the first one. A device or a pipe gets one behind the other.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// Writes `content`, all of it.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File).
    pub fn write(&mut self, content: impl AsRef<[u8]>) -> Result<()> {
        let content = content.as_ref();
        let written = match &mut self.place {
            Place::File(target) => replace(target, content),
            Place::Stream(stream) => stream.write_all(content).and_then(|()| stream.flush()),
        };
        written.map_err(|error| failed(&self.path, &error))
    }
}

/// Whether `path` leads to the standard output of this process: it is `-`, or a path or a link of the system's for it.
#[must_use]
pub fn is_stdout(path: &Path) -> bool {
    let end = || match follow(path) {
        Ok(End::Other(end)) => Some(end),
        _ => None,
    };
    path == Path::new("-")
        || end().is_some_and(|end| STDOUT.iter().any(|own| end == Path::new(own)))
}

/// The end of the chain of links that begins at `path`.
fn follow(path: &Path) -> io::Result<End> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        // A link of /proc stands for an open file, which may have another name or none by now.
        if is_descriptor(&path) {
            return Ok(End::Other(path));
        }
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                let target = std::fs::read_link(&path)?;
                // An absolute target replaces the folder.
                path = path.parent().unwrap_or(Path::new("")).join(target);
            }
            Ok(found) if found.is_file() || found.is_dir() => return Ok(End::File(path)),
            Ok(_) => return Ok(End::Other(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(End::File(path)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many links lead on from here"))
}

/// Whether `path` stands for a file that a process has open, or for a device that Windows has in every folder.
fn is_descriptor(path: &Path) -> bool {
    if cfg!(windows) {
        return ["NUL", "CON"].iter().any(|name| path == Path::new(name));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_open = folder == Path::new("/dev/fd")
        || folder.starts_with("/proc") && folder.file_name().is_some_and(|name| name == "fd");
    is_open || path == Path::new("/dev/stdout") || path == Path::new("/dev/stderr")
}

/// Opens a device, a FIFO or a descriptor. The file of a descriptor keeps its content, and output is appended.
fn open_stream(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    if is_descriptor(path) && !cfg!(windows) {
        options.append(true);
    } else {
        options.write(true);
    }
    #[cfg(unix)]
    if is_fifo(path) {
        return open_fifo(path, options);
    }
    options.open(path)
}

/// Opens a FIFO, which lasts until somebody reads it. The thread ends with the process where nobody ever does.
#[cfg(unix)]
fn open_fifo(path: &Path, options: OpenOptions) -> io::Result<File> {
    let (opened, waiting) = std::sync::mpsc::channel();
    let own = path.to_owned();
    std::thread::spawn(move || opened.send(options.open(own)));
    waiting.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        Err(io::Error::other(
            "nobody reads from this pipe; start its reader first",
        ))
    })
}

#[cfg(unix)]
fn is_fifo(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// Holds that `target` can be replaced.
fn probe(target: &Path) -> io::Result<()> {
    let (_, partial) = create_partial(target)?;
    std::fs::remove_file(partial)
}

/// Writes `content` to `file`, which gets the permissions of the `target` that it is to replace, and closes it.
fn fill(mut file: File, target: &Path, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    match std::fs::metadata(target) {
        Ok(old) => file.set_permissions(old.permissions()),
        Err(_) => Ok(()),
    }
}

/// Replaces `target` in one step.
fn replace(target: &Path, content: &[u8]) -> io::Result<()> {
    let (file, partial) = create_partial(target)?;
    let written = fill(file, target, content);
    let written = written.and_then(|()| std::fs::rename(&partial, target));
    if written.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

/// Makes the file that is written in place of `target`, to be renamed. Its name holds the whole name of the target, this
/// process, and a number that no other writer of this process has. A file that already has the name stays.
fn create_partial(target: &Path) -> io::Result<(File, PathBuf)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let mut stem = target.file_name().unwrap_or_default().to_owned();
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut name = stem.clone();
        name.push(format!(".{process}-{number}.partial"));
        let partial = target.with_file_name(name);
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).open(&partial) {
            Ok(file) => return Ok((file, partial)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // The name of the target is nearly as long as names can be.
            Err(error) if error.kind() == ErrorKind::InvalidFilename && stem != "ridgepoint" => {
                stem = "ridgepoint".into();
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
