//! `ridgepoint report`: files of results, shown in any format. No adapter is asked.

use super::OK;
use super::args::ReportArguments;
use super::output::{Output, read};
use ridgepoint::Result;
use ridgepoint::render::{Reports, WithPublished};

/// Shows files, and returns the exit status.
pub(crate) fn report(arguments: ReportArguments) -> Result<u8> {
    let output = Output::new(arguments.output, &arguments.files)?;
    let inputs = read(&arguments.files)?;
    let reports = Reports(&inputs);
    if arguments.published {
        output.write(&WithPublished(&reports))?;
    } else {
        output.write(&reports)?;
    }
    Ok(OK)
}
