//! Statistics of every row of a comparison, and sums of every file.

use crate::compare::{self, Comparison, Totals, letter};
use crate::render::ceilings::spread_of;
use crate::render::{Cell, Column, Line, Priority, Table};
use crate::report::{Row, Summary};
use crate::units::Unit;
use std::collections::HashSet;

/// Table of the statistics of every side. A row that is the best of its file too is there once.
pub(super) fn statistics(comparison: &Comparison<'_>) -> Table {
    let mut shown = HashSet::new();
    let mut of_line = |line: &compare::Line<'_>| {
        let sides = line.sides.iter().enumerate();
        let lines = sides.filter_map(|(file, side)| {
            let row = side.row.filter(|row| row.is_good())?;
            let is_new = shown.insert((file, std::ptr::from_ref(row)));
            is_new.then(|| statistics_line(line, file, row))
        });
        lines.collect::<Vec<_>>()
    };
    let seconds = |name: &str| Column::right(name).unit(Unit::Seconds);
    Table {
        columns: vec![
            Column::left("operation").priority(Priority::Above),
            Column::left("type").priority(Priority::Above),
            Column::left("shape").priority(Priority::Above),
            Column::left(""),
            Column::left("kernel"),
            Column::right("n").priority(Priority::High),
            seconds("mean"),
            seconds("median"),
            seconds("min"),
            seconds("max"),
            Column::right("spread"),
        ],
        lines: comparison.lines.iter().flat_map(&mut of_line).collect(),
    }
}

fn statistics_line(line: &compare::Line<'_>, file: usize, row: &Row) -> Line {
    let time = row.time_s.as_ref();
    let seconds = |value: Option<f64>| Cell::quantity_or(value, Unit::Seconds, Cell::Missing(None));
    Line {
        group: Some(line.name.to_owned()),
        cells: vec![
            Cell::text(line.name),
            Cell::text(line.dtype),
            Cell::text(&line.shape),
            Cell::text(letter(file)),
            Cell::text(&row.kernel),
            time.map_or(Cell::Missing(None), |time| Cell::Count(time.n as u64)),
            seconds(time.and_then(Summary::mean)),
            seconds(time.map(|time| time.median)),
            seconds(time.map(|time| time.min)),
            seconds(time.map(|time| time.max)),
            spread_of(time, None),
        ],
    }
}

/// Table of the sums of each file.
pub(super) fn sums(comparison: &Comparison<'_>) -> Table {
    let line = |(file, totals): (usize, &Totals)| {
        let count = |count: usize| Cell::Count(count as u64);
        let verdict = |i: usize| {
            if file > 0 {
                count(totals.verdicts[i])
            } else {
                Cell::Empty
            }
        };
        let ratio = |value: f64| compare::Ratio { value, range: None };
        Line::of([
            Cell::text(letter(file)),
            count(totals.rows),
            totals.success().map_or(Cell::Missing(None), Cell::Share),
            count(totals.unsupported),
            count(totals.failed),
            verdict(0),
            verdict(1),
            verdict(2),
            verdict(3),
            totals
                .mean_ratio
                .map_or(Cell::Empty, |value| Cell::Ratio(ratio(value))),
        ])
    };
    Table {
        columns: vec![
            Column::left(""),
            Column::right("rows"),
            Column::right("success"),
            Column::right("unsupported").priority(Priority::Medium),
            Column::right("failed"),
            Column::right("same"),
            Column::right("faster"),
            Column::right("slower"),
            Column::right("ambiguous"),
            Column::right("mean"),
        ],
        lines: comparison.totals.iter().enumerate().map(line).collect(),
    }
}
