//! The language around what a page shows.

/// The page, with the names of its parts in double braces.
const SHELL: &str = include_str!("../../../assets/page/shell.html");

/// Parts of a page. All are the program's own words, or JSON that [`json`](super::lines::json) made.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// Sources of scripts and style that the browser lets the page load.
    pub(super) sources: &'a str,
    /// Name of the program, or the way back to the page that led here.
    pub(super) brand: &'a str,
    /// Sentence about what the page loads, and from where.
    pub(super) promise: &'a str,
    /// Elements of the style.
    pub(super) style: &'a str,
    /// Licences of the libraries, or the way to them.
    pub(super) licences: &'a str,
    /// JSON that the page's script reads.
    pub(super) data: &'a str,
    /// Elements of the results.
    pub(super) results: &'a str,
    /// Elements of the scripts.
    pub(super) scripts: &'a str,
}

impl Parts<'_> {
    fn named(&self, name: &str) -> &str {
        match name {
            "sources" => self.sources,
            "brand" => self.brand,
            "promise" => self.promise,
            "style" => self.style,
            "licences" => self.licences,
            "data" => self.data,
            "results" => self.results,
            "scripts" => self.scripts,
            unknown => unreachable!("the shell names a part {unknown}"),
        }
    }
}

/// Text of a page of `parts`.
pub(super) fn filled(parts: &Parts<'_>) -> String {
    let sizes = [parts.style, parts.data, parts.results, parts.scripts].map(str::len);
    let mut page = String::with_capacity(sizes.iter().sum::<usize>() + 2 * SHELL.len());
    for piece in SHELL.split("{{") {
        match piece.split_once("}}") {
            Some((name, rest)) => {
                page += parts.named(name);
                page += rest;
            }
            None => page += piece,
        }
    }
    page
}
