//! Sums over a file: how many rows have a right result, and how fast it is on the whole.

use super::line::Line;
use super::problems::Problems;
use super::times::Verdict;
use crate::report::{Input, Status};

/// Sums over one file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Rows of the file.
    pub rows: usize,
    /// Rows with a time and a result that was not found wrong.
    pub right: usize,
    /// Rows that the adapter lacks something for.
    pub unsupported: usize,
    /// Rows that failed, timed out or have a wrong result.
    pub failed: usize,
    /// Lines by verdict: same, faster, slower, ambiguous.
    pub verdicts: [usize; 4],
    /// Geometric mean of the ratios to the base, over the problems of which every file has a right result, each by its
    /// best kernel; `None` for the base, and where there are none.
    pub mean_ratio: Option<f64>,
}

/// Verdicts in the order of [`Totals::verdicts`].
pub(super) const VERDICTS: [Verdict; 4] = [
    Verdict::Same,
    Verdict::Faster,
    Verdict::Slower,
    Verdict::Ambiguous,
];

impl Totals {
    /// Share of rows with a right result; `None` without rows.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.right as f64 / self.rows as f64)
    }
}

/// Sums of each file, and the number of problems that the means are made of.
pub(super) fn totals(
    inputs: &[Input],
    problems: &Problems<'_>,
    lines: &[Line<'_>],
) -> (Vec<Totals>, usize) {
    let (ratios, count) = mean_ratios(problems, inputs.len());
    let of_file = |(file, input): (usize, &Input)| {
        let all = input.results.rows().iter();
        // Shapes without work are no attempts.
        let rows: Vec<_> = all.filter(|row| row.status != Status::Empty).collect();
        let of = |status: Status| rows.iter().filter(|row| row.status == status).count();
        let right = rows.iter().filter(|row| row.is_good()).count();
        let unsupported = of(Status::Unsupported);
        let verdicts = VERDICTS.map(|wanted| {
            let lines = lines.iter();
            lines
                .filter(|line| line.sides[file].verdict == Some(wanted))
                .count()
        });
        Totals {
            rows: rows.len(),
            right,
            unsupported,
            failed: rows.len() - (right + unsupported).min(rows.len()),
            verdicts,
            mean_ratio: ratios.get(file).copied().flatten(),
        }
    };
    (inputs.iter().enumerate().map(of_file).collect(), count)
}

fn mean_ratios(problems: &Problems<'_>, files: usize) -> (Vec<Option<f64>>, usize) {
    let (mut sums, mut count) = (vec![0.0; files], 0);
    for problem in &problems.all {
        let best = problem.best().into_iter();
        let medians = best.map(|row| row.filter(|row| row.is_good())?.time_s.as_ref());
        let medians: Option<Vec<f64>> = medians.map(|time| Some(time?.median)).collect();
        let Some(medians) = medians else { continue };
        count += 1;
        for (sum, median) in sums.iter_mut().zip(&medians) {
            *sum += (medians[0] / median).ln();
        }
    }
    let mean =
        |(file, sum): (usize, f64)| (file > 0 && count > 0).then(|| (sum / count as f64).exp());
    (sums.into_iter().enumerate().map(mean).collect(), count)
}
