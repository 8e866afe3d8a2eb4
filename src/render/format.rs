//! The formats of a document.

use super::page::Page;
use super::table::Document;
use super::terminal;
use crate::error::{Error, Result, suggest};

/// One way to write a document.
#[derive(Debug)]
pub struct Format {
    /// Name on the command line.
    pub name: &'static str,
    /// Use of the format, in a few words.
    pub about: &'static str,
    /// Writes a document. The result is bytes, since a picture is no text.
    pub write: fn(&Document, &Page) -> Vec<u8>,
}

/// Every format. A new one is a file beside `terminal.rs`, and a line here.
pub static FORMATS: &[Format] = &[Format {
    name: "terminal",
    about: "text in columns, for a terminal of any width",
    write: |document, page| terminal::document(document, page).into_bytes(),
}];

/// Format of a name.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub fn format(name: &str) -> Result<&'static Format> {
    let unknown = || Error::UnknownName {
        kind: "format",
        name: name.to_owned(),
        suggestion: suggest(name, FORMATS.iter().map(|format| format.name)),
    };
    FORMATS
        .iter()
        .find(|format| format.name == name)
        .ok_or_else(unknown)
}
