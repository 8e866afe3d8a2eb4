//! Colours of pictures: those of the HTML page's light theme, read from its style, so that a colour has one home.

use plotters::style::RGBColor;

const STYLE: &str = include_str!("../../../assets/page/style.css");

/// Colours of series. Further series have the same colours with other symbols.
pub(super) const SERIES: usize = 8;

/// Colour of a name of the style, such as `text`, as the light theme has it.
pub(super) fn colour(name: &str) -> RGBColor {
    let begin = format!("--{name}: light-dark(#");
    let digits = STYLE
        .split_once(&begin)
        .and_then(|(_, rest)| rest.get(..6))
        .unwrap_or_else(|| unreachable!("the style names a colour {name}"));
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_default();
    RGBColor(part(0), part(2), part(4))
}

/// Colour of the series at `place`.
pub(super) fn series(place: usize) -> RGBColor {
    colour(&format!("series-{}", place % SERIES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_page() {
        assert_eq!(colour("ground"), RGBColor(255, 255, 255));
        assert_eq!(colour("series-0"), RGBColor(0x0b, 0x63, 0xb8));
        for name in ["text", "muted", "line", "memory", "compute"] {
            assert_ne!(colour(name), RGBColor(255, 255, 255));
        }
        let mut all: Vec<_> = (0..SERIES).map(|i| format!("{:?}", series(i))).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), SERIES);
        assert_eq!(series(SERIES), series(0));
    }
}
