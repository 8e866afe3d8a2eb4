//! Columns of the history's tables: columns of the flat table, by the same names.

use ridgepoint::report::flat::{FIELDS, Kind, Value};
use rusqlite::types;

/// Columns that say the same of every measurement of a run.
pub(super) const OF_RUN: &[&str] = &[
    "source",
    "file",
    "run_id",
    "time_utc",
    "tool_version",
    "tool_commit",
    "adapter",
    "backend",
    "driver",
    "driver_info",
    "suite",
    "note",
];

/// Columns of a measurement.
pub(super) const OF_MEASUREMENT: &[&str] = &[
    "measurement",
    "id",
    "operation",
    "kernel",
    "dtype",
    "label",
    "size_bytes",
    "checks",
    "clock",
    "status",
    "n",
    "min_s",
    "q1_s",
    "median_s",
    "q3_s",
    "max_s",
    "spread",
    "value",
    "unit",
    "bound",
    "ceiling",
    "ceiling_value",
    "percent_of_roof",
    "right",
];

/// Columns with their types, as a table is made of.
pub(super) fn declared(names: &[&str]) -> String {
    let columns = names.iter().map(|name| {
        let field = FIELDS.iter().find(|field| field.name == *name);
        let kind = match field.map(|field| field.kind) {
            Some(Kind::Integer | Kind::Flag) => "INTEGER",
            Some(Kind::Number) => "REAL",
            Some(Kind::Text) | None => "TEXT",
        };
        format!("\"{name}\" {kind}")
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Columns as a query names them.
pub(super) fn quoted(names: &[&str]) -> String {
    let columns = names.iter().map(|name| format!("\"{name}\""));
    columns.collect::<Vec<_>>().join(", ")
}

/// A value of the flat table as the database keeps it. A number that its integers do not hold is a real one.
pub(super) fn stored(value: &Value<'_>) -> types::Value {
    match value {
        Value::Absent => types::Value::Null,
        Value::Text(text) => types::Value::Text(text.clone().into_owned()),
        Value::Integer(integer) => i64::try_from(*integer)
            .map_or(types::Value::Real(*integer as f64), types::Value::Integer),
        Value::Number(number) => types::Value::Real(*number),
        Value::Flag(flag) => types::Value::Integer((*flag).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_flat_table() {
        for name in OF_RUN.iter().chain(OF_MEASUREMENT) {
            assert!(FIELDS.iter().any(|field| field.name == *name), "{name}");
        }
        assert_eq!(
            declared(&["id", "n", "value"]),
            "\"id\" TEXT, \"n\" INTEGER, \"value\" REAL"
        );
    }

    #[test]
    fn numbers_beyond_those_of_sqlite_are_real() {
        assert_eq!(stored(&Value::Integer(7)), types::Value::Integer(7));
        assert_eq!(
            stored(&Value::Integer(u64::MAX)),
            types::Value::Real(u64::MAX as f64)
        );
        assert_eq!(stored(&Value::Absent), types::Value::Null);
    }
}
