//! Definition of a suite: a name and workloads, and the cases that an adapter of some kind gets of them.

use super::bearable::{Bearable, Burden};
use super::case::Case;
use crate::data::Dtype;
use crate::error::Result;
use crate::ops::{Operation, family};
use crate::report::{AdapterKind, Sampling};
use std::sync::Arc;
use std::time::Duration;

/// A named list of workloads.
#[derive(Debug)]
pub struct Suite {
    /// Name that `--suite` takes.
    pub name: String,
    /// Question that the suite answers.
    pub about: String,
    /// Workloads, in the order in which they are measured.
    pub workloads: Vec<Workload>,
    /// Whether the suite is a first look, with short sampling and few shapes of the arithmetic probe.
    pub is_quick: bool,
    /// Whether bandwidth and latency over working sets are measured too, for the table of caches and memory.
    pub has_hierarchy: bool,
    /// Tables that a report has for this suite beside its rows.
    pub views: Vec<View>,
}

/// A table that answers the question of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Tile of each kernel, and the workgroup memory that the tile takes.
    Tiles,
    /// Time from each size to the next, measured beside predicted.
    Growth,
    /// Products with quantised weights beside those with f16 weights, and beside what the bytes of both allow.
    Weights,
    /// Figures that somebody else published for the same workloads: the beginning of their source's name.
    Published(&'static str),
}

/// One operation in a suite, on shapes that belong together.
#[derive(Debug)]
pub struct Workload {
    /// The operation on each shape.
    pub operations: Vec<Arc<dyn Operation>>,
    /// Kernels to run; empty for the kernel that the library chooses.
    pub kernels: Vec<&'static str>,
    /// How often each case is measured and reported.
    pub repetitions: u32,
    /// Treatment of shapes that are too much for an adapter.
    pub burden: Burden,
    /// Whether operands are rotated, so that no cache holds them.
    pub rotated: bool,
}

/// Cases of suites for an adapter.
#[derive(Debug, Default)]
pub struct Cases {
    /// The cases.
    pub all: Vec<Case>,
    /// Shapes that the adapter does not get.
    pub left_out: Vec<LeftOut>,
}

/// Shapes of one workload that an adapter does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// `operation/dtype` and the labels of the shapes.
    pub what: String,
    /// Reason.
    pub reason: String,
}

impl Workload {
    /// `operation` in elements of `dtype` on `shapes`, once each, by the kernel that the library chooses.
    ///
    /// # Errors
    /// [`crate::Error::UnknownName`], [`crate::Error::ShapeText`], and errors of [`Operation::validate`].
    pub fn new<'a>(
        operation: &str,
        dtype: Dtype,
        shapes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self> {
        let family = family(operation)?;
        let one = |shape: &str| -> Result<Arc<dyn Operation>> {
            let operation = (family.parse)(shape, dtype)?;
            operation.validate()?;
            Ok(operation.into())
        };
        let operations: Vec<_> = shapes.into_iter().map(one).collect::<Result<_>>()?;
        Ok(Self {
            operations,
            kernels: Vec::new(),
            repetitions: 1,
            burden: Burden::Halved,
            rotated: false,
        })
    }

    /// The workload by `kernels`.
    ///
    /// # Errors
    /// [`crate::Error::UnknownName`] for one that the operation does not have.
    pub fn by<'a>(self, kernels: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let Some(any) = self.operations.first() else {
            return Ok(self);
        };
        let family = any.family();
        let names = kernels.into_iter();
        let kernels = names.map(|name| Ok(family.kernel(name)?.name));
        Ok(Self {
            kernels: kernels.collect::<Result<_>>()?,
            ..self
        })
    }

    /// The cases for an adapter of a kind, and shapes that it does not get.
    fn cases(&self, kind: AdapterKind) -> Cases {
        let Bearable { borne, beyond } = self.burden.bearable(&self.operations, kind);
        let mut cases = Cases::default();
        let kernels = self.kernels.iter().copied().map(Some);
        let kernels: Vec<_> = if self.kernels.is_empty() {
            vec![None]
        } else {
            kernels.collect()
        };
        for kernel in kernels {
            for (operation, reduced_from) in &borne {
                cases.all.extend((1..=self.repetitions).map(|number| Case {
                    operation: Arc::clone(operation),
                    kernel,
                    reduced_from: reduced_from.clone(),
                    repetition: (self.repetitions > 1).then_some(number),
                    rotated: self.rotated,
                }));
            }
        }
        cases.left_out.extend(LeftOut::of(&beyond, kind));
        cases
    }
}

impl LeftOut {
    /// Words about the shapes of one workload; `None` without any.
    fn of(beyond: &[Arc<dyn Operation>], kind: AdapterKind) -> Option<Self> {
        let first = beyond.first()?;
        let labels: Vec<String> = beyond.iter().map(|operation| operation.label()).collect();
        let (name, dtype) = (first.family().name, first.dtype().name());
        Some(Self {
            what: format!("{name}/{dtype}/{}", labels.join(", ")),
            reason: format!("too much work for {}", Burden::adapter(kind)),
        })
    }
}

impl Suite {
    /// A suite of workloads that samples as long as a published number needs.
    #[must_use]
    pub fn new(name: &str, about: &str, workloads: Vec<Workload>) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            workloads,
            is_quick: false,
            has_hierarchy: false,
            views: Vec::new(),
        }
    }

    /// Names of the suite's operations; an operation with several workloads appears several times.
    pub fn operations(&self) -> impl Iterator<Item = &'static str> {
        let first = |workload: &Workload| Some(workload.operations.first()?.family().name);
        self.workloads.iter().filter_map(first)
    }

    /// The cases for an adapter of a kind. Work that is too much for an adapter that is no discrete GPU is left out or made smaller.
    #[must_use]
    pub fn cases(&self, kind: AdapterKind) -> Cases {
        let mut cases = Cases::default();
        for workload in &self.workloads {
            let of = workload.cases(kind);
            cases.all.extend(of.all);
            cases.left_out.extend(of.left_out);
        }
        cases
    }

    /// Sampling of the suite on an adapter of a kind. A software adapter is never quiet, so waiting for quiet ends soon.
    #[must_use]
    pub fn sampling(&self, kind: AdapterKind) -> Sampling {
        let full = if self.is_quick {
            Sampling::quick()
        } else {
            Sampling::default()
        };
        if kind != AdapterKind::Software {
            return full;
        }
        if self.is_quick {
            return Sampling {
                warm_up: Duration::from_millis(50),
                warm_up_max: Duration::from_millis(100),
                min_time: Duration::from_millis(50),
                max_time: Duration::from_millis(150),
                ..full
            };
        }
        Sampling {
            warm_up_max: full.warm_up_max.min(Duration::from_secs(1)),
            max_time: full.max_time.min(Duration::from_millis(2500)),
            ..full
        }
    }
}
