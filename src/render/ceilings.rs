//! Ceilings as a table: a value with its spread and the shape that reached it, or the reason why there is none.

use super::table::{Cell, Column, Line, Priority, Table};
use crate::report::{Ceiling, Status, Summary, Warning};
use crate::units::Unit;
use std::collections::HashSet;

/// Name of the column of a rate for each watt.
pub(super) const PER_JOULE: &str = "per joule";

/// Table of what an adapter can reach.
#[must_use]
pub fn ceilings(ceilings: &[Ceiling]) -> Table {
    let has_power = ceilings.iter().any(|ceiling| ceiling.per_joule().is_some());
    let columns = [
        Column::left("ceiling"),
        Column::right("value"),
        Column::right("spread"),
        Column::right(PER_JOULE).priority(Priority::High),
        Column::left("status").priority(Priority::High),
        Column::left("marks").priority(Priority::Low),
        Column::prose("how").priority(Priority::Medium),
    ];
    let is_shown = |column: &Column| has_power || column.name != PER_JOULE;
    Table {
        columns: columns.into_iter().filter(is_shown).collect(),
        lines: ceilings.iter().map(|of| line(of, has_power)).collect(),
    }
}

fn line(ceiling: &Ceiling, has_power: bool) -> Line {
    let reason = ceiling.reason.as_deref().unwrap_or(&ceiling.counts);
    let before = [
        Cell::text(ceiling.id.as_str()),
        value(ceiling),
        spread(ceiling),
    ];
    let power = has_power.then(|| {
        let unit = Unit::of(&ceiling.unit).per_watt();
        let known = ceiling.per_joule().zip(unit);
        known.map_or(Cell::Missing(None), |(value, unit)| {
            Cell::quantity(value, unit)
        })
    });
    let after = [
        Cell::Status(ceiling.status),
        marks(ceiling.status, &ceiling.warnings),
        Cell::text(reason),
    ];
    Line::of(before.into_iter().chain(power).chain(after))
}

/// Value of a ceiling in its own unit.
pub(super) fn value(ceiling: &Ceiling) -> Cell {
    Cell::quantity_or(ceiling.value, Unit::of(&ceiling.unit), Cell::Missing(None))
}

/// Spread of the times that a ceiling was read from.
pub(super) fn spread(ceiling: &Ceiling) -> Cell {
    spread_of(ceiling.time_s.as_ref(), None)
}

/// Spread of `times`. A single time has none; without times the cell has the `reason`.
pub(super) fn spread_of(times: Option<&Summary>, reason: Option<String>) -> Cell {
    match times {
        Some(times) if times.n > 1 => Cell::Spread(times.relative_iqr()),
        Some(_) => Cell::Missing(None),
        None => Cell::Missing(reason),
    }
}

/// Kinds of `warnings`, each once. The spread is left out where the status already says it.
pub(super) fn marks<'a>(status: Status, warnings: impl IntoIterator<Item = &'a Warning>) -> Cell {
    let (mut words, mut seen) = (Vec::new(), HashSet::new());
    for warning in warnings {
        let is_told = status == Status::Noisy && warning.id() == "noisy";
        if !is_told && seen.insert(warning.id()) {
            words.push(super::warnings::word(warning));
        }
    }
    if words.is_empty() {
        Cell::Empty
    } else {
        Cell::Marks(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Page, terminal};

    #[test]
    fn a_ceiling_without_a_value_says_why() {
        let lacking = Ceiling {
            value: None,
            status: Status::Unsupported,
            reason: Some("the device lacks shader_f16".to_owned()),
            ..Ceiling::known("compute/f16", "FLOP/s", 0.0)
        };
        let times = Summary::new(&[0.9, 1.0, 1.1]);
        let copy = Ceiling {
            time_s: times,
            ..Ceiling::known("memory/copy", "B/s", 4.25e12)
        };
        let text = terminal::table(&ceilings(&[lacking, copy]), &Page::default());
        let lines: Vec<&str> = text.lines().collect();
        let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(1)[..4], ["compute/f16", "-", "-", "unsupported"]);
        assert!(lines[1].ends_with("the device lacks shader_f16"), "{text}");
        assert_eq!(words(2)[1..], ["4250", "GB/s", "10.0", "%"]);
    }

    #[test]
    fn one_time_has_no_spread() {
        let one = Summary::new(&[1.0]);
        assert_eq!(spread_of(one.as_ref(), None), Cell::Missing(None));
        let two = Summary::new(&[1.0, 1.0]);
        assert_eq!(spread_of(two.as_ref(), None), Cell::Spread(0.0));
    }

    #[test]
    fn what_the_status_tells_is_no_mark() {
        let warnings = [
            Warning::Noisy { relative_iqr: 0.1 },
            Warning::NoTimestamps,
            Warning::NoTimestamps,
        ];
        let marks = |status| marks(status, &warnings).shown();
        assert_eq!(marks(Status::Noisy), "no timestamps");
        assert_eq!(marks(Status::Ok), "noisy, no timestamps");
    }
}
