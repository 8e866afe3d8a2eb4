//! Differences between the sides of a line, in words.

use super::line::{Line, Side};
use super::times::Verdict;
use crate::report::{Checks, ClockKind, Input, Range, Row, limits};
use crate::units::Unit;
use std::collections::BTreeSet;

/// Letter of a file: `A` for the first, which is the base; numbers behind the 26th.
#[must_use]
pub fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index) if index < 26 => char::from(b'A' + index).to_string(),
        _ => format!("F{}", index + 1),
    }
}

/// `what` with each distinct value and the files that have it, where there are several: `clock wall (A, C), gpu (B)`. A file
/// without a value is passed over.
pub(super) fn differing(what: &str, values: &[Option<String>]) -> Option<String> {
    let mut distinct: Vec<(&str, Vec<String>)> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        match distinct.iter_mut().find(|(known, _)| known == value) {
            Some((_, files)) => files.push(letter(index)),
            None => distinct.push((value, vec![letter(index)])),
        }
    }
    let words = distinct
        .iter()
        .map(|(value, files)| format!("{value} ({})", files.join(", ")));
    let words: Vec<String> = words.collect();
    (words.len() > 1).then(|| format!("{what} {}", words.join(", ")))
}

/// Differences between the sides of a line, and the reason why a side has no time.
pub(super) fn why(line: &Line<'_>, inputs: &[Input]) -> Vec<String> {
    let rows: Vec<Option<&Row>> = line.sides.iter().map(|side| side.row).collect();
    let of = |value: &dyn Fn(&Row) -> Option<String>| -> Vec<Option<String>> {
        rows.iter().map(|row| value((*row)?)).collect()
    };
    let kernel = |row: &Row| Some(row.kernel.clone()).filter(|kernel| !kernel.is_empty());
    let checks = |row: &Row| Some(checks(row.checks).to_owned());
    let clock = |row: &Row| row.clock.map(|clock| clock_word(clock).to_owned());
    let mut words: Vec<String> = Vec::new();
    words.extend(differing("kernel", &of(&kernel)));
    words.extend(differing("runtime checks", &of(&checks)));
    words.extend(differing("clock", &of(&clock)));
    words.extend(clocks(&rows));
    words.extend(limited(&rows));
    words.extend(method(line, inputs));
    words.extend(driver(line, inputs));
    words.extend(marks(&rows));
    let without = line.sides.iter().enumerate();
    words.extend(without.filter_map(|(index, side)| reason(index, side)));
    words
}

/// Share by which clocks of two sides may differ without words.
const CLOCKS: f64 = 0.03;

/// Clocks of the cores, where sensors say that they differ by more than 3 %: the device was not in the same state.
fn clocks(rows: &[Option<&Row>]) -> Option<String> {
    let clock = |row: &Row| Some(row.sensors.as_ref()?.core_clock_hz?.middle());
    let clocks: Vec<Option<f64>> = rows.iter().map(|row| clock((*row)?)).collect();
    let range = Range::of(clocks.iter().flatten().copied())?;
    let shown = clocks.iter().map(|clock| {
        let hertz = (*clock)?;
        Some(Unit::Hertz.format(hertz))
    });
    let shown: Vec<Option<String>> = shown.collect();
    let differ = range.most > range.least * (1.0 + CLOCKS);
    differing("core clock", &shown).filter(|_| differ)
}

/// Limits that devices gave, where sides with sensors differ in them.
fn limited(rows: &[Option<&Row>]) -> Option<String> {
    let shown = rows.iter().map(|row| {
        let limits = limits(&(*row)?.sensors.as_ref()?.limits);
        Some(if limits.is_empty() {
            "none".to_owned()
        } else {
            limits
        })
    });
    differing("limits", &shown.collect::<Vec<_>>())
}

/// Programs by whose methods the ceilings of the line were measured.
fn method(line: &Line<'_>, inputs: &[Input]) -> Option<String> {
    let methods = line.sides.iter().zip(inputs).map(|(side, input)| {
        let program = || input.results.tool().name.clone();
        side.ceiling.map(|_| program())
    });
    differing("method", &methods.collect::<Vec<_>>())
}

/// Drivers of one adapter, where the times differ: of other adapters the drivers differ too, and explain nothing.
fn driver(line: &Line<'_>, inputs: &[Input]) -> Option<String> {
    let base = inputs.first()?.results.adapter();
    let drivers = line.sides.iter().zip(inputs).map(|(side, input)| {
        let adapter = input.results.adapter();
        let is_of_base = adapter.name == base.name && side.row.is_some();
        let (driver, info) = (&adapter.driver, &adapter.driver_info);
        is_of_base.then(|| format!("{driver} {info}"))
    });
    let drivers: Vec<Option<String>> = drivers.collect();
    let verdicts = line.sides.iter().filter_map(|side| side.verdict);
    let is_different = verdicts.into_iter().any(|verdict| verdict != Verdict::Same);
    differing("driver", &drivers).filter(|_| is_different)
}

/// Warnings about rows that not every side has.
fn marks(rows: &[Option<&Row>]) -> Vec<String> {
    let ids = |row: &Row| -> BTreeSet<String> {
        let own = row.warnings.iter().filter(|warning| warning.is_of_row());
        own.map(|warning| warning.id().replace('_', " ")).collect()
    };
    let of_rows: Vec<Option<BTreeSet<String>>> = rows.iter().map(|row| row.map(ids)).collect();
    let all: BTreeSet<&String> = of_rows.iter().flatten().flatten().collect();
    let words = all.into_iter().filter_map(|id| {
        let has = of_rows.iter().enumerate();
        let has = has.filter(|(_, ids)| ids.as_ref().is_some_and(|ids| ids.contains(id)));
        let files: Vec<String> = has.map(|(index, _)| letter(index)).collect();
        let count = of_rows.iter().flatten().count();
        (files.len() < count).then(|| format!("{id} ({})", files.join(", ")))
    });
    words.collect()
}

fn reason(index: usize, side: &Side<'_>) -> Option<String> {
    if side.times.is_some() {
        return None;
    }
    let reason = match (side.row, side.ceiling) {
        (Some(row), _) => row.reason.as_deref(),
        (None, Some(ceiling)) => ceiling.reason.as_deref(),
        (None, None) => None,
    };
    reason.map(|reason| format!("{}: {reason}", letter(index)))
}

pub(super) fn checks(checks: Checks) -> &'static str {
    match checks {
        Checks::On => "on",
        Checks::Off => "off",
    }
}

fn clock_word(clock: ClockKind) -> &'static str {
    match clock {
        ClockKind::GpuTimestamp => "timestamps of the GPU",
        ClockKind::Wall => "wall",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_letters() {
        let letters = [0, 1, 25, 26, 300].map(letter);
        assert_eq!(letters, ["A", "B", "Z", "F27", "F301"]);
    }

    #[test]
    fn values_stand_with_the_files_that_have_them() {
        let values = |texts: &[&str]| -> Vec<Option<String>> {
            let some = |text: &&str| Some((*text).to_owned()).filter(|text| !text.is_empty());
            texts.iter().map(some).collect()
        };
        assert_eq!(differing("clock", &values(&["wall", "wall", ""])), None);
        assert_eq!(differing("clock", &values(&["", ""])), None);
        let text = differing("clock", &values(&["wall", "gpu", "wall"])).unwrap();
        assert_eq!(text, "clock wall (A, C), gpu (B)");
    }
}
