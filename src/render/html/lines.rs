//! JSON that can stand in a page: an object begins a line, and no text can end the element that it stands in.

use crate::text::acts;
use serde::Serialize;
use std::fmt::Write as _;

/// JSON text of `value`, in which every `<` is written out, as are characters that act on a terminal.
pub(super) fn json(value: &impl Serialize) -> String {
    let plain = serde_json::to_string(value).expect("plain data has a JSON form");
    let mut text = String::with_capacity(plain.len() + plain.len() / 8);
    // Strings and what is between them take turns; nothing between them has a quote.
    let mut rest = plain.as_str();
    while let Some(begin) = rest.find('"') {
        push_lines(&mut text, &rest[..begin]);
        let end = begin + 1 + length(&rest.as_bytes()[begin + 1..]);
        push_safe(&mut text, &rest[begin..=end]);
        rest = &rest[end + 1..];
    }
    push_lines(&mut text, rest);
    text
}

/// Bytes of a string up to the quote that ends it.
fn length(string: &[u8]) -> usize {
    let mut at = 0;
    while string[at] != b'"' {
        at += if string[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// Adds `plain`, which has no strings, with each object at the beginning of a line.
fn push_lines(text: &mut String, plain: &str) {
    let mut pieces = plain.split('{');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        text.push_str("\n{");
        text.push_str(piece);
    }
}

/// Adds a string.
fn push_safe(text: &mut String, string: &str) {
    // Most strings have nothing to write out: no character beyond ASCII, and of ASCII neither of these.
    let is_plain = |byte: u8| byte.is_ascii() && byte != b'<' && byte != 0x7f;
    if string.bytes().all(is_plain) {
        text.push_str(string);
        return;
    }
    for c in string.chars() {
        if c == '<' || acts(c) {
            // All of them are of the basic plane, whose characters are one escape each.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back_as_what_was_written_and_end_no_element() {
        let hostile = "</script><!--<script>\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{feff}\u{0}\"\\\u{1f600}\u{e9}";
        let text = json(&[hostile]);
        assert!(!text.contains('<') && !text.contains(acts), "{text}");
        let read: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, [hostile]);
    }

    #[test]
    fn objects_begin_lines() {
        let value = serde_json::json!([{"a": [1, 2]}, {"b": {}}, "{\\", "\\\"{"]);
        let wanted = "[\n{\"a\":[1,2]},\n{\"b\":\n{}},\"{\\\\\",\"\\\\\\\"{\"]";
        assert_eq!(json(&value), wanted);
    }
}
