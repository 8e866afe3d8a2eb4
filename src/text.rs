//! Texts from elsewhere, such as names of drivers and notes of users: made safe to show, and hashed.

use std::borrow::Cow;

/// `text` with the characters written out that act on a terminal or turn a line round: an escape is `\u{1b}`.
///
/// ```
/// use ridgepoint::text::visible;
///
/// assert_eq!(visible("GPU\u{1b}[31m"), r"GPU\u{1b}[31m");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does more than to stand in its place: controls of C0 and C1, ends of lines and paragraphs, marks
/// that set the direction of what follows, and the byte order mark.
#[must_use]
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// FNV-1a. Source: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm", IETF draft.
pub(crate) fn fnv_1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// `name` as part of a file's name on any system: letters and digits in lower case, one `-` for the rest.
///
/// ```
/// use ridgepoint::text::file_safe;
///
/// assert_eq!(file_safe("NVIDIA H200"), "nvidia-h200");
/// ```
#[must_use]
pub fn file_safe(name: &str) -> String {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut safe = words.join("-");
    safe.truncate(60);
    if safe.is_empty() {
        safe.push_str("adapter");
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out_and_the_rest_stays() {
        assert_eq!(visible("a\tb\r\n\u{7f}\u{9b}2J"), r"a\tb\r\n\u{7f}\u{9b}2J");
        assert_eq!(visible("\u{202e}abc\u{2066}"), r"\u{202e}abc\u{2066}");
        for plain in [
            "",
            "NVIDIA H200",
            "GeForce\u{ae} \u{4e2d}\u{6587} \u{1f600} \\u",
        ] {
            assert!(matches!(visible(plain), Cow::Borrowed(text) if text == plain));
        }
    }

    #[test]
    fn hashes_are_those_of_the_draft() {
        let of = |text: &str| fnv_1a(text.bytes());
        assert_eq!(of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn names_of_adapters_become_names_of_files() {
        assert_eq!(
            file_safe("llvmpipe (LLVM 15.0.6, 256 bits)"),
            "llvmpipe-llvm-15-0-6-256-bits"
        );
        assert_eq!(file_safe("../../\u{1f600}"), "adapter");
        assert_eq!(file_safe(&"x".repeat(200)).len(), 60);
    }
}
