//! From `--suite`, `--suite-file`, `--op`, `--kernel` and `--dtype` to the workloads of a run.

use super::args::RunArguments;
use super::suite_file;
use ridgepoint::Result;
use ridgepoint::suite::{Selection, SelectionNames};

/// The workloads that the arguments select.
///
/// # Errors
/// Errors of [`suite_file::read`] and of [`Selection::new`].
pub(crate) fn selection(arguments: &RunArguments) -> Result<Selection> {
    let names = SelectionNames {
        suites: arguments.suite.clone(),
        operations: arguments.op.clone(),
        kernels: arguments.kernel.clone(),
        dtypes: arguments
            .dtype
            .iter()
            .map(|dtype| (*dtype).into())
            .collect(),
    };
    let own = arguments.suite_file.as_deref().map(suite_file::read);
    Selection::new(names, own.transpose()?)
}
