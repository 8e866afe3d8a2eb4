//! A roofline drawn with letters, both axes logarithmic. Pure.

use super::model::{Roofline, Standing, Work};
use crate::units::{FlopRate, Intensity};
use std::fmt::Write as _;

/// Columns and rows of the area that is drawn on.
const WIDTH: usize = 64;
const HEIGHT: usize = 18;
/// Intensities at the left and right edge, FLOP/B, as powers of two.
const LEFT: f64 = -4.0;
const RIGHT: f64 = 12.0;
/// How far below the lowest flat roof the drawing goes, as a factor.
const BELOW: f64 = 256.0;

/// A kernel to mark in the drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The letter that stands for it.
    pub letter: char,
    /// Operations over bytes.
    pub intensity: Intensity,
    /// What it reaches.
    pub rate: FlopRate,
}

struct Area {
    cells: Vec<Vec<char>>,
    /// Rates at the bottom and the top, as powers of two.
    bottom: f64,
    top: f64,
}

/// The flat roofs of `roofline`, its slanted roofs, and `marks`.
#[must_use]
pub fn chart(roofline: &Roofline, marks: &[Mark]) -> String {
    let rates: Vec<f64> = roofline
        .compute
        .iter()
        .map(|c| c.rate.flops_per_second())
        .collect();
    let highest = rates.iter().copied().fold(0.0, f64::max);
    let lowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    if !(highest > 0.0 && lowest.is_finite()) {
        return "no ceiling of arithmetic to draw\n".to_owned();
    }
    let mut area = Area {
        cells: vec![vec![' '; WIDTH]; HEIGHT],
        bottom: (lowest / BELOW).log2(),
        top: (highest * 2.0).log2(),
    };
    let mut drawn = "";
    for memory in &roofline.memory {
        // One line for memory: the mixes of directions lie too near each other to be told apart here.
        if memory.level == drawn {
            continue;
        }
        drawn = &memory.level;
        let letter = if memory.bytes.is_some() { ':' } else { '/' };
        let bandwidth = memory.bandwidth.bytes_per_second();
        area.line(letter, |intensity| {
            Some(bandwidth * intensity).filter(|rate| *rate <= highest)
        });
    }
    let feeds = roofline
        .memory
        .iter()
        .map(|m| m.bandwidth.bytes_per_second())
        .fold(0.0, f64::max);
    for rate in &rates {
        area.line('-', |intensity| {
            (feeds * intensity >= *rate).then_some(*rate)
        });
    }
    for mark in marks {
        area.put(
            mark.letter,
            mark.intensity.flops_per_byte(),
            mark.rate.flops_per_second(),
        );
    }
    area.text(roofline)
}

/// Whether work that takes `seconds` belongs in a chart: a point above the roof is an error, not a result.
#[must_use]
pub fn belongs(roofline: &Roofline, work: &Work<'_>, seconds: f64) -> bool {
    let place = roofline.place(work, seconds);
    place.is_some_and(|place| place.standing == Standing::Under)
}

impl Area {
    fn line(&mut self, letter: char, rate: impl Fn(f64) -> Option<f64>) {
        for column in 0..WIDTH {
            let share = column as f64 / (WIDTH - 1) as f64;
            let intensity = (LEFT + share * (RIGHT - LEFT)).exp2();
            if let Some(rate) = rate(intensity) {
                self.set(letter, column, rate);
            }
        }
    }

    fn put(&mut self, letter: char, intensity: f64, rate: f64) {
        let share = (intensity.log2() - LEFT) / (RIGHT - LEFT);
        if (0.0..=1.0).contains(&share) {
            self.set(letter, (share * (WIDTH - 1) as f64).round() as usize, rate);
        }
    }

    fn set(&mut self, letter: char, column: usize, rate: f64) {
        if let Some(row) = self.row(rate) {
            self.cells[row][column] = letter;
        }
    }

    fn row(&self, rate: f64) -> Option<usize> {
        let share = (rate.log2() - self.bottom) / (self.top - self.bottom);
        let from_top = ((1.0 - share) * (HEIGHT - 1) as f64).round();
        (0.0..HEIGHT as f64)
            .contains(&from_top)
            .then_some(from_top as usize)
    }

    fn text(&self, roofline: &Roofline) -> String {
        let mut text = String::new();
        for (row, cells) in self.cells.iter().enumerate() {
            let of_row = roofline
                .compute
                .iter()
                .filter(|c| self.row(c.rate.flops_per_second()) == Some(row));
            let names: Vec<&str> = of_row.map(|c| c.name.as_str()).collect();
            let line: String = cells.iter().collect();
            let line = format!("{} |{line} {}", self.scale(row), names.join(", "));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "{:>13} +{}", "", "-".repeat(WIDTH));
        let mut axis = vec![' '; WIDTH];
        for power in [-4i32, 0, 4, 8] {
            let share = (f64::from(power) - LEFT) / (RIGHT - LEFT);
            let label = if power < 0 {
                format!("1/{}", 1 << -power)
            } else {
                format!("{}", 1 << power)
            };
            let at = (share * (WIDTH - 1) as f64).round() as usize;
            for (i, c) in label.chars().enumerate() {
                axis[at + i] = c;
            }
        }
        let axis: String = axis.into_iter().collect();
        let _ = writeln!(text, "{:>13}  {} FLOP/B", "", axis.trim_end());
        text + "  / memory   : caches   - arithmetic\n"
    }

    /// A rate at every fourth row.
    fn scale(&self, row: usize) -> String {
        if !row.is_multiple_of(4) {
            return format!("{:>13}", "");
        }
        let share = 1.0 - row as f64 / (HEIGHT - 1) as f64;
        let rate = (self.bottom + share * (self.top - self.bottom)).exp2();
        format!("{:>13}", FlopRate::from_flops_per_second(rate).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roofs_and_marks_are_where_they_belong() {
        let roofline = Roofline::from_sheet("a sheet", &[("f32", 64e12), ("f16", 128e12)], 4e12);
        let mark = Mark {
            letter: 'K',
            intensity: Intensity::from_flops_per_byte(4.0),
            rate: FlopRate::from_flops_per_second(8e12),
        };
        let text = chart(&roofline, &[mark]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        let row = |needle: &str| lines.iter().position(|l| l.contains(needle)).unwrap();
        assert!(
            row(" f16") < row(" f32") && row(" f32") < row("K"),
            "{text}"
        );
        assert!(lines[row(" f32")].contains("-----"), "{text}");
        // At 4 FLOP/B memory allows 16 TFLOP/s: the mark lies below the slanted roof.
        let column = |line: &str, c: char| line.find(c);
        let above = lines[..row("K")].iter().rev().find_map(|l| column(l, '/'));
        assert!(above.is_some(), "{text}");
        assert!(text.contains("1/16") && text.contains("FLOP/B"), "{text}");
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let nothing = Roofline::from_sheet("a sheet", &[], 4e12);
        assert_eq!(chart(&nothing, &[]), "no ceiling of arithmetic to draw\n");
    }
}
