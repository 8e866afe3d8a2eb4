//! Files of results side by side.

use super::line::Line;
use super::problems::Problems;
use super::totals::{Totals, totals};
use super::why::{checks, differing, letter, why};
use crate::report::{Ceiling, Input, Results, Status};
use std::collections::HashMap;

/// Rows and ceilings of several files side by side. The first file is the base.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison<'a> {
    /// The files.
    pub inputs: &'a [Input],
    /// Ceilings that any file has.
    pub ceilings: Vec<Line<'a>>,
    /// Rows that more than one file has: each kernel that several have, and the best of each where those differ.
    pub lines: Vec<Line<'a>>,
    /// Sums of each file.
    pub totals: Vec<Totals>,
    /// Problems that the mean ratios are made of.
    pub common: usize,
    /// Warnings, a sentence each, about differences that make the files less comparable.
    pub warnings: Vec<String>,
}

/// A line on which a file is slower than the base by more than is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Slower {
    /// Id of the line.
    pub id: String,
    /// Letter of the file.
    pub file: String,
    /// How much more time it takes, in percent; `None` where it has no right result and the base has one.
    pub percent: Option<f64>,
}

/// Problems of one file alone that a warning names.
const NAMED: usize = 3;

impl<'a> Comparison<'a> {
    /// Compares `inputs` with the first of them.
    #[must_use]
    pub fn new(inputs: &'a [Input]) -> Self {
        let problems = Problems::of(inputs);
        let mut lines: Vec<Line<'a>> = Vec::new();
        for problem in problems.all.iter().filter(|problem| problem.count() > 1) {
            let shared = problem.shared_kernels();
            let best = problem.best();
            let mut kernels = best.iter().flatten().map(|row| row.kernel.as_str());
            let first = kernels.next();
            let is_one_kernel = kernels.all(|kernel| Some(kernel) == first);
            let of_kernels = shared.iter();
            lines.extend(
                of_kernels
                    .filter_map(|kernel| Line::of_rows(Some(kernel), &problem.of_kernel(kernel))),
            );
            if !is_one_kernel || shared.is_empty() {
                lines.extend(Line::of_rows(None, &best));
            }
        }
        let mut operations = HashMap::new();
        for line in &lines {
            let next = operations.len();
            operations.entry(line.name).or_insert(next);
        }
        lines.sort_by_key(|line| operations[line.name]);
        let mut ceilings = of_ceilings(inputs);
        for line in lines.iter_mut().chain(&mut ceilings) {
            line.why = why(line, inputs);
        }
        let (totals, common) = totals(inputs, &problems, &lines);
        Self {
            inputs,
            ceilings,
            totals,
            common,
            warnings: warnings(inputs, &problems),
            lines,
        }
    }

    /// Lines on which a file has the verdict `SLOWER` and takes more than `percent` longer than the base, or has no right
    /// result where it tried and the base has one.
    #[must_use]
    pub fn slower(&self, percent: f64) -> Vec<Slower> {
        let of_line = |line: &Line<'_>| {
            let base = line.sides.first().and_then(|side| side.times);
            let sides = line.sides.iter().enumerate().skip(1);
            let slower = sides.filter_map(|(file, side)| {
                let base = base?;
                let failed = matches!(side.status(), Some(Status::Failed | Status::TimedOut));
                let more = match side.times {
                    Some(times) => Some((times.quoted / base.quoted - 1.0) * 100.0),
                    None if failed => None,
                    None => return None,
                };
                let is_slower = side.verdict == Some(super::Verdict::Slower)
                    && more.is_some_and(|more| more > percent);
                (is_slower || more.is_none()).then(|| Slower {
                    id: line.id(),
                    file: letter(file),
                    percent: more,
                })
            });
            slower.collect::<Vec<_>>()
        };
        self.lines.iter().flat_map(of_line).collect()
    }
}

fn of_ceilings(inputs: &[Input]) -> Vec<Line<'_>> {
    let mut all: Vec<Vec<Option<&Ceiling>>> = Vec::new();
    let mut places = HashMap::new();
    for (file, input) in inputs.iter().enumerate() {
        for ceiling in input.results.ceilings() {
            let place = *places.entry(ceiling.id.as_str()).or_insert_with(|| {
                all.push(vec![None; inputs.len()]);
                all.len() - 1
            });
            all[place][file].get_or_insert(ceiling);
        }
    }
    all.iter()
        .filter_map(|files| Line::of_ceilings(files))
        .collect()
}

fn warnings(inputs: &[Input], problems: &Problems<'_>) -> Vec<String> {
    let of = |value: &dyn Fn(&Results) -> Option<String>| -> Vec<Option<String>> {
        inputs.iter().map(|input| value(&input.results)).collect()
    };
    let run = |results: &Results| match results {
        Results::Run(run) => Some(run.settings.clone()),
        Results::Roofline(_) => None,
    };
    let suite = |results: &Results| run(results).map(|settings| settings.suite);
    let mode = |results: &Results| run(results).map(|settings| checks(settings.checks).to_owned());
    let program = |results: &Results| Some(results.tool().name.clone());
    let version = |results: &Results| {
        let tool = results.tool();
        let is_own = tool.is_own();
        is_own.then(|| format!("{} of {}", tool.version, tool.commit))
    };
    let schema = |results: &Results| Some(results.source().to_owned());
    let settings = [
        (
            differing("schemas differ:", &of(&schema)),
            "a roofline has ceilings and no rows",
        ),
        (
            differing("suites differ:", &of(&suite)),
            "their sizes and times of sampling differ; run one suite on both",
        ),
        (
            differing("runtime checks differ:", &of(&mode)),
            "checks cost time; run all with the same",
        ),
        (
            differing("programs differ:", &of(&program)),
            "each has kernels and a clock of its own; `choice` of a row says how it was timed",
        ),
        (
            differing("versions of ridgepoint differ:", &of(&version)),
            "kernels may differ behind their names; run all with one version",
        ),
    ];
    let settings = settings.into_iter();
    let mut found: Vec<String> = settings
        .filter_map(|(what, remedy)| Some(format!("{}; {remedy}", what?)))
        .collect();
    for (file, repeated) in problems.repeated.iter().enumerate() {
        if *repeated > 0 {
            found.push(format!(
                "rows of {} that repeat a kernel on a shape: {repeated}; the first with a right result counts",
                letter(file)
            ));
        }
    }
    found.extend((0..inputs.len()).filter_map(|file| alone(file, problems)));
    for (file, input) in inputs.iter().enumerate() {
        let own = input.results.warnings().iter();
        found.extend(own.map(|warning| format!("{}: {warning}", letter(file))));
    }
    found
}

/// Problems that one file alone has.
fn alone(file: usize, problems: &Problems<'_>) -> Option<String> {
    let own = problems.all.iter().filter(|problem| {
        let is_alone = problem.count() == 1;
        is_alone && !problem.files[file].is_empty()
    });
    let ids = own.map(|problem| {
        let row = problem.any;
        format!(
            "{}/{}/{}",
            row.operation,
            row.dtype.name(),
            row.shape_text()
        )
    });
    let ids: Vec<String> = ids.collect();
    let more = ids.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map_or(String::new(), |more| format!(" and {more} more"));
    let named = ids
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>();
    (!ids.is_empty()).then(|| {
        let (letter, named) = (letter(file), named.join(", "));
        format!("not compared, in {letter} alone: {named}{more}")
    })
}

#[cfg(test)]
mod tests;
