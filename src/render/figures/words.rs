//! Words of a figure about a row, and the numbers that can be drawn.

use crate::report::Row;
use crate::units::{Unit, format_percent, format_seconds};

/// `value`, where a logarithmic axis has a place for it. A file may say anything.
pub(super) fn drawable(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0)
}

/// Rate, time, spread and share of the roof of a row, as far as they are known.
pub(super) fn facts(row: &Row) -> Vec<String> {
    let (rate, unit) = row.rate(row.resource());
    let time = row.time_s.as_ref();
    let bound = row
        .bound
        .map_or(String::new(), |b| format!(", bound by {b}"));
    let facts = [
        rate.map(|rate| unit.format(rate)),
        time.map(|time| format!("median {}", format_seconds(time.median))),
        time.map(|time| match time.n {
            1 => "one sample, no spread".to_owned(),
            _ => format!("spread {}", format_percent(time.relative_iqr())),
        }),
        row.percent_of_roof
            .map(|percent| format!("{} of the roof{bound}", format_percent(percent / 100.0))),
        row.bound_bytes
            .map(|bytes| format!("binds {}", Unit::Bytes.format(bytes as f64))),
    ];
    facts.into_iter().flatten().collect()
}
