//! Suites: named lists of workloads. Data; `quick` and `standard` are here.

use crate::data::Dtype;
use crate::error::{Error, Result, suggest};
use crate::ops::{Family, Operation, family};
use crate::report::{AdapterKind, Sampling};
use std::sync::Arc;
use std::time::Duration;

/// One operation in a suite.
#[derive(Debug)]
struct Entry {
    operation: &'static str,
    dtype: Dtype,
    /// Kernels to run; empty for the kernel that the library chooses.
    kernels: &'static [&'static str],
    /// Shapes, each with the smaller one that a software adapter gets.
    shapes: &'static [(&'static str, &'static str)],
    /// Shapes that only a discrete GPU gets.
    large: &'static [&'static str],
}

/// A named list of workloads.
#[derive(Debug)]
pub struct Suite {
    /// Name that `--suite` takes.
    pub name: &'static str,
    /// Question that the suite answers.
    pub about: &'static str,
    entries: &'static [Entry],
    quick: Quick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quick {
    Yes,
    No,
}

/// One workload of a run: an operation of one shape by one kernel.
#[derive(Debug, Clone)]
pub struct Case {
    /// Operation with its shape and element type.
    pub operation: Arc<dyn Operation>,
    /// The kernel; `None` for the kernel that the library chooses.
    pub kernel: Option<&'static str>,
    /// Label of the shape that the suite has for a GPU, where this case has a smaller shape.
    pub reduced_from: Option<String>,
}

impl Case {
    /// Family of the operation: its name, and its kernels.
    #[must_use]
    pub fn family(&self) -> &'static Family {
        self.operation.family()
    }

    /// `operation/dtype/label`, with the kernel where one is named: what a progress bar shows.
    #[must_use]
    pub fn id(&self) -> String {
        let kernel = self
            .kernel
            .map_or_else(String::new, |kernel| format!("/{kernel}"));
        format!(
            "{}/{}/{}{kernel}",
            self.family().name,
            self.operation.dtype().name(),
            self.operation.label()
        )
    }
}

impl Entry {
    /// Operation of a shape of this entry.
    fn operation(&self, shape: &str) -> Arc<dyn Operation> {
        let parsed = family(self.operation).and_then(|f| (f.parse)(shape, self.dtype));
        parsed
            .expect("every shape of a suite is one of its operation: a test reads them all")
            .into()
    }
}

impl Suite {
    /// Names of the suite's operations; an operation with several entries appears several times.
    pub fn operations(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|entry| entry.operation)
    }

    /// The workloads for an adapter of a kind: a software adapter gets smaller shapes.
    ///
    /// # Panics
    /// Never: a test reads every shape of every suite.
    #[must_use]
    pub fn cases(&self, kind: AdapterKind) -> Vec<Case> {
        let software = matches!(kind, AdapterKind::Software | AdapterKind::Noop);
        let mut cases = Vec::new();
        for entry in self.entries {
            let large = entry
                .large
                .iter()
                .filter(|_| kind == AdapterKind::Discrete)
                .map(|shape| (shape, shape));
            let shapes = entry
                .shapes
                .iter()
                .map(|(full, reduced)| (full, reduced))
                .chain(large);
            for (full, reduced) in shapes {
                let kernels: Vec<_> = if entry.kernels.is_empty() {
                    vec![None]
                } else {
                    entry.kernels.iter().copied().map(Some).collect()
                };
                let operation = entry.operation(if software { reduced } else { full });
                cases.extend(kernels.into_iter().map(|kernel| Case {
                    operation: Arc::clone(&operation),
                    kernel,
                    reduced_from: (software && reduced != full).then(|| (*full).to_string()),
                }));
            }
        }
        cases
    }

    /// Sampling of the suite on an adapter of a kind. A software adapter is never quiet, so waiting for quiet ends soon.
    #[must_use]
    pub fn sampling(&self, kind: AdapterKind) -> Sampling {
        let full = if self.quick == Quick::Yes {
            Sampling::quick()
        } else {
            Sampling::default()
        };
        if kind != AdapterKind::Software {
            return full;
        }
        if self.quick == Quick::Yes {
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

    /// Whether the suite is a first look, with short sampling and few shapes of the arithmetic probe.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.quick == Quick::Yes
    }
}

const STREAM: &[(&str, &str)] = &[("33554432", "4194304")];

const SOFTMAX: &[(&str, &str)] = &[
    ("1024x2048", "256x2048"),
    ("4096x4096", "256x4096"),
    ("65536x1024", "2048x1024"),
];

const ATTENTION: &[(&str, &str)] = &[
    ("2x4x512x512x64", "1x4x32x32x64"),
    ("2x4x1024x1024x64", "1x4x64x64x64"),
    ("2x4x2048x2048x64", "1x4x128x128x64"),
    ("2x4x4096x4096x64", "1x4x256x256x64"),
];

const fn entry(operation: &'static str, shapes: &'static [(&'static str, &'static str)]) -> Entry {
    Entry {
        operation,
        dtype: Dtype::F32,
        kernels: &[],
        shapes,
        large: &[],
    }
}

static QUICK: Suite = Suite {
    name: "quick",
    about: "one size of each operation: does it work here, in seconds",
    quick: Quick::Yes,
    entries: &[
        entry("copy", STREAM),
        entry("scale", STREAM),
        entry("multiply", STREAM),
        entry("add", STREAM),
        entry("triad", STREAM),
        entry("sum", STREAM),
        entry("max", STREAM),
        entry("dot", STREAM),
        entry("fma", &[("1048576x1024x4x2", "4096x1024x4x2")]),
        entry("matmul", &[("1024x1024x1024", "256x256x256")]),
        entry("softmax", &[("1024x2048", "256x2048")]),
        entry("rms_norm", &[("1024x2048", "256x2048")]),
        entry("layer_norm", &[("1024x2048", "256x2048")]),
        entry("attention", &[("2x4x512x512x64", "1x4x128x128x64")]),
    ],
};

static STANDARD: Suite = Suite {
    name: "standard",
    about: "how close is this adapter to its roof",
    quick: Quick::No,
    entries: &[
        entry("copy", STREAM),
        entry("multiply", STREAM),
        entry("add", STREAM),
        entry("triad", STREAM),
        entry("fma", &[("1048576x4096x4x2", "4096x1024x4x2")]),
        Entry {
            large: &["8192x8192x8192"],
            ..entry(
                "matmul",
                &[
                    ("1024x1024x1024", "128x128x128"),
                    ("2048x2048x2048", "256x256x256"),
                    ("4096x4096x4096", "512x512x512"),
                ],
            )
        },
        Entry {
            dtype: Dtype::F16,
            ..entry(
                "matmul",
                &[
                    ("1024x1024x1024", "128x128x128"),
                    ("2048x2048x2048", "256x256x256"),
                    ("4096x4096x4096", "512x512x512"),
                ],
            )
        },
        // The price of not fusing beside the kernel that the library chooses; the same for attention.
        Entry {
            kernels: &["softmax_unfused"],
            ..entry("softmax", SOFTMAX)
        },
        entry("softmax", SOFTMAX),
        Entry {
            kernels: &["attention_naive"],
            ..entry("attention", ATTENTION)
        },
        entry("attention", ATTENTION),
    ],
};

/// Every suite; `standard` is the default.
pub static SUITES: &[&Suite] = &[&QUICK, &STANDARD];

/// A suite by its name.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub fn suite(name: &str) -> Result<&'static Suite> {
    let unknown = || Error::UnknownName {
        kind: "suite",
        name: name.to_owned(),
        suggestion: suggest(name, SUITES.iter().map(|s| s.name)),
    };
    SUITES
        .iter()
        .find(|s| s.name == name)
        .copied()
        .ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a shape is its label: what a report shows is what `--op` takes.
    #[test]
    fn every_shape_of_every_suite_is_one() {
        for entry in SUITES.iter().flat_map(|suite| suite.entries) {
            let shapes = entry.shapes.iter().flat_map(|(full, small)| [full, small]);
            for shape in shapes.chain(entry.large) {
                assert_eq!(entry.operation(shape).label(), **shape);
            }
        }
    }

    #[test]
    fn every_case_of_every_suite_is_one() {
        for suite in SUITES {
            for kind in [
                AdapterKind::Discrete,
                AdapterKind::Integrated,
                AdapterKind::Software,
            ] {
                for case in suite.cases(kind) {
                    case.operation.validate().unwrap();
                    if let Some(kernel) = case.kernel {
                        case.family().kernel(kernel).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn software_gets_less_and_a_discrete_gpu_more() {
        let standard = suite("standard").unwrap();
        let count = |kind| standard.cases(kind).len();
        assert_eq!(
            count(AdapterKind::Discrete),
            count(AdapterKind::Integrated) + 1
        );
        assert!(
            standard
                .cases(AdapterKind::Software)
                .iter()
                .all(|c| c.reduced_from.is_some())
        );
        assert!(
            suite("standrad")
                .unwrap_err()
                .to_string()
                .contains("standard")
        );
    }
}
