//! Text in lines of bounded length.

use crate::render::Cell;
use crate::text::visible;
use crate::units::is_unit;

/// `words` in lines of at most `width` characters; a longer word has a line of its own.
pub(super) fn wrap<W: AsRef<str>>(words: impl IntoIterator<Item = W>, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words {
        let word = word.as_ref();
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        let line = lines.last_mut().expect("a first line is there");
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    lines
}

/// Words of a text, a number and its unit being one.
pub(super) fn words_of(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = &*visible(word);
        let is_unit = is_unit(word.trim_end_matches([',', ';', ':', '.', ')']));
        match words.last_mut() {
            Some(last) if is_unit && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Pieces of a cell's text that lines may be broken between: a number stays with its unit, a name in a list stays whole.
pub(super) fn words(cell: &Cell) -> Vec<String> {
    match cell {
        Cell::Empty => Vec::new(),
        Cell::Text(text) | Cell::Remedy(text) => words_of(text),
        Cell::List(names) | Cell::Marks(names) => {
            let last = names.len().saturating_sub(1);
            let comma = |(i, name): (usize, &String)| {
                visible(name).into_owned() + if i < last { "," } else { "" }
            };
            names.iter().enumerate().map(comma).collect()
        }
        other => vec![other.shown()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_long_words_stay_whole() {
        let wrapped = |text: &str, width| wrap(text.split(' '), width);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(
            wrapped("an incomprehensible b", 4),
            ["an", "incomprehensible", "b"]
        );
        assert_eq!(wrap([""; 0], 4), [""]);
    }

    #[test]
    fn numbers_keep_their_units() {
        let words = words_of("above 5.0 %, over 12 GB/s; 3 samples s");
        assert_eq!(
            words,
            ["above", "5.0 %,", "over", "12 GB/s;", "3", "samples", "s"]
        );
    }

    #[test]
    fn words_do_nothing_to_a_terminal() {
        assert_eq!(
            words_of("a \u{1b}[31m\n\u{9b}2J"),
            ["a", r"\u{1b}[31m", r"\u{9b}2J"]
        );
        let cell = Cell::List(vec!["a\nb".into(), "c".into()]);
        assert_eq!(words(&cell), [r"a\nb,", "c"]);
    }

    #[test]
    fn names_in_a_list_stay_whole() {
        let cell = Cell::List(vec!["buffer 2 GiB".into(), "binding 128 MiB".into()]);
        assert_eq!(wrap(words(&cell), 20), ["buffer 2 GiB,", "binding 128 MiB"]);
    }
}
