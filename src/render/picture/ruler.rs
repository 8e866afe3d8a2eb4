//! Axes of pictures: where a number lies, where marks stand, and what they say. No number of a file makes one without end.

use super::font::safe;
use crate::render::figure::{Axis, Scale};
use crate::units::Unit;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use std::ops::Range;

/// An axis between two numbers, with its marks.
#[derive(Debug, Clone)]
pub(super) struct Ruler {
    is_logarithmic: bool,
    ends: (f64, f64),
    marks: Vec<(f64, String)>,
}

/// Characters of a mark.
const LONGEST: usize = 20;

/// Names of multiples of a unit, the largest first.
const PREFIXES: &[(f64, &str)] = &[
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "u"),
    (1e-9, "n"),
];
const SIZES: &[(f64, &str)] = &[
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
    (1.0, "B"),
];

impl Ruler {
    /// The axis over `values` and a little beyond, by the factor `margin` where it is logarithmic, with at most about `most`
    /// marks. `None` where no value has a place on it.
    pub(super) fn over(
        axis: &Axis,
        values: impl IntoIterator<Item = f64>,
        margin: f64,
        most: usize,
    ) -> Option<Self> {
        let values = values.into_iter().filter(|value| has_place(*value, axis));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (value.min(low), value.max(high))
        });
        (low <= high).then(|| match &axis.scale {
            Scale::Logarithmic { base } => {
                let margin = if low < high { margin } else { margin.max(2.0) };
                let low = (low / margin).max(f64::MIN_POSITIVE);
                let high = (high * margin).clamp(low * 2.0, f64::MAX);
                Self::logarithmic(axis, f64::from((*base).max(2)), (low, high), most)
            }
            Scale::Linear => {
                let apart = (high / 2.0 - low / 2.0) * 0.2;
                let pad = apart.max(high.abs().max(low.abs()) * 1e-3);
                let pad = if pad > 0.0 { pad } else { 1.0 };
                let ends = (
                    (low - pad).max(-f64::MAX / 2.0),
                    (high + pad).min(f64::MAX / 2.0),
                );
                Self::linear(axis.unit.as_ref(), ends, most)
            }
            Scale::Ordered(names) => {
                let names: Vec<String> = names.iter().map(|name| short(name)).collect();
                Self::ordered(&names, most)
            }
        })
    }

    /// The axis from zero to `high`, for lengths.
    pub(super) fn from_zero(unit: &Unit, high: f64, most: usize) -> Self {
        let high = high.clamp(f64::MIN_POSITIVE, f64::MAX / 2.0);
        Self::linear(Some(unit), (0.0, high), most)
    }

    /// The axis of named places from the top down.
    pub(super) fn down(names: &[String]) -> Self {
        let Self { ends, marks, .. } = Self::ordered(names, names.len());
        Self {
            is_logarithmic: false,
            ends: (ends.1, ends.0),
            marks,
        }
    }

    fn logarithmic(axis: &Axis, base: f64, ends: (f64, f64), most: usize) -> Self {
        let power = |value: f64| value.ln() / base.ln();
        let first = (power(ends.0) - 1e-9).ceil() as i32;
        let last = (power(ends.1) + 1e-9).floor() as i32;
        let is_inside = |mark: &f64| *mark >= ends.0 && *mark <= ends.1;
        let marks: Vec<f64> = if base > 9.0 && last - first < 2 {
            let parts = (first - 1..=last + 1).flat_map(|power| {
                let scale = base.powi(power);
                [1.0, 2.0, 5.0].map(|part| part * scale)
            });
            parts.filter(is_inside).collect()
        } else {
            let step = (last - first + 1).max(0) as usize;
            let step = step.div_ceil(most.max(1)).max(1) as i32;
            let aligned = first.div_euclid(step) * step;
            let powers = (aligned..=last).step_by(step as usize);
            let powers = powers.filter(|power| *power >= first);
            powers.map(|power| base.powi(power)).collect()
        };
        Self {
            is_logarithmic: true,
            ends,
            marks: named(marks, axis.unit.as_ref(), 3),
        }
    }

    fn linear(unit: Option<&Unit>, ends: (f64, f64), most: usize) -> Self {
        let rough = (ends.1 - ends.0) / most.max(1) as f64;
        let decade = 10f64.powf(rough.log10().floor());
        let parts = [1.0, 2.0, 5.0, 10.0].map(|part| part * decade);
        let step = parts.into_iter().find(|step| *step >= rough);
        let step = step.filter(|step| step.is_normal()).unwrap_or(ends.1);
        let first = (ends.0 / step).ceil();
        let marks = (0..=most).map(|i| (first + i as f64) * step);
        let marks: Vec<f64> = marks.filter(|mark| *mark <= ends.1).collect();
        // As many digits as tell one mark from the next.
        let digits = (ends.0.abs().max(ends.1.abs()) / step).log10().ceil();
        Self {
            is_logarithmic: false,
            ends,
            marks: named(marks, unit, (digits.clamp(2.0, 15.0) as usize) + 1),
        }
    }

    fn ordered(names: &[String], most: usize) -> Self {
        let step = names.len().div_ceil(most.max(1)).max(1);
        let marks = names.iter().enumerate().step_by(step);
        Self {
            is_logarithmic: false,
            ends: (-0.5, names.len().max(1) as f64 - 0.5),
            marks: marks.map(|(i, name)| (i as f64, name.clone())).collect(),
        }
    }

    /// Texts of the marks.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.marks.iter().map(|(_, word)| word.as_str())
    }

    /// Text of the mark at `value`.
    pub(super) fn word(&self, value: f64) -> String {
        let mut marks = self.marks.iter();
        let found = marks.find(|(mark, _)| mark.to_bits() == value.to_bits());
        found.map_or(String::new(), |(_, word)| word.clone())
    }

    /// Place of `value` between the ends, from 0 to 1; an end for one beyond them.
    fn share(&self, value: f64) -> f64 {
        // Halves, so that no difference is beyond the largest number.
        let place = |value: f64| {
            if self.is_logarithmic {
                value.ln()
            } else {
                value / 2.0
            }
        };
        let (low, high) = (place(self.ends.0), place(self.ends.1));
        let share = (place(value) - low) / (high - low);
        if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        }
    }
}

/// Whether an axis has a place for `value`. A file may say anything.
pub(super) fn has_place(value: f64, axis: &Axis) -> bool {
    match axis.scale {
        Scale::Logarithmic { .. } => value.is_finite() && value > 0.0,
        Scale::Linear | Scale::Ordered(_) => value.is_finite(),
    }
}

fn named(marks: Vec<f64>, unit: Option<&Unit>, digits: usize) -> Vec<(f64, String)> {
    let named = marks
        .into_iter()
        .map(|mark| (mark, short(&mark_text(mark, unit, digits))));
    named.collect()
}

/// Text of a mark, safe and not longer than a mark has room for: a file may name any unit.
fn short(text: &str) -> String {
    safe(text).chars().take(LONGEST).collect()
}

/// A mark in words: 10 TFLOP/s, 64 KiB, 1/16.
fn mark_text(value: f64, unit: Option<&Unit>, digits: usize) -> String {
    let with_scale = |scales: &[(f64, &'static str)]| {
        let fits = |scale: &&(f64, &str)| value.abs() >= scale.0 * 0.9999;
        let (scale, name) = *scales
            .iter()
            .find(fits)
            .unwrap_or(&scales[scales.len() - 1]);
        (plain(value / scale, digits), name)
    };
    match unit {
        None | Some(Unit::FlopsPerByte) if value > 0.0 && value < 1.0 => {
            format!("1/{}", plain(1.0 / value, digits))
        }
        None | Some(Unit::FlopsPerByte) => plain(value, digits.max(5)),
        Some(_) if value == 0.0 => "0".to_owned(),
        Some(Unit::Bytes) => {
            let (number, name) = with_scale(SIZES);
            format!("{number} {name}")
        }
        Some(unit) => {
            let (number, prefix) = with_scale(PREFIXES);
            format!("{number} {prefix}{}", unit.symbol())
        }
    }
}

/// A number of at most `digits` digits, without zeros at its end.
fn plain(number: f64, digits: usize) -> String {
    let scientific = format!("{number:.*e}", digits.saturating_sub(1));
    let rounded: f64 = scientific.parse().unwrap_or(number);
    if rounded == 0.0 || (1e-4..1e7).contains(&rounded.abs()) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

impl Ranged for Ruler {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (self.share(*value) * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.marks.iter().map(|(mark, _)| *mark).collect()
    }

    fn range(&self) -> Range<f64> {
        self.ends.0..self.ends.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(unit: Option<Unit>, scale: Scale) -> Axis {
        Axis {
            name: "a".to_owned(),
            unit,
            scale,
        }
    }

    fn words(unit: Option<Unit>, scale: Scale, values: &[f64]) -> Vec<String> {
        let ruler = Ruler::over(&axis(unit, scale), values.iter().copied(), 1.0, 8);
        ruler.unwrap().words().map(str::to_owned).collect()
    }

    #[test]
    fn marks_stand_at_powers_and_say_their_units() {
        let (two, ten) = (
            Scale::Logarithmic { base: 2 },
            Scale::Logarithmic { base: 10 },
        );
        assert_eq!(
            words(Some(Unit::FlopsPerByte), two.clone(), &[1.0 / 16.0, 4096.0]),
            ["1/8", "1", "8", "64", "512", "4096"]
        );
        assert_eq!(
            words(Some(Unit::Bytes), two, &[4096.0, 1e6]),
            [
                "4 KiB", "8 KiB", "16 KiB", "32 KiB", "64 KiB", "128 KiB", "256 KiB", "512 KiB"
            ]
        );
        assert_eq!(
            words(Some(Unit::FlopsPerSecond), ten.clone(), &[1e9, 2e12]),
            ["1 GFLOP/s", "10 GFLOP/s", "100 GFLOP/s", "1 TFLOP/s"]
        );
        assert_eq!(
            words(Some(Unit::Seconds), ten, &[1.5e-6, 3e-5]),
            ["2 us", "5 us", "10 us", "20 us"]
        );
        assert_eq!(
            words(
                Some(Unit::BytesPerSecond),
                Scale::Linear,
                &[4.01e12, 4.03e12]
            ),
            [
                "4.01 TB/s",
                "4.015 TB/s",
                "4.02 TB/s",
                "4.025 TB/s",
                "4.03 TB/s"
            ]
        );
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(words(None, Scale::Ordered(names.to_vec()), &[0.0]), names);
    }

    #[test]
    fn places_are_within_the_axis_whatever_the_numbers() {
        let extremes = [
            0.0,
            -1.0,
            5e-324,
            1e-300,
            f64::MIN_POSITIVE,
            1.0,
            1e300,
            f64::MAX,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            -f64::MAX,
        ];
        let scales = [
            Scale::Logarithmic { base: 2 },
            Scale::Logarithmic { base: 10 },
            Scale::Logarithmic { base: 0 },
            Scale::Linear,
            Scale::Ordered(Vec::new()),
        ];
        for scale in scales {
            let axis = axis(Some(Unit::Seconds), scale);
            for a in extremes {
                for b in extremes {
                    let Some(ruler) = Ruler::over(&axis, [a, b], 1.6, 8) else {
                        continue;
                    };
                    assert!(ruler.marks.len() <= 20, "{axis:?} {a} {b}: {ruler:?}");
                    for value in extremes.into_iter().chain(ruler.key_points(0)) {
                        assert!((10..=90).contains(&ruler.map(&value, (10, 90))));
                        assert!((10..=90).contains(&ruler.map(&value, (90, 10))));
                    }
                }
            }
        }
        for high in extremes {
            let ruler = Ruler::from_zero(&Unit::Bytes, high, 8);
            assert!(ruler.marks.len() <= 20 && ruler.map(&0.0, (0, 9)) == 0);
        }
    }
}
