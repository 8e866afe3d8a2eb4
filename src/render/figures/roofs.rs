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

/// An adapter in a plane: its roofs, and rows that were measured under them.
#[derive(Debug)]
pub(super) struct Adapter<'a> {
    /// Letter in front of the names of its roofs and rows, where the plane has several adapters; empty where it has one.
    pub(super) letter: String,
    /// Series of its points and roofs, where the plane has several adapters; empty where it has one.
    pub(super) series: String,
    /// Its roofs.
    pub(super) roofline: Roofline,
    /// Its rows.
    pub(super) rows: &'a [Row],
}

/// Figure of the roofs of one adapter, and of each row whose result was verified, at its intensity and rate.
pub(super) fn roofs(roofline: Roofline, rows: &[Row]) -> Figure {
    let adapter = Adapter {
        letter: String::new(),
        series: String::new(),
        roofline,
        rows,
    };
    let points = points(&adapter);
    let about = if points.is_empty() {
        "Flat roofs are arithmetic, slanted ones memory: a kernel of an intensity reaches at most the lower of the two."
    } else {
        "Flat roofs are arithmetic, slanted ones memory; each point is a kernel whose result was verified. Rows without \
         arithmetic have no place here."
    };
    figure("roofline", about, &[adapter], points)
}

/// Figure of the roofs of several adapters in one plane, and of the verified rows of each.
pub(super) fn overlaid(adapters: &[Adapter<'_>]) -> Figure {
    let points = adapters.iter().flat_map(points).collect();
    let about = "Flat roofs are arithmetic, slanted ones memory, each file with lines and points of its own. A point is a kernel \
                 whose result was verified; rows without arithmetic have no place here.";
    figure("rooflines of all files", about, adapters, points)
}

fn figure(title: &str, about: &str, adapters: &[Adapter<'_>], points: Vec<Point>) -> Figure {
    Figure {
        title: title.to_owned(),
        about: about.to_owned(),
        group: None,
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
            roofs: edges(adapters, &points),
            points,
            joined: false,
        }),
    }
}

/// The rows of an adapter whose results were verified.
fn points(adapter: &Adapter<'_>) -> Vec<Point> {
    let points = adapter.rows.iter().filter_map(|row| {
        row.verified.as_ref().filter(|verified| verified.ok)?;
        let series = if adapter.series.is_empty() {
            format!("{} {}", row.operation, row.dtype.name())
        } else {
            adapter.series.clone()
        };
        Some(Point {
            name: adapter.named(&row.id),
            series,
            x: drawable(row.intensity.map(Intensity::flops_per_byte))?,
            y: drawable(row.flop_rate.map(FlopRate::flops_per_second))?,
            facts: facts(row),
        })
    });
    points.collect()
}

/// Every roof, the highest first, flat ones before slanted ones.
fn edges(adapters: &[Adapter<'_>], points: &[Point]) -> Vec<Edge> {
    let (left, right) = range(adapters, points);
    let flat = adapters.iter().flat_map(|adapter| adapter.flat(right));
    let slanted = adapters.iter().flat_map(|adapter| adapter.slanted(left));
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

/// Ends of the axis to the right: every point and every place where roofs meet lies between them.
fn range(adapters: &[Adapter<'_>], points: &[Point]) -> (f64, f64) {
    let places = points.iter().map(|point| point.x);
    let (left, right) = places.fold(RANGE, |(left, right), x| {
        (left.min(x / MARGIN), right.max(x * MARGIN))
    });
    let meet = adapters.iter().map(|adapter| {
        let (slowest, _) = adapter.bandwidths();
        MARGIN * adapter.highest() / slowest
    });
    (left, meet.fold(right, f64::max))
}

impl Adapter<'_> {
    /// A name with the letter in front.
    fn named(&self, name: &str) -> String {
        if self.letter.is_empty() {
            name.to_owned()
        } else {
            format!("{} {name}", self.letter)
        }
    }

    /// The highest rate of arithmetic, in FLOP/s.
    fn highest(&self) -> f64 {
        let compute = self.roofline.compute.iter();
        compute
            .map(|compute| compute.rate.flops_per_second())
            .fold(0.0, f64::max)
    }

    /// The least and the greatest bandwidth, in bytes per second.
    fn bandwidths(&self) -> (f64, f64) {
        let memory = self.roofline.memory.iter();
        let bandwidths = memory.map(|memory| memory.bandwidth.bytes_per_second());
        bandwidths.fold((f64::INFINITY, 0.0), |(low, high), value| {
            (value.min(low), value.max(high))
        })
    }

    /// Roofs of arithmetic as far as `right`.
    fn flat(&self, right: f64) -> Vec<Roof> {
        let (_, fastest) = self.bandwidths();
        let roofs = self.roofline.compute.iter().map(|compute| {
            let rate = compute.rate.flops_per_second();
            let words = Unit::FlopsPerSecond.format(rate);
            let ends = [(rate / fastest, rate), (right, rate)];
            self.roof(compute.name.clone(), rate, &words, ends, false)
        });
        roofs.collect()
    }

    /// Roofs of memory from `left` on.
    fn slanted(&self, left: f64) -> Vec<Roof> {
        let highest = self.highest();
        let roofs = self.roofline.memory.iter().map(|memory| {
            let bandwidth = memory.bandwidth.bytes_per_second();
            let words = Unit::BytesPerSecond.format(bandwidth);
            let ends = [(left, bandwidth * left), (highest / bandwidth, highest)];
            self.roof(name(memory), bandwidth, &words, ends, true)
        });
        roofs.collect()
    }

    fn roof(
        &self,
        name: String,
        height: f64,
        words: &str,
        ends: [(f64, f64); 2],
        is_slanted: bool,
    ) -> Roof {
        Roof {
            height,
            letter: self.letter.clone(),
            edge: Edge {
                name: format!("{} {words}", self.named(&name)),
                label: String::new(),
                series: self.series.clone(),
                is_slanted,
                ends,
            },
            name,
        }
    }
}

/// One roof before it has a label.
#[derive(Debug)]
struct Roof {
    /// Rate or bandwidth.
    height: f64,
    /// Letter of its adapter.
    letter: String,
    /// Name without the letter.
    name: String,
    /// The roof.
    edge: Edge,
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

/// Roofs, the highest first; of those too near to each other for two labels, the first has the names of all.
fn labelled(mut roofs: Vec<Roof>) -> Vec<Edge> {
    roofs.sort_by(|a, b| b.height.total_cmp(&a.height));
    let mut edges: Vec<Edge> = Vec::with_capacity(roofs.len());
    let mut rest = roofs.as_slice();
    while let Some(top) = rest.first() {
        let is_apart = |roof: &Roof| top.height / roof.height >= APART;
        let end = rest.iter().position(is_apart).unwrap_or(rest.len());
        let (near, below) = rest.split_at(end.max(1));
        edges.extend(near.iter().map(|roof| roof.edge.clone()));
        let first = edges.len() - near.len();
        edges[first].label = label(near);
        rest = below;
    }
    edges
}

/// Names of roofs in one label, each once, behind the letters of the adapters that have it: `A B f32, B i32`.
fn label(roofs: &[Roof]) -> String {
    let mut names: Vec<(&str, Vec<&str>)> = Vec::new();
    for roof in roofs {
        let place = names.iter().position(|(name, _)| *name == roof.name);
        let place = place.unwrap_or_else(|| {
            names.push((&roof.name, Vec::new()));
            names.len() - 1
        });
        names[place].1.push(&roof.letter);
    }
    let labels = names.into_iter().map(|(name, mut letters)| {
        letters.sort_unstable();
        letters.push(name);
        letters.retain(|word| !word.is_empty());
        letters.join(" ")
    });
    labels.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(figure: Figure) -> Plane {
        match figure.drawing {
            Drawing::Plane(plane) => plane,
            Drawing::Bars(_) => panic!("bars"),
        }
    }

    #[test]
    fn roofs_end_where_they_meet() {
        let sheet = Roofline::from_sheet("a sheet", &[("f32", 64e12), ("f16", 640e12)], 4e12);
        let roofs = plane(roofs(sheet, &[])).roofs;
        assert_eq!(roofs[0].ends, [(160.0, 640e12), (4096.0, 640e12)]);
        assert_eq!(roofs[1].ends[0], (16.0, 64e12));
        assert_eq!(roofs[1].name, "f32 64.0 TFLOP/s");
        assert_eq!(roofs[2].ends, [(1.0 / 16.0, 0.25e12), (160.0, 640e12)]);
        assert!(roofs[2].is_slanted && roofs[2].label == "memory read");
    }

    #[test]
    fn roofs_near_each_other_share_a_label() {
        let rates = [("f32", 60e12), ("i32", 50e12), ("f16", 600e12)];
        let sheet = Roofline::from_sheet("a sheet", &rates, 4e12);
        let roofs = plane(roofs(sheet, &[])).roofs;
        let labels = roofs.iter().map(|roof| roof.label.as_str());
        assert_eq!(
            labels.collect::<Vec<_>>(),
            ["f16", "f32, i32", "", "memory read"]
        );
    }

    #[test]
    fn a_label_has_each_name_once_behind_its_letters() {
        let adapters = [("A", 60e12), ("B", 64e12)].map(|(letter, rate)| Adapter {
            letter: letter.to_owned(),
            series: letter.to_owned(),
            roofline: Roofline::from_sheet("a sheet", &[("f32", rate), ("i32", 55e12)], 4e12),
            rows: &[],
        });
        let roofs = plane(overlaid(&adapters)).roofs;
        let labels: Vec<&str> = roofs.iter().map(|roof| roof.label.as_str()).collect();
        assert_eq!(
            labels,
            ["A B f32, A B i32", "", "", "", "A B memory read", ""]
        );
    }

    #[test]
    fn roofs_of_several_adapters_have_one_range_and_names_of_their_own() {
        let sheets = [("A", 64e12, 4e12), ("B", 6e12, 0.5e12)];
        let adapters = sheets.map(|(letter, rate, bandwidth)| Adapter {
            letter: letter.to_owned(),
            series: format!("{letter}: a GPU"),
            roofline: Roofline::from_sheet("a sheet", &[("f32", rate)], bandwidth),
            rows: &[],
        });
        let roofs = plane(overlaid(&adapters)).roofs;
        let named = roofs.iter().map(|roof| (&*roof.label, &*roof.series));
        let (a, b) = ("A: a GPU", "B: a GPU");
        let wanted = [
            ("A f32", a),
            ("B f32", b),
            ("A memory read", a),
            ("B memory read", b),
        ];
        assert_eq!(named.collect::<Vec<_>>(), wanted);
        let flat = roofs.iter().filter(|roof| !roof.is_slanted);
        assert!(
            flat.into_iter()
                .all(|roof| roof.ends[1].0.total_cmp(&RANGE.1).is_eq())
        );
        assert_eq!(roofs[3].ends[1], (12.0, 6e12));
    }
}
