//! A tuning as a document: a line for each class of shapes.

use super::ceilings::marks;
use super::table::{Cell, Column, Content, Document, Line, Priority, Section, Table, legend};
use crate::report::{Status, StopReason, Tuned, TunedConfig, Tuning};
use crate::tune::tunable;
use crate::units::{Bandwidth, FlopRate, Unit, format_percent};
use std::fmt::Write;

/// Document of the tuning of an adapter, under its `description`. `unsearched` are the classes of the adapter that it lacks.
#[must_use]
pub fn tuning(tuning: &Tuning, unsearched: &[String], description: &str) -> Document {
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
            content: Content::Text(vec![text, tuned_summary(&tuning.found, unsearched)]),
        },
    ])
}

/// By how much the library's own choice was off, over all classes that were `found`, and which were not searched.
#[must_use]
pub fn tuned_summary(found: &[Tuned], unsearched: &[String]) -> String {
    let mut text = String::new();
    let searched = found.len();
    if searched > 0 {
        let best = found.iter().filter(|tuned| tuned.winner.is_none()).count();
        let classes = if searched == 1 { "class" } else { "classes" };
        text = format!("The default was the best in {best} of {searched} {classes}");
        let is_cut = |tuned: &&Tuned| tuned.ended == StopReason::OutOfTime;
        let cut = found.iter().filter(is_cut).count();
        if cut > 0 {
            let _ = write!(text, " ({cut} searched in part, until the time was up)");
        }
    }
    let largest = found.iter().filter(|tuned| tuned.winner.is_some());
    if let Some(largest) = largest.max_by(|a, b| a.gain.total_cmp(&b.gain)) {
        let logarithms = found.iter().map(|tuned| tuned.gain.ln_1p());
        let mean = (logarithms.sum::<f64>() / searched as f64).exp_m1();
        let _ = write!(
            text,
            "; tuning gains {} over them (geometric mean), at most {} in {}",
            format_percent(mean),
            format_percent(largest.gain),
            largest.name()
        );
    }
    if !text.is_empty() {
        text.push('.');
    }
    if !unsearched.is_empty() {
        if !text.is_empty() {
            text.push(' ');
        }
        let _ = write!(
            text,
            "Not searched, and left at the default: {}; more `--minutes` reach more.",
            listed(unsearched)
        );
    }
    text
}

/// Classes by name where they are few, or else how many there are of each operation.
fn listed(classes: &[String]) -> String {
    if classes.len() <= NAMED {
        return classes.join(", ");
    }
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for class in classes {
        let operation = class.split('/').next().unwrap_or(class);
        match counts.iter_mut().find(|(known, _)| *known == operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((operation, 1)),
        }
    }
    let words = counts
        .iter()
        .map(|(name, count)| format!("{count} of {name}"));
    let words: Vec<String> = words.collect();
    format!("{} classes ({})", classes.len(), words.join(", "))
}

/// Classes up to which each is named.
const NAMED: usize = 6;

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

    #[test]
    fn the_sum_says_by_how_much_the_default_was_off() {
        let mut deep = found(Some(0.5e-3));
        deep.class = "deep".into();
        deep.ended = StopReason::Complete;
        let text = tuned_summary(&[found(None), found(Some(0.8e-3)), deep.clone()], &[]);
        // (1 * 1.25 * 2)^(1/3) = 1.357
        assert_eq!(
            text,
            "The default was the best in 1 of 3 classes (2 searched in part, until the time was up); tuning gains 35.7 % \
             over them (geometric mean), at most 100.0 % in matmul/f32/deep."
        );
        assert_eq!(
            tuned_summary(&[found(None)], &["a/f32/b".into()]),
            "The default was the best in 1 of 1 class (1 searched in part, until the time was up). Not searched, and left \
             at the default: a/f32/b; more `--minutes` reach more."
        );
        let many: Vec<String> = (0..9).map(|i| format!("op{}/f32/x", i % 2)).collect();
        let text = tuned_summary(&[], &many);
        assert!(
            text.starts_with(
                "Not searched, and left at the default: 9 classes (5 of op0, 4 of op1);"
            ),
            "{text}"
        );
        assert_eq!(tuned_summary(&[], &[]), "");
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
