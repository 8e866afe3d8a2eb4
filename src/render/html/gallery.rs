//! A gallery: a page of the overview, a page of each file, and the style and scripts that all of them share.

use super::assets::{LIBRARY, LICENCES, SCRIPT, STYLE};
use super::data::{embedded, overviewed, results};
use super::lines::json;
use super::shell::{Parts, filled};
use crate::render::subject::{Reports, Subject};
use crate::render::table::Document;
use crate::text::file_safe;
use std::collections::HashSet;

/// Content policy of a page of a gallery: files beside it, whether a server or a disk has them. A page of a server
/// can load none of a disk. The library sets the style of its drawings in the page itself.
const SOURCES: &str = "script-src 'self' file:; style-src 'self' file: 'unsafe-inline'";

const INDEX: &str = "index.html";
const PROMISE: &str = "It and the files beside it ask no network.";
const STYLE_LINK: &str = "<link rel=\"stylesheet\" href=\"page.css\">";
const LICENCES_LINK: &str = "<p><a href=\"licences.txt\">licences.txt</a></p>";

/// Files of the gallery of the inputs of `subject`, of which `overview` has a line each.
pub(super) fn files(subject: &dyn Subject, overview: &Document) -> Vec<(String, Vec<u8>)> {
    let inputs = subject.inputs();
    let names = names(subject);
    let index = filled(&Parts {
        brand: "ridgepoint",
        data: &json(&overviewed(overview, &names)),
        results: "",
        scripts: "<script src=\"page.js\"></script>",
        ..SHARED
    });
    let shared = [
        (INDEX, index),
        ("page.css", STYLE.to_owned()),
        ("page.js", SCRIPT.concat()),
        ("library.js", LIBRARY.concat()),
        ("licences.txt", LICENCES.to_owned()),
    ];
    let pages = inputs.iter().zip(&names).map(|(input, name)| {
        let report = Reports(std::slice::from_ref(input));
        let page = filled(&Parts {
            data: &json(&embedded(&report)),
            results: &results(&report),
            ..SHARED
        });
        (name.clone(), page)
    });
    let shared = shared.map(|(name, text)| (name.to_owned(), text));
    let all = shared.into_iter().chain(pages);
    all.map(|(name, text)| (name, text.into_bytes())).collect()
}

/// Parts of the page of one file.
const SHARED: Parts<'static> = Parts {
    sources: SOURCES,
    brand: "<a href=\"index.html\">\u{2190} All adapters</a>",
    promise: PROMISE,
    style: STYLE_LINK,
    licences: LICENCES_LINK,
    data: "",
    results: "",
    scripts: "<script src=\"library.js\"></script>\n<script src=\"page.js\"></script>",
};

/// Names of the pages of the inputs: adapter and id of the measurement, with a number for copies of a file.
fn names(subject: &dyn Subject) -> Vec<String> {
    let mut used = HashSet::new();
    let name = |results: &crate::report::Results| {
        let stem = format!("{}-{}", file_safe(&results.adapter().name), results.id());
        let mut name = format!("{stem}.html");
        let mut count = 2;
        while !used.insert(name.clone()) {
            name = format!("{stem}-{count}.html");
            count += 1;
        }
        name
    };
    let inputs = subject.inputs().iter();
    inputs.map(|input| &input.results).map(name).collect()
}
