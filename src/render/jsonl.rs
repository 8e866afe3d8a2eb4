//! A flat table as lines of JSON: an object a line with every column, null for an absent value.

use crate::report::flat::{Sheet, Value};
use crate::text::acts;
use std::fmt::Write as _;

/// Text of a table.
pub(super) fn sheet(sheet: &Sheet<'_>) -> String {
    let mut text = String::new();
    for line in &sheet.lines {
        text.push('{');
        for (i, (column, content)) in sheet.columns.iter().zip(line).enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(text, "{comma}\"{column}\":{}", value(content));
        }
        text += "}\n";
    }
    text
}

/// A value as JSON has it.
pub(super) fn value(value: &Value<'_>) -> String {
    match value {
        Value::Absent => "null".to_owned(),
        Value::Text(words) => string(words),
        Value::Integer(integer) => integer.to_string(),
        Value::Number(number) => serde_json::Value::from(*number).to_string(),
        Value::Flag(flag) => flag.to_string(),
    }
}

/// A string of JSON. The escapes of JSON leave controls of C1 and marks of direction as they are, and a terminal obeys them.
fn string(words: &str) -> String {
    let plain = serde_json::Value::from(words).to_string();
    if !plain.contains(acts) {
        return plain;
    }
    let mut text = String::new();
    for c in plain.chars() {
        if acts(c) {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back_as_what_was_written() {
        let hostile = "a\"b\\\n\u{1b}[31m\u{9b}2J\u{202e}</script>";
        let table = Sheet {
            columns: vec!["text", "number", "absent", "infinite", "flag"],
            lines: vec![vec![
                Value::text(hostile),
                Value::Number(6.504_85e-5),
                Value::Absent,
                Value::Number(f64::INFINITY),
                Value::Flag(false),
            ]],
        };
        let text = sheet(&table);
        assert!(!text.trim_end().contains(acts), "{text:?}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["text"], hostile);
        assert_eq!(read["number"], 6.504_85e-5);
        assert!(read["absent"].is_null() && read["infinite"].is_null());
        assert_eq!(read["flag"], false);
    }
}
