//! Words of a figure about a row, and the numbers that can be drawn.

use crate::report::{Range, Row, SensorSummary, limits};
use crate::units::{Unit, format_percent, format_seconds};

/// Heading of figures over sizes.
pub(super) const BY_SIZE: &str = "by size";

/// `value`, where a logarithmic axis has a place for it. A file may say anything.
pub(super) fn drawable(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0)
}

/// Power, clocks, temperature and limits, as far as they are known.
fn sensors(sensors: &SensorSummary) -> Option<String> {
    let range = |range: Range, unit: &Unit| {
        let [least, most] = [range.least, range.most].map(|value| unit.format(value));
        if least == most {
            most
        } else {
            format!("{least} to {most}")
        }
    };
    let words = [
        sensors.power.map(|power| {
            let joules = Unit::Joules.format(power.joules);
            format!(
                "{} of the {}, {joules}",
                Unit::Watts.format(power.watts),
                power.of
            )
        }),
        sensors
            .core_clock_hz
            .map(|clock| format!("core {}", range(clock, &Unit::Hertz))),
        sensors
            .temperature_c
            .map(|degrees| range(degrees, &Unit::Celsius)),
        (!sensors.limits.is_empty()).then(|| limits(&sensors.limits)),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
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
        row.sensors.as_ref().and_then(sensors),
        row.bound_bytes
            .map(|bytes| format!("binds {}", Unit::Bytes.format(bytes as f64))),
    ];
    facts.into_iter().flatten().collect()
}
