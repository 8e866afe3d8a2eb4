//! A comparison as a flat table: schema `ridgepoint.compare/1`, in METHODOLOGY.md.

use crate::compare::{self, Comparison, Side};
use crate::report::flat::{Sheet, Value};
use crate::report::{Input, Status};

/// The schema of the lines of a comparison.
pub(in crate::render) const COMPARE_SCHEMA: &str = "ridgepoint.compare/1";

/// Flat table: a line for each line of the comparison and each file but the base.
pub(super) fn sheet<'a>(comparison: &'a Comparison<'a>) -> Sheet<'a> {
    let ids: Vec<String> = comparison
        .inputs
        .iter()
        .map(|input| input.results.id())
        .collect();
    let lines = comparison.ceilings.iter().chain(&comparison.lines);
    let lines = lines.flat_map(|line| {
        let sides = line.sides.iter().enumerate().skip(1);
        let values = sides.map(|(file, side)| values(comparison.inputs, &ids, line, file, side));
        values.collect::<Vec<_>>()
    });
    Sheet {
        columns: COLUMNS.to_vec(),
        lines: lines.collect(),
    }
}

const COLUMNS: [&str; 29] = [
    "schema",
    "base_file",
    "base_run_id",
    "base_adapter",
    "file",
    "run_id",
    "adapter",
    "measurement",
    "id",
    "operation",
    "dtype",
    "label",
    "base_kernel",
    "kernel",
    "base_status",
    "status",
    "base_median_s",
    "median_s",
    "base_value",
    "value",
    "unit",
    "base_percent_of_roof",
    "percent_of_roof",
    "ratio",
    "ratio_low",
    "ratio_high",
    "verdict",
    "best",
    "why",
];

fn values<'a>(
    inputs: &'a [Input],
    ids: &[String],
    line: &'a compare::Line<'a>,
    file: usize,
    side: &'a Side<'a>,
) -> Vec<Value<'a>> {
    let base = &line.sides[0];
    let adapter = |input: &'a Input| Value::from(&input.results.adapter().name);
    let is_row = !line.dtype.is_empty();
    let kernel = |side: &Side<'a>| Value::from(side.row.map(|row| &row.kernel));
    let median =
        |side: &Side<'_>| Value::from(side.times.filter(|_| is_row).map(|times| times.quoted));
    let status = |side: &Side<'_>| side.status().map_or("absent", Status::word).into();
    let range = side.ratio.and_then(|ratio| ratio.range);
    vec![
        COMPARE_SCHEMA.into(),
        (&inputs[0].name).into(),
        ids[0].clone().into(),
        adapter(&inputs[0]),
        (&inputs[file].name).into(),
        ids[file].clone().into(),
        adapter(&inputs[file]),
        if is_row { "row" } else { "ceiling" }.into(),
        if is_row {
            line.id().into()
        } else {
            line.name.into()
        },
        if is_row {
            line.name.into()
        } else {
            Value::Absent
        },
        line.dtype.into(),
        (&line.shape).into(),
        kernel(base),
        kernel(side),
        status(base),
        status(side),
        median(base),
        median(side),
        base.rate.into(),
        side.rate.into(),
        line.unit.symbol().to_owned().into(),
        base.percent_of_roof().into(),
        side.percent_of_roof().into(),
        side.ratio.map(|ratio| ratio.value).into(),
        range.map(|(low, _)| low).into(),
        range.map(|(_, high)| high).into(),
        side.verdict.map(|verdict| verdict.to_string()).into(),
        (is_row && line.kernel.is_none()).into(),
        line.why.join("; ").into(),
    ]
}
