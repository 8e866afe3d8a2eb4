//! A flat table as CSV: RFC 4180, UTF-8, names of columns in the first line, nothing between commas for an absent value.

use crate::report::flat::{Sheet, Value};
use crate::text::acts;

/// Text of a table. Lines end in CR LF, as the RFC has it.
pub(super) fn sheet(sheet: &Sheet<'_>) -> String {
    let mut text = sheet.columns.join(",") + "\r\n";
    for line in &sheet.lines {
        for (i, value) in line.iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            match value {
                Value::Absent => {}
                Value::Text(words) => quoted(words, &mut text),
                other => text += &super::jsonl::value(other),
            }
        }
        text += "\r\n";
    }
    text
}

/// Writes `words` into `text`, in quotes where they need them. Controls other than tabs and ends of lines, for which the
/// RFC has no place in a field, are written out.
fn quoted(words: &str, text: &mut String) {
    let needs_quotes = words.contains([',', '"', '\r', '\n']);
    if needs_quotes {
        text.push('"');
    }
    for c in words.chars() {
        match c {
            '"' => *text += "\"\"",
            '\t' | '\r' | '\n' => text.push(c),
            c if acts(c) => text.extend(c.escape_default()),
            c => text.push(c),
        }
    }
    if needs_quotes {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_the_rfc_asks_for_it_and_stay_what_they_are() {
        let texts = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"yes\"", "\"say \"\"yes\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "=1+1"),
            ("\u{1b}[31m", r"\u{1b}[31m"),
        ];
        let line = texts.map(|(given, _)| Value::text(given)).to_vec();
        let wanted = texts.map(|(_, wanted)| wanted).join(",");
        let table = Sheet {
            columns: vec!["a"; texts.len()],
            lines: vec![line],
        };
        assert_eq!(sheet(&table), format!("a,a,a,a,a,a\r\n{wanted}\r\n"));
    }

    #[test]
    fn numbers_are_not_rounded_and_what_is_absent_is_nothing() {
        let line = vec![
            Value::Integer(u64::MAX),
            Value::Number(6.504_85e-5),
            Value::Absent,
            Value::Flag(true),
        ];
        let table = Sheet {
            columns: vec!["i", "n", "a", "f"],
            lines: vec![line],
        };
        assert_eq!(
            sheet(&table),
            "i,n,a,f\r\n18446744073709551615,0.0000650485,,true\r\n"
        );
    }
}
