//! A roofline with kernels marked in it, and its drawing with letters, both axes logarithmic.

use crate::roofline::{Roofline, Standing, Work};
use crate::text::visible;
use crate::units::{FlopRate, Intensity};
use std::fmt::Write as _;

/// Columns of the area that is drawn on: beyond 64 a page has no use for more, below 24 the axis has no room.
const WIDEST: usize = 64;
const NARROWEST: usize = 24;
/// Rows of the area.
const HEIGHT: usize = 18;
/// Characters of the scale left of the area: `99.9 GFLOP/s` at most, and the axis.
const SCALE: usize = 13;
const AXIS: usize = 2;
/// Intensities at the left and right edge, FLOP/B, as powers of two.
const LEFT: f64 = -4.0;
const RIGHT: f64 = 12.0;
/// How far below the lowest flat roof the drawing goes, as a factor.
const BELOW: f64 = 256.0;

/// A roofline to draw, with kernels marked in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Flat and slanted roofs.
    pub roofline: Roofline,
    /// Kernels under them.
    pub marks: Vec<Mark>,
}

/// A kernel to mark in the drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The letter that stands for it.
    pub letter: char,
    /// Operations over bytes.
    pub intensity: Intensity,
    /// Rate that the kernel reaches.
    pub rate: FlopRate,
}

struct Area {
    cells: Vec<Vec<char>>,
    /// Rates at the bottom and the top, as powers of two.
    bottom: f64,
    top: f64,
}

impl Chart {
    /// Draws the roofs and the marks on a page of `width` characters.
    #[must_use]
    pub fn draw(&self, width: usize) -> String {
        let roofline = &self.roofline;
        let rates = roofline.compute.iter().map(|c| c.rate.flops_per_second());
        let rates: Vec<f64> = rates.collect();
        let highest = rates.iter().copied().fold(0.0, f64::max);
        let lowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
        if !(highest > 0.0 && lowest.is_finite()) {
            return "no ceiling of arithmetic to draw".to_owned();
        }
        // Roofs of almost the same rate share a row, and their names stand behind one another.
        let mut area = Area::new(WIDEST, lowest, highest);
        let names = (0..HEIGHT).map(|row| area.names(roofline, row).chars().count());
        let around = SCALE + AXIS + 1 + names.max().unwrap_or(0);
        let columns = width.saturating_sub(around).clamp(NARROWEST, WIDEST);
        area = Area::new(columns, lowest, highest);
        self.roofs(&mut area, &rates, highest);
        for mark in &self.marks {
            let rate = mark.rate.flops_per_second();
            area.put(mark.letter, mark.intensity.flops_per_byte(), rate);
        }
        area.text(roofline)
    }

    fn roofs(&self, area: &mut Area, rates: &[f64], highest: f64) {
        let mut drawn = "";
        for memory in &self.roofline.memory {
            // One line for memory: mixes of reads and writes lie too near to each other to be drawn apart.
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
        let memory = self.roofline.memory.iter();
        let feeds = memory
            .map(|m| m.bandwidth.bytes_per_second())
            .fold(0.0, f64::max);
        for rate in rates {
            area.line('-', |intensity| {
                (feeds * intensity >= *rate).then_some(*rate)
            });
        }
    }
}

impl Mark {
    /// A kernel that does `work` in `seconds`; `None` where it lies above the roof, which is an error and no result.
    #[must_use]
    pub fn of(letter: char, roofline: &Roofline, work: &Work<'_>, seconds: f64) -> Option<Self> {
        let place = roofline.place(work, seconds)?;
        let is_under = place.standing == Standing::Under;
        is_under.then_some(Self {
            letter,
            intensity: Intensity::new(work.flops, work.bytes)?,
            rate: FlopRate::new(work.flops, seconds)?,
        })
    }
}

impl Area {
    fn new(width: usize, lowest: f64, highest: f64) -> Self {
        Self {
            cells: vec![vec![' '; width]; HEIGHT],
            bottom: (lowest / BELOW).log2(),
            top: (highest * 2.0).log2(),
        }
    }

    fn width(&self) -> usize {
        self.cells[0].len()
    }

    /// Names of the roofs of a row.
    fn names(&self, roofline: &Roofline, row: usize) -> String {
        let of_row = |rate: FlopRate| self.row(rate.flops_per_second()) == Some(row);
        let found = roofline.compute.iter().filter(|c| of_row(c.rate));
        let names: Vec<&str> = found.map(|c| c.name.as_str()).collect();
        visible(&names.join(", ")).into_owned()
    }

    fn line(&mut self, letter: char, rate: impl Fn(f64) -> Option<f64>) {
        for column in 0..self.width() {
            let share = column as f64 / (self.width() - 1) as f64;
            let intensity = (LEFT + share * (RIGHT - LEFT)).exp2();
            if let Some(rate) = rate(intensity) {
                self.set(letter, column, rate);
            }
        }
    }

    fn put(&mut self, letter: char, intensity: f64, rate: f64) {
        let share = (intensity.log2() - LEFT) / (RIGHT - LEFT);
        if (0.0..=1.0).contains(&share) {
            self.set(
                letter,
                (share * (self.width() - 1) as f64).round() as usize,
                rate,
            );
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
            let line: String = cells.iter().collect();
            let names = self.names(roofline, row);
            let line = format!("{} |{line} {names}", self.scale(row));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "{:>SCALE$} +{}", "", "-".repeat(self.width()));
        let mut axis = vec![' '; self.width()];
        for power in [-4i32, 0, 4, 8] {
            let share = (f64::from(power) - LEFT) / (RIGHT - LEFT);
            let label = if power < 0 {
                format!("1/{}", 1 << -power)
            } else {
                format!("{}", 1 << power)
            };
            let at = (share * (self.width() - 1) as f64).round() as usize;
            for (i, c) in label.chars().enumerate() {
                axis[at + i] = c;
            }
        }
        let axis: String = axis.into_iter().collect();
        let _ = writeln!(text, "{:>SCALE$}  {} FLOP/B", "", axis.trim_end());
        text + "  / memory   : caches   - arithmetic"
    }

    /// A rate at every fourth row.
    fn scale(&self, row: usize) -> String {
        if !row.is_multiple_of(4) {
            return format!("{:>SCALE$}", "");
        }
        let share = 1.0 - row as f64 / (HEIGHT - 1) as f64;
        let rate = (self.bottom + share * (self.top - self.bottom)).exp2();
        format!(
            "{:>SCALE$}",
            FlopRate::from_flops_per_second(rate).to_string()
        )
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
        let chart = Chart {
            roofline,
            marks: vec![mark],
        };
        let text = chart.draw(100);
        let lines: Vec<&str> = text.lines().collect();
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
        let chart = Chart {
            roofline: Roofline::from_sheet("a sheet", &[], 4e12),
            marks: Vec::new(),
        };
        assert_eq!(chart.draw(100), "no ceiling of arithmetic to draw");
    }

    #[test]
    fn a_chart_is_as_narrow_as_its_page() {
        let rates = [("f32", 64e12), ("f16_matrix", 640e12)];
        let chart = Chart {
            roofline: Roofline::from_sheet("a sheet", &rates, 4e12),
            marks: Vec::new(),
        };
        for (width, most) in [(60, 60), (80, 80), (200, 13 + 2 + 64 + 11)] {
            let text = chart.draw(width);
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= most, "{width}:\n{text}");
            assert!(
                text.contains("f16_matrix") && text.contains("256"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_kernel_above_the_roof_has_no_mark() {
        let roofline = Roofline::from_sheet("a sheet", &[("f32", 64e12)], 4e12);
        let work = Work {
            dtype: "f32",
            flops: 64_000_000_000,
            bytes: 1 << 20,
            mix: crate::roofline::Mix::Read,
        };
        let mark = |seconds| Mark::of('K', &roofline, &work, seconds);
        assert_eq!(mark(0.5e-3), None);
        assert_eq!(mark(2e-3).unwrap().rate.to_string(), "32.0 TFLOP/s");
    }
}
