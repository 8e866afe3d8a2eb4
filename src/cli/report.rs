//! `ridgepoint report`: files of results, shown in any format. No adapter is asked.

use super::OK;
use super::args::ReportArguments;
use super::output::{Output, read};
use ridgepoint::Result;
use ridgepoint::render::Reports;

/// Shows files, and returns the exit status.
pub(crate) fn report(arguments: ReportArguments) -> Result<u8> {
    let output = Output::new(arguments.output, &arguments.files)?;
    let inputs = read(&arguments.files)?;
    output.write(&Reports(&inputs))?;
    Ok(OK)
}
