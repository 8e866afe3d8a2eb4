//! A page that stands alone: documents, figures and the results themselves, as JSON in a page that shows them.
//!
//! No text of a file becomes part of the page's own language: each stands in JSON without `<`, and the page's script makes
//! text nodes of it. The page asks no network, and says so to the browser.

mod data;
mod lines;

use super::subject::Subject;
use data::{embedded, files};
use lines::json;
use std::fmt::Write as _;

/// The page, with the names of its parts in double braces.
const SHELL: &str = include_str!("../../assets/page/shell.html");

/// Text of a page of `subject`.
pub(super) fn page(subject: &dyn Subject) -> String {
    let mut page = String::new();
    for piece in SHELL.split("{{") {
        match piece.split_once("}}") {
            Some((name, rest)) => {
                page += &part(name, subject);
                page += rest;
            }
            None => page += piece,
        }
    }
    page
}

/// Text of one part of the page.
fn part(name: &str, subject: &dyn Subject) -> String {
    match name {
        "style" => include_str!("../../assets/page/style.css").to_owned(),
        "library" => concat!(
            include_str!("../../assets/vendor/d3.min.js"),
            "\n",
            include_str!("../../assets/vendor/plot.umd.min.js")
        )
        .to_owned(),
        "script" => concat!(
            include_str!("../../assets/page/charts.js"),
            include_str!("../../assets/page/tables.js"),
            include_str!("../../assets/page/main.js")
        )
        .to_owned(),
        "licence" => concat!(
            include_str!("../../assets/vendor/d3.LICENSE"),
            "\n",
            include_str!("../../assets/vendor/plot.LICENSE")
        )
        .to_owned(),
        "data" => json(&embedded(subject)),
        "results" => results(subject),
        unknown => unreachable!("the shell names a part {unknown}"),
    }
}

/// The results of each file in an element of its own, which the page reads where somebody asks for them alone.
fn results(subject: &dyn Subject) -> String {
    let mut text = String::new();
    for (i, results) in files(subject).enumerate() {
        let _ = writeln!(
            text,
            "<script type=\"application/json\" id=\"results-{i}\">{results}</script>"
        );
    }
    text
}

#[cfg(test)]
mod tests;
