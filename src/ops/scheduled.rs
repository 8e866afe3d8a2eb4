//! Helpers that the tests of dispatches share.

use super::{Operation, candidate};
use crate::gpu::Capabilities;
use crate::kernel::{Kernel, Schedule};
use crate::plan::{PlanOptions, check_uniforms, constants_of};
use crate::shader::{Loops, Prepared};
use proptest::prelude::ProptestConfig;
use std::sync::Arc;

/// The files of a kernel for an operation on a device, as `options` have them, and its dispatches.
pub(super) fn scheduled(
    operation: &dyn Operation,
    kernel: &'static Kernel,
    options: &PlanOptions,
    device: &Capabilities,
) -> (Vec<Arc<Prepared>>, Schedule) {
    let candidate = candidate(operation, kernel.name).unwrap();
    let constants = constants_of(&*candidate, options, device).unwrap();
    let features = kernel.features_for(operation.dtype());
    let files = kernel
        .prepare(&constants, Loops::AsWritten, features)
        .unwrap();
    let stages: Vec<&Prepared> = files.iter().map(|stage| &**stage).collect();
    let schedule = candidate.schedule(&stages, device).unwrap();
    check_uniforms(kernel, &stages, &schedule).unwrap();
    (files, schedule)
}

/// Settings for `cases` cases of a property; a failure is printed and not kept in a file.
pub(super) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
