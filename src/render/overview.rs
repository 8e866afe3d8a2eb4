//! Files of results side by side: a line for each, with the figures that somebody asks for first.

mod headlines;

use super::ceilings::value;
use super::table::{Cell, Column, Document, Line, Priority, Section, Table};
use crate::report::{Bound, CeilingId, Input, Results, Row};
use crate::units::Unit;
use headlines::HEADLINES;

/// Ceilings of a line, and the heads of their columns.
const CEILINGS: &[(CeilingId, &str)] = &[
    (CeilingId::ComputeF32, "f32"),
    (CeilingId::ComputeF16Matrix, "f16 matrix"),
    (CeilingId::MemoryCopy, "copy"),
];

/// Meaning of the figures.
const LEGEND: &str = "f32, f16 matrix, copy: measured ceilings of arithmetic, of matrix units and of memory; matmul and softmax: the \
                      fastest verified row of any shape; attention: the fastest verified row of the shape with the most FLOPs; \
                      of roof: share of what the ceilings of the same file allow; all else stands in the reports of each file";

/// Meaning of the figure that is there where energy is known.
const EFFICIENCY: &str =
    "; per joule: the verified row with the most FLOPs for each joule, the highest rate per watt";

/// Document of `inputs`, a line for each in their order.
pub(super) fn overview(inputs: &[Input]) -> Document {
    let has_power = inputs
        .iter()
        .any(|input| most_per_joule(&input.results).is_some());
    let lines = inputs.iter().enumerate();
    let table = Table {
        columns: columns(has_power),
        lines: lines.map(|input| line(input, has_power)).collect(),
    };
    Document::of([
        Section::table("adapters", table),
        Section::paragraph(legend(has_power)),
    ])
}

fn legend(has_power: bool) -> String {
    let power = if has_power { EFFICIENCY } else { "" };
    format!("{LEGEND}{power}")
}

fn columns(has_power: bool) -> Vec<Column> {
    let fact = |name: &str| Column::left(name).priority(Priority::Low);
    let mut columns = vec![Column::left("adapter"), Column::left("file").under()];
    for (_, name) in CEILINGS {
        columns.push(Column::right(*name).priority(Priority::High));
    }
    for headline in HEADLINES {
        columns.push(Column::right(headline.name()).priority(Priority::Low));
        columns.push(Column::left("of").under());
        columns.push(Column::right("of roof").priority(Priority::Low));
    }
    if has_power {
        columns.push(Column::right("per joule").priority(Priority::Low));
        columns.push(Column::left("of").under());
    }
    columns.extend([
        fact("type").choice().priority(Priority::Medium),
        fact("vendor").choice(),
        fact("backend").choice(),
        fact("driver").choice(),
        fact("measured at"),
    ]);
    columns
}

fn line((place, input): (usize, &Input), has_power: bool) -> Line {
    let results = &input.results;
    let adapter = results.adapter();
    let mut cells = vec![
        Cell::Input(adapter.name.clone(), place),
        Cell::text(&input.name),
    ];
    cells.extend(CEILINGS.iter().map(|(id, _)| ceiling(results, id)));
    let figures = HEADLINES.iter().map(|headline| headline.cells(results));
    cells.extend(figures.flatten());
    if has_power {
        cells.extend(match most_per_joule(results) {
            Some((row, value)) => [
                Cell::quantity(value, Unit::FlopsPerJoule),
                Cell::text(format!(
                    "{} {} by {}",
                    row.operation,
                    row.shape_text(),
                    row.kernel
                )),
            ],
            None => [Cell::Missing(None), Cell::Empty],
        });
    }
    cells.extend([
        Cell::text(adapter.kind.to_string()),
        Cell::text(adapter.vendor()),
        Cell::text(&adapter.backend),
        Cell::text(adapter.driver_text()),
        Cell::text(&results.host().utc),
    ]);
    Line::of(cells)
}

/// The verified row with the most FLOPs per joule, and that figure; `None` where no energy is known.
fn most_per_joule(results: &Results) -> Option<(&Row, f64)> {
    let rows = results.rows().iter();
    let known = rows.filter_map(|row| {
        row.verified.as_ref().filter(|verified| verified.ok)?;
        Some((row, row.per_joule(Bound::Compute).0?))
    });
    known.max_by(|(_, a), (_, b)| a.total_cmp(b))
}

fn ceiling(results: &Results, id: &CeilingId) -> Cell {
    let mut ceilings = results.ceilings().iter();
    let found = ceilings.find(|ceiling| ceiling.id == *id);
    match found {
        Some(ceiling) if ceiling.value.is_some() => value(ceiling),
        found => Cell::Missing(found.and_then(|ceiling| ceiling.reason.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::reports::write;
    use crate::render::{Reports, Subject};

    #[test]
    fn a_line_has_a_cell_for_every_column() {
        let inputs = ["run.json", "other.json", "roofline.json"].map(Input::made_up);
        let document = Reports(&inputs).overview().unwrap();
        let crate::render::Content::Table(table) = &document.sections[0].content else {
            panic!("{document:?}");
        };
        assert_eq!(table.lines.len(), inputs.len());
        for (line, input) in table.lines.iter().zip(&inputs) {
            assert_eq!(line.cells.len(), table.columns.len());
            let copy = input.results.ceilings().iter();
            let copy = copy.filter(|ceiling| ceiling.id == CeilingId::MemoryCopy);
            let expected = copy.map(value).next().unwrap();
            assert!(line.cells.contains(&expected), "{line:?}");
        }
        assert!(Reports(&inputs[..1]).overview().is_none());
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        let inputs = ["run.json", "roofline.json"].map(Input::made_up);
        let text = write("markdown", &Reports(&inputs), 100);
        assert!(text.contains("a roofline has no rows"), "{text}");
    }
}
