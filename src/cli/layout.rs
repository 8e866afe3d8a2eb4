//! Text in columns and paragraphs.

use comfy_table::{CellAlignment, ColumnConstraint, Row, Table, Width, presets};
use std::io::IsTerminal;

/// What every line fits into, on a wide terminal or none.
const WIDTH: u16 = 100;
/// Less is for nobody's good.
const NARROWEST: u16 = 60;

/// What paragraphs fit into here.
fn width() -> usize {
    let terminal = Table::new().width();
    terminal
        .map_or(WIDTH, |columns| columns.clamp(NARROWEST, WIDTH))
        .into()
}

/// Between two columns.
const GAP: u16 = 2;

/// A column's width in characters, and the side that its text is on.
pub(crate) type Column = (u16, CellAlignment);

/// `rows` as lines of text in `columns`, without borders.
pub(crate) fn lines(columns: &[Column], rows: Vec<Row>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if is_coloured() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.add_rows(rows);
    for (i, (width, alignment)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(i) {
            let gap = if i + 1 < columns.len() { GAP } else { 0 };
            column.set_padding((0, gap));
            column.set_cell_alignment(*alignment);
            let width = Width::Fixed(width + gap);
            column.set_constraint(ColumnConstraint::Absolute(width));
        }
    }
    table.trim_fmt()
}

/// Whether stdout shows colours. See <https://no-color.org>.
fn is_coloured() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !unwanted
}

/// Keeps a number and its unit in one line of a [`paragraph`].
pub(crate) const NO_BREAK: &str = "\u{a0}";

/// `text` in lines as long as they may be, the first one behind `first` and all others as far to the right.
pub(crate) fn paragraph(first: &str, text: &str) -> String {
    let (indent, width) = (first.chars().count(), width());
    let mut lines = vec![first.to_owned()];
    let mut used = indent;
    let breaks = |c: char| c.is_whitespace() && !NO_BREAK.contains(c);
    for word in text.split(breaks).filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > indent && used + 1 + length > width {
            lines.push(" ".repeat(indent));
            used = indent;
        }
        let line = lines.last_mut().expect("there is the first line");
        if used > indent {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    lines.join("\n").replace(NO_BREAK, " ")
}

/// What `columns` leave of a line for one more.
pub(crate) fn rest(columns: &[Column]) -> u16 {
    let used: u16 = columns.iter().map(|(width, _)| width + GAP).sum();
    (width() as u16).saturating_sub(used)
}

/// The most characters that one of `texts` has.
pub(crate) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> u16 {
    let lengths = texts.into_iter().map(|text| text.chars().count());
    lengths.max().unwrap_or(0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let columns = [(5, CellAlignment::Left), (4, CellAlignment::Right)];
        let rows = vec![Row::from(vec!["a", "1.5"]), Row::from(vec!["bcdef", "10"])];
        assert_eq!(lines(&columns, rows), "a       1.5\nbcdef    10");
    }

    #[test]
    fn paragraphs_hang() {
        let text = paragraph("  - ", &"word ".repeat(40));
        assert!(text.lines().count() == 3 && text.lines().all(|line| line.len() <= width()));
        assert!(
            text.starts_with("  - word") && text.lines().nth(1).unwrap().starts_with("    word")
        );
        assert_eq!(paragraph("- ", ""), "- ");
    }
}
