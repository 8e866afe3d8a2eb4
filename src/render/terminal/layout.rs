//! Layout of a table: the columns side by side on a page, their widths, and the content below a line.

use super::tone::{Tone, styled};
use super::wrap::{words, wrap};
use crate::render::{Align, Cell, Column, Line, Page, Priority, Table};
use crate::text::visible;

/// Characters between two columns.
const GAP: usize = 2;
/// Characters that sentences need beside a line; with fewer they stand below the line.
const LEAST_PROSE: usize = 24;
/// Space before content below a line, in addition to the indent of the line.
const BELOW: usize = 4;
/// Space before lines under what stands above them, in addition.
const UNDER: usize = 2;
/// Style of the heads: bold.
const BOLD: u8 = 1;

/// Places of the columns of one table on a page.
#[derive(Debug)]
pub(super) struct Layout {
    page: Page,
    indent: usize,
    /// Columns side by side: index, width in characters, alignment.
    beside: Vec<(usize, usize, Align)>,
    /// Columns above the lines that share their cells.
    above: Vec<usize>,
    /// Columns below each line.
    below: Vec<usize>,
}

impl Layout {
    /// Places for all lines of a table. A column without text has none.
    pub(super) fn of(table: &Table, indent: usize, page: Page) -> Self {
        let widths = table.columns.iter().enumerate().map(|(i, column)| {
            let texts = table.lines.iter().filter_map(|line| line.cells.get(i));
            let longest = texts.map(|cell| cell.shown().chars().count()).max();
            let longest = longest.unwrap_or(0);
            (longest > 0).then(|| longest.max(width(column)))
        });
        Self::new(&table.columns, widths, indent, page)
    }

    /// Places for lines that are not known yet.
    pub(super) fn planned(columns: &[Column], page: Page) -> Self {
        let widths = columns.iter().map(|column| match column.align {
            // A sentence may be as long as the page is wide.
            Align::Prose => Some(page.width),
            Align::Left | Align::Right => Some(width(column)),
        });
        Self::new(columns, widths, 0, page)
    }

    fn new(
        columns: &[Column],
        widths: impl Iterator<Item = Option<usize>>,
        mut indent: usize,
        page: Page,
    ) -> Self {
        let mut above = Vec::new();
        let places = columns.iter().zip(widths).enumerate();
        let mut beside: Vec<(usize, usize, Align)> = places
            .filter(|(_, (column, _))| column.priority > Priority::Below)
            .filter_map(|(i, (column, width))| Some((i, width?, column.align)))
            .collect();
        loop {
            let gaps = GAP * beside.len().saturating_sub(1);
            let used = indent + gaps + beside.iter().map(|(_, width, _)| width).sum::<usize>();
            if used <= page.width {
                break;
            }
            if let Some((_, width, Align::Prose)) = beside.last_mut() {
                let others = used - *width;
                if others + LEAST_PROSE <= page.width {
                    *width = page.width - others;
                    break;
                }
            }
            // The last of the columns with the least claim; `min_by_key` returns the first.
            let least = beside
                .iter()
                .rev()
                .map(|(i, ..)| *i)
                .min_by_key(|i| columns[*i].priority);
            match least {
                Some(i) if columns[i].priority == Priority::Above => {
                    let is_above = |i: usize| columns[i].priority == Priority::Above;
                    above = beside
                        .iter()
                        .map(|(i, ..)| *i)
                        .filter(|i| is_above(*i))
                        .collect();
                    beside.retain(|(i, ..)| !is_above(*i));
                    indent += UNDER;
                }
                Some(i) if columns[i].priority < Priority::Always => {
                    beside.retain(|(other, ..)| *other != i);
                }
                _ => break,
            }
        }
        let is_below =
            |i: &usize| !above.contains(i) && beside.iter().all(|(other, ..)| other != i);
        Self {
            page,
            indent,
            below: (0..columns.len()).filter(is_below).collect(),
            above,
            beside,
        }
    }

    /// Names of the columns, and the end of their line; nothing where none has a name.
    pub(super) fn heads(&self, columns: &[Column]) -> String {
        let heads = self
            .beside
            .iter()
            .map(|(i, width, align)| (vec![head(&columns[*i])], *width, *align));
        let text = self.rows(heads, |text, _| styled(text, BOLD, self.page.colours));
        if text.is_empty() { text } else { text + "\n" }
    }

    /// Text above a line; empty where all stands beside or below it.
    pub(super) fn above(&self, line: &Line) -> String {
        let cells = self.above.iter().filter_map(|i| line.cells.get(*i));
        let words: Vec<String> = cells.flat_map(words).collect();
        if words.is_empty() {
            return String::new();
        }
        let indent = self.indent - UNDER;
        let lines = wrap(words, self.page.width.saturating_sub(indent));
        let first = " ".repeat(indent);
        first.clone() + &lines.join(&format!("\n{first}"))
    }

    /// Text of what stands side by side.
    pub(super) fn line(&self, line: &Line) -> String {
        let cell = |i: usize| line.cells.get(i).unwrap_or(&Cell::Empty);
        let cells = self.beside.iter().map(|(i, width, align)| {
            let lines = match align {
                Align::Prose => wrap(words(cell(*i)), *width),
                Align::Left | Align::Right => vec![cell(*i).shown()],
            };
            (lines, *width, *align)
        });
        let tones: Vec<Tone> = self
            .beside
            .iter()
            .map(|(i, ..)| Tone::of(cell(*i)))
            .collect();
        self.rows(cells, |text, place| {
            tones[place].paint(text, self.page.colours)
        })
    }

    /// Lines of text in columns, each cell with as many lines as it needs; no line ends in a space.
    fn rows(
        &self,
        cells: impl Iterator<Item = (Vec<String>, usize, Align)>,
        paint: impl Fn(&str, usize) -> String,
    ) -> String {
        let cells: Vec<_> = cells.collect();
        let height = cells.iter().map(|(lines, ..)| lines.len()).max();
        let mut rows = Vec::new();
        for row in 0..height.unwrap_or(0) {
            let (mut text, mut spaces) = (String::new(), self.indent);
            for (place, (lines, width, align)) in cells.iter().enumerate() {
                let cell = lines.get(row).map_or("", String::as_str);
                let rest = width.saturating_sub(cell.chars().count());
                let (before, after) = match align {
                    Align::Right => (rest, 0),
                    Align::Left | Align::Prose => (0, rest),
                };
                spaces += before;
                if !cell.is_empty() {
                    text += &" ".repeat(spaces);
                    text += &paint(cell, place);
                    spaces = 0;
                }
                spaces += after + GAP;
            }
            rows.push(text);
        }
        rows.join("\n")
    }

    /// Paragraphs below a line: columns that have no place beside it, reasons of missing values, and remedies.
    pub(super) fn below(&self, columns: &[Column], line: &Line) -> Vec<String> {
        let (mut parts, mut remedies) = (Vec::new(), Vec::new());
        let mut tone = Tone::Plain;
        for i in &self.below {
            let Some(cell) = line.cells.get(*i) else {
                continue;
            };
            match cell {
                // A bar repeats what a cell beside the line says, and a line that does not say otherwise is right.
                Cell::Missing(_) | Cell::Bar(_) | Cell::Verified(true) => continue,
                Cell::Remedy(_) => remedies.push(words(cell)),
                cell => parts.push(named(&columns[*i], cell)),
            }
            tone = tone.max(Tone::of(cell));
        }
        for cell in &line.cells {
            if let Cell::Missing(Some(reason)) = cell {
                let reason = words(&Cell::text(reason));
                if !parts.contains(&reason) {
                    parts.push(reason);
                }
            }
        }
        parts.retain(|part| !part.is_empty());
        let last = parts.len().saturating_sub(1);
        for part in parts.iter_mut().take(last) {
            *part.last_mut().expect("empty parts were dropped") += ";";
        }
        let facts = self.paragraph("", &parts.concat(), tone);
        let remedies = remedies
            .iter()
            .map(|remedy| self.paragraph("-> ", remedy, Tone::Plain));
        facts.into_iter().chain(remedies.flatten()).collect()
    }

    fn paragraph(&self, first: &str, words: &[String], tone: Tone) -> Option<String> {
        if words.is_empty() {
            return None;
        }
        let before = self.indent + BELOW;
        let indent = before + first.chars().count();
        let lines = wrap(words, self.page.width.saturating_sub(indent));
        let painted = lines.iter().map(|line| tone.paint(line, self.page.colours));
        let rest = format!("\n{}", " ".repeat(indent));
        let text = painted.collect::<Vec<_>>().join(&rest);
        Some(format!("{}{first}{text}", " ".repeat(before)))
    }
}

/// Name of a column, which may come from a file.
fn head(column: &Column) -> String {
    visible(&column.name).into_owned()
}

fn width(column: &Column) -> usize {
    column.least.max(head(column).chars().count())
}

/// Words of a cell below its line, behind the name of its column where the cell alone does not say what it is.
fn named(column: &Column, cell: &Cell) -> Vec<String> {
    let mut words = words(cell);
    let needs_name = !matches!(
        cell,
        Cell::Empty | Cell::Text(_) | Cell::Status(_) | Cell::Outcome(_) | Cell::Marks(_)
    );
    if needs_name && !words.is_empty() && !column.name.is_empty() {
        words[0] = format!("{} {}", head(column), words[0]);
    }
    words.retain(|word| !word.is_empty());
    words
}
