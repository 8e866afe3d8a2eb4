//! Rows under the roofs of their adapter.

use super::words::{drawable, facts};
use crate::render::figure::{Axis, Drawing, Edge, Figure, Plane, Point, Scale};
use crate::report::Row;
use crate::roofline::{MemoryCeiling, Mix, Roofline};
use crate::units::{FlopRate, Intensity, Unit};

/// Least range of intensities, in FLOP/B: that of element-wise operations to that of large matmuls.
const RANGE: (f64, f64) = (1.0 / 16.0, 4096.0);

/// How far the axis goes beyond the last thing on it, as a factor.
const MARGIN: f64 = 2.0;

/// Roofs nearer to each other than this factor share a label.
const APART: f64 = 1.5;

/// Figure of the roofs, and of each row whose result was verified, at its intensity and rate.
pub(super) fn roofs(roofline: &Roofline, rows: &[Row]) -> Figure {
    let points: Vec<Point> = rows.iter().filter_map(point).collect();
    let about = if points.is_empty() {
        "Flat roofs are arithmetic, slanted ones memory: a kernel of an intensity reaches at most the lower of the two."
    } else {
        "Flat roofs are arithmetic, slanted ones memory; each point is a kernel whose result was verified. Rows without \
         arithmetic have no place here."
    };
    Figure {
        title: "roofline".to_owned(),
        about: about.to_owned(),
        drawing: Drawing::Plane(Plane {
            x: Axis {
                name: "arithmetic intensity".to_owned(),
                unit: Some(Unit::FlopsPerByte),
                scale: Scale::Logarithmic { base: 2 },
            },
            y: Axis {
                name: "rate".to_owned(),
                unit: Some(Unit::FlopsPerSecond),
                scale: Scale::Logarithmic { base: 10 },
            },
            roofs: edges(roofline, &points),
            points,
            joined: false,
        }),
    }
}

/// A row whose result was verified.
fn point(row: &Row) -> Option<Point> {
    row.verified.as_ref().filter(|verified| verified.ok)?;
    Some(Point {
        name: row.id.clone(),
        series: format!("{} {}", row.operation, row.dtype.name()),
        x: drawable(row.intensity.map(Intensity::flops_per_byte))?,
        y: drawable(row.flop_rate.map(FlopRate::flops_per_second))?,
        facts: facts(row),
    })
}

/// Every roof, the highest first, flat ones before slanted ones.
fn edges(roofline: &Roofline, points: &[Point]) -> Vec<Edge> {
    let rates = roofline.compute.iter().map(|c| c.rate.flops_per_second());
    let highest = rates.fold(0.0, f64::max);
    let bandwidths = roofline.memory.iter();
    let bandwidths = bandwidths.map(|m| m.bandwidth.bytes_per_second());
    let (slowest, fastest) = bandwidths.fold((f64::INFINITY, 0.0), |(low, high), value| {
        (value.min(low), value.max(high))
    });
    let places = points.iter().map(|point| point.x);
    let (left, right) = places.fold(RANGE, |(left, right), x| {
        (left.min(x / MARGIN), right.max(x * MARGIN))
    });
    let right = right.max(MARGIN * highest / slowest);
    let flat = roofline.compute.iter().map(|compute| {
        let rate = compute.rate.flops_per_second();
        let edge = Edge {
            name: format!("{} {}", compute.name, Unit::FlopsPerSecond.format(rate)),
            label: compute.name.clone(),
            series: String::new(),
            is_slanted: false,
            ends: [(rate / fastest, rate), (right, rate)],
        };
        (rate, edge)
    });
    let slanted = roofline.memory.iter().map(|memory| {
        let bandwidth = memory.bandwidth.bytes_per_second();
        let edge = Edge {
            name: format!(
                "{} {}",
                name(memory),
                Unit::BytesPerSecond.format(bandwidth)
            ),
            label: name(memory),
            series: String::new(),
            is_slanted: true,
            ends: [(left, bandwidth * left), (highest / bandwidth, highest)],
        };
        (bandwidth, edge)
    });
    let mut edges = labelled(flat.collect());
    edges.extend(labelled(slanted.collect()));
    // A rate of a file may be beyond what a place can be computed of.
    edges.retain(|edge| {
        let numbers = edge.ends.iter().flat_map(|(x, y)| [*x, *y]);
        numbers
            .into_iter()
            .all(|number| drawable(Some(number)).is_some())
    });
    edges
}

fn name(memory: &MemoryCeiling) -> String {
    let mix = match memory.mix {
        Mix::Read => "read",
        Mix::Triad => "triad",
        Mix::Copy => "copy",
        Mix::Write => "write",
    };
    format!("{} {mix}", memory.level)
}

/// Roofs with their heights, the highest first; of those too near to each other for two labels, the first has the names of all.
fn labelled(mut roofs: Vec<(f64, Edge)>) -> Vec<Edge> {
    roofs.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let (mut edges, mut top): (Vec<Edge>, Option<(f64, usize)>) = (Vec::new(), None);
    for (height, mut edge) in roofs {
        match top {
            Some((highest, first)) if highest / height < APART => {
                let label = std::mem::take(&mut edge.label);
                edges[first].label.push_str(", ");
                edges[first].label.push_str(&label);
            }
            _ => top = Some((height, edges.len())),
        }
        edges.push(edge);
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(roofline: &Roofline) -> Plane {
        match roofs(roofline, &[]).drawing {
            Drawing::Plane(plane) => plane,
            Drawing::Bars(_) => panic!("bars"),
        }
    }

    #[test]
    fn roofs_end_where_they_meet() {
        let sheet = Roofline::from_sheet("a sheet", &[("f32", 64e12), ("f16", 640e12)], 4e12);
        let roofs = plane(&sheet).roofs;
        assert_eq!(roofs[0].ends, [(160.0, 640e12), (4096.0, 640e12)]);
        assert_eq!(roofs[1].ends[0], (16.0, 64e12));
        assert_eq!(roofs[1].name, "f32 64.0 TFLOP/s");
        assert_eq!(roofs[2].ends, [(1.0 / 16.0, 0.25e12), (160.0, 640e12)]);
        assert!(roofs[2].is_slanted && roofs[2].label == "memory read");
    }

    #[test]
    fn roofs_near_each_other_share_a_label() {
        let rates = [("f32", 60e12), ("i32", 50e12), ("f16", 600e12)];
        let roofs = plane(&Roofline::from_sheet("a sheet", &rates, 4e12)).roofs;
        let labels = roofs.iter().map(|roof| roof.label.as_str());
        assert_eq!(
            labels.collect::<Vec<_>>(),
            ["f16", "f32, i32", "", "memory read"]
        );
    }
}
