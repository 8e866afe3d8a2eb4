//! Numbers in their order, drawn with letters.

use crate::text::visible;
use crate::units::Unit;
use std::fmt::Write as _;

/// Rows of the area, and the most columns of it.
const HEIGHT: usize = 9;
const WIDEST: usize = 64;
const NARROWEST: usize = 8;
/// Columns from one number to the next where there is room.
const APART: usize = 6;
/// Characters of the scale left of the area.
const SCALE: usize = 13;

/// Numbers to draw, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    values: Vec<Option<f64>>,
    unit: Unit,
}

impl Curve {
    /// Curve of `values`, in `unit`; `None` where none of them is a finite number.
    pub fn of(values: impl IntoIterator<Item = Option<f64>>, unit: &Unit) -> Option<Self> {
        let values = values.into_iter();
        let values: Vec<_> = values
            .map(|value| value.filter(|value| value.is_finite()))
            .collect();
        values.iter().any(Option::is_some).then(|| Self {
            values,
            unit: unit.clone(),
        })
    }

    /// Draws the numbers on a page of `width` characters: the highest above, the first at the left.
    #[must_use]
    pub fn draw(&self, width: usize) -> String {
        let room = width.saturating_sub(SCALE + 2).clamp(NARROWEST, WIDEST);
        let steps = self.values.len().saturating_sub(1);
        let columns = room.min(steps * APART + 1);
        let known = || self.values.iter().flatten().copied();
        let low = known().fold(f64::INFINITY, f64::min);
        let high = known().fold(f64::NEG_INFINITY, f64::max);
        let mut cells = vec![vec![' '; columns]; HEIGHT];
        for (i, value) in self.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let column = (i * (columns - 1)).checked_div(steps).unwrap_or(0);
            cells[row(*value, low, high)][column] = '*';
        }
        let mut text = String::new();
        for (i, cells) in cells.iter().enumerate() {
            let line: String = cells.iter().collect();
            // Equal numbers lie in the middle.
            let mark = match i {
                0 if low < high => self.scale(high),
                i if i == HEIGHT - 1 && low < high => self.scale(low),
                i if i == HEIGHT / 2 && low >= high => self.scale(high),
                _ => String::new(),
            };
            let _ = writeln!(text, "{}", format!("{mark:>SCALE$} |{line}").trim_end());
        }
        let _ = write!(text, "{:>SCALE$} +{}", "", "-".repeat(columns));
        text
    }

    fn scale(&self, value: f64) -> String {
        let text = visible(&self.unit.format(value)).into_owned();
        text.chars().take(SCALE).collect()
    }
}

/// Row of a number from the top.
fn row(value: f64, low: f64, high: f64) -> usize {
    // Halves, so that no difference is beyond the largest number.
    let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    let share = if share.is_finite() { share } else { 0.5 };
    ((1.0 - share) * (HEIGHT - 1) as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[f64]) -> Curve {
        Curve::of(values.iter().copied().map(Some), &Unit::FlopsPerSecond).unwrap()
    }

    #[test]
    fn the_highest_is_above_and_the_first_at_the_left() {
        let text = curve(&[10e12, 20e12, 15e12]).draw(80);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 1);
        assert_eq!(lines[0], " 20.0 TFLOP/s |      *");
        assert!(
            lines[HEIGHT / 2].ends_with('*') && lines[HEIGHT - 1].ends_with("|*"),
            "{text}"
        );
    }

    #[test]
    fn no_number_leaves_the_page() {
        let extremes = [1.0, 0.0, -1.0, 1e300, f64::MAX, -f64::MAX, 5e-324];
        for width in [0, 40, 100] {
            for count in 1..=extremes.len() {
                let text = curve(&extremes[..count]).draw(width);
                let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
                assert!(longest <= width.max(SCALE + 2 + NARROWEST), "{text}");
            }
        }
        let many: Vec<f64> = (0..1000).map(f64::from).collect();
        assert!(curve(&many).draw(80).contains('*'));
        assert_eq!(Curve::of([None, Some(f64::NAN)], &Unit::Seconds), None);
        assert_eq!(
            curve(&[2e12, 2e12])
                .draw(80)
                .matches("2.00 TFLOP/s")
                .count(),
            1
        );
    }
}
