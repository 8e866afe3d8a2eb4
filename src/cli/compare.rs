//! `ridgepoint compare`: files of results side by side. No adapter is asked.

use super::args::CompareArguments;
use super::output::{Output, read};
use super::progress::say;
use super::{FAILED, OK};
use ridgepoint::compare::{Comparison, Slower};
use ridgepoint::render::{Comparing, WithPublished};
use ridgepoint::text::visible;
use ridgepoint::{Error, Result};

/// Compares files, and returns the exit status.
pub(crate) fn compare(arguments: CompareArguments) -> Result<u8> {
    let mut paths = vec![arguments.base];
    paths.extend(arguments.files);
    let output = Output::new(arguments.output, &paths)?;
    let inputs = read(&paths)?;
    let comparison = Comparison::new(&inputs);
    let slower = match arguments.fail_on_slower {
        Some(_) if comparison.lines.is_empty() => {
            return Err(Error::Argument {
                argument: "--fail-on-slower".to_owned(),
                reason: "no row is in more than one of the files, so that nothing can be slower"
                    .to_owned(),
            });
        }
        Some(percent) => comparison.slower(percent),
        None => Vec::new(),
    };
    let comparing = Comparing {
        comparison,
        statistics: arguments.statistics,
    };
    if arguments.published {
        output.write(&WithPublished(&comparing))?;
    } else {
        output.write(&comparing)?;
    }
    for line in &slower {
        say(&format!("slower: {}", visible(&sentence(line))));
    }
    Ok(if slower.is_empty() { OK } else { FAILED })
}

fn sentence(slower: &Slower) -> String {
    let Slower { id, file, percent } = slower;
    match percent {
        Some(percent) => format!("{id}: {file} takes {percent:.1} % longer"),
        None => format!("{id}: {file} has no right result any more"),
    }
}
