//! Times and memory against the one size in which shapes differ.

use super::words::{BY_SIZE, drawable, facts};
use crate::render::figure::{Axis, Drawing, Figure, Plane, Point, Scale};
use crate::report::Row;
use crate::units::Unit;
use std::collections::{BTreeMap, BTreeSet};

/// Sizes that make a line.
const LEAST: usize = 3;

/// Rows whose shapes differ in one size alone: operation, element type, and the shape with `N` in place of the size.
type Family<'a> = (&'a str, &'static str, String);

/// A figure of a row that is drawn against the size, and its axis.
struct Measure {
    /// Name at the end of a title.
    title: &'static str,
    about: &'static str,
    /// Name of the axis.
    axis: &'static str,
    unit: Unit,
    /// Base of the axis's logarithm.
    base: u8,
    value: fn(&Row) -> Option<f64>,
    /// Whether a figure is worth drawing: kernels that all have one value at each size make one line and no comparison.
    is_telling: fn(&[Point]) -> bool,
}

const TIME: Measure = Measure {
    title: "time",
    about: "Median time of one execution of each kernel; the shape differs in N alone.",
    axis: "median time",
    unit: Unit::Seconds,
    base: 10,
    value: |row| Some(row.time_s.as_ref()?.median),
    is_telling: |_| true,
};

const MEMORY: Measure = Measure {
    title: "memory",
    about: "Bytes that the dispatches of each kernel bind, intermediate results among them; the shape differs in N alone.",
    axis: "bytes bound",
    unit: Unit::Bytes,
    base: 2,
    value: |row| row.bound_bytes.map(|bytes| bytes as f64),
    is_telling: differ,
};

/// For each family of shapes of which a kernel has three sizes, a figure of its times, and one of its memory where kernels
/// differ in it; in the order of the rows.
pub(super) fn growth(rows: &[Row]) -> Vec<Figure> {
    [TIME, MEMORY]
        .iter()
        .flat_map(|measure| figures(rows, measure))
        .collect()
}

fn figures(rows: &[Row], measure: &Measure) -> Vec<Figure> {
    let mut places: BTreeMap<Family<'_>, usize> = BTreeMap::new();
    let mut families: Vec<(Family<'_>, Vec<Point>)> = Vec::new();
    for row in rows.iter().filter(|row| row.is_good()) {
        let Some(value) = drawable((measure.value)(row)) else {
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
                y: value,
                facts: facts(row),
            });
        }
    }
    let families = families.into_iter();
    families
        .filter_map(|(family, points)| figure(&family, points, measure))
        .collect()
}

/// Whether two kernels have different values at one size.
fn differ(points: &[Point]) -> bool {
    let mut values: BTreeMap<u64, f64> = BTreeMap::new();
    let mut points = points.iter();
    points.any(|point| {
        let known = *values.entry(point.x as u64).or_insert(point.y);
        (known - point.y).abs() > f64::EPSILON * known
    })
}

fn figure(family: &Family<'_>, mut points: Vec<Point>, measure: &Measure) -> Option<Figure> {
    let (operation, dtype, shape) = family;
    let mut sizes: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for point in &points {
        let of_series = sizes.entry(&point.series).or_default();
        of_series.insert(point.x as u64);
    }
    sizes.values().find(|sizes| sizes.len() >= LEAST)?;
    if !(measure.is_telling)(&points) {
        return None;
    }
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    Some(Figure {
        title: format!("{operation} {dtype} {shape}: {} against N", measure.title),
        about: measure.about.to_owned(),
        group: Some(BY_SIZE),
        drawing: Drawing::Plane(Plane {
            x: Axis {
                name: "N".to_owned(),
                unit: None,
                scale: Scale::Logarithmic { base: 2 },
            },
            y: Axis {
                name: measure.axis.to_owned(),
                unit: Some(measure.unit.clone()),
                scale: Scale::Logarithmic { base: measure.base },
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

    /// The score matrix of a naive attention grows with the square of the sequence, and a fused kernel has none.
    #[test]
    fn memory_is_drawn_where_kernels_differ_in_it() {
        let bound = |kernel: &str, label: &str, bytes: u64| Row {
            bound_bytes: Some(bytes),
            ..row(kernel, label)
        };
        let labels = ["256x64", "512x64", "1024x64"];
        let mut rows: Vec<Row> = labels.map(|label| bound("a", label, 1 << 20)).to_vec();
        assert_eq!(growth(&rows).len(), 1);
        rows.extend(
            [4, 16, 64]
                .iter()
                .zip(labels)
                .map(|(mib, label)| bound("b", label, mib << 20)),
        );
        let figures = growth(&rows);
        let titles: Vec<&str> = figures.iter().map(|figure| figure.title.as_str()).collect();
        assert_eq!(titles.len(), 2, "{titles:?}");
        assert!(titles[1].ends_with("Nx64: memory against N"), "{titles:?}");
        let Drawing::Plane(plane) = &figures[1].drawing else {
            panic!("{figures:?}");
        };
        assert_eq!(plane.points.len(), 6);
        assert_eq!(plane.y.unit, Some(Unit::Bytes));
    }

    #[test]
    fn kernels_do_not_make_a_line_together() {
        let rows = [row("a", "256x64"), row("b", "512x64"), row("c", "1024x64")];
        assert_eq!(growth(&rows), []);
    }
}
