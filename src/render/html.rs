//! Pages: documents, figures and the results themselves, as JSON in a page that shows them.
//!
//! No text of a file becomes part of the page's own language: each stands in JSON without `<`, and the page's script makes
//! text nodes of it. The page asks no network, and says so to the browser. One file, or a comparison, is one page that stands
//! alone; several files are a gallery, whose pages share style and scripts.

mod assets;
mod data;
mod gallery;
mod lines;
mod shell;

use super::subject::Subject;
use super::table::{Document, Table};
use assets::{LIBRARY, LICENCES, SCRIPT, STYLE};
use data::{embedded, grid, overviewed, results};
use lines::json;
use shell::{Parts, filled};

/// Content policy of a page that stands alone: its own style and scripts, which stand in it.
const SOURCES: &str = "script-src 'unsafe-inline'; style-src 'unsafe-inline'";

/// Files of a gallery of `subject`, by their names; `None` for what is one page.
pub(super) fn gallery(subject: &dyn Subject) -> Option<Vec<(String, Vec<u8>)>> {
    let overview = subject.overview()?;
    Some(gallery::files(subject, &overview))
}

/// Text of a page of `subject` that stands alone.
pub(super) fn page(subject: &dyn Subject) -> String {
    filled(&Parts {
        sources: SOURCES,
        brand: "ridgepoint",
        promise: "The page carries its results and asks no network.",
        style: &format!("<style>\n{STYLE}\n</style>"),
        licences: &format!("<pre>{LICENCES}</pre>"),
        data: &json(&embedded(subject)),
        results: &results(subject),
        scripts: &format!(
            "<script>\n{}\n</script>\n<script>\n{}\n</script>",
            LIBRARY.concat(),
            SCRIPT.concat()
        ),
    })
}

/// JSON of what a page shows of `subject`: documents of typed cells, figures, and facts about the files. The scripts of
/// `assets/page/` show it in whatever page they are part of.
#[must_use]
pub fn page_data(subject: &dyn Subject) -> String {
    json(&embedded(subject))
}

/// JSON of what a page shows of `document`: [`page_data`] without files.
#[must_use]
pub fn document_data(document: &Document) -> String {
    json(&overviewed(document, &[]))
}

/// JSON of what a page shows of `table`, which may not be complete yet.
#[must_use]
pub fn table_data(table: &Table) -> String {
    json(&grid(table, &[]))
}

#[cfg(test)]
mod tests;
