//! One line of a comparison: a row or a ceiling of each file.

use super::times::{Ratio, Times, Verdict};
use crate::report::{Ceiling, Row, Status};
use crate::units::Unit;

/// A row or a ceiling, in every file.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Operation, or id of the ceiling.
    pub name: &'a str,
    /// Element type; empty for a ceiling.
    pub dtype: &'static str,
    /// Shape; empty for a ceiling.
    pub shape: String,
    /// Kernel; `None` for the best kernel of each file, and for a ceiling.
    pub kernel: Option<&'a str>,
    /// Unit of the rates.
    pub unit: Unit,
    /// The sides, in the order of the files.
    pub sides: Vec<Side<'a>>,
    /// Differences between the files, in words.
    pub why: Vec<String>,
}

/// Entry of one file on a line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Side<'a> {
    /// Row of the file; `None` where it has none, and for a ceiling.
    pub row: Option<&'a Row>,
    /// Ceiling of the file.
    pub ceiling: Option<&'a Ceiling>,
    /// Rate, in the unit of the line.
    pub rate: Option<f64>,
    /// Rate for each watt, of a right result, in [`Unit::per_watt`] of the line's unit.
    pub per_watt: Option<f64>,
    /// Times, of a right result.
    pub times: Option<Times>,
    /// Rate over the base's; `None` for the base itself, and where one of both has no times.
    pub ratio: Option<Ratio>,
    /// Verdict against the base.
    pub verdict: Option<Verdict>,
}

impl<'a> Line<'a> {
    /// Line of the rows that the files have of one problem.
    pub(super) fn of_rows(kernel: Option<&'a str>, rows: &[Option<&'a Row>]) -> Option<Self> {
        let any = rows.iter().flatten().next()?;
        // One unit for all, although another resource may limit another adapter.
        let resource = any.resource();
        let sides = rows.iter().map(|row| {
            let good = row.filter(|row| row.is_good());
            Side {
                row: *row,
                rate: good.and_then(|row| row.rate(resource).0),
                per_watt: good.and_then(|row| row.per_joule(resource).0),
                times: good.and_then(|row| row.time_s.as_ref()).map(Times::of),
                ..Side::default()
            }
        });
        Some(Self {
            name: &any.operation,
            dtype: any.dtype.name(),
            shape: any.shape_text(),
            kernel,
            unit: any.rate(resource).1,
            sides: against_base(sides.collect()),
            why: Vec::new(),
        })
    }

    /// Line of one ceiling.
    pub(super) fn of_ceilings(ceilings: &[Option<&'a Ceiling>]) -> Option<Self> {
        let any = ceilings.iter().flatten().next()?;
        let sides = ceilings.iter().map(|ceiling| Side {
            ceiling: *ceiling,
            rate: ceiling.and_then(|ceiling| ceiling.value),
            per_watt: ceiling.and_then(Ceiling::per_joule),
            times: ceiling.and_then(Times::of_ceiling),
            ..Side::default()
        });
        Some(Self {
            name: any.id.as_str(),
            dtype: "",
            shape: String::new(),
            kernel: None,
            unit: Unit::of(&any.unit),
            sides: against_base(sides.collect()),
            why: Vec::new(),
        })
    }

    /// Id of the line: `operation/dtype/shape/kernel`, with `best` for the best kernel of each file.
    #[must_use]
    pub fn id(&self) -> String {
        let kernel = self.kernel.unwrap_or("best");
        format!("{}/{}/{}/{kernel}", self.name, self.dtype, self.shape)
    }
}

fn against_base(mut sides: Vec<Side<'_>>) -> Vec<Side<'_>> {
    let base = sides.first().and_then(|side| side.times);
    for side in sides.iter_mut().skip(1) {
        let pair = side.times.zip(base);
        side.ratio = pair.map(|(times, base)| times.ratio(&base));
        side.verdict = pair.map(|(times, base)| times.verdict(&base));
    }
    sides
}

impl Side<'_> {
    /// How the measurement ended; `None` where the file has none. A wrong result counts as failed.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        let of_row = self.row.map(|row| match &row.verified {
            Some(verified) if !verified.ok => Status::Failed,
            _ => row.status,
        });
        of_row.or_else(|| self.ceiling.map(|ceiling| ceiling.status))
    }

    /// Share of the file's own roof, in percent.
    #[must_use]
    pub fn percent_of_roof(&self) -> Option<f64> {
        self.row.filter(|row| row.is_good())?.percent_of_roof
    }
}
