//! Published figures beside measured ones, as sections of a document.

use super::table::{Cell, Column, Line, Priority, Section, Table};
use crate::compare::{Beside, Elsewhere, Ratio, letter};

/// The figures as a table, and what else there is.
pub(super) fn sections(elsewhere: &Elsewhere<'_>, files: usize) -> Vec<Section> {
    let others = elsewhere.others;
    let rule = "x of published: the rate here over the published rate; what others measured, said or predicted is no base of any other \
                ratio of this report";
    let text = match elsewhere.lines.len() {
        0 => format!(
            "no published figure is of the same operation and shape; {others} are of others"
        ),
        _ => {
            format!("{rule}; published figures of other operations and shapes, not shown: {others}")
        }
    };
    let table = Table {
        columns: columns(files),
        lines: elsewhere.lines.iter().map(|l| shown(l, files)).collect(),
    };
    vec![
        Section::table("figures from elsewhere", table),
        Section::paragraph(text),
    ]
    .into_iter()
    .filter(|section| !section.is_empty())
    .collect()
}

pub(super) fn columns(files: usize) -> Vec<Column> {
    let mut columns = vec![
        Column::left("operation").priority(Priority::Above),
        Column::left("type").priority(Priority::Above),
        Column::left("shape").priority(Priority::Above),
        Column::left("kernel").priority(Priority::Above),
    ];
    if files > 1 {
        columns.push(Column::left("file"));
    }
    columns.extend([
        Column::right("here"),
        Column::right("published"),
        Column::right("x of published"),
        Column::left("kind"),
        Column::left("adapter"),
        Column::left("conditions and source").priority(Priority::Below),
    ]);
    columns
}

pub(super) fn shown(line: &Beside<'_>, files: usize) -> Line {
    let published = line.published;
    let unit = published.unit();
    let (name, dtype, shape, kernel) = match line.row {
        Some(row) => (
            row.operation.as_str(),
            row.dtype.name(),
            row.label.as_str(),
            row.kernel.as_str(),
        ),
        None => (id(line), "", "", ""),
    };
    let mut cells = [name, dtype, shape, kernel].map(Cell::text).to_vec();
    if files > 1 {
        cells.push(Cell::text(letter(line.file)));
    }
    let ratio = |value| Cell::Ratio(Ratio { value, range: None });
    cells.extend([
        Cell::quantity(line.measured, unit.clone()),
        Cell::quantity(published.value, unit),
        line.factor.map_or(Cell::text("refused"), ratio),
        Cell::text(published.kind.to_string()),
        Cell::text(&published.adapter),
        Cell::text(said(line)),
    ]);
    Line {
        group: Some(name.to_owned()),
        cells,
    }
}

/// Why the figure is refused, what has to be known about it, its conditions and its source.
pub(super) fn said(line: &Beside<'_>) -> String {
    let published = line.published;
    let refused = line.refused.iter().map(|why| format!("refused: {why}"));
    let own = [published.conditions.clone(), published.source.clone()];
    let parts = refused.chain(line.remarks.iter().cloned()).chain(own);
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

/// Id of the ceiling or of the row.
pub(super) fn id<'a>(line: &Beside<'a>) -> &'a str {
    match (line.ceiling, line.row) {
        (Some(ceiling), _) => ceiling.id.as_str(),
        (None, Some(row)) => row.id.as_str(),
        (None, None) => "",
    }
}
