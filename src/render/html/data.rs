//! Data for the page's script: documents of typed cells, figures, and facts about the files.

use super::lines::json;
use crate::check::Outcome;
use crate::compare::Verdict;
use crate::render::facts::facts;
use crate::render::figure::{Axis, Bar, Drawing, Edge, Figure, Point, Scale};
use crate::render::subject::Subject;
use crate::render::table::{Align, Beside, Cell, Column, Content, Document, Section, Table};
use crate::report::{Input, Results, Status};
use crate::text::visible;
use serde::Serialize;
use std::fmt::Write as _;

/// All that a page shows. Texts are safe to show; the results themselves stand beside it.
#[derive(Serialize)]
pub(super) struct Page {
    title: String,
    documents: Vec<Part>,
    files: Vec<File>,
}

/// One document.
#[derive(Serialize)]
struct Part {
    title: String,
    figures: Vec<Drawn>,
    sections: Vec<Block>,
}

/// One section: a list of paragraphs, of warnings, or a table.
#[derive(Serialize)]
struct Block {
    title: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paragraphs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<Grid>,
}

#[derive(Serialize)]
pub(super) struct Grid {
    columns: Vec<Head>,
    lines: Vec<Record>,
}

#[derive(Serialize)]
struct Head {
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    about: &'static str,
    align: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    under: bool,
    #[serde(skip_serializing_if = "is_false")]
    choice: bool,
}

/// Whether a field can be left out.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize)]
struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    cells: Vec<Place>,
}

/// A cell: its text alone, or with what the script needs to sort it and to mark it.
#[derive(Serialize)]
#[serde(untagged)]
enum Place {
    Plain(String),
    /// Text, number to sort by, kind, reason of what is missing or name of the page that a name leads to.
    Rich(String, Option<f64>, &'static str, String),
}

#[derive(Serialize)]
struct File {
    name: String,
    facts: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Drawn {
    title: String,
    about: String,
    /// Heading of the figures of its kind; empty for one that stands alone.
    group: &'static str,
    #[serde(flatten)]
    drawing: Shape,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Plane {
        x: Span,
        y: Span,
        roofs: Vec<Line>,
        points: Vec<Dot>,
        joined: bool,
    },
    Bars {
        unit: String,
        bars: Vec<Length>,
    },
}

#[derive(Serialize)]
struct Span {
    name: String,
    unit: String,
    /// Base of a logarithmic axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<u8>,
    /// Names of the places of an axis whose numbers are places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<String>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    label: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    series: String,
    is_slanted: bool,
    ends: [(f64, f64); 2],
}

#[derive(Serialize)]
struct Dot {
    name: String,
    series: String,
    x: f64,
    y: f64,
    facts: Vec<String>,
}

#[derive(Serialize)]
struct Length {
    name: String,
    value: f64,
    facts: Vec<String>,
}

/// Data of the page of `subject`.
pub(super) fn embedded(subject: &dyn Subject) -> Page {
    let documents = subject.documents();
    Page {
        title: safe(&subject.title()),
        documents: documents
            .iter()
            .map(|document| part(document, &[]))
            .collect(),
        files: subject.inputs().iter().map(file).collect(),
    }
}

/// Data of the page of an overview, whose inputs have the pages `pages`.
pub(super) fn overviewed(overview: &Document, pages: &[String]) -> Page {
    Page {
        title: safe(&overview.title),
        documents: vec![part(overview, pages)],
        files: Vec::new(),
    }
}

/// The results of each file as this version reads them, each in an element of its own, which the page reads where somebody
/// asks for them alone.
pub(super) fn results(subject: &dyn Subject) -> String {
    let mut text = String::new();
    for (i, input) in subject.inputs().iter().enumerate() {
        let results = match &input.results {
            Results::Run(run) => json(run),
            Results::Roofline(roofline) => json(roofline),
        };
        let _ = writeln!(
            text,
            "<script type=\"application/json\" id=\"results-{i}\">{results}</script>"
        );
    }
    text
}

fn safe(text: &str) -> String {
    visible(text).into_owned()
}

fn all_safe(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| safe(text)).collect()
}

fn file(input: &Input) -> File {
    let facts = facts(&input.results).into_iter();
    File {
        name: safe(&input.name),
        facts: facts.map(|(name, value)| (name, safe(&value))).collect(),
    }
}

fn part(document: &Document, pages: &[String]) -> Part {
    Part {
        title: safe(&document.title),
        figures: document.figures.iter().map(drawn).collect(),
        sections: document
            .sections
            .iter()
            .filter_map(|section| block(section, pages))
            .collect(),
    }
}

/// A section; `None` for a drawing with letters, which is among the figures.
fn block(section: &Section, pages: &[String]) -> Option<Block> {
    let mut block = Block {
        title: safe(&section.title),
        paragraphs: Vec::new(),
        warnings: Vec::new(),
        table: None,
    };
    match &section.content {
        Content::Text(paragraphs) => block.paragraphs = all_safe(paragraphs),
        Content::Warnings(warnings) => block.warnings = all_safe(warnings),
        Content::Table(table) => block.table = Some(grid(table, pages)),
        Content::Chart(_) | Content::Curve(_) => return None,
    }
    Some(block)
}

/// A table without the columns that are empty on every line.
pub(super) fn grid(table: &Table, pages: &[String]) -> Grid {
    let has_text = |i: &usize| {
        let mut cells = table.lines.iter().filter_map(|line| line.cells.get(*i));
        cells.any(|cell| !cell.shown().is_empty())
    };
    let places: Vec<usize> = (0..table.columns.len()).filter(has_text).collect();
    let lines = table.lines.iter().map(|line| Record {
        group: line.group.as_deref().map(safe),
        cells: places
            .iter()
            .map(|i| place(line.cells.get(*i).unwrap_or(&Cell::Empty), pages))
            .collect(),
    });
    Grid {
        columns: places.iter().map(|i| head(&table.columns[*i])).collect(),
        lines: lines.collect(),
    }
}

fn head(column: &Column) -> Head {
    Head {
        name: safe(&column.name),
        about: column.about,
        align: match column.align {
            Align::Left => "left",
            Align::Right => "right",
            Align::Prose => "prose",
        },
        under: column.place == Beside::Under,
        choice: column.is_choice,
    }
}

fn place(cell: &Cell, pages: &[String]) -> Place {
    let text = cell.shown();
    let (number, kind, reason) = match cell {
        Cell::Count(count) => (Some(*count as f64), "", None),
        Cell::Quantity { value, .. } => (Some(*value), "", None),
        Cell::Share(value) | Cell::Spread(value) | Cell::Gain(value) | Cell::Factor(value) => {
            (Some(*value), "", None)
        }
        Cell::Ratio(ratio) => (Some(ratio.value), "", None),
        Cell::Bar(share) => (Some(*share), "bar", None),
        Cell::Best => (Some(1.0), "best", None),
        Cell::Status(Status::Failed | Status::TimedOut)
        | Cell::Verified(false)
        | Cell::Outcome(Outcome::Fail)
        | Cell::Verdict(Verdict::Slower) => (None, "bad", None),
        Cell::Verdict(Verdict::Faster) | Cell::Outcome(Outcome::Pass) => (None, "good", None),
        Cell::Status(Status::Noisy) | Cell::Marks(_) => (None, "mark", None),
        Cell::Missing(reason) => (None, "missing", reason.as_deref()),
        Cell::Input(_, place) => (None, "page", pages.get(*place).map(String::as_str)),
        _ => return Place::Plain(text),
    };
    Place::Rich(text, number, kind, reason.map_or(String::new(), safe))
}

fn drawn(figure: &Figure) -> Drawn {
    let drawing = match &figure.drawing {
        Drawing::Plane(plane) => Shape::Plane {
            x: span(&plane.x),
            y: span(&plane.y),
            roofs: plane.roofs.iter().map(line).collect(),
            points: plane.points.iter().map(dot).collect(),
            joined: plane.joined,
        },
        Drawing::Bars(bars) => Shape::Bars {
            unit: safe(bars.unit.symbol()),
            bars: bars.bars.iter().map(length).collect(),
        },
    };
    Drawn {
        title: safe(&figure.title),
        about: safe(&figure.about),
        group: figure.group.unwrap_or_default(),
        drawing,
    }
}

fn span(axis: &Axis) -> Span {
    let (base, places) = match &axis.scale {
        Scale::Logarithmic { base } => (Some(*base), Vec::new()),
        Scale::Linear => (None, Vec::new()),
        Scale::Ordered(names) => (None, all_safe(names)),
    };
    Span {
        name: safe(&axis.name),
        unit: axis
            .unit
            .as_ref()
            .map_or(String::new(), |unit| safe(unit.symbol())),
        base,
        places,
    }
}

fn line(edge: &Edge) -> Line {
    Line {
        name: safe(&edge.name),
        label: safe(&edge.label),
        series: safe(&edge.series),
        is_slanted: edge.is_slanted,
        ends: edge.ends,
    }
}

fn dot(point: &Point) -> Dot {
    Dot {
        name: safe(&point.name),
        series: safe(&point.series),
        x: point.x,
        y: point.y,
        facts: all_safe(&point.facts),
    }
}

fn length(bar: &Bar) -> Length {
    Length {
        name: safe(&bar.name),
        value: bar.value,
        facts: all_safe(&bar.facts),
    }
}
