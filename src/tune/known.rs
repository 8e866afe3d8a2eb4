//! Every shape that the suites and the search know.

use super::{Job, tunable};
use crate::data::Dtype;
use crate::ops::Operation;
use crate::report::AdapterKind;
use crate::suite::suites;
use std::collections::HashSet;

/// Matrix that stands for all whose operands a suite rotates: choices there depend on rows and formats.
const LAYER: &str = "x4096x14336";

/// Operations of the suites and of the tuner's classes for a kind of adapter, each once, with the kernel that a suite names:
/// those of f32 in both element types, those of f16 as they are.
///
/// # Panics
/// Never: a test reads every shape of every suite and class.
#[must_use]
pub fn known_cases(kind: AdapterKind) -> Vec<(Box<dyn Operation>, Option<&'static str>)> {
    let mut found = Vec::new();
    for dtype in [Dtype::F32, Dtype::F16] {
        let mut seen = HashSet::new();
        for case in suites().iter().flat_map(|suite| suite.cases(kind).all) {
            let label = case.operation.label();
            let is_of_f16 = case.operation.dtype() == Dtype::F16;
            let is_new = seen.insert((case.family().name, label.clone(), case.kernel));
            let is_repeated = case.rotated && !label.contains(LAYER);
            if !is_new || is_repeated || (is_of_f16 && dtype == Dtype::F32) {
                continue;
            }
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
