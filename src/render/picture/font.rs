//! The font of pictures: `DejaVu Sans`, embedded, so that a picture is the same on every machine.

use crate::text::visible;
use plotters::style::{FontDesc, FontFamily, FontStyle, RGBColor, TextStyle, register_font};
use std::borrow::Cow;
use std::sync::Once;

/// Families in an SVG, in the order in which a reader looks for them. The bitmap's text is of the embedded font.
pub(super) const FAMILY: &str = "DejaVu Sans, sans-serif";

/// Size of a font in plotters' sense, as a multiple of its em.
const SIZE_OF_EM: f64 = 1.24;

/// Characters of a text that are looked at: a picture has room for fewer.
const MOST: usize = 600;

static FONT: &[u8] = include_bytes!("../../../assets/vendor/dejavu-sans.ttf");

/// Style of text with an em of `em` pixels.
pub(super) fn style(em: u32, colour: RGBColor) -> TextStyle<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let registered = register_font(FAMILY, FontStyle::Normal, FONT);
        assert!(registered.is_ok(), "the embedded font can be read");
    });
    let size = SIZE_OF_EM * f64::from(em);
    FontDesc::new(FontFamily::Name(FAMILY), size, FontStyle::Normal).color(&colour)
}

/// Pixels of the em of a font that plotters calls `size` large.
pub(super) fn em_of(size: f64) -> f64 {
    size / SIZE_OF_EM
}

/// `text` as a picture can hold it: without characters that act, and without those that XML forbids.
pub(super) fn safe(text: &str) -> String {
    let count = text.chars().count();
    let text = if count > MOST {
        let begin = text.chars().take(MOST / 2);
        let end = text.chars().skip(count - MOST / 2);
        Cow::Owned(begin.chain(['\u{2026}']).chain(end).collect())
    } else {
        Cow::Borrowed(text)
    };
    let shown = visible(&text);
    shown.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// Width of `text`, in pixels.
pub(super) fn width(text: &str, style: &TextStyle<'_>) -> i32 {
    let size = style.font.box_size(text);
    size.map_or(0, |(width, _)| i32::try_from(width).unwrap_or(i32::MAX))
}

/// `text`, safe and no wider than `most` pixels; a longer one loses its middle, since ids begin and end in names.
pub(super) fn fit(text: &str, style: &TextStyle<'_>, most: i32) -> String {
    let text = safe(text);
    if width(&text, style) <= most {
        return text;
    }
    let chars: Vec<char> = text.chars().collect();
    let cut = |kept: usize| {
        let (begin, end) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
        let parts = begin.iter().chain(&['\u{2026}']).chain(end);
        parts.collect::<String>()
    };
    let (mut fits, mut fails) = (0, chars.len());
    while fails - fits > 1 {
        let middle = usize::midpoint(fits, fails);
        if width(&cut(middle), style) <= most {
            fits = middle;
        } else {
            fails = middle;
        }
    }
    cut(fits)
}

/// `text` on at most `lines` lines of `most` pixels, broken between words.
pub(super) fn wrap(text: &str, style: &TextStyle<'_>, most: i32, lines: usize) -> Vec<String> {
    let text = safe(text);
    let mut done: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let is_last = done.len() == lines;
        match done.last_mut() {
            Some(line) if is_last || width(&format!("{line} {word}"), style) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => done.push(word.to_owned()),
        }
    }
    done.iter().map(|line| fit(line, style, most)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn black(em: u32) -> TextStyle<'static> {
        style(em, RGBColor(0, 0, 0))
    }

    #[test]
    fn long_texts_lose_their_middle_and_fit() {
        let style = black(14);
        assert_eq!(fit("matmul_tiled", &style, 500), "matmul_tiled");
        let long = format!("matmul/{}/matmul_tiled", "1024x".repeat(200));
        let short = fit(&long, &style, 200);
        assert!(
            short.starts_with("matmul/") && short.ends_with("tiled"),
            "{short}"
        );
        assert!(width(&short, &style) <= 200 && short.contains('\u{2026}'));
        assert_eq!(fit("abc", &style, 0), "\u{2026}");
    }

    #[test]
    fn lines_are_broken_between_words_and_the_last_is_cut() {
        let style = black(14);
        let lines = wrap(&"word ".repeat(60), &style, 300, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("word") && lines[1].contains('\u{2026}'));
        assert!(lines.iter().all(|line| width(line, &style) <= 300));
        assert_eq!(wrap("", &style, 300, 2), [""; 0]);
    }

    #[test]
    fn texts_that_xml_forbids_are_replaced() {
        assert_eq!(safe("a\u{1b}[2J\u{fffe}"), "a\\u{1b}[2J\u{fffd}");
        let long = safe(&format!("{}y", "x".repeat(100_000)));
        assert!(long.starts_with('x') && long.ends_with('y') && long.chars().count() == MOST + 1);
    }

    /// Every character that units, titles and labels are made of has a glyph: others show as a box.
    #[test]
    fn the_font_has_what_is_written() {
        let boxed = width("\u{4e2d}", &black(100));
        for c in "abcXYZ019%+-/[](),;:_=.\u{b5}\u{d7}\u{2026}\u{2192}\u{394}\u{e9}".chars() {
            let own = width(&c.to_string(), &black(100));
            assert!(own > 0 && own != boxed, "{c}");
        }
    }
}
