//! Subject of a sweep: a kernel of the table, a kernel with other files, the library's choice, the candidates of a search.

use super::files_of::{Replaced, from_file, with_folder};
use ridgepoint::gpu::Capabilities;
use ridgepoint::kernel::{Constants, Kernel};
use ridgepoint::ops::{Candidate, Family, candidate};
use ridgepoint::plan::choose;
use ridgepoint::tune::candidates;
use ridgepoint::{Operation, PlanOptions, Result};
use std::path::Path;

/// Subject of a sweep.
pub(super) enum Subject {
    /// The kernel that the library chooses.
    Chosen,
    /// The kernels and constants that a search tries.
    Candidates,
    /// A kernel of the table.
    Kernel(&'static Kernel),
    /// A kernel with files of the user's own.
    Files {
        /// The kernel of the table whose host code dispatches the files.
        table: &'static Kernel,
        own: &'static Kernel,
        /// Whether one file was named, not a folder.
        is_file: bool,
    },
}

/// One kernel with constants of its own.
pub(super) struct Trial<'a> {
    pub(super) candidate: Box<dyn Candidate + 'a>,
    pub(super) constants: Constants,
}

impl Subject {
    /// Reads an argument: `chosen`, `candidates`, `FILE.wgsl`, `KERNEL@FOLDER`, `KERNEL`. `place` names the kernel whose
    /// place a file takes.
    ///
    /// # Errors
    /// [`ridgepoint::Error::UnknownName`] and [`ridgepoint::Error::File`].
    pub(super) fn parse(
        text: &str,
        family: &'static Family,
        place: Option<&str>,
        operation: &dyn Operation,
    ) -> Result<Self> {
        let path = Path::new(text);
        if path.extension().is_some_and(|end| end == "wgsl") {
            let (table, own) = from_file(path, family, place, operation.dtype())?;
            return Ok(Self::Files {
                table,
                own,
                is_file: true,
            });
        }
        if let Some((name, folder)) = text.split_once('@') {
            let table = family.kernel(name)?;
            return Ok(Self::Files {
                table,
                own: with_folder(table, Path::new(folder))?,
                is_file: false,
            });
        }
        match text {
            "chosen" => Ok(Self::Chosen),
            "candidates" => Ok(Self::Candidates),
            name => Ok(Self::Kernel(family.kernel(name)?)),
        }
    }

    /// The kernel, where it is known without a device.
    pub(super) fn kernel(&self) -> Option<&'static Kernel> {
        match self {
            Self::Chosen | Self::Candidates => None,
            Self::Kernel(kernel) | Self::Files { own: kernel, .. } => Some(kernel),
        }
    }

    /// Trials of the subject: for [`Subject::Candidates`] the first `most` candidates of a search, for any other subject one
    /// trial for each of `combinations`.
    ///
    /// # Errors
    /// [`ridgepoint::Error::Unsupported`] where no kernel runs on `device`.
    pub(super) fn trials<'a>(
        &self,
        operation: &'a dyn Operation,
        device: &Capabilities,
        combinations: Vec<Constants>,
        most: Option<usize>,
    ) -> Result<Vec<Trial<'a>>> {
        if let Self::Candidates = self {
            let found = candidates(operation, device, most.unwrap_or(usize::MAX))?;
            let trial = |found: ridgepoint::tune::Config| {
                Ok(Trial {
                    candidate: candidate(operation, found.kernel.name)?,
                    constants: found.constants,
                })
            };
            return found.into_iter().map(trial).collect();
        }
        let bound = || -> Result<Box<dyn Candidate + 'a>> {
            match self {
                Self::Files { table, own, .. } => {
                    let inner = candidate(operation, table.name)?;
                    Ok(Box::new(Replaced::new(inner, own)))
                }
                Self::Kernel(kernel) => candidate(operation, kernel.name),
                Self::Chosen | Self::Candidates => {
                    let chosen = choose(operation, &PlanOptions::default(), device)?;
                    candidate(operation, chosen.kernel.name)
                }
            }
        };
        let trial = |constants| {
            Ok(Trial {
                candidate: bound()?,
                constants,
            })
        };
        combinations.into_iter().map(trial).collect()
    }
}
