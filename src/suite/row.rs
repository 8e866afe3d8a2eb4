//! Rows of a report, from what was planned, verified and measured.

use super::case::Case;
use crate::bench::Measurement;
use crate::error::Error;
use crate::ops::Operation;
use crate::plan::Plan;
use crate::report::{Bound, ROTATED, Row, StageStatistics, Status, Verified, Warning};
use crate::roofline::{Roofline, Work};
use crate::shader::Checks;
use crate::units::{Bandwidth, FlopRate, Intensity};
use std::collections::BTreeMap;

/// The row of `case`, planned as `plan`. `operation` is the case's own operation, or a smaller one that runs here.
pub(super) fn planned(
    case: &Case,
    operation: &dyn Operation,
    plan: &Plan,
    verified: Verified,
    measured: &Measurement,
    roofline: Option<&Roofline>,
) -> Row {
    let (flops, min_bytes) = (operation.flops(), operation.min_bytes());
    let seconds = measured.time.as_ref().map(|time| time.median);
    let place = seconds.and_then(|s| roofline?.place(&Work::of(operation), s));
    let mut row = bare(case, plan.checks(), measured);
    let label = operation.label();
    row.id = format!(
        "{}/{}/{label}/{}{}",
        operation.family().name,
        operation.dtype().name(),
        plan.kernel().name,
        if case.rotated { ROTATED } else { "" },
    );
    plan.kernel().name.clone_into(&mut row.kernel);
    plan.reason().clone_into(&mut row.choice);
    row.constants = plan.constants().to_strings();
    row.label.clone_from(&label);
    row.shape = operation
        .shape()
        .into_iter()
        .map(|(name, size)| (name.to_owned(), size))
        .collect();
    (row.flops, row.min_bytes) = (flops, min_bytes);
    row.bound_bytes = Some(plan.bound_bytes());
    row.scratch_bytes = Some(plan.scratch_bytes());
    row.workgroup_bytes = plan.texts().map(|text| text.workgroup_bytes.into()).max();
    row.verified = Some(verified);
    row.flop_rate = seconds.and_then(|s| FlopRate::new(flops, s));
    row.bandwidth = seconds.and_then(|s| Bandwidth::new(min_bytes, s));
    row.intensity = Intensity::new(flops, min_bytes);
    row.bound = place.as_ref().map(|p| p.bound);
    row.percent_of_roof = place.map(|p| p.percent_of_roof);
    if let Some(percent) = row.percent_of_roof.filter(|p| *p > 100.0) {
        row.warnings.push(Warning::AboveRoof { percent });
    }
    if let Some(wanted) = case
        .reduced_from
        .clone()
        .or_else(|| Some(case.operation.label()).filter(|wanted| label != *wanted))
    {
        let reason = if case.reduced_from.is_some() {
            "a software adapter"
        } else {
            "one dispatch would take too long"
        };
        row.warnings.push(Warning::ReducedSize {
            wanted,
            used: label,
            reason: reason.to_owned(),
        });
    }
    row
}

/// Percent of the ceiling of memory that a rotated row may reach: 2 % are noise of the row and of the ceiling.
const MOST_OF_MEMORY: f64 = 102.0;

/// The row; a failed row in place of a rotated one whose bandwidth is above the ceiling of memory. No cache explains such a
/// bandwidth, so that its time, its bytes or the ceiling is wrong.
pub(super) fn below_memory(mut row: Row) -> Row {
    let (Some(sets), Some(Bound::Memory)) = (row.operand_sets, row.bound) else {
        return row;
    };
    let percent = row
        .percent_of_roof
        .filter(|percent| *percent > MOST_OF_MEMORY);
    let (Some(percent), Some(bandwidth)) = (percent, row.bandwidth) else {
        return row;
    };
    let ceiling = bandwidth.bytes_per_second() / (percent / 100.0);
    let ceiling = Bandwidth::from_bytes_per_second(ceiling);
    row.status = Status::Failed;
    row.reason = Some(format!(
        "{bandwidth} is above the ceiling of memory, {ceiling}, though no cache holds the {sets} sets of operands: the time, the \
         bytes or the ceiling is wrong"
    ));
    (row.time_s, row.wall_s, row.percent_of_roof) = (None, None, None);
    (row.flop_rate, row.bandwidth) = (None, None);
    row.warnings
        .retain(|warning| !matches!(warning, Warning::AboveRoof { .. }));
    row
}

/// The row, with what the driver's compiler made of its stages and a warning where that explains a slow row.
pub(super) fn explained(mut row: Row, compiled: Vec<StageStatistics>) -> Row {
    let spilling = compiled
        .iter()
        .filter(|stage| stage.has_spills_in_loops())
        .map(|stage| stage.file.clone());
    let stages: Vec<String> = spilling.collect();
    if !stages.is_empty() {
        row.warnings.push(Warning::RegisterSpills { stages });
    }
    row.compiled = compiled;
    row
}

/// The status of a row that ended before anything was timed.
pub(super) fn without_value(error: &Error) -> Measurement {
    match error {
        Error::Unsupported { .. } | Error::TooLarge { .. } => {
            Measurement::unsupported(error.to_string())
        }
        _ => Measurement::failed(error),
    }
}

/// A row with only the facts of the case and of its measurement.
pub(super) fn bare(case: &Case, checks: Checks, measured: &Measurement) -> Row {
    let operation = case.operation.as_ref();
    let sizes = operation.shape().into_iter();
    Row {
        id: case.id(),
        operation: case.family().name.to_owned(),
        kernel: case.kernel.unwrap_or_default().to_owned(),
        choice: String::new(),
        constants: BTreeMap::new(),
        dtype: operation.dtype(),
        label: operation.label(),
        shape: sizes.map(|(name, size)| (name.to_owned(), size)).collect(),
        flops: operation.flops(),
        min_bytes: operation.min_bytes(),
        bound_bytes: None,
        scratch_bytes: None,
        repetition: case.repetition,
        operand_sets: None,
        workgroup_bytes: None,
        status: measured.status,
        reason: measured.reason.clone(),
        verified: None,
        checks,
        clock: measured.clock,
        time_s: measured.time.clone(),
        wall_s: measured.wall.clone(),
        repeats: measured.repeats,
        discarded: measured.discarded,
        sensors: measured.sensors.clone(),
        flop_rate: None,
        bandwidth: None,
        intensity: None,
        bound: None,
        percent_of_roof: None,
        compiled: Vec::new(),
        warnings: measured.warnings.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Matmul;
    use crate::report::Summary;
    use std::sync::Arc;

    fn row() -> Row {
        let case = Case {
            kernel: Some("matmul_tiled"),
            ..Case::of(Arc::new(Matmul::new(64, 64, 64)))
        };
        let measured = Measurement::unsupported("nothing ran".to_owned());
        bare(&case, Checks::Off, &measured)
    }

    fn stage(file: &str, spills_in_loops: Option<u64>) -> StageStatistics {
        StageStatistics {
            file: file.to_owned(),
            registers: Some(128),
            spills: spills_in_loops.map(|_| 9),
            spills_in_loops,
            ..StageStatistics::default()
        }
    }

    #[test]
    fn a_row_whose_loops_spill_says_so_and_what_helps() {
        let stages = vec![
            stage("one", Some(3)),
            stage("two", Some(0)),
            stage("three", Some(1)),
        ];
        let row = explained(row(), stages.clone());
        assert_eq!(row.compiled, stages);
        let ids: Vec<&str> = row.warnings.iter().map(Warning::id).collect();
        assert_eq!(ids, ["register_spills"]);
        let text = row.warnings[0].to_string();
        assert!(text.starts_with("loops of one, three spill"), "{text}");
        assert!(text.contains("`ridgepoint tune`"), "{text}");
    }

    fn of_memory(percent: f64, sets: Option<u32>) -> Row {
        Row {
            status: Status::Ok,
            reason: None,
            operand_sets: sets,
            bound: Some(Bound::Memory),
            time_s: Summary::new(&[1e-3; 3]),
            bandwidth: Some(Bandwidth::from_bytes_per_second(percent * 1e10)),
            percent_of_roof: Some(percent),
            warnings: vec![Warning::AboveRoof { percent }],
            ..row()
        }
    }

    #[test]
    fn a_rotated_row_above_the_ceiling_of_memory_fails_with_both_figures() {
        let row = below_memory(of_memory(118.0, Some(15)));
        assert_eq!(row.status, Status::Failed);
        let reason = row.reason.as_deref().unwrap();
        assert!(
            reason.contains("1180 GB/s") && reason.contains("1000 GB/s"),
            "{reason}"
        );
        assert!(row.time_s.is_none() && row.bandwidth.is_none() && row.percent_of_roof.is_none());
        assert!(row.warnings.is_empty());
    }

    #[test]
    fn rows_within_noise_of_memory_and_rows_that_caches_may_hold_are_kept() {
        for kept in [
            of_memory(101.9, Some(15)),
            of_memory(118.0, None),
            Row {
                bound: Some(Bound::Compute),
                ..of_memory(118.0, Some(15))
            },
        ] {
            assert_eq!(below_memory(kept.clone()), kept);
        }
    }

    #[test]
    fn spills_outside_of_loops_and_what_is_not_told_are_no_warning() {
        let row = explained(row(), vec![stage("one", Some(0)), stage("two", None)]);
        assert_eq!((row.compiled.len(), row.warnings.len()), (2, 0));
    }
}
