//! Documents and their tables: typed cells, of which each format makes its own text.

use super::chart::Chart;
use super::curve::Curve;
use super::figure::Figure;
use crate::check::Outcome;
use crate::compare::{Ratio, Verdict};
use crate::report::Status;
use crate::text::visible;
use crate::units::{Unit, format_factor, format_percent, format_ratio};

/// A report in sections, in reading order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// Title; empty for a document that stands alone.
    pub title: String,
    /// The sections.
    pub sections: Vec<Section>,
    /// Figures for formats that draw; texts show the same numbers in their tables.
    pub figures: Vec<Figure>,
}

/// One part of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Title; empty for a section that needs none.
    pub title: String,
    /// Content under the title.
    pub content: Content,
}

/// Content of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Paragraphs.
    Text(Vec<String>),
    /// Warnings, each with its remedy.
    Warnings(Vec<String>),
    /// A table.
    Table(Table),
    /// A roofline with kernels marked in it.
    Chart(Chart),
    /// Numbers in their order.
    Curve(Curve),
}

/// Lines of cells under columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Columns, from left to right.
    pub columns: Vec<Column>,
    /// Lines, each with a cell for every column.
    pub lines: Vec<Line>,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name at its head; empty for a column that needs none.
    pub name: String,
    /// Unit of its quantities, where all of them have the same.
    pub unit: Option<Unit>,
    /// Side that its text stands on.
    pub align: Align,
    /// Claim to a place beside the other columns where a page is too narrow for all.
    pub priority: Priority,
    /// Meaning of its cells, for the legend; empty where the name says it.
    pub about: &'static str,
    /// Characters that its longest cell is known to need, for lines that are shown before the last one is there.
    pub least: usize,
    /// Place of its cells beside those of the column before it.
    pub place: Beside,
    /// Whether its cells are of few kinds, by which a reader may pick lines.
    pub is_choice: bool,
}

/// Side that the text of a column stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Left: names.
    Left,
    /// Right: numbers.
    Right,
    /// Left, over as many lines as the text needs. Only the last column of a line can be prose.
    Prose,
}

/// Place of the cells of a column beside those of the column before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// A place of their own.
    Own,
    /// Under the cells of the column before, which they say more about, in a format whose cells have room for two lines.
    Under,
}

/// Claim of a column to a place in the line; columns of the least claim move below the line first, or above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Below the line on every page: text that is longer than a column.
    Below,
    /// Remarks on the line.
    Low,
    /// Facts that neighbouring lines share: they stand above the lines, once for all that have the same.
    Above,
    /// Facts that are the same on most lines.
    Medium,
    /// Facts that qualify the result.
    High,
    /// In the line on every page.
    Always,
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Group that the line belongs to; lines of different groups stand apart.
    pub group: Option<String>,
    /// A cell for every column.
    pub cells: Vec<Cell>,
}

/// Typed content of a place in a table: a format for people rounds, a format for programs does not.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing to say here.
    Empty,
    /// A name or a sentence.
    Text(String),
    /// Names, none of which is broken over two lines.
    List(Vec<String>),
    /// Name of one of the inputs of a subject, by its place among them: a format that makes a page of each leads there.
    Input(String, usize),
    /// A number.
    Count(u64),
    /// A measured number.
    Quantity {
        /// The number, in `unit`.
        value: f64,
        /// An SI base unit, or a quotient of them.
        unit: Unit,
    },
    /// A part of a whole: 0.5 is half of the roof.
    Share(f64),
    /// Share drawn as a bar, beside a cell with its number.
    Bar(f64),
    /// The mark of the best of several lines.
    Best,
    /// Width of the middle half of the samples over their median: 0.01 is 1 %.
    Spread(f64),
    /// How much faster than the default: 0.1 is 10 %.
    Gain(f64),
    /// How many times as much: 4.8 times the time.
    Factor(f64),
    /// Rate over the rate of another, with its range.
    Ratio(Ratio),
    /// Verdict on the times behind a ratio.
    Verdict(Verdict),
    /// End of a measurement.
    Status(Status),
    /// End of a gate.
    Outcome(Outcome),
    /// Whether a result agreed with its reference.
    Verified(bool),
    /// Kinds of warnings that apply to the line.
    Marks(Vec<String>),
    /// Remedy for what the line says.
    Remedy(String),
    /// A value that is not there, with the reason where one is known.
    Missing(Option<String>),
}

impl Section {
    /// A section of one paragraph without a title.
    #[must_use]
    pub fn paragraph(text: impl Into<String>) -> Self {
        Self {
            title: String::new(),
            content: Content::Text(vec![text.into()]),
        }
    }

    /// A table under a title.
    #[must_use]
    pub fn table(title: impl Into<String>, table: Table) -> Self {
        Self {
            title: title.into(),
            content: Content::Table(table),
        }
    }

    /// Whether there is nothing under the title.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.content {
            Content::Text(lines) | Content::Warnings(lines) => lines.is_empty(),
            Content::Table(table) => table.lines.is_empty(),
            Content::Chart(_) | Content::Curve(_) => false,
        }
    }
}

impl Document {
    /// A document of those `sections` that have something to show.
    #[must_use]
    pub fn of(sections: impl IntoIterator<Item = Section>) -> Self {
        let mut sections: Vec<_> = sections.into_iter().collect();
        sections.retain(|section| !section.is_empty());
        Self {
            title: String::new(),
            sections,
            figures: Vec::new(),
        }
    }

    /// The document with figures.
    #[must_use]
    pub fn drawn(self, figures: Vec<Figure>) -> Self {
        Self { figures, ..self }
    }
}

impl Column {
    fn new(name: impl Into<String>, align: Align) -> Self {
        Self {
            name: name.into(),
            unit: None,
            align,
            priority: Priority::Always,
            about: "",
            least: 0,
            place: Beside::Own,
            is_choice: false,
        }
    }

    /// A column of names.
    #[must_use]
    pub fn left(name: impl Into<String>) -> Self {
        Self::new(name, Align::Left)
    }

    /// A column of numbers.
    #[must_use]
    pub fn right(name: impl Into<String>) -> Self {
        Self::new(name, Align::Right)
    }

    /// A column of sentences; the last of the line.
    #[must_use]
    pub fn prose(name: impl Into<String>) -> Self {
        Self::new(name, Align::Prose)
    }

    /// The column for quantities of `unit` alone.
    #[must_use]
    pub fn unit(self, unit: Unit) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }

    /// The column with another claim to its place.
    #[must_use]
    pub fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// The column with a line of the legend.
    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// The column as more about the column before it; text formats have it below the line.
    #[must_use]
    pub fn under(self) -> Self {
        Self {
            place: Beside::Under,
            priority: Priority::Below,
            ..self
        }
    }

    /// The column as one whose cells are of few kinds, by which a reader may pick lines.
    #[must_use]
    pub fn choice(self) -> Self {
        Self {
            is_choice: true,
            ..self
        }
    }

    /// The column wide enough for `texts`.
    #[must_use]
    pub fn room<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let lengths = texts.into_iter().map(|text| text.chars().count());
        Self {
            least: lengths.fold(self.least, usize::max),
            ..self
        }
    }
}

impl Line {
    /// A line of `cells` that belongs to no group.
    #[must_use]
    pub fn of(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self {
            group: None,
            cells: cells.into_iter().collect(),
        }
    }
}

/// Meaning of each column that needs a word about it.
#[must_use]
pub fn legend(columns: &[Column]) -> String {
    let explained = columns.iter().filter(|column| !column.about.is_empty());
    let words = explained.map(|column| format!("{}: {}", column.name, column.about));
    words.collect::<Vec<_>>().join("; ")
}

/// Text of a value that is not there.
const MISSING: &str = "-";

impl Cell {
    /// A name or a sentence; [`Cell::Empty`] for an empty one.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        match text.into() {
            text if text.is_empty() => Self::Empty,
            text => Self::Text(text),
        }
    }

    /// A measured number.
    #[must_use]
    pub fn quantity(value: f64, unit: Unit) -> Self {
        Self::Quantity { value, unit }
    }

    /// A measured number, or what stands in its place.
    #[must_use]
    pub fn quantity_or(value: Option<f64>, unit: Unit, otherwise: Self) -> Self {
        value.map_or(otherwise, |value| Self::Quantity { value, unit })
    }

    /// Text for people, rounded, with its unit.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Empty | Self::Status(Status::Ok) => String::new(),
            Self::Text(text) | Self::Remedy(text) | Self::Input(text, _) => {
                visible(text).into_owned()
            }
            Self::List(names) | Self::Marks(names) => visible(&names.join(", ")).into_owned(),
            Self::Count(count) => count.to_string(),
            Self::Quantity { value, unit } => visible(&unit.format(*value)).into_owned(),
            Self::Bar(share) => bar(*share),
            Self::Best => "*".to_owned(),
            Self::Share(share) | Self::Spread(share) => format_percent(*share),
            Self::Gain(share) => format!("+{}", format_percent(*share)),
            Self::Factor(factor) => format_factor(*factor),
            Self::Ratio(ratio) => ratio_text(ratio),
            Self::Verdict(verdict) => verdict.to_string(),
            Self::Status(status) => status_word(*status).to_owned(),
            Self::Outcome(Outcome::Pass) => "pass".to_owned(),
            Self::Outcome(Outcome::Fail) => "FAIL".to_owned(),
            Self::Outcome(Outcome::Skipped) => "skipped".to_owned(),
            Self::Verified(true) => "yes".to_owned(),
            Self::Verified(false) => "NO".to_owned(),
            Self::Missing(_) => MISSING.to_owned(),
        }
    }
}

/// Characters of a bar.
const BAR: usize = 8;

/// A share as a bar; one above the whole ends in an arrow.
fn bar(share: f64) -> String {
    if !share.is_finite() {
        return String::new();
    }
    let full = (share * BAR as f64).round().clamp(0.0, BAR as f64) as usize;
    let end = if share > 1.0 { ">" } else { "" };
    format!("{:.<BAR$}", "#".repeat(full - end.len()) + end)
}

/// A ratio with its range: `0.967 [0.951, 0.985]`.
fn ratio_text(ratio: &Ratio) -> String {
    let value = format_ratio(ratio.value);
    match ratio.range {
        Some((low, high)) => format!("{value} [{}, {}]", format_ratio(low), format_ratio(high)),
        None => value,
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Noisy => "noisy",
        Status::Unsupported => "unsupported",
        Status::Empty => "empty",
        Status::Failed => "FAILED",
        Status::TimedOut => "timed out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_shown_with_their_units() {
        let shown = |cell: Cell| cell.shown();
        assert_eq!(shown(Cell::quantity(65.3e-6, Unit::Seconds)), "65.3 us");
        assert_eq!(
            shown(Cell::quantity(4e12, Unit::BytesPerSecond)),
            "4000 GB/s"
        );
        assert_eq!(shown(Cell::Share(0.873)), "87.3 %");
        assert_eq!(shown(Cell::Gain(0.05)), "+5.0 %");
        assert_eq!(shown(Cell::Factor(4.84)), "4.8 x");
        let ratio = Ratio {
            value: 0.96712,
            range: Some((0.951, 1234.5)),
        };
        assert_eq!(shown(Cell::Ratio(ratio)), "0.967 [0.951, 1234]");
        let range = None;
        assert_eq!(shown(Cell::Ratio(Ratio { range, ..ratio })), "0.967");
        assert_eq!(shown(Cell::Verdict(Verdict::Slower)), "SLOWER");
        assert_eq!(shown(Cell::Status(Status::Ok)), "");
        assert_eq!(shown(Cell::Status(Status::TimedOut)), "timed out");
        assert_eq!(shown(Cell::Missing(Some("no f16".into()))), "-");
        let names = vec!["f32".to_owned(), "f16".to_owned()];
        assert_eq!(shown(Cell::List(names)), "f32, f16");
        assert_eq!(Cell::text(""), Cell::Empty);
        assert_eq!(shown(Cell::text("a\u{1b}[2J")), r"a\u{1b}[2J");
        let unit = Unit::of("\u{1b}/s");
        assert_eq!(shown(Cell::quantity(2.0, unit)), r"2.00 \u{1b}/s");
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        let bars = [0.0, 0.05, 0.5, 1.0, 1.5, -1.0, 1e300, f64::NAN];
        let bars = bars.map(|share| Cell::Bar(share).shown());
        let wanted = [
            "........", "........", "####....", "########", "#######>", "........", "#######>", "",
        ];
        assert_eq!(bars, wanted);
    }

    #[test]
    fn the_legend_has_the_columns_that_need_one() {
        let columns = [
            Column::left("kernel"),
            Column::right("median").about("time of one execution"),
            Column::right("rate").about("work over the median"),
        ];
        let wanted = "median: time of one execution; rate: work over the median";
        assert_eq!(legend(&columns), wanted);
    }

    #[test]
    fn sections_without_content_are_left_out() {
        let empty = Section::table("nothing", Table::default());
        let document = Document::of([empty, Section::paragraph("a word")]);
        assert_eq!(document.sections, [Section::paragraph("a word")]);
    }
}
