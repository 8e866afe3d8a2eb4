//! Kernels of one shape, from the slowest to the fastest.

use super::words::{drawable, facts};
use crate::render::figure::{Bar, Bars, Drawing, Figure};
use crate::report::Row;
use std::collections::BTreeMap;

/// A figure for each shape that several kernels computed rightly, in the order of the rows.
pub(super) fn ladders(rows: &[Row]) -> Vec<Figure> {
    let mut places = BTreeMap::new();
    let mut shapes: Vec<Vec<&Row>> = Vec::new();
    for row in rows.iter().filter(|row| row.is_good()) {
        let key = (row.operation.as_str(), row.dtype.name(), row.shape_text());
        let place = *places.entry(key).or_insert_with(|| {
            shapes.push(Vec::new());
            shapes.len() - 1
        });
        shapes[place].push(row);
    }
    shapes.iter().filter_map(|rows| ladder(rows)).collect()
}

/// Figure of the rows of one shape; `None` for a single kernel.
fn ladder(rows: &[&Row]) -> Option<Figure> {
    let (first, others) = rows.split_first()?;
    others.iter().find(|row| row.kernel != first.kernel)?;
    // One resource for all, so that lengths are in proportion to speeds.
    let resource = first.resource();
    let (_, unit) = first.rate(resource);
    let mut bars: Vec<Bar> = rows
        .iter()
        .filter_map(|row| {
            Some(Bar {
                name: row.kernel.clone(),
                value: drawable(row.rate(resource).0)?,
                facts: facts(row),
            })
        })
        .collect();
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    (bars.len() > 1).then(|| Figure {
        title: format!(
            "{} {} {}",
            first.operation,
            first.dtype.name(),
            first.shape_text()
        ),
        about: "From the slowest to the fastest kernel of each shape; longer is faster.".to_owned(),
        group: Some("kernels of one shape"),
        drawing: Drawing::Bars(Bars { unit, bars }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::run::tests::sample;
    use crate::report::{Bound, Status, Verified};
    use crate::units::{Bandwidth, Unit};

    fn row(kernel: &str, seconds: f64) -> Row {
        Row {
            kernel: kernel.to_owned(),
            bound: Some(Bound::Memory),
            bandwidth: Bandwidth::new(1 << 30, seconds),
            ..sample(Status::Ok)
        }
    }

    #[test]
    fn kernels_of_a_shape_stand_from_the_slowest_to_the_fastest() {
        let rows = [row("b", 2e-3), row("a", 4e-3), row("c", 1e-3)];
        let figures = ladders(&rows);
        let [figure] = &figures[..] else {
            panic!("{figures:?}");
        };
        let Drawing::Bars(bars) = &figure.drawing else {
            panic!("{figure:?}");
        };
        assert_eq!(bars.unit, Unit::BytesPerSecond);
        let names: Vec<&str> = bars.bars.iter().map(|bar| bar.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(bars.bars[0].facts[0].ends_with("B/s"));
    }

    #[test]
    fn one_kernel_and_wrong_ones_are_no_ladder() {
        assert_eq!(ladders(&[row("a", 1e-3), row("a", 2e-3)]), []);
        let mut wrong = row("b", 1e-4);
        wrong.verified = Some(Verified {
            ok: false,
            ..wrong.verified.unwrap()
        });
        assert_eq!(ladders(&[row("a", 1e-3), wrong]), []);
    }
}
