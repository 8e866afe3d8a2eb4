use super::*;
use crate::report::flat::Kind;
use std::fmt::Write as _;

fn column(name: &str) -> usize {
    FIELDS.iter().position(|field| field.name == name).unwrap()
}

#[test]
fn every_measurement_is_a_line_with_every_column_of_its_type() {
    let inputs = ["run.json", "roofline.json"].map(Input::made_up);
    let sheet = sheet(&inputs);
    assert_eq!(sheet.columns.len(), FIELDS.len());
    let count = |wanted: &'static str| {
        let wanted = Value::text(wanted);
        let lines = sheet.lines.iter();
        lines
            .filter(|line| line[column("measurement")] == wanted)
            .count()
    };
    let kinds = [
        "ceiling",
        "row",
        "variant",
        "launch",
        "working_set",
        "latency",
        "transfer",
        "soak",
    ];
    assert_eq!(kinds.map(count), [4 + 4, 12, 1, 1, 4, 2, 3, 10]);
    assert_eq!(sheet.lines.len(), 41);
    for line in &sheet.lines {
        assert_eq!(line.len(), FIELDS.len());
        for (field, value) in FIELDS.iter().zip(line) {
            let is_of_kind = match value {
                Value::Absent => true,
                Value::Text(_) => field.kind == Kind::Text,
                Value::Integer(_) => field.kind == Kind::Integer,
                Value::Number(_) => field.kind == Kind::Number,
                Value::Flag(_) => field.kind == Kind::Flag,
            };
            assert!(is_of_kind, "{field:?}: {value:?}");
        }
    }
    for field in FIELDS {
        let i = column(field.name);
        let is_used = sheet.lines.iter().any(|line| line[i] != Value::Absent);
        assert!(
            is_used || field.name == "tuning",
            "{} is nowhere",
            field.name
        );
    }
}

/// A value of a line is the value of one field of the file, not a rounded or converted one.
#[test]
fn figures_are_those_of_the_file() {
    let inputs = [Input::made_up("run.json")];
    let sheet = sheet(&inputs);
    let rows = inputs[0].results.rows();
    let lines = &sheet.lines[inputs[0].results.ceilings().len()..];
    for (row, line) in rows.iter().zip(lines) {
        let of = |name: &str| line[column(name)].clone();
        assert_eq!(of("id"), Value::from(&row.id));
        let time = row.time_s.as_ref();
        assert_eq!(of("median_s"), time.map(|t| t.median).into());
        assert_eq!(of("q3_s"), time.map(|t| t.q3).into());
        assert_eq!(of("percent_of_roof"), row.percent_of_roof.into());
        assert_eq!(of("right"), row.verified.as_ref().map(|v| v.ok).into());
        assert_eq!(of("value") == Value::Absent, time.is_none());
        assert_eq!(of("batch"), row.shape.get("batch").copied().into());
    }
}

/// METHODOLOGY.md has the columns as a table, in their order.
#[test]
fn the_columns_are_written_down() {
    let mut wanted = String::new();
    for field in FIELDS {
        let _ = writeln!(
            wanted,
            "| `{}` | {} | {} |",
            field.name, field.kind, field.about
        );
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/METHODOLOGY.md");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(
        text.contains(&wanted),
        "METHODOLOGY.md lacks this table:\n{wanted}"
    );
}

#[test]
fn units_stand_at_the_end_of_names() {
    for field in FIELDS {
        let is_time = field.name.ends_with("_s");
        assert!(!is_time || field.kind == Kind::Number, "{}", field.name);
        let is_size = field.name.ends_with("_bytes");
        assert!(!is_size || field.kind == Kind::Integer, "{}", field.name);
    }
}
