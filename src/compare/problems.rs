//! Rows of several files by what they compute.

use crate::report::{Input, Row};
use std::collections::HashMap;

/// Rows of one problem, which is an operation on a shape of one element type.
#[derive(Debug)]
pub(super) struct Problem<'a> {
    /// A row of it.
    pub(super) any: &'a Row,
    /// Its rows in each file, a kernel once.
    pub(super) files: Vec<Vec<&'a Row>>,
}

/// Problems of several files, in the order in which they come up.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    pub(super) all: Vec<Problem<'a>>,
    /// Rows of each file that were left out, since the file has another of the same problem and kernel.
    pub(super) repeated: Vec<usize>,
}

impl<'a> Problems<'a> {
    /// Rows of `inputs`. Of several rows of one kernel the first with a right result counts, or the first; of the repetitions
    /// of a row, the one with the middle time.
    pub(super) fn of(inputs: &'a [Input]) -> Self {
        let mut all: Vec<Problem<'a>> = Vec::new();
        let mut places = HashMap::new();
        let mut known: HashMap<(usize, usize, &str), usize> = HashMap::new();
        let mut repetitions: HashMap<(usize, usize, &str), Vec<&Row>> = HashMap::new();
        let mut repeated = vec![0; inputs.len()];
        for (file, input) in inputs.iter().enumerate() {
            for row in input.results.rows() {
                let key = (row.operation.as_str(), row.dtype, row.shape_text());
                let place = *places.entry(key).or_insert_with(|| {
                    all.push(Problem {
                        any: row,
                        files: vec![Vec::new(); inputs.len()],
                    });
                    all.len() - 1
                });
                let rows = &mut all[place].files[file];
                if row.repetition.is_some() {
                    let key = (place, file, row.kernel.as_str());
                    repetitions.entry(key).or_default().push(row);
                }
                match known.get(&(place, file, row.kernel.as_str())) {
                    None => {
                        known.insert((place, file, &row.kernel), rows.len());
                        rows.push(row);
                    }
                    Some(_) if row.repetition.is_some() => (),
                    Some(first) => {
                        repeated[file] += 1;
                        if !rows[*first].is_good() && row.is_good() {
                            rows[*first] = row;
                        }
                    }
                }
            }
        }
        for ((place, file, kernel), rows) in repetitions {
            let first = known[&(place, file, kernel)];
            if let Some(middle) = middle(&rows) {
                all[place].files[file][first] = middle;
            }
        }
        Self { all, repeated }
    }
}

/// The right row whose median is the middle one; the shorter of two.
fn middle<'a>(rows: &[&'a Row]) -> Option<&'a Row> {
    let right = rows.iter().filter(|row| row.is_good());
    let timed = right.filter_map(|row| Some((row.time_s.as_ref()?.median, *row)));
    let mut timed: Vec<(f64, &Row)> = timed.collect();
    timed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let place = timed.len().checked_sub(1)? / 2;
    Some(timed[place].1)
}

impl<'a> Problem<'a> {
    /// The fastest right row of each file; where a file has none, its first row, which says why.
    pub(super) fn best(&self) -> Vec<Option<&'a Row>> {
        let of_file = |rows: &Vec<&'a Row>| {
            let timed = rows.iter().filter(|row| row.is_good());
            let timed = timed.filter_map(|row| Some((*row, row.time_s.as_ref()?.median)));
            let best = timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(row, _)| row);
            best.or_else(|| rows.first().copied())
        };
        self.files.iter().map(of_file).collect()
    }

    /// Row of `kernel` in each file.
    pub(super) fn of_kernel(&self, kernel: &str) -> Vec<Option<&'a Row>> {
        let files = self.files.iter();
        let rows = files.map(|rows| rows.iter().find(|row| row.kernel == kernel).copied());
        rows.collect()
    }

    /// Kernels that more than one file has, in the order in which they come up.
    pub(super) fn shared_kernels(&self) -> Vec<&'a str> {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        let mut places = HashMap::new();
        for row in self
            .files
            .iter()
            .flatten()
            .filter(|row| !row.kernel.is_empty())
        {
            let place = *places.entry(row.kernel.as_str()).or_insert_with(|| {
                counts.push((&row.kernel, 0));
                counts.len() - 1
            });
            counts[place].1 += 1;
        }
        let shared = counts.into_iter().filter(|(_, count)| *count > 1);
        shared.map(|(kernel, _)| kernel).collect()
    }

    /// Number of files that have it.
    pub(super) fn count(&self) -> usize {
        self.files.iter().filter(|rows| !rows.is_empty()).count()
    }
}
