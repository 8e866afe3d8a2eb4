//! A document as Markdown with tables, as GitHub and GitLab show it: to paste into an issue.

use super::table::{Align, Cell, Column, Content, Document, Line, Section, Table};
use crate::text::visible;

/// Characters of a chart's lines.
const CHART: usize = 80;

/// Text of a document, with an empty line between blocks.
pub(super) fn document(document: &Document) -> String {
    let title = (!document.title.is_empty()).then(|| format!("# {}", inline(&document.title)));
    let sections = document.sections.iter().map(section);
    title
        .into_iter()
        .chain(sections)
        .collect::<Vec<_>>()
        .join("\n\n")
        + "\n"
}

fn section(section: &Section) -> String {
    let content = match &section.content {
        Content::Text(paragraphs) => {
            let blocks = paragraphs.iter().map(|text| block(text));
            blocks.collect::<Vec<_>>().join("\n\n")
        }
        Content::Warnings(warnings) => {
            let items = warnings.iter().map(|text| format!("- {}", block(text)));
            items.collect::<Vec<_>>().join("\n")
        }
        Content::Table(table) => lines(table),
        Content::Chart(chart) => drawing(&chart.draw(CHART)),
        Content::Curve(curve) => drawing(&curve.draw(CHART)),
    };
    if section.title.is_empty() {
        content
    } else {
        format!("## {}\n\n{content}", inline(&section.title))
    }
}

/// A chart as text of fixed width. No line of it begins with a fence: each begins with the scale.
fn drawing(chart: &str) -> String {
    format!("```text\n{chart}\n```")
}

/// Lines of a table. Reasons of values that are not there have a column of their own, and bars, which repeat a share, none.
fn lines(table: &Table) -> String {
    let shown = |i: &usize| {
        let mut cells = table.lines.iter().filter_map(|line| line.cells.get(*i));
        cells.any(|cell| !matches!(cell, Cell::Bar(_)) && !cell.shown().is_empty())
    };
    let places: Vec<usize> = (0..table.columns.len()).filter(shown).collect();
    let has_reasons = table.lines.iter().any(|line| !reasons(line).is_empty());
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut heads: Vec<String> = Vec::new();
    let mut rules: Vec<String> = Vec::new();
    for i in &places {
        heads.push(inline(&table.columns[*i].name));
        rules.push(rule(&table.columns[*i]).to_owned());
    }
    if has_reasons {
        heads.push("reason".to_owned());
        rules.push(":---".to_owned());
    }
    let mut text = vec![row(heads), row(rules)];
    for line in &table.lines {
        let cell = |i: &usize| {
            line.cells
                .get(*i)
                .map_or(String::new(), |cell| inline(&cell.shown()))
        };
        let mut cells: Vec<String> = places.iter().map(cell).collect();
        if has_reasons {
            cells.push(inline(&reasons(line)));
        }
        text.push(row(cells));
    }
    text.join("\n")
}

fn rule(column: &Column) -> &'static str {
    match column.align {
        Align::Left | Align::Prose => ":---",
        Align::Right => "---:",
    }
}

/// Reasons why values of a line are not there, each once.
fn reasons(line: &Line) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for cell in &line.cells {
        if let Cell::Missing(Some(reason)) = cell
            && !reasons.contains(&reason.as_str())
        {
            reasons.push(reason);
        }
    }
    reasons.join("; ")
}

/// Text on one line, with every character escaped that Markdown or the HTML in it could take for its own.
fn inline(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = visible(&text);
    let chars: Vec<char> = text.chars().collect();
    let mut escaped = String::with_capacity(text.len() + 8);
    for (i, c) in chars.iter().enumerate() {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| chars.get(at))
                .is_some_and(|c| c.is_alphanumeric())
        };
        let is_special = match c {
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => true,
            // Within a word an underscore is a letter: `matmul_tiled`.
            '_' => !(is_word(i.checked_sub(1)) && is_word(Some(i + 1))),
            _ => false,
        };
        match c {
            '<' => escaped += "&lt;",
            '&' => escaped += "&amp;",
            // A name behind it would be told of the issue.
            '@' => escaped += "<span>@</span>",
            c if is_special => escaped.extend(['\\', *c]),
            c => escaped.push(*c),
        }
    }
    escaped
}

/// A paragraph: text whose first characters would begin a list or a line under a heading are escaped too.
fn block(text: &str) -> String {
    let text = inline(text);
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let at = match text.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'=' | b'>') if digits == 0 => Some(0),
        Some(b'.' | b')') if digits > 0 => Some(digits),
        _ => None,
    };
    match at {
        Some(at) => format!("{}\\{}", &text[..at], &text[at..]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Status;
    use crate::units::Unit;

    #[test]
    fn a_table_has_a_rule_under_its_heads_and_a_column_of_reasons() {
        let missing = Cell::Missing(Some("the device lacks f16".to_owned()));
        let table = Table {
            columns: vec![
                Column::left("kernel"),
                Column::right("median"),
                Column::left("bar"),
                Column::left("status"),
                Column::left("empty"),
            ],
            lines: vec![
                Line::of([
                    Cell::text("matmul_tiled"),
                    Cell::quantity(1.5e-3, Unit::Seconds),
                    Cell::Bar(0.5),
                    Cell::Status(Status::Ok),
                ]),
                Line::of([
                    Cell::text("a|b"),
                    missing,
                    Cell::Empty,
                    Cell::Status(Status::Unsupported),
                ]),
            ],
        };
        let of = Document::of([Section::table("rows", table)]);
        assert_eq!(
            document(&of),
            "## rows\n\n\
             | kernel | median | status | reason |\n\
             | :--- | ---: | :--- | :--- |\n\
             | matmul_tiled | 1.50 ms |  |  |\n\
             | a\\|b | - | unsupported | the device lacks f16 |\n"
        );
    }

    #[test]
    fn what_markdown_and_html_could_take_is_escaped() {
        let hostile =
            "`a` <script>alert(1)</script> *b* [c](http://d) ![e](f) _g_ h_i | @j #1 \u{1b}[31m";
        let text = inline(hostile);
        assert_eq!(
            text,
            "\\`a\\` &lt;script>alert(1)&lt;/script> \\*b\\* \\[c\\](http://d) \\!\\[e\\](f) \\_g\\_ h_i \\| \
             <span>@</span>j \\#1 \\\\u{1b}\\[31m"
        );
        for (given, wanted) in [
            ("- a", "\\- a"),
            ("1. a", "1\\. a"),
            ("=", "\\="),
            ("12 a", "12 a"),
            ("> a", "\\> a"),
        ] {
            assert_eq!(block(given), wanted);
        }
    }

    #[test]
    fn sections_are_blocks_of_their_own() {
        let warnings = Section {
            title: String::new(),
            content: Content::Warnings(vec!["noisy: close other programs".into(), "b".into()]),
        };
        let mut of = Document::of([Section::paragraph("an adapter"), warnings]);
        of.title = "a_file.json".into();
        assert_eq!(
            document(&of),
            "# a_file.json\n\nan adapter\n\n- noisy: close other programs\n- b\n"
        );
    }
}
