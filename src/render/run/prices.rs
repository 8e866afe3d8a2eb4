//! The price of passing intermediate results through memory.

use crate::render::{Cell, Column, Line, Priority, Table};
use crate::report::Row;
use crate::units::Unit;
use std::collections::BTreeMap;

/// A row that ran: the bytes that it binds, and its median in seconds. A kernel that binds much and keeps no intermediate
/// results reads its operands several times, which is another price. A row that binds nothing has none to compare with.
#[derive(Clone, Copy)]
struct Ran<'a> {
    row: &'a Row,
    bytes: u64,
    seconds: f64,
}

impl<'a> Ran<'a> {
    fn of(row: &'a Row) -> Option<Self> {
        Some(Self {
            row,
            bytes: row.bound_bytes.filter(|bytes| *bytes > 0)?,
            seconds: row.time_s.as_ref()?.median,
        })
    }
}

/// Table of each kernel that binds at least twice the bytes of another of the same shape, beside the fastest such one.
pub(super) fn prices(rows: &[Row]) -> Table {
    let mut shapes: BTreeMap<_, Vec<Ran<'_>>> = BTreeMap::new();
    for ran in rows.iter().filter_map(Ran::of) {
        shapes.entry(problem(ran.row)).or_default().push(ran);
    }
    for all in shapes.values_mut() {
        fastest_so_far(all);
    }
    let line = |ran: Ran<'_>| {
        let of_shape = shapes.get(&problem(ran.row))?;
        let lean = of_shape.partition_point(|other| other.bytes <= ran.bytes / 2);
        let fused = of_shape[..lean].last()?;
        Some(price(&ran, fused))
    };
    Table {
        columns: vec![
            Column::left("kernel"),
            Column::left("shape").priority(Priority::Above),
            Column::right("moves").unit(Unit::Bytes),
            Column::right("keeps")
                .unit(Unit::Bytes)
                .priority(Priority::Low),
            Column::left("fused"),
            Column::right("fused moves").unit(Unit::Bytes),
            Column::right("time"),
        ],
        lines: rows
            .iter()
            .filter(|row| row.scratch_bytes != Some(0))
            .filter_map(Ran::of)
            .filter_map(line)
            .collect(),
    }
}

/// Rows of one problem are those that compute the same.
fn problem(row: &Row) -> (&str, &str, &str, &BTreeMap<String, u64>) {
    (&row.operation, row.dtype.name(), &row.label, &row.shape)
}

/// Sorts rows of one problem by their bytes, and puts in place of each the fastest that binds no more: a file may have many
/// thousands of rows, and to ask each about all others would take minutes.
fn fastest_so_far(all: &mut [Ran<'_>]) {
    all.sort_by_key(|ran| ran.bytes);
    let mut best: Option<Ran<'_>> = None;
    for ran in all {
        match best {
            Some(best) if best.seconds <= ran.seconds => *ran = best,
            _ => best = Some(*ran),
        }
    }
}

fn price(row: &Ran<'_>, fused: &Ran<'_>) -> Line {
    let scratch = row.row.scratch_bytes.map(|bytes| bytes as f64);
    Line::of([
        Cell::text(&row.row.kernel),
        Cell::text(row.row.shape_text()),
        Cell::quantity(row.bytes as f64, Unit::Bytes),
        Cell::quantity_or(scratch, Unit::Bytes, Cell::Missing(None)),
        Cell::text(&fused.row.kernel),
        Cell::quantity(fused.bytes as f64, Unit::Bytes),
        Cell::Factor(row.seconds / fused.seconds),
    ])
}
