//! The results table: a line for each row, as it comes.

use super::layout::{self, Column};
use comfy_table::{Attribute, Cell, CellAlignment, Color, Row as Line};
use ridgepoint::ops::family;
use ridgepoint::report::{Bound, Row, Status, Warning};
use ridgepoint::suite::Case;
use ridgepoint::units::{format_percent, format_seconds};
use std::collections::BTreeMap;

const HEADS: [&str; 8] = [
    "kernel", "type", "shape", "median", "rate", "of roof", "right", "notes",
];
/// The least width of notes beside a row, and their width below one.
const NOTES: u16 = 14;
const NARROW: u16 = 76;
/// What a number that was not measured looks like.
const NONE: &str = "-";

/// The table of one run, with columns wide enough for all that may come.
#[derive(Debug)]
pub(crate) struct RowTable {
    columns: Vec<Column>,
    /// Notes have no column of their own on a narrow terminal, they stand below.
    notes_below: bool,
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
        let mut columns = columns(
            layout::widest(kernels.chain([HEADS[0]])),
            layout::widest(shapes.chain([HEADS[2]])),
        );
        let rest = layout::rest(&columns);
        let notes_below = rest < NOTES;
        if !notes_below {
            columns.push((rest, CellAlignment::Left));
        }
        Self {
            columns,
            notes_below,
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
        let (mut cells, notes) = (cells(row), notes(row));
        if self.notes_below {
            text += &layout::lines(&self.columns, vec![Line::from(cells)]);
            if !notes.content().is_empty() {
                text += "\n";
                let columns = [(2, CellAlignment::Left), (NARROW, CellAlignment::Left)];
                let below = Line::from(vec![Cell::new(""), notes]);
                text += &layout::lines(&columns, vec![below]);
            }
        } else {
            cells.push(notes);
            text += &layout::lines(&self.columns, vec![Line::from(cells)]);
        }
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
        let bold = |head: &&str| Cell::new(head).add_attribute(Attribute::Bold);
        let heads = HEADS.iter().take(self.columns.len()).map(bold);
        layout::lines(&self.columns, vec![Line::from(heads.collect::<Vec<_>>())])
    }
}

fn columns(kernel: u16, shape: u16) -> Vec<Column> {
    use CellAlignment::{Left, Right};
    vec![
        (kernel, Left),
        (4, Left),
        (shape, Left),
        (7, Right),
        (12, Right),
        (7, Right),
        (5, Left),
    ]
}

fn cells(row: &Row) -> Vec<Cell> {
    let kernel = if row.kernel.is_empty() {
        &row.operation
    } else {
        &row.kernel
    };
    let or_none = |text: Option<String>| Cell::new(text.as_deref().unwrap_or(NONE));
    vec![
        Cell::new(kernel),
        Cell::new(row.dtype.name()),
        Cell::new(&row.label),
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
    ]
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ridgepoint::Dtype;
    use ridgepoint::report::{Summary, Verified};
    use ridgepoint::shader::Checks;
    use ridgepoint::units::{Bandwidth, FlopRate, Intensity};

    /// A row as a matmul gives it, measured or not as `status` says.
    pub(crate) fn sample(status: Status) -> Row {
        let is_measured = matches!(status, Status::Ok | Status::Noisy);
        let verified = Verified {
            ok: true,
            max_error: Some(1e-7),
            allowed: 1e-6,
            compared: 10,
            worst: None,
        };
        let time = Summary::new(&[1e-3]).filter(|_| is_measured);
        Row {
            id: "matmul/f32/256x256x256/matmul_tiled".into(),
            operation: "matmul".into(),
            kernel: "matmul_tiled".into(),
            choice: "the best of its operation".into(),
            constants: BTreeMap::new(),
            dtype: Dtype::F32,
            label: "256x256x256".into(),
            shape: BTreeMap::new(),
            flops: 1 << 25,
            min_bytes: 3 << 18,
            bound_bytes: is_measured.then_some(3 << 18),
            status,
            reason: (!is_measured).then(|| "the device lacks something".into()),
            verified: is_measured.then_some(verified),
            checks: Checks::Off,
            clock: None,
            flop_rate: time.as_ref().and_then(|t| FlopRate::new(1 << 25, t.median)),
            bandwidth: time
                .as_ref()
                .and_then(|t| Bandwidth::new(3 << 18, t.median)),
            intensity: Intensity::new(1 << 25, 3 << 18),
            time_s: time,
            wall_s: None,
            repeats: None,
            discarded: 0,
            bound: None,
            percent_of_roof: is_measured.then_some(42.0),
            warnings: Vec::new(),
        }
    }

    fn case(family: &'static str) -> Case {
        Case {
            family,
            dtype: Dtype::F32,
            shape: "256x256x256".into(),
            kernel: None,
            reduced_from: None,
        }
    }

    #[test]
    fn what_was_not_measured_is_a_dash_with_its_reason() {
        let mut table = RowTable::new(&[case("matmul")]);
        let ok = table.row(&sample(Status::Ok));
        assert!(ok.starts_with("kernel"), "{ok}");
        assert!(ok.ends_with("1.00 ms  33.6 GFLOP/s   42.0 %  yes"), "{ok}");
        let failed = table.row(&sample(Status::Failed));
        let (line, reason) = failed.split_once('\n').unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[3..], ["-", "-", "-", "-", "failed"]);
        assert_eq!(reason, "    the device lacks something");
    }

    #[test]
    fn rates_are_those_of_what_limits() {
        let mut row = sample(Status::Ok);
        row.bound = Some(Bound::Memory);
        assert_eq!(rate(&row).unwrap(), "0.786 GB/s");
        row.bound = Some(Bound::Compute);
        assert_eq!(rate(&row).unwrap(), "33.6 GFLOP/s");
    }

    #[test]
    fn operations_with_several_rows_stand_apart() {
        let cases = ["copy", "add", "matmul", "matmul"].map(case);
        let mut table = RowTable::new(&cases);
        let of = |operation: &str| Row {
            operation: operation.into(),
            ..sample(Status::Ok)
        };
        let mut apart = |operation: &str| table.row(&of(operation)).starts_with('\n');
        let found = cases.map(|case| apart(case.family));
        assert_eq!(found, [false, false, true, false]);
    }
}
