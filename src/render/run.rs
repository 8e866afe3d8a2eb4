//! A run as a document: what was measured and how, ceilings, rows, warnings, the price of not fusing.

use super::ceilings::{ceilings, marks, spread_of};
use super::table::{Cell, Column, Content, Document, Line, Priority, Section, Table, legend};
use super::warnings;
use crate::report::{Bound, Report, Row};
use crate::shader::Checks;
use crate::suite::Case;
use crate::units::{Unit, format_bytes};
use std::collections::BTreeMap;

/// Title of the ceilings of a run.
pub const CEILINGS: &str = "ceilings, measured in this run";

/// Document of a run.
#[must_use]
pub fn run(report: &Report) -> Document {
    let mut sections = header(report).sections;
    sections.push(Section::table(CEILINGS, ceilings(&report.ceilings)));
    sections.push(Section::table("", Rows::of(report).table(report)));
    sections.extend(end(report).sections);
    Document::of(sections)
}

/// Sections before the first measurement: adapter, host, settings.
#[must_use]
pub fn header(report: &Report) -> Document {
    let (host, settings, tool) = (&report.host, &report.settings, &report.tool);
    let memory = host.memory_bytes.map_or("unknown".to_owned(), format_bytes);
    let checks = match settings.checks {
        Checks::On => "on",
        Checks::Off => "off",
    };
    let tuned = match &settings.tuning {
        Some(classes) => format!(", tuned for {classes}"),
        None => String::new(),
    };
    let note = match &settings.note {
        Some(note) => format!("; note: {note}"),
        None => String::new(),
    };
    let paragraphs = vec![
        report.adapter.describe(),
        format!("{}; {}; {memory} of memory", host.os, host.cpu),
        format!(
            "suite {}, seed {}, runtime checks {checks}{tuned}; ridgepoint {} ({}), wgpu {}; {}{note}",
            settings.suite, settings.seed, tool.version, tool.commit, tool.wgpu, host.utc
        ),
    ];
    Document::of([Section {
        title: String::new(),
        content: Content::Text(paragraphs),
    }])
}

/// Sections behind the last row: warnings, the price of not fusing, the legend.
#[must_use]
pub fn end(report: &Report) -> Document {
    let warnings = Section {
        title: String::new(),
        content: Content::Warnings(warnings::sentences(report)),
    };
    let prices = Section::table(
        "price of passing intermediate results through memory",
        prices(&report.rows),
    );
    let legend = Section::paragraph(legend(&columns()));
    Document::of([warnings, prices, legend])
}

/// Columns of the rows of a run.
fn columns() -> Vec<Column> {
    vec![
        Column::left("kernel"),
        Column::left("type").priority(Priority::High),
        Column::left("shape"),
        Column::right("median")
            .unit(Unit::Seconds)
            .about("time of one execution"),
        Column::right("spread")
            .priority(Priority::High)
            .about("middle half of the times, over their median"),
        Column::right("rate").about(
            "FLOPs (an FMA is two) or bytes (each operand once) over the median, whichever the roof is made of",
        ),
        Column::right("of roof").about("share of what the ceilings above allow"),
        Column::left("right")
            .priority(Priority::Medium)
            .about("results compared with an f64 reference"),
        Column::left("status").priority(Priority::Low),
        Column::left("notes").priority(Priority::Low),
    ]
}

/// Rows of a run as lines of a table, complete or as they come.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    /// Rows of each operation.
    counts: BTreeMap<String, usize>,
}

impl Rows {
    /// Lines of the rows of `report`.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self::new(
            report.rows.iter().map(|row| row.operation.as_str()),
            columns(),
        )
    }

    /// Lines of the rows that `cases` will give, in columns wide enough for any of them.
    #[must_use]
    pub fn planned(cases: &[Case]) -> Self {
        let names = cases.iter().flat_map(|case| match case.kernel {
            Some(kernel) => vec![kernel],
            None => case.family().kernels.iter().map(|k| k.name).collect(),
        });
        let labels: Vec<String> = cases.iter().map(|case| case.operation.label()).collect();
        let shapes = labels.iter().map(String::as_str);
        let (mut names, mut shapes) = (Some(names), Some(shapes));
        let room = |column: Column| match column.name.as_str() {
            "kernel" => column.room(names.take().into_iter().flatten()),
            "type" => column.room(["f32"]),
            "shape" => column.room(shapes.take().into_iter().flatten()),
            "median" => column.room(["1.00 ms"]),
            "spread" => column.room(["99.9 %"]),
            "rate" => column.room(["99.9 GFLOP/s"]),
            "status" => column.room(["unsupported"]),
            "notes" => column.room(["clock drift, above roof"]),
            _ => column,
        };
        let columns = columns().into_iter().map(room).collect();
        Self::new(cases.iter().map(|case| case.family().name), columns)
    }

    fn new<'a>(operations: impl Iterator<Item = &'a str>, columns: Vec<Column>) -> Self {
        let mut counts = BTreeMap::new();
        for operation in operations {
            *counts.entry(operation.to_owned()).or_default() += 1;
        }
        Self { columns, counts }
    }

    /// Columns of the lines.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Table of the rows of `report`.
    fn table(&self, report: &Report) -> Table {
        Table {
            columns: self.columns.clone(),
            lines: report.rows.iter().map(|row| self.line(row)).collect(),
        }
    }

    /// Line of a row. An operation of several rows is a group; operations of one row each stand together.
    #[must_use]
    pub fn line(&self, row: &Row) -> Line {
        let count = self.counts.get(&row.operation).copied();
        let is_group = count.is_some_and(|count| count > 1);
        Line {
            group: is_group.then(|| row.operation.clone()),
            cells: cells(row),
        }
    }
}

/// Cells of a row, one for each of [`columns`].
fn cells(row: &Row) -> Vec<Cell> {
    let missing = || Cell::Missing(row.reason.clone());
    let time = row.time_s.as_ref();
    vec![
        Cell::text(if row.kernel.is_empty() {
            &row.operation
        } else {
            &row.kernel
        }),
        Cell::text(row.dtype.name()),
        Cell::text(shape(row)),
        Cell::quantity_or(time.map(|time| time.median), Unit::Seconds, missing()),
        spread_of(time, row.reason.clone()),
        rate(row).unwrap_or_else(missing),
        row.percent_of_roof
            .map_or(Cell::Missing(None), |percent| Cell::Share(percent / 100.0)),
        row.verified
            .as_ref()
            .map_or(Cell::Missing(None), |verified| Cell::Verified(verified.ok)),
        Cell::Status(row.status),
        notes(row),
    ]
}

/// Label of the shape; in a file without labels the sizes by their names.
fn shape(row: &Row) -> String {
    if !row.label.is_empty() {
        return row.label.clone();
    }
    let sizes = row
        .shape
        .iter()
        .map(|(name, size)| format!("{name}={size}"));
    sizes.collect::<Vec<_>>().join(" ")
}

/// Rate of the resource that limits the row; where the limit is not known, of the larger of operations and bytes.
fn rate(row: &Row) -> Option<Cell> {
    let is_memory = row
        .bound
        .map_or(row.flops < row.min_bytes, |bound| bound == Bound::Memory);
    let (value, unit) = if is_memory {
        (row.bandwidth?.bytes_per_second(), Unit::BytesPerSecond)
    } else {
        (row.flop_rate?.flops_per_second(), Unit::FlopsPerSecond)
    };
    Some(Cell::quantity(value, unit))
}

/// Marks that tell a row from its neighbours.
fn notes(row: &Row) -> Cell {
    let own = row.warnings.iter().filter(|w| warnings::is_of_the_row(w));
    marks(row.status, own)
}

/// Table of the price of passing intermediate results through memory: each kernel that binds at least twice the bytes of
/// another of the same shape, beside the fastest such one.
fn prices(rows: &[Row]) -> Table {
    Table {
        columns: vec![
            Column::left("kernel"),
            Column::left("shape"),
            Column::right("moves").unit(Unit::Bytes),
            Column::left("fused"),
            Column::right("fused moves").unit(Unit::Bytes),
            Column::right("of its time"),
        ],
        lines: rows.iter().filter_map(|row| price(row, rows)).collect(),
    }
}

fn price(row: &Row, rows: &[Row]) -> Option<Line> {
    let bytes = row.bound_bytes?;
    let time = row.time_s.as_ref()?.median;
    let same = |other: &&Row| {
        (&other.operation, other.dtype, &other.label, &other.shape)
            == (&row.operation, row.dtype, &row.label, &row.shape)
            && other.bound_bytes.is_some_and(|b| 2 * b <= bytes)
    };
    let median = |other: &Row| other.time_s.as_ref().map(|t| t.median);
    let others = rows.iter().filter(same);
    let (fused, least) = others
        .filter_map(|other| Some((other, median(other)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Line::of([
        Cell::text(&row.kernel),
        Cell::text(shape(row)),
        Cell::quantity(bytes as f64, Unit::Bytes),
        Cell::text(&fused.kernel),
        Cell::quantity(fused.bound_bytes? as f64, Unit::Bytes),
        Cell::Factor(time / least),
    ]))
}

#[cfg(test)]
pub(super) mod tests;
