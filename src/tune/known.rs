//! Every shape that the suites and the search know.

use super::{Job, tunable};
use crate::data::Dtype;
use crate::ops::Operation;
use crate::report::AdapterKind;
use crate::suite::SUITES;

/// Operations of the suites and of the tuner's classes for a kind of adapter, in f32 and f16, each with the kernel that a
/// suite names.
///
/// # Panics
/// Never: a test reads every shape of every suite and class.
#[must_use]
pub fn known_cases(kind: AdapterKind) -> Vec<(Box<dyn Operation>, Option<&'static str>)> {
    let mut found = Vec::new();
    for dtype in [Dtype::F32, Dtype::F16] {
        for case in SUITES.iter().flat_map(|suite| suite.cases(kind)) {
            let label = case.operation.label();
            if let Ok(operation) = (case.family().parse)(&label, dtype) {
                found.push((operation, case.kernel));
            }
        }
        for family in tunable() {
            let jobs = Job::all(family, dtype, kind).expect("tunable families have classes");
            found.extend(jobs.into_iter().map(|job| (job.operation, None)));
        }
    }
    found
}
