//! Where a file that an option names goes: to a file, or to standard output.

use super::progress;
use ridgepoint::files::{Destination, is_stdout};
use ridgepoint::{Error, Result};
use std::path::Path;

/// The place of one output.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Standard output, which then holds this output alone.
    Stdout,
    File(Destination),
}

impl Sink {
    /// Holds that `path` can be written. What the program prints goes to stderr from now on where `path` is standard output.
    ///
    /// # Errors
    /// Errors of [`Destination::open`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if is_stdout(path) {
            progress::divert();
            return Ok(Self::Stdout);
        }
        Destination::open(path).map(Self::File)
    }

    /// Whether writing again replaces what was written before.
    pub(crate) fn is_replaced(&self) -> bool {
        match self {
            Self::Stdout => false,
            Self::File(destination) => destination.is_replaced(),
        }
    }

    /// Writes `content`, all of it.
    ///
    /// # Errors
    /// Errors of [`Destination::write`]. What standard output does not take is reported by [`progress::write`].
    pub(crate) fn write(&mut self, content: &[u8]) -> Result<()> {
        match self {
            Self::Stdout => {
                progress::write(content);
                Ok(())
            }
            Self::File(destination) => destination.write(content),
        }
    }
}

/// Writes `content` to `path`.
///
/// # Errors
/// Errors of [`Sink::open`] and [`Sink::write`].
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    Sink::open(path)?.write(content)
}

/// Refuses `path` for `argument`, which makes files beside it, where it is standard output, a device or a pipe.
///
/// # Errors
/// [`Error::Argument`]; errors of [`Destination::open`].
pub(crate) fn require_plain(argument: &str, path: &Path) -> Result<()> {
    if !is_stdout(path) && Destination::open(path)?.is_replaced() {
        return Ok(());
    }
    Err(Error::Argument {
        argument: format!("{argument} {}", path.display()),
        reason: "files are made beside this one; name a plain file".to_owned(),
    })
}
