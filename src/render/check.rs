//! Gates of a check as lines of a table.

use super::table::{Cell, Column, Line, Priority};
use crate::check::Gate;

/// Columns of gates, the second wide enough for `names`.
#[must_use]
pub fn gate_columns<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Column> {
    vec![
        Column::left("outcome").room(["skipped"]),
        Column::left("gate").room(names),
        Column::prose("detail").priority(Priority::Medium),
        Column::left("remedy").priority(Priority::Below),
    ]
}

/// Line of a gate.
#[must_use]
pub fn gate(gate: &Gate) -> Line {
    let remedy = gate.remedy.clone();
    Line::of([
        Cell::Outcome(gate.outcome),
        Cell::text(&gate.name),
        Cell::text(&gate.detail),
        remedy.map_or(Cell::Empty, Cell::Remedy),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Page, terminal};

    #[test]
    fn a_gate_that_fails_has_its_remedy_below() {
        let columns = gate_columns(["a driver is there", "opens"]);
        let mut stream = terminal::Stream::new(columns, &Page::default());
        let fails = Gate::fail("opens", "no device", "update the driver");
        let text = stream.line(&gate(&fails));
        assert_eq!(
            text,
            "outcome  gate               detail\nFAIL     opens              no device\n    -> update the driver"
        );
        let holds = Gate::pass("a driver is there", "1 adapter");
        assert_eq!(
            stream.line(&gate(&holds)),
            "pass     a driver is there  1 adapter"
        );
    }
}
