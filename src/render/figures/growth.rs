//! Times against the one size in which shapes differ.

use super::words::{drawable, facts};
use crate::render::figure::{Axis, Drawing, Figure, Plane, Point, Scale};
use crate::report::Row;
use crate::units::Unit;
use std::collections::{BTreeMap, BTreeSet};

/// Sizes that make a line.
const LEAST: usize = 3;

/// Rows whose shapes differ in one size alone: operation, element type, and the shape with `N` in place of the size.
type Family<'a> = (&'a str, &'static str, String);

/// A figure for each family of shapes of which a kernel has three sizes, in the order of the rows.
pub(super) fn growth(rows: &[Row]) -> Vec<Figure> {
    let mut places: BTreeMap<Family<'_>, usize> = BTreeMap::new();
    let mut families: Vec<(Family<'_>, Vec<Point>)> = Vec::new();
    for row in rows.iter().filter(|row| row.is_good()) {
        let Some(seconds) = drawable(row.time_s.as_ref().map(|time| time.median)) else {
            continue;
        };
        let shape = row.shape_text();
        for (size, shape) in of_shape(&shape) {
            let family = (row.operation.as_str(), row.dtype.name(), shape);
            let place = *places.entry(family.clone()).or_insert_with(|| {
                families.push((family, Vec::new()));
                families.len() - 1
            });
            families[place].1.push(Point {
                name: row.id.clone(),
                series: row.kernel.clone(),
                x: size as f64,
                y: seconds,
                facts: facts(row),
            });
        }
    }
    families.into_iter().filter_map(figure).collect()
}

fn figure(((operation, dtype, shape), mut points): (Family<'_>, Vec<Point>)) -> Option<Figure> {
    let mut sizes: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for point in &points {
        let of_series = sizes.entry(&point.series).or_default();
        of_series.insert(point.x as u64);
    }
    sizes.values().find(|sizes| sizes.len() >= LEAST)?;
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    Some(Figure {
        title: format!("{operation} {dtype} {shape}: time against N"),
        about: "Median time of one execution of each kernel; the shape differs in N alone."
            .to_owned(),
        drawing: Drawing::Plane(Plane {
            x: Axis {
                name: "N".to_owned(),
                unit: None,
                scale: Scale::Logarithmic { base: 2 },
            },
            y: Axis {
                name: "median time".to_owned(),
                unit: Some(Unit::Seconds),
                scale: Scale::Logarithmic { base: 10 },
            },
            roofs: Vec::new(),
            points,
            joined: true,
        }),
    })
}

/// Parts of a shape: runs of digits, and what stands between them.
fn parts(shape: &str) -> impl Iterator<Item = &str> {
    shape
        .split_inclusive(|c: char| !c.is_ascii_digit())
        .flat_map(|part| {
            let end = part.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
            let (digits, rest) = part.split_at(end);
            [digits, rest].into_iter().filter(|part| !part.is_empty())
        })
}

/// Places of one size that a shape may have for all families to be looked at; of more, all places are `N` together.
const MOST_PLACES: u32 = 4;

/// Each size of a shape above zero, and the shape with `N` at some or all of the places that have it: a sequence of 128 and
/// heads of 128 columns are equal by chance.
fn of_shape(shape: &str) -> Vec<(u64, String)> {
    let parts: Vec<&str> = parts(shape).collect();
    let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, part) in parts.iter().enumerate() {
        if let Some(size) = part.parse().ok().filter(|size| *size > 0) {
            places.entry(size).or_default().push(place);
        }
    }
    let mut found = Vec::new();
    for (size, places) in places {
        let all = if places.len() as u32 <= MOST_PLACES {
            (1u32 << places.len()) - 1
        } else {
            found.push((size, with_n(&parts, &places)));
            0
        };
        for chosen in 1..=all {
            let of = places.iter().enumerate();
            let of = of.filter(|(bit, _)| chosen >> bit & 1 == 1);
            let of: Vec<usize> = of.map(|(_, place)| *place).collect();
            found.push((size, with_n(&parts, &of)));
        }
    }
    found
}

/// The parts of a shape joined, with `N` at `places`.
fn with_n(parts: &[&str], places: &[usize]) -> String {
    let parts = parts.iter().enumerate();
    let part = |(place, part): (usize, &&str)| {
        let part = if places.contains(&place) { "N" } else { part };
        part.to_owned()
    };
    parts.map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::run::tests::sample;
    use crate::report::Status;

    fn row(kernel: &str, label: &str) -> Row {
        Row {
            kernel: kernel.to_owned(),
            label: label.to_owned(),
            ..sample(Status::Ok)
        }
    }

    #[test]
    fn a_size_is_n_wherever_it_may_be() {
        let of = |shape: &str| -> Vec<String> {
            let all = of_shape(shape).into_iter();
            all.map(|(size, shape)| format!("{size}: {shape}"))
                .collect()
        };
        assert_eq!(of("8x512xcausal"), ["8: Nx512xcausal", "512: 8xNxcausal"]);
        assert_eq!(
            of("m=64 k=64 n=640"),
            [
                "64: m=N k=64 n=640",
                "64: m=64 k=N n=640",
                "64: m=N k=N n=640",
                "640: m=64 k=64 n=N"
            ]
        );
        assert_eq!(of("1x1x1x1x1"), ["1: NxNxNxNxN"]);
        assert!(of("0x0").is_empty());
    }

    /// Heads of 128 columns, and a sequence that has 128 once.
    #[test]
    fn a_sequence_that_equals_the_columns_once_is_in_its_line() {
        let labels = ["1x32x128x128x128", "1x32x256x256x128", "1x32x512x512x128"];
        let figures = growth(&labels.map(|label| row("a", label)));
        let [figure] = &figures[..] else {
            panic!("{figures:?}");
        };
        assert!(figure.title.contains("1x32xNxNx128"), "{}", figure.title);
    }

    #[test]
    fn three_sizes_of_a_kernel_are_a_figure_and_two_are_none() {
        let rows = ["256x64", "512x64", "1024x64"].map(|label| row("a", label));
        assert_eq!(growth(&rows[..2]), []);
        let figures = growth(&rows);
        let [figure] = &figures[..] else {
            panic!("{figures:?}");
        };
        assert!(figure.title.contains("Nx64"), "{}", figure.title);
        let Drawing::Plane(plane) = &figure.drawing else {
            panic!("{figure:?}");
        };
        let sizes = plane.points.iter().map(|point| point.x);
        assert_eq!(sizes.collect::<Vec<_>>(), [256.0, 512.0, 1024.0]);
    }

    #[test]
    fn kernels_do_not_make_a_line_together() {
        let rows = [row("a", "256x64"), row("b", "512x64"), row("c", "1024x64")];
        assert_eq!(growth(&rows), []);
    }
}
