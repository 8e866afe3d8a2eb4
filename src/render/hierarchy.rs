//! The memory hierarchy as a table.

use super::table::{Cell, Column, Line, Table};
use crate::report::Level;
use crate::units::Unit;

/// Table of the levels of the memory hierarchy.
pub(super) fn hierarchy(levels: &[Level]) -> Table {
    let size = |bytes: Option<u64>| {
        let bytes = bytes.map(|bytes| bytes as f64);
        Cell::quantity_or(bytes, Unit::Bytes, Cell::Missing(None))
    };
    let line = |level: &Level| {
        let none = || Cell::Missing(None);
        Line::of([
            Cell::text(&level.name),
            size(level.bytes),
            size(level.lane_bytes),
            Cell::quantity_or(level.bandwidth, Unit::BytesPerSecond, none()),
            Cell::quantity_or(level.latency_s, Unit::Seconds, none()),
        ])
    };
    Table {
        columns: vec![
            Column::left("level"),
            Column::right("size to all").unit(Unit::Bytes),
            Column::right("to one lane").unit(Unit::Bytes),
            Column::right("reads").unit(Unit::BytesPerSecond),
            Column::right("latency").unit(Unit::Seconds),
        ],
        lines: levels.iter().map(line).collect(),
    }
}
