//! A tuning as a document: a line for each class of shapes.

use super::ceilings::marks;
use super::table::{Cell, Column, Content, Document, Line, Priority, Section, Table, legend};
use crate::report::{Status, StopReason, Tuned, TunedConfig, Tuning};
use crate::tune::tunable;
use crate::units::{Bandwidth, FlopRate, Unit};

/// Document of the tuning of an adapter, under its `description`.
#[must_use]
pub fn tuning(tuning: &Tuning, description: &str) -> Document {
    let columns = tuned_columns();
    let text = legend(&columns);
    let table = Table {
        columns,
        lines: tuning.found.iter().map(tuned).collect(),
    };
    Document::of([
        Section::paragraph(description),
        Section::table("", table),
        Section {
            title: String::new(),
            content: Content::Text(vec![text]),
        },
    ])
}

/// Columns of the classes that were searched.
#[must_use]
pub fn tuned_columns() -> Vec<Column> {
    let classes = tunable().flat_map(|family| {
        let names = family.classes.iter().map(|class| class.name);
        names.map(|name| format!("{}/{name}", family.name))
    });
    let classes: Vec<String> = classes.collect();
    vec![
        Column::left("class").room(classes.iter().map(String::as_str)),
        Column::left("type").room(["f32"]),
        Column::right("default")
            .room(["99.9 GFLOP/s"])
            .about("what the library chooses by itself"),
        Column::right("tuned").room(["99.9 GFLOP/s"]).about(
            "the winner, if one was faster; `ridgepoint run --tuned` and PlanOptions::tuning use it, nothing else does",
        ),
        Column::right("gain")
            .room(["+99.9 %"])
            .about("over the default, more than the spread or nothing"),
        Column::right("spread")
            .room(["99.9 %"])
            .priority(Priority::High)
            .about("of alternating rounds"),
        Column::right("tried")
            .priority(Priority::Medium)
            .about("candidates that were verified and timed"),
        Column::right("time")
            .room(["1.00 ms"])
            .unit(Unit::Seconds)
            .priority(Priority::Low)
            .about("of the search"),
        Column::left("shape").priority(Priority::Below),
        Column::left("winner").priority(Priority::Below),
        Column::left("end").priority(Priority::Below),
        Column::left("marks").priority(Priority::Below),
    ]
}

/// Line of one class.
#[must_use]
pub fn tuned(tuned: &Tuned) -> Line {
    let winner = tuned.winner.as_ref();
    let missing = || Cell::Missing(None);
    let end = match tuned.ended {
        StopReason::Complete => "",
        StopReason::NearRoof => "ended near the roof",
        StopReason::OutOfTime => "the time was up",
    };
    let described = match winner {
        Some(winner) => winner.describe(),
        None => format!("{} as chosen", tuned.default.describe()),
    };
    Line::of([
        Cell::text(format!("{}/{}", tuned.operation, tuned.class)),
        Cell::text(tuned.dtype.name()),
        rate(tuned, &tuned.default),
        winner.map_or_else(missing, |winner| rate(tuned, winner)),
        winner.map_or_else(missing, |_| Cell::Gain(tuned.gain)),
        Cell::Spread(tuned.spread),
        Cell::Count(tuned.tried as u64),
        Cell::quantity(tuned.lasted_s, Unit::Seconds),
        Cell::text(&tuned.shape),
        Cell::text(described),
        Cell::text(end),
        marks(Status::Ok, &tuned.warnings),
    ])
}

/// Rate of a contender: FLOP/s, or B/s for a class with hardly any operations.
fn rate(tuned: &Tuned, contender: &TunedConfig) -> Cell {
    let (value, unit) = if tuned.flops < 4 * tuned.min_bytes {
        let rate = Bandwidth::new(tuned.min_bytes, contender.time_s);
        (rate.map(Bandwidth::bytes_per_second), Unit::BytesPerSecond)
    } else {
        let rate = FlopRate::new(tuned.flops, contender.time_s);
        (rate.map(FlopRate::flops_per_second), Unit::FlopsPerSecond)
    };
    Cell::quantity_or(value, unit, Cell::Missing(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dtype;
    use crate::render::{Page, terminal};
    use crate::shader::Checks;
    use std::collections::BTreeMap;

    fn found(winner: Option<f64>) -> Tuned {
        let contender = |kernel: &str, time_s| TunedConfig {
            kernel: kernel.to_owned(),
            constants: BTreeMap::new(),
            time_s,
        };
        Tuned {
            operation: "matmul".into(),
            dtype: Dtype::F32,
            class: "square_small".into(),
            checks: Checks::Off,
            shape: "64x64x64".into(),
            flops: 1 << 19,
            min_bytes: 3 << 14,
            default: contender("matmul_tiled", 1e-3),
            winner: winner.map(|time_s| contender("matmul_naive", time_s)),
            gain: winner.map_or(0.0, |time_s| 1e-3 / time_s - 1.0),
            spread: 0.013,
            tried: 7,
            passed_over: Vec::new(),
            warnings: Vec::new(),
            ended: StopReason::OutOfTime,
            lasted_s: 0.9,
        }
    }

    fn text(tuned_class: &Tuned) -> String {
        let mut stream = terminal::Stream::new(tuned_columns(), &Page::default());
        stream.line(&tuned(tuned_class))
    }

    #[test]
    fn a_winner_has_its_gain_and_what_it_is() {
        let text = text(&found(Some(0.8e-3)));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("class") && lines[0].contains("spread"));
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(
            words[4..10],
            ["655", "MFLOP/s", "+25.0", "%", "1.3", "%"],
            "{text}"
        );
        assert_eq!(lines[2], "    64x64x64; matmul_naive; the time was up");
    }

    #[test]
    fn without_a_winner_there_is_no_gain() {
        let text = text(&found(None));
        let line = text.lines().nth(1).unwrap();
        assert_eq!(
            line.split_whitespace().filter(|word| *word == "-").count(),
            2
        );
        assert!(text.contains("matmul_tiled as chosen"), "{text}");
    }
}
