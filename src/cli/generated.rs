//! Texts that are generated from the definition of the command line: shell completions and manual pages.

use super::args::{Arguments, CompletionsArguments, ManArguments};
use super::{OK, progress};
use clap::{Command, CommandFactory};
use ridgepoint::{Error, Result};
use std::ffi::OsStr;

const NAME: &str = "ridgepoint";

/// Prints the completions of a shell.
pub(crate) fn completions(arguments: &CompletionsArguments) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), NAME, &mut text);
    progress::write(&text);
    OK
}

/// Prints the manual page of the program, or of one of its commands.
///
/// # Errors
/// [`Error::UnknownName`] for a command that there is not.
pub(crate) fn man(arguments: &ManArguments) -> Result<u8> {
    progress::write(&page(arguments.command.as_deref())?);
    Ok(OK)
}

fn page(command: Option<&str>) -> Result<Vec<u8>> {
    let mut all = Arguments::command();
    // A command gets its full name, and the options of all commands, when the whole is built.
    all.build();
    let page = match command {
        None => all,
        Some(name) => one(&all, name)?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .expect("a vector takes any text");
    Ok(text)
}

fn one(all: &Command, name: &str) -> Result<Command> {
    let found = all.find_subcommand(OsStr::new(name));
    let found = found.ok_or_else(|| Error::UnknownName {
        kind: "command",
        name: name.to_owned(),
        suggestion: ridgepoint::error::suggest(name, all.get_subcommands().map(Command::get_name)),
    })?;
    Ok(found.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_options() {
        let text = |command| String::from_utf8(page(command).unwrap()).unwrap();
        let all = text(None);
        let commands = Arguments::command();
        for name in commands.get_subcommands().map(Command::get_name) {
            assert!(all.contains(&name.replace('-', "\\-")), "{name}");
            assert!(text(Some(name)).contains(".SH NAME"), "{name}");
        }
        assert!(text(Some("tune")).contains("minutes"));
        let refused = page(Some("tunes")).unwrap_err().to_string();
        assert!(refused.contains("did you mean tune?"), "{refused}");
    }
}
