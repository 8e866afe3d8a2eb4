//! JSON that can stand in a page: an object begins a line, and no text can end the element that it stands in.

use crate::text::acts;
use serde::Serialize;
use std::fmt::Write as _;

/// JSON text of `value`, in which every `<` is written out, as are characters that act on a terminal.
pub(super) fn json(value: &impl Serialize) -> String {
    let plain = serde_json::to_string(value).expect("plain data has a JSON form");
    let mut text = String::with_capacity(plain.len() + plain.len() / 8);
    let (mut is_in_string, mut is_escaped) = (false, false);
    for c in plain.chars() {
        match c {
            '{' if !is_in_string => text.push_str("\n{"),
            // They stand in strings alone, and all are of the basic plane, whose characters are one escape each.
            c if c == '<' || acts(c) => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
        is_in_string ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
    }
    text
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
