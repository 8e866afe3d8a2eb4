//! Tables that answer the question of a suite, beside the rows.

use super::weights;
use crate::compare::Elsewhere;
use crate::render::elsewhere;
use crate::render::{Cell, Column, Line, Priority, Section, Table};
use crate::report::published::{Published, figures};
use crate::report::{Input, Report, Results, Row};
use crate::suite::{Suite, View, suite};
use crate::units::Unit;
use std::collections::{BTreeMap, HashSet};

/// Sections of the suites of `report`, each about the rows of the suites that ask for it.
pub(super) fn views(report: &Report) -> Vec<Section> {
    let rows = |view: View| rows_of(report, view);
    let mut sections = published(report);
    sections.extend([
        Section::table(
            "tiles, and the workgroup memory that they take",
            tiles(report, &rows(View::Tiles)),
        ),
        Section::table(
            "growth: time from each size to the next, and as it would be if only FLOPs counted",
            growth(&rows(View::Growth)),
        ),
    ]);
    sections.extend(weights::sections(report, &rows(View::Weights)));
    sections
}

/// Suites of `report` that come with the program.
fn suites(report: &Report) -> impl Iterator<Item = &'static Suite> {
    let names = report.settings.suite.split(',');
    names.filter_map(|name| suite(name).ok())
}

/// Figures that others published for the workloads of a suite, beside the measured ones; nothing where no suite asks for them.
fn published(report: &Report) -> Vec<Section> {
    let views = suites(report).flat_map(|suite| &suite.views);
    let sources = views.filter_map(|view| match view {
        View::Published(source) => Some(*source),
        _ => None,
    });
    let sources: Vec<&str> = sources.collect();
    if sources.is_empty() {
        return Vec::new();
    }
    let is_of = |figure: &&Published| {
        let mut sources = sources.iter();
        sources.any(|source| figure.source.starts_with(source))
    };
    let figures: Vec<Published> = figures().iter().filter(is_of).cloned().collect();
    let inputs = [Input {
        name: String::new(),
        results: Results::Run(Box::new(report.clone())),
    }];
    elsewhere::sections(&Elsewhere::new(&inputs, &figures), 1)
}

/// Rows of the suites that ask for `view`: those of a workload's operation and type, on a shape of the workload or on a smaller
/// one in place of it.
fn rows_of(report: &Report, view: View) -> Vec<&Row> {
    let mut shapes: HashSet<(&str, &str, String)> = HashSet::new();
    for suite in suites(report).filter(|suite| suite.views.contains(&view)) {
        for workload in &suite.workloads {
            for operation in &workload.operations {
                let (name, dtype) = (operation.family().name, operation.dtype().name());
                shapes.insert((name, dtype, operation.label()));
                shapes.insert((name, dtype, String::new()));
            }
        }
    }
    let is_of = |row: &&Row| {
        let is_smaller = row
            .warnings
            .iter()
            .any(|warning| warning.id() == "reduced_size");
        let label = if is_smaller { "" } else { &row.label };
        shapes.contains(&(row.operation.as_str(), row.dtype.name(), label.to_owned()))
    };
    report.rows.iter().filter(is_of).collect()
}

/// Name of the limit that tiles stay within.
const LIMIT: &str = "max_compute_workgroup_storage_size";

/// Table of the tiles of each shape, once for all repetitions. A kernel without a tile among its constants is passed over.
fn tiles(report: &Report, rows: &[&Row]) -> Table {
    let limit = report.adapter.limits.get(LIMIT).map(|bytes| *bytes as f64);
    let first = |row: &&Row| row.repetition.is_none_or(|number| number == 1);
    let line = |row: &Row| {
        let tile = row.constants.iter();
        let tile = tile.filter(|(name, _)| name.starts_with("TILE_") || *name == "HEAD_DIM");
        let tile: Vec<String> = tile.map(|(name, size)| format!("{name}={size}")).collect();
        let bytes = row.workgroup_bytes.map(|bytes| bytes as f64);
        (!tile.is_empty()).then(|| {
            Line::of([
                Cell::text(&row.kernel),
                Cell::text(row.shape_text()),
                Cell::text(tile.join(" ")),
                Cell::quantity_or(bytes, Unit::Bytes, Cell::Missing(None)),
                Cell::quantity_or(limit, Unit::Bytes, Cell::Missing(None)),
                Cell::text(&row.choice),
            ])
        })
    };
    Table {
        columns: vec![
            Column::left("kernel"),
            Column::left("shape"),
            Column::left("tile"),
            Column::right("takes").unit(Unit::Bytes),
            Column::right("of").unit(Unit::Bytes),
            Column::left("why").priority(Priority::Below),
        ],
        lines: rows
            .iter()
            .copied()
            .filter(first)
            .filter_map(line)
            .collect(),
    }
}

/// Table of each row beside the row before it, where their shapes differ by one factor in some of their sizes.
fn growth(rows: &[&Row]) -> Table {
    let mut last: BTreeMap<(&str, &str), &Row> = BTreeMap::new();
    let mut lines = Vec::new();
    for row in rows.iter().copied().filter(|row| row.is_good()) {
        let before = last.insert((&row.operation, row.dtype.name()), row);
        lines.extend(before.and_then(|before| step(before, row)));
    }
    Table {
        columns: vec![
            Column::left("operation").priority(Priority::Above),
            Column::left("type").priority(Priority::Above),
            Column::left("shape"),
            Column::left("kernel").priority(Priority::Low),
            Column::right("median").unit(Unit::Seconds),
            Column::left("from"),
            Column::right("time"),
            Column::right("FLOPs"),
        ],
        lines,
    }
}

/// Line of `row` beside `before`; `None` where the shapes are not of one family.
fn step(before: &Row, row: &Row) -> Option<Line> {
    let sizes = grown(before, row)?;
    let seconds = |row: &Row| row.time_s.as_ref().map(|time| time.median);
    let (from, to) = (seconds(before)?, seconds(row)?);
    Some(Line {
        group: Some(row.operation.clone()),
        cells: vec![
            Cell::text(&row.operation),
            Cell::text(row.dtype.name()),
            Cell::text(row.shape_text()),
            Cell::text(&row.kernel),
            Cell::quantity(to, Unit::Seconds),
            Cell::text(sizes),
            Cell::Factor(to / from),
            Cell::Factor(row.flops as f64 / before.flops as f64),
        ],
    })
}

/// Names of the sizes in which `row` is larger than `before`, with the size there, as `m=1024`; `None` where no size grew, or
/// where sizes grew by different factors.
fn grown(before: &Row, row: &Row) -> Option<String> {
    let mut factor = None;
    let mut names = Vec::new();
    for (name, size) in &row.shape {
        let from = *before.shape.get(name)?;
        if from == *size {
            continue;
        }
        // Cross products, since a factor need not be a whole number.
        let (up, down) = *factor.get_or_insert((*size, from));
        if size * down != from * up || *size < from {
            return None;
        }
        names.push(format!("{name}={from}"));
    }
    (!names.is_empty()).then(|| names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dtype;
    use crate::render::Content;
    use crate::render::run::tests::sample;
    use crate::report::{Status, Summary};

    fn row(shape: &[(&str, u64)], flops: u64, seconds: f64) -> Row {
        let shape = shape.iter().map(|(name, size)| ((*name).to_owned(), *size));
        Row {
            shape: shape.collect(),
            flops,
            time_s: Summary::new(&[seconds; 3]),
            ..sample(Status::Ok)
        }
    }

    #[test]
    fn steps_are_between_shapes_of_one_family() {
        let rows = [
            row(&[("m", 1024), ("n", 4096)], 10, 1.0),
            row(&[("m", 2048), ("n", 4096)], 20, 1.5),
            // Another family: two sizes, by different factors.
            row(&[("m", 4096), ("n", 1024)], 10, 1.0),
            row(&[("m", 8192), ("n", 2048)], 40, 5.0),
        ];
        let table = growth(&rows.iter().collect::<Vec<_>>());
        assert_eq!(table.lines.len(), 2);
        assert_eq!(table.lines[0].cells[5], Cell::text("m=1024"));
        assert_eq!(table.lines[0].cells[6], Cell::Factor(1.5));
        assert_eq!(table.lines[0].cells[7], Cell::Factor(2.0));
        assert_eq!(table.lines[1].cells[5], Cell::text("m=4096 n=1024"));
        assert_eq!(table.lines[1].cells[7], Cell::Factor(4.0));
    }

    #[test]
    fn a_table_is_about_the_rows_of_the_suites_that_ask_for_it() {
        let crate::report::Results::Run(mut report) =
            crate::report::Input::made_up("run.json").results
        else {
            unreachable!("the made-up run is a run")
        };
        let mut row = Row {
            operation: "attention".to_owned(),
            dtype: Dtype::F16,
            label: "1x32x128x128x128xcausal".to_owned(),
            workgroup_bytes: Some(32 << 10),
            ..report.rows[0].clone()
        };
        row.constants.insert("TILE_Q".to_owned(), "64".to_owned());
        report.rows.push(row);
        let lines = |report: &Report| -> Vec<usize> {
            let sections = views(report).into_iter();
            let tables = sections.map(|section| match section.content {
                Content::Table(table) => table.lines.len(),
                _ => 0,
            });
            tables.collect()
        };
        report.settings.suite = "standard".to_owned();
        assert_eq!(lines(&report), [0, 0]);
        report.settings.suite = "standard,llama2-7b,granite-7b,scaling".to_owned();
        assert_eq!(lines(&report), [1, 0]);
        let table = tiles(&report, &rows_of(&report, View::Tiles));
        assert!(table.lines[0].cells.contains(&Cell::text("TILE_Q=64")));
        report.settings.suite = "stack-lab".to_owned();
        let shown = format!("{:?}", views(&report));
        assert!(shown.contains("CUDA, 16x16 tile"), "{shown}");
        assert!(
            !shown.contains("vkpeak"),
            "a source that the suite is not about"
        );
    }
}
