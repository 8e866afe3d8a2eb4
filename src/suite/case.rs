//! One workload of a run.

use crate::ops::{Family, Operation};
use crate::report::ROTATED;
use std::sync::Arc;

/// One workload of a run: an operation of one shape by one kernel.
#[derive(Debug, Clone)]
pub struct Case {
    /// Operation with its shape and element type.
    pub operation: Arc<dyn Operation>,
    /// The kernel; `None` for the kernel that the library chooses.
    pub kernel: Option<&'static str>,
    /// Label of the shape that the suite has for a GPU, where this case has a smaller shape.
    pub reduced_from: Option<String>,
    /// Number of this repetition, from 1, of a workload that is measured and reported several times.
    pub repetition: Option<u32>,
    /// Whether operands are rotated, so that no cache holds them: each execution uses the next of several sets.
    pub rotated: bool,
}

impl Case {
    /// The case of `operation`, by the kernel that the library chooses.
    #[must_use]
    pub fn of(operation: Arc<dyn Operation>) -> Self {
        Self {
            operation,
            kernel: None,
            reduced_from: None,
            repetition: None,
            rotated: false,
        }
    }

    /// Family of the operation: its name, and its kernels.
    #[must_use]
    pub fn family(&self) -> &'static Family {
        self.operation.family()
    }

    /// `operation/dtype/label`, with the kernel where one is named, `/rotated` where operands are, and the repetition where there are
    /// several: what a progress bar shows.
    #[must_use]
    pub fn id(&self) -> String {
        let kernel = self
            .kernel
            .map_or_else(String::new, |kernel| format!("/{kernel}"));
        let rotated = if self.rotated { ROTATED } else { "" };
        let repetition = self
            .repetition
            .map_or_else(String::new, |number| format!(", repetition {number}"));
        format!(
            "{}/{}/{}{kernel}{rotated}{repetition}",
            self.family().name,
            self.operation.dtype().name(),
            self.operation.label()
        )
    }
}
