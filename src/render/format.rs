//! The formats of results.

use super::page::Page;
#[cfg(feature = "pictures")]
use super::picture;
use super::subject::Subject;
use super::{csv, html, jsonl, markdown, terminal};
use crate::error::{Error, Result, suggest};

/// One way to write results.
#[derive(Debug)]
pub struct Format {
    /// Name on the command line.
    pub name: &'static str,
    /// Use of the format, in a few words.
    pub about: &'static str,
    /// End of the names of its files, behind the dot.
    pub extension: &'static str,
    /// Whether its files are text, which a terminal can show.
    pub is_text: bool,
    /// Whether it draws charts, a file for each, and writes no tables.
    pub is_picture: bool,
    /// Writes results of one file or of several, or a comparison.
    pub write: fn(&dyn Subject, &Page) -> Written,
}

/// Files that a format makes of its subject. Contents are bytes, since a picture is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// One text or picture.
    One(Vec<u8>),
    /// Files of one folder, each with its name there; none where there is nothing to draw.
    Folder(Vec<(String, Vec<u8>)>),
}

impl Written {
    fn text(text: String) -> Self {
        Self::One(text.into_bytes())
    }

    /// A file for each of several; one alone needs no name.
    #[cfg(feature = "pictures")]
    fn files(mut files: Vec<(String, Vec<u8>)>) -> Self {
        match &mut files[..] {
            [(_, content)] => Self::One(std::mem::take(content)),
            _ => Self::Folder(files),
        }
    }
}

/// Every format. A new one is a file beside `terminal.rs`, and a line here.
pub static FORMATS: &[Format] = &[
    Format {
        name: "terminal",
        about: "text in columns, for a terminal of any width",
        extension: "txt",
        is_text: true,
        is_picture: false,
        write: |subject, page| {
            let documents = subject.documents();
            let texts = documents
                .iter()
                .map(|document| terminal::document(document, page));
            Written::text(texts.collect::<Vec<_>>().join("\n"))
        },
    },
    Format {
        name: "markdown",
        about: "tables to paste into an issue",
        extension: "md",
        is_text: true,
        is_picture: false,
        write: |subject, _| {
            let documents = subject.documents();
            let texts = documents.iter().map(markdown::document);
            Written::text(texts.collect::<Vec<_>>().join("\n"))
        },
    },
    Format {
        name: "csv",
        about: "one flat table, a line for each measurement",
        extension: "csv",
        is_text: true,
        is_picture: false,
        write: |subject, _| Written::text(csv::sheet(&subject.sheet())),
    },
    Format {
        name: "jsonl",
        about: "the same table, an object of JSON a line",
        extension: "jsonl",
        is_text: true,
        is_picture: false,
        write: |subject, _| Written::text(jsonl::sheet(&subject.sheet())),
    },
    Format {
        name: "html",
        about: "a page with charts that needs no network, for any browser; of several files a folder of pages with an index",
        extension: "html",
        is_text: true,
        is_picture: false,
        write: |subject, _| match html::gallery(subject) {
            Some(files) => Written::Folder(files),
            None => Written::text(html::page(subject)),
        },
    },
    #[cfg(feature = "pictures")]
    Format {
        name: "svg",
        about: "each chart as a picture of lines and text, for slides and papers",
        extension: "svg",
        is_text: true,
        is_picture: true,
        write: |subject, _| Written::files(picture::svg(subject)),
    },
    #[cfg(feature = "pictures")]
    Format {
        name: "png",
        about: "each chart as a picture of 2560x1440 pixels, for slides",
        extension: "png",
        is_text: false,
        is_picture: true,
        write: |subject, _| Written::files(picture::png(subject)),
    },
];

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
