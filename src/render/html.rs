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

use super::format::Written;
use super::subject::Subject;
use assets::{LIBRARY, LICENCES, SCRIPT, STYLE};
use data::{embedded, results};
use lines::json;
use shell::{Parts, filled};

/// What the browser lets a page that stands alone load: its own style and scripts, which stand in it.
const SOURCES: &str = "script-src 'unsafe-inline'; style-src 'unsafe-inline'";

/// A page of `subject`, or a gallery where it is several files.
pub(super) fn written(subject: &dyn Subject) -> Written {
    match subject.overview() {
        Some(overview) => Written::Folder(gallery::files(subject, &overview)),
        None => Written::One(page(subject).into_bytes()),
    }
}

/// Text of a page of `subject` that stands alone.
fn page(subject: &dyn Subject) -> String {
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

#[cfg(test)]
mod tests;
