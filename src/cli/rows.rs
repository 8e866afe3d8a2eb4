//! The results table: a line for each row, as it comes.

use super::layout::{self, Column};
use comfy_table::{Attribute, Cell, CellAlignment, Color, Row as Line};
use ridgepoint::bench::Status;
use ridgepoint::ops::family;
use ridgepoint::report::{Bound, Row};
use ridgepoint::suite::Case;
use ridgepoint::units::{format_percent, format_seconds};
use ridgepoint::warning::Warning;
use std::collections::BTreeMap;

const HEADS: [&str; 8] = [
    "kernel", "type", "shape", "median", "rate", "of roof", "right", "notes",
];
/// What a number that was not measured looks like.
const NONE: &str = "-";

/// The table of one run, with columns wide enough for all that may come.
#[derive(Debug)]
pub(crate) struct RowTable {
    columns: Vec<Column>,
    /// How many rows each operation has.
    counts: BTreeMap<String, usize>,
    /// Operation of the row before.
    last: Option<String>,
}

impl RowTable {
    /// A table for the rows that `cases` will give.
    pub(crate) fn new(cases: &[Case]) -> Self {
        let kernels = cases.iter().flat_map(|case| match case.kernel {
            Some(kernel) => vec![kernel],
            None => {
                family(case.family).map_or(vec![], |f| f.kernels.iter().map(|k| k.name).collect())
            }
        });
        let shapes = cases.iter().map(|case| case.shape.as_str());
        let mut counts = BTreeMap::new();
        for case in cases {
            *counts.entry(case.family.to_owned()).or_default() += 1;
        }
        Self {
            columns: columns(
                layout::widest(kernels.chain([HEADS[0]])),
                layout::widest(shapes.chain([HEADS[2]])),
            ),
            counts,
            last: None,
        }
    }

    /// The lines of one row: the heads before the first, an empty line between operations that have several.
    pub(crate) fn row(&mut self, row: &Row) -> String {
        let mut text = match &self.last {
            None => self.heads() + "\n",
            Some(last)
                if *last != row.operation && (self.many(last) || self.many(&row.operation)) =>
            {
                "\n".to_owned()
            }
            Some(_) => String::new(),
        };
        self.last = Some(row.operation.clone());
        text += &layout::lines(&self.columns, vec![cells(row)]);
        if let Some(reason) = row.reason.as_ref().filter(|_| row.time_s.is_none()) {
            text += "\n";
            text += &layout::paragraph("    ", reason);
        }
        text
    }

    fn many(&self, operation: &str) -> bool {
        self.counts.get(operation).is_some_and(|count| *count > 1)
    }

    fn heads(&self) -> String {
        let bold = |head| Cell::new(head).add_attribute(Attribute::Bold);
        layout::lines(&self.columns, vec![Line::from(HEADS.map(bold))])
    }
}

fn columns(kernel: u16, shape: u16) -> Vec<Column> {
    use CellAlignment::{Left, Right};
    let mut columns = vec![
        (kernel, Left),
        (4, Left),
        (shape, Left),
        (7, Right),
        (12, Right),
        (7, Right),
        (5, Left),
    ];
    columns.push((layout::rest(&columns), Left));
    columns
}

fn cells(row: &Row) -> Line {
    let kernel = if row.kernel.is_empty() {
        &row.operation
    } else {
        &row.kernel
    };
    let or_none = |text: Option<String>| Cell::new(text.as_deref().unwrap_or(NONE));
    Line::from(vec![
        Cell::new(kernel),
        Cell::new(row.dtype.name()),
        Cell::new(shape(row)),
        or_none(row.time_s.as_ref().map(|time| format_seconds(time.median))),
        or_none(rate(row)),
        or_none(
            row.percent_of_roof
                .map(|percent| format_percent(percent / 100.0)),
        ),
        match row.verified.as_ref().map(|verified| verified.ok) {
            Some(true) => Cell::new("yes"),
            Some(false) => Cell::new("NO").fg(Color::Red),
            None => Cell::new(NONE),
        },
        notes(row),
    ])
}

/// The shape as it is written on the command line: the third part of a row's name.
fn shape(row: &Row) -> &str {
    row.id.split('/').nth(2).unwrap_or(NONE)
}

/// The rate that matters for what limits the row; where that is not known, the one for what it has more of.
fn rate(row: &Row) -> Option<String> {
    let is_memory = row
        .bound
        .map_or(row.flops < row.min_bytes, |bound| bound == Bound::Memory);
    if is_memory {
        row.bandwidth.map(|rate| rate.to_string())
    } else {
        row.flop_rate.map(|rate| rate.to_string())
    }
}

fn notes(row: &Row) -> Cell {
    let mut words = Vec::from_iter(status(row.status).map(str::to_owned));
    for warning in row.warnings.iter().filter(|warning| is_of_the_row(warning)) {
        let word = word(warning);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let colour = match row.status {
        Status::Ok | Status::Noisy => Color::Yellow,
        Status::Unsupported => Color::DarkGrey,
        Status::Failed | Status::TimedOut => Color::Red,
    };
    Cell::new(words.join(", ")).fg(colour)
}

/// How a measurement ended, where that has to be said.
pub(crate) fn status(status: Status) -> Option<&'static str> {
    match status {
        Status::Ok => None,
        Status::Noisy => Some("noisy"),
        Status::Unsupported => Some("unsupported"),
        Status::Failed => Some("failed"),
        Status::TimedOut => Some("timed out"),
    }
}

/// A warning's kind as the table shows it.
pub(crate) fn word(warning: &Warning) -> String {
    match warning {
        Warning::ReducedSize { .. } => "reduced".to_owned(),
        _ => warning.id().replace('_', " "),
    }
}

/// Whether a warning tells a row from its neighbours: those about adapter and settings hold for all of them.
pub(crate) fn is_of_the_row(warning: &Warning) -> bool {
    !matches!(
        warning,
        Warning::SoftwareAdapter { .. }
            | Warning::NoopAdapter
            | Warning::NoTimestamps
            | Warning::CoarseTimestamps { .. }
            | Warning::ShortSampling { .. }
    )
}
