//! Rows of a run as lines of a table: as they come, or complete, with the best of each shape marked.

use crate::render::ceilings::{PER_JOULE, marks, spread_of};
use crate::render::{Cell, Column, Line, Priority, Table};
use crate::report::{ROTATED, Report, Row};
use crate::suite::Case;
use crate::units::Unit;
use std::collections::BTreeMap;

/// Name of the column of the best, which is also its mark.
const BEST: &str = "*";

/// Columns of the rows of a run, those of power among them where `has_power`.
pub(super) fn columns(has_power: bool) -> Vec<Column> {
    let all = [
        Column::left("kernel"),
        Column::left("type").priority(Priority::Above),
        Column::left("shape").priority(Priority::Above),
        Column::right("median")
            .unit(Unit::Seconds)
            .about("time of one execution"),
        Column::right("spread")
            .priority(Priority::High)
            .about("middle half of the times over the median"),
        Column::right("rate")
            .about("FLOPs (an FMA is two) or bytes (each operand once) over the median"),
        Column::right("of roof").about("share of what the ceilings allow"),
        Column::right(PER_JOULE)
            .priority(Priority::High)
            .about("FLOPs or bytes for each joule: the rate per watt"),
        Column::left("right")
            .priority(Priority::Low)
            .about("agrees with an f64 reference"),
        Column::left("status").priority(Priority::Low),
        Column::left("notes").priority(Priority::Low),
    ];
    let is_shown = |column: &Column| has_power || column.name != PER_JOULE;
    all.into_iter().filter(is_shown).collect()
}

/// Rows of a run as lines of a table that come one by one.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    has_power: bool,
    /// Rows of each operation.
    counts: BTreeMap<String, usize>,
}

impl Rows {
    /// Lines of the rows that `cases` will give, in columns wide enough for any of them; with a column of the rate per watt where
    /// `has_power`.
    #[must_use]
    pub fn planned(cases: &[Case], has_power: bool) -> Self {
        let names = cases.iter().flat_map(|case| match case.kernel {
            Some(kernel) => vec![kernel],
            None => case.family().kernels.iter().map(|k| k.name).collect(),
        });
        let shape = |case: &Case| {
            let end = if case.rotated { ROTATED } else { "" };
            case.operation.label() + end
        };
        let labels: Vec<String> = cases.iter().map(shape).collect();
        let shapes = labels.iter().map(String::as_str);
        let (mut names, mut shapes) = (Some(names), Some(shapes));
        let room = |column: Column| match column.name.as_str() {
            "kernel" => column.room(names.take().into_iter().flatten()),
            "type" => column.room(["f32"]),
            "shape" => column.room(shapes.take().into_iter().flatten()),
            "median" => column.room(["1.00 ms"]),
            "spread" => column.room(["99.9 %"]),
            "rate" => column.room(["99.9 GFLOP/s"]),
            PER_JOULE => column.room(["99.9 GFLOP/J"]),
            "status" => column.room(["unsupported"]),
            "notes" => column.room(["clock drift, above roof"]),
            _ => column,
        };
        let columns = columns(has_power).into_iter().map(room).collect();
        Self {
            columns,
            has_power,
            counts: counts(cases.iter().map(|case| case.family().name)),
        }
    }

    /// Columns of the lines.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Line of a row. An operation of several rows is a group; operations of one row each stand together.
    #[must_use]
    pub fn line(&self, row: &Row) -> Line {
        Line {
            group: group(row, &self.counts),
            cells: cells(row, self.has_power),
        }
    }
}

/// Table of all rows of `report`, those of an operation together, and among them those of a shape.
pub(super) fn complete(report: &Report) -> Table {
    let counts = counts(report.rows.iter().map(|row| row.operation.as_str()));
    let shapes = Shapes::of(&report.rows);
    let has_power = has_power(report);
    let line = |row: &Row| {
        let best = if shapes.is_best(row) {
            Cell::Best
        } else {
            Cell::Empty
        };
        let mut cells = cells(row, has_power);
        let bar = row
            .percent_of_roof
            .map_or(Cell::Empty, |percent| Cell::Bar(percent / 100.0));
        cells.insert(OF_ROOF + 1, bar);
        cells.insert(0, best);
        cells.insert(0, Cell::text(&row.operation));
        Line {
            group: group(row, &counts),
            cells,
        }
    };
    Table {
        columns: complete_columns(has_power),
        lines: shapes
            .in_order(&report.rows)
            .into_iter()
            .map(line)
            .collect(),
    }
}

/// Place of the share of the roof among [`columns`].
const OF_ROOF: usize = 6;

/// Columns of the complete table: operation and mark before the others, a bar behind the share of the roof.
fn complete_columns(has_power: bool) -> Vec<Column> {
    let mut columns = columns(has_power);
    columns.insert(OF_ROOF + 1, Column::left("").priority(Priority::Medium));
    columns.insert(0, Column::left(BEST).about("fastest of several kernels"));
    columns.insert(0, Column::left("operation").priority(Priority::Above));
    columns
}

/// Meaning of the columns of the complete table. Without several kernels of a shape there is no mark to explain.
pub(super) fn legend(report: &Report) -> String {
    let shapes = Shapes::of(&report.rows);
    let mut columns = complete_columns(has_power(report));
    let has_best = report.rows.iter().any(|row| shapes.is_best(row));
    columns.retain(|column| has_best || column.name != BEST);
    crate::render::legend(&columns)
}

/// Problems of a run: what several kernels may compute.
struct Shapes<'a> {
    /// Places of operations, in the order in which they come up.
    operations: BTreeMap<&'a str, usize>,
    problems: BTreeMap<Problem<'a>, Of<'a>>,
}

/// Operation, element type, shape.
type Problem<'a> = (&'a str, &'static str, String);

/// One problem.
struct Of<'a> {
    /// Place of its first row.
    first: usize,
    /// Kernel with the shortest median of a right result, and that median in seconds.
    best: Option<(&'a str, f64)>,
    /// Whether another kernel has a right result too.
    has_several: bool,
}

fn problem(row: &Row) -> Problem<'_> {
    (&row.operation, row.dtype.name(), row.shape_text())
}

impl<'a> Shapes<'a> {
    fn of(rows: &'a [Row]) -> Self {
        let mut operations = BTreeMap::new();
        let mut problems: BTreeMap<_, Of<'a>> = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            operations.entry(row.operation.as_str()).or_insert(place);
            let of = problems.entry(problem(row)).or_insert(Of {
                first: place,
                best: None,
                has_several: false,
            });
            let Some(time) = row.time_s.as_ref().filter(|_| row.is_good()) else {
                continue;
            };
            of.has_several |= of.best.is_some_and(|(kernel, _)| kernel != row.kernel);
            if of.best.is_none_or(|(_, seconds)| time.median < seconds) {
                of.best = Some((&row.kernel, time.median));
            }
        }
        Self {
            operations,
            problems,
        }
    }

    fn is_best(&self, row: &Row) -> bool {
        let of = &self.problems[&problem(row)];
        let median = row.time_s.as_ref().map(|time| time.median);
        of.has_several
            && row.is_good()
            && of.best == median.map(|seconds| (row.kernel.as_str(), seconds))
    }

    /// Rows by operation and problem, each in the order in which it came up.
    fn in_order(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let mut rows: Vec<&Row> = rows.iter().collect();
        rows.sort_by_cached_key(|row| {
            let operation = self.operations[row.operation.as_str()];
            (operation, self.problems[&problem(row)].first)
        });
        rows
    }
}

fn counts<'a>(operations: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for operation in operations {
        *counts.entry(operation.to_owned()).or_default() += 1;
    }
    counts
}

fn group(row: &Row, counts: &BTreeMap<String, usize>) -> Option<String> {
    let count = counts.get(&row.operation).copied();
    let is_group = count.is_some_and(|count| count > 1);
    is_group.then(|| row.operation.clone())
}

/// Whether the energy of a row is known.
pub(super) fn has_power(report: &Report) -> bool {
    let mut rows = report.rows.iter();
    rows.any(|row| row.per_joule(row.resource()).0.is_some())
}

/// Cells of a row, one for each of [`columns`].
pub(super) fn cells(row: &Row, has_power: bool) -> Vec<Cell> {
    let missing = || Cell::Missing(row.reason.clone());
    let time = row.time_s.as_ref();
    let (rate, unit) = row.rate(row.resource());
    let (per_joule, per_joule_unit) = row.per_joule(row.resource());
    let power = has_power.then(|| Cell::quantity_or(per_joule, per_joule_unit, missing()));
    let before = [
        Cell::text(if row.kernel.is_empty() {
            &row.operation
        } else {
            &row.kernel
        }),
        Cell::text(row.dtype.name()),
        Cell::text(row.shape_text()),
        Cell::quantity_or(time.map(|time| time.median), Unit::Seconds, missing()),
        spread_of(time, row.reason.clone()),
        Cell::quantity_or(rate, unit, missing()),
        row.percent_of_roof
            .map_or(Cell::Missing(None), |percent| Cell::Share(percent / 100.0)),
    ];
    let after = [
        row.verified
            .as_ref()
            .map_or(Cell::Missing(None), |verified| Cell::Verified(verified.ok)),
        Cell::Status(row.status),
        notes(row),
    ];
    before.into_iter().chain(power).chain(after).collect()
}

/// Marks that tell a row from its neighbours.
fn notes(row: &Row) -> Cell {
    let own = row.warnings.iter().filter(|warning| warning.is_of_row());
    let mut notes = marks(row.status, own);
    if let Some(number) = row.repetition {
        let repetition = format!("repetition {number}");
        match &mut notes {
            Cell::Marks(all) => all.insert(0, repetition),
            _ => notes = Cell::Marks(vec![repetition]),
        }
    }
    notes
}
