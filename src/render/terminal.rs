//! A document as text in columns, for a terminal of any width.
//!
//! Columns that do not fit a narrow page stand below their line, the columns of the least
//! [`Priority`](super::table::Priority) first: a narrow terminal moves a fact and never drops it. Facts that neighbouring lines
//! share stand above them.

mod layout;
mod tone;
mod wrap;

use super::page::Page;
use super::table::{Column, Content, Document, Line, Section, Table};
use layout::Layout;
use wrap::{words_of, wrap};

/// Characters of a line of prose on the widest page: longer lines are hard to read.
const PROSE: usize = 100;
/// Space before content under a title, in characters.
const INDENT: usize = 2;

/// Text of a document, with an empty line between sections, and a rule under its title.
#[must_use]
pub fn document(document: &Document, page: &Page) -> String {
    let title = (!document.title.is_empty()).then(|| {
        let title = paragraph("", &document.title, page);
        let longest = title.lines().map(|line| line.chars().count()).max();
        format!("{title}\n{}", "=".repeat(longest.unwrap_or(0)))
    });
    let sections = document.sections.iter().map(|s| section(s, page));
    title
        .into_iter()
        .chain(sections)
        .collect::<Vec<_>>()
        .join("\n\n")
        + "\n"
}

/// Text of a section under its title.
#[must_use]
pub fn section(section: &Section, page: &Page) -> String {
    let indent = if section.title.is_empty() { 0 } else { INDENT };
    let content = match &section.content {
        Content::Text(paragraphs) => {
            let first = " ".repeat(indent);
            let lines = paragraphs.iter().map(|text| paragraph(&first, text, page));
            lines.collect::<Vec<_>>().join("\n")
        }
        Content::Warnings(warnings) => {
            let lines = warnings.iter().map(|text| paragraph("  ! ", text, page));
            lines.collect::<Vec<_>>().join("\n")
        }
        Content::Table(table) => lines_of(table, indent, page),
        Content::Chart(chart) => chart.draw(page.width),
        Content::Curve(curve) => curve.draw(page.width),
    };
    if section.title.is_empty() {
        content
    } else {
        format!("{}\n{content}", paragraph("", &section.title, page))
    }
}

/// Text of a table without a title.
#[must_use]
pub fn table(table: &Table, page: &Page) -> String {
    lines_of(table, 0, page)
}

fn lines_of(table: &Table, indent: usize, page: &Page) -> String {
    let layout = Layout::of(table, indent, *page);
    let mut stream = Stream::with(layout, table.columns.clone());
    let lines: Vec<String> = table.lines.iter().map(|line| stream.line(line)).collect();
    lines.join("\n")
}

/// Text with every line but the first indented as far as `first` is long.
#[must_use]
pub fn paragraph(first: &str, text: &str, page: &Page) -> String {
    let indent = first.chars().count();
    let lines = wrap(words_of(text), page.width.min(PROSE).saturating_sub(indent));
    let rest = format!("\n{}", " ".repeat(indent));
    format!("{first}{}", lines.join(&rest))
}

/// A table whose lines are shown as they come, in columns wide enough for [`Column::least`].
#[derive(Debug)]
pub struct Stream {
    layout: Layout,
    columns: Vec<Column>,
    /// Whether the heads were shown.
    has_begun: bool,
    /// Group of the line before.
    group: Option<String>,
    /// Facts above the line before.
    above: String,
}

impl Stream {
    /// A table of `columns` without a line yet.
    #[must_use]
    pub fn new(columns: Vec<Column>, page: &Page) -> Self {
        Self::with(Layout::planned(&columns, *page), columns)
    }

    fn with(layout: Layout, columns: Vec<Column>) -> Self {
        Self {
            layout,
            columns,
            has_begun: false,
            group: None,
            above: String::new(),
        }
    }

    /// Text of the next line: under the heads where it is the first, after an empty line where a group begins.
    pub fn line(&mut self, line: &Line) -> String {
        let mut text = String::new();
        if !self.has_begun {
            text += &self.layout.heads(&self.columns);
        } else if self.group != line.group {
            text.push('\n');
        }
        self.has_begun = true;
        let above = self.layout.above(line);
        if !above.is_empty() && (above != self.above || self.group != line.group) {
            text += &above;
            text.push('\n');
        }
        self.above = above;
        self.group.clone_from(&line.group);
        text += &self.layout.line(line);
        for below in self.layout.below(&self.columns, line) {
            text += "\n";
            text += &below;
        }
        text
    }
}

#[cfg(test)]
mod tests;
