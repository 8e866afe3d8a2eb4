//! Figures: what a chart shows, as typed numbers. A format that draws makes its own picture of them.

use crate::units::Unit;

/// Numbers to draw, under a title.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Title.
    pub title: String,
    /// How to read it, in a sentence.
    pub about: String,
    /// Heading of the figures of its kind, which stand beside each other on a page; `None` for one that stands alone.
    pub group: Option<&'static str>,
    /// Numbers, and how they lie.
    pub drawing: Drawing,
}

/// How the numbers of a figure lie.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawing {
    /// Points over two axes.
    Plane(Plane),
    /// Bars from zero.
    Bars(Bars),
}

/// Points over two axes, and the roofs above them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Axis to the right.
    pub x: Axis,
    /// Axis upwards.
    pub y: Axis,
    /// Ceiling that no point can pass.
    pub roofs: Vec<Edge>,
    /// Results.
    pub points: Vec<Point>,
    /// Whether a line joins the points of a series.
    pub joined: bool,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Name of what it measures.
    pub name: String,
    /// Unit of its numbers; `None` for plain counts.
    pub unit: Option<Unit>,
    /// How its numbers lie.
    pub scale: Scale,
}

/// How the numbers of an axis lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scale {
    /// By their logarithms; all are above zero.
    Logarithmic {
        /// Base of the logarithm, at whose powers marks stand: 2 for sizes, 10 for rates and times.
        base: u8,
    },
    /// By their differences.
    Linear,
    /// At the places 0, 1, 2 and so on, each with its name.
    Ordered(Vec<String>),
}

/// One roof.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Name and height, in words.
    pub name: String,
    /// Names of this roof and of those so near below it that there is room for one label alone; empty for the latter.
    pub label: String,
    /// Series of the points that stand under this roof, where a plane has the roofs of several adapters; empty where it has
    /// those of one.
    pub series: String,
    /// Whether memory sets it, so that it rises with the intensity, or arithmetic.
    pub is_slanted: bool,
    /// Both of its ends, from left to right, in the units of the axes.
    pub ends: [(f64, f64); 2],
}

/// One result in a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Name: the id of its row, or of its series and size.
    pub name: String,
    /// Series that it belongs to.
    pub series: String,
    /// Place on the axis to the right, in its unit.
    pub x: f64,
    /// Place on the axis upwards, in its unit.
    pub y: f64,
    /// Words about the point: rate, spread, share of the roof.
    pub facts: Vec<String>,
}

/// Bars from zero, from the worst to the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Unit of their lengths.
    pub unit: Unit,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Name.
    pub name: String,
    /// Length, in the unit of the bars; finite and at least zero.
    pub value: f64,
    /// Words about the bar, the value first.
    pub facts: Vec<String>,
}
