//! A comparison as a document: the files, ceilings and rows side by side, sums, what makes them less comparable.

mod sheet;
mod sums;

use super::figures::of_comparison;
use super::subject::Subject;
use super::table::{Cell, Column, Content, Document, Line, Priority, Section, Table};
use crate::compare::{self, Comparison, Side, letter};
use crate::report::flat::Sheet;
use crate::report::{Checks, Input, Results, Status};
use crate::units::Unit;
pub(super) use sheet::COMPARE_SCHEMA;
use sheet::sheet;
use sums::{statistics, sums};

/// Lines from which on a table has a legend.
const EXPLAINED: usize = 4;

/// A comparison to write.
#[derive(Debug)]
pub struct Comparing<'a> {
    /// The comparison.
    pub comparison: Comparison<'a>,
    /// Whether mean, median, least, greatest and spread of the times are shown too.
    pub statistics: bool,
}

impl Subject for Comparing<'_> {
    fn title(&self) -> String {
        match self.comparison.inputs {
            [one] => one.results.adapter().name.clone(),
            several => format!("Comparison of {} files", several.len()),
        }
    }

    fn inputs(&self) -> &[Input] {
        self.comparison.inputs
    }

    fn documents(&self) -> Vec<Document> {
        vec![document(self)]
    }

    fn sheet(&self) -> Sheet<'_> {
        sheet(&self.comparison)
    }
}

fn document(comparing: &Comparing<'_>) -> Document {
    let comparison = &comparing.comparison;
    let files = comparison.inputs.len();
    let mut sections = vec![
        Section::table("files", inputs(comparison.inputs)),
        Section::table(
            "ceilings, each measured in its own run",
            lines(&comparison.ceilings, files, &Column::left("ceiling")),
        ),
    ];
    if files > 1 && comparison.lines.is_empty() {
        sections.push(Section::paragraph(
            "no row is in more than one of the files",
        ));
    } else {
        let table = lines(&comparison.lines, files, &Column::left("operation"));
        sections.push(Section::table("rows", table));
    }
    if comparing.statistics {
        let title = "times of one execution";
        sections.push(Section::table(title, statistics(comparison)));
    }
    if comparison.totals.iter().any(|totals| totals.rows > 0) {
        sections.push(Section::table(mean_title(comparison), sums(comparison)));
    }
    if comparison.lines.len() >= EXPLAINED {
        sections.push(Section::paragraph(legend()));
    }
    sections.push(Section {
        title: String::new(),
        content: Content::Warnings(comparison.warnings.clone()),
    });
    Document::of(sections).drawn(of_comparison(comparison))
}

fn mean_title(comparison: &Comparison<'_>) -> String {
    match comparison.common {
        0 => "sums; no shape has a right result in every file".to_owned(),
        count => format!(
            "sums; mean: geometric, over {count} shapes that all files have, each by its best kernel"
        ),
    }
}

fn legend() -> String {
    "B / A: rate of B over rate of A, and its range for times from the shortest to the third quartile of both; roof: share of \
     each file's own ceilings; per joule: the rate for each watt, where the energy is known; SAME: within 1 % with times narrower than 5 %; FASTER, SLOWER: these times of both do not overlap; \
     AMBIGUOUS: all else"
        .to_owned()
}

/// Table of the files.
fn inputs(inputs: &[Input]) -> Table {
    let line = |(index, input): (usize, &Input)| {
        let results = &input.results;
        let settings = match results {
            Results::Run(run) => {
                let checks = match run.settings.checks {
                    Checks::On => "on",
                    Checks::Off => "off",
                };
                format!("suite {}, runtime checks {checks}", run.settings.suite)
            }
            Results::Roofline(_) => "roofline".to_owned(),
        };
        let (tool, host) = (super::run::versions(results.tool()), &results.host().utc);
        let note = super::run::note(results.note());
        Line::of([
            Cell::text(letter(index)),
            Cell::text(&input.name),
            Cell::text(results.adapter().describe()),
            Cell::text(format!("{settings}; {tool}; {host}{note}")),
        ])
    };
    Table {
        columns: vec![
            Column::left(""),
            Column::left(""),
            Column::left("").priority(Priority::Below),
            Column::left("").priority(Priority::Below),
        ],
        lines: inputs.iter().enumerate().map(line).collect(),
    }
}

/// Table of lines, each side by side, under the name of what they are.
fn lines(lines: &[compare::Line<'_>], files: usize, first: &Column) -> Table {
    let mut columns = vec![
        first.clone().priority(Priority::Above),
        Column::left("type").priority(Priority::Above),
        Column::left("shape").priority(Priority::Above),
        Column::left("kernel").priority(Priority::Above),
    ];
    let has_power = has_power(lines);
    for file in 0..files {
        let name = letter(file);
        columns.push(Column::right(&name));
        if has_power {
            columns.push(Column::right(format!("{name} per joule")).priority(Priority::High));
        }
        columns.push(Column::right(format!("{name} roof")).priority(Priority::Medium));
        if file > 0 {
            let ratio = format!("{name} / {}", letter(0));
            columns.push(Column::left(ratio).priority(Priority::High));
            columns.push(Column::left(format!("{name} is")));
        }
    }
    columns.push(Column::left("why").priority(Priority::Below));
    Table {
        columns,
        lines: lines.iter().map(|of| line(of, has_power)).collect(),
    }
}

/// Whether the energy of a side is known.
fn has_power(lines: &[compare::Line<'_>]) -> bool {
    let mut sides = lines.iter().flat_map(|line| &line.sides);
    sides.any(|side| side.per_watt.is_some())
}

fn line(line: &compare::Line<'_>, has_power: bool) -> Line {
    let kernel = match (line.kernel, line.dtype) {
        (Some(kernel), _) => kernel,
        (None, "") => "",
        (None, _) => "best of each",
    };
    let mut cells = vec![
        Cell::text(line.name),
        Cell::text(line.dtype),
        Cell::text(&line.shape),
        Cell::text(kernel),
    ];
    for (file, side) in line.sides.iter().enumerate() {
        cells.push(rate(side, &line.unit));
        if has_power {
            let per_watt = side.per_watt.zip(line.unit.per_watt());
            cells.push(per_watt.map_or(Cell::Missing(None), |(value, unit)| {
                Cell::quantity(value, unit)
            }));
        }
        let percent = side.percent_of_roof();
        cells.push(percent.map_or(Cell::Empty, |percent| Cell::Share(percent / 100.0)));
        if file > 0 {
            cells.push(side.ratio.map_or(Cell::Empty, Cell::Ratio));
            cells.push(side.verdict.map_or(Cell::Empty, Cell::Verdict));
        }
    }
    cells.push(Cell::text(line.why.join("; ")));
    Line {
        group: (!line.dtype.is_empty()).then(|| line.name.to_owned()),
        cells,
    }
}

/// Rate of a side; where it has none, how it ended.
fn rate(side: &Side<'_>, unit: &Unit) -> Cell {
    let otherwise = match side.status() {
        None | Some(Status::Ok) => Cell::Missing(None),
        Some(status) => Cell::Status(status),
    };
    Cell::quantity_or(side.rate, unit.clone(), otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::reports::goldens;

    #[test]
    fn comparisons_are_those_of_the_golden_files() {
        let two = ["run.json", "other.json"].map(Input::made_up);
        let comparison = Comparison::new(&two);
        goldens(
            "compare",
            &Comparing {
                comparison,
                statistics: true,
            },
        );
        let three = ["other.json", "run.json", "roofline.json"].map(Input::made_up);
        let comparison = Comparison::new(&three);
        goldens(
            "compare-three",
            &Comparing {
                comparison,
                statistics: false,
            },
        );
    }

    #[test]
    fn a_line_has_a_cell_for_every_column_and_a_value_for_every_name() {
        let inputs = ["run.json", "other.json", "run.json"].map(Input::made_up);
        let comparison = Comparison::new(&inputs);
        let first = Column::left("");
        for of in [&comparison.lines, &comparison.ceilings] {
            let table = lines(of, inputs.len(), &first);
            for line in table.lines {
                assert_eq!(line.cells.len(), table.columns.len());
            }
        }
        let sheet = sheet(&comparison);
        assert!(
            sheet
                .lines
                .iter()
                .all(|line| line.len() == sheet.columns.len())
        );
        let count = comparison.lines.len() + comparison.ceilings.len();
        assert_eq!(sheet.lines.len(), 2 * count);
    }
}
