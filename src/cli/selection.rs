//! From `--suite`, `--op` and `--kernel` to the workloads of a run.

use super::args::RunArguments;
use ridgepoint::error::suggest;
use ridgepoint::ops::{FAMILIES, Family, family};
use ridgepoint::plan::check_sizes;
use ridgepoint::report::{AdapterKind, renames};
use ridgepoint::suite::{Case, Suite, suite};
use ridgepoint::{Dtype, Error, Operation, Result};
use std::sync::Arc;

/// Workloads that were asked for, with every name known and every shape possible.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) suite: &'static Suite,
    operations: Vec<Wanted>,
    kernels: Vec<&'static str>,
}

/// One entry of `--op`.
#[derive(Debug)]
struct Wanted {
    family: &'static Family,
    /// An operation of a shape of the user's own.
    own: Option<Arc<dyn Operation>>,
}

impl Selection {
    /// Reads the arguments. No adapter is needed to find most of what can be wrong with them.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::ShapeText`], and errors of [`ridgepoint::Operation::validate`].
    pub(crate) fn new(arguments: &RunArguments) -> Result<Self> {
        let operations: Vec<_> = arguments
            .op
            .iter()
            .map(|text| Wanted::parse(text))
            .collect::<Result<_>>()?;
        let kernels: Vec<_> = arguments
            .kernel
            .iter()
            .map(|name| kernel(name))
            .collect::<Result<_>>()?;
        let selection = Self {
            suite: suite(&arguments.suite)?,
            operations,
            kernels,
        };
        if selection.is_empty() {
            return Err(selection.nothing());
        }
        Ok(selection)
    }

    /// The workloads for an adapter of a kind: shapes of the suite in its order, then the user's own shapes.
    pub(crate) fn cases(&self, kind: AdapterKind) -> Vec<Case> {
        let suite = self.suite.cases(kind);
        let own = self
            .operations
            .iter()
            .filter_map(|wanted| wanted.own.as_ref())
            .flat_map(|operation| own_cases(operation, &suite));
        let own: Vec<Case> = own.collect();
        let kept = suite.into_iter().filter(|case| self.wants(case));
        self.with_kernels(kept.chain(own).collect())
    }

    /// Refuses a shape of the user's own that no buffer of a device with `limits` can hold.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub(crate) fn require_room(&self, limits: &wgpu::Limits) -> Result<()> {
        let own = self
            .operations
            .iter()
            .filter_map(|wanted| wanted.own.as_ref());
        for operation in own {
            let label = operation.label();
            check_sizes(&operation.operands(), limits)
                .map_err(|e| of(operation.family(), &label, e))?;
        }
        Ok(())
    }

    /// Whether a case of the suite was asked for.
    fn wants(&self, case: &Case) -> bool {
        self.operations.is_empty()
            || self
                .operations
                .iter()
                .any(|wanted| wanted.own.is_none() && wanted.family.name == case.family().name)
    }

    /// Whether no operation that was asked for has a shape and, where kernels were named, one of them.
    fn is_empty(&self) -> bool {
        let in_suite = |name: &str| self.suite.operations().any(|other| other == name);
        let asked = self
            .operations
            .iter()
            .filter(|w| w.own.is_some() || in_suite(w.family.name));
        let mut families: Vec<&Family> = asked.map(|wanted| wanted.family).collect();
        if self.operations.is_empty() {
            families.extend(self.suite.operations().filter_map(|name| family(name).ok()));
        }
        let has_kernel = |family: &&Family| {
            let mut kernels = self.kernels.iter();
            self.kernels.is_empty() || kernels.any(|kernel| family.kernel(kernel).is_ok())
        };
        !families.iter().any(has_kernel)
    }

    /// The cases. If kernels were named, each shape appears once with each named kernel of its operation.
    fn with_kernels(&self, cases: Vec<Case>) -> Vec<Case> {
        if self.kernels.is_empty() {
            return cases;
        }
        let mut chosen: Vec<Case> = Vec::new();
        for case in cases {
            for &kernel in &self.kernels {
                let of_family = case.family().kernel(kernel).is_ok();
                let case = Case {
                    kernel: Some(kernel),
                    ..case.clone()
                };
                if of_family && chosen.iter().all(|other| other.id() != case.id()) {
                    chosen.push(case);
                }
            }
        }
        chosen
    }

    fn nothing(&self) -> Error {
        let operations: Vec<&str> = self.operations.iter().map(|o| o.family.name).collect();
        let reason = match (operations.as_slice(), self.kernels.as_slice()) {
            ([], kernels) => format!(
                "suite {} has no work for {}",
                self.suite.name,
                kernels.join(", ")
            ),
            (operations, []) => {
                format!(
                    "suite {} has no shapes of {}",
                    self.suite.name,
                    operations.join(", ")
                )
            }
            (operations, kernels) => {
                format!(
                    "{} is no kernel of {}",
                    kernels.join(", "),
                    operations.join(", ")
                )
            }
        };
        Error::NothingToRun { reason }
    }
}

impl Wanted {
    /// `operation` or `operation:shape`.
    fn parse(text: &str) -> Result<Self> {
        let (name, shape) = match text.split_once(':') {
            Some((name, shape)) => (name, Some(shape)),
            None => (text, None),
        };
        let family = family(name)?;
        let own = shape.map(|shape| -> Result<Arc<dyn Operation>> {
            let operation = (family.parse)(shape, Dtype::F32)?;
            operation.validate().map_err(|e| of(family, shape, e))?;
            Ok(operation.into())
        });
        Ok(Self {
            family,
            own: own.transpose()?,
        })
    }
}

/// Adds to an [`Error::TooLarge`] the shape that its operand belongs to.
fn of(family: &Family, shape: &str, error: Error) -> Error {
    match error {
        Error::TooLarge {
            what,
            needed,
            limit_name,
            limit,
        } => Error::TooLarge {
            what: format!("{} {shape}: {what}", family.name),
            needed,
            limit_name,
            limit,
        },
        other => other,
    }
}

/// Cases for a shape of the user's own, with the kernels that the suite has for that operation.
fn own_cases(operation: &Arc<dyn Operation>, suite: &[Case]) -> Vec<Case> {
    let family = operation.family();
    let mut kernels: Vec<Option<&'static str>> = Vec::new();
    for case in suite
        .iter()
        .filter(|case| case.family().name == family.name)
    {
        if !kernels.contains(&case.kernel) {
            kernels.push(case.kernel);
        }
    }
    if kernels.is_empty() {
        kernels.push(None);
    }
    let case = |kernel| Case {
        operation: Arc::clone(operation),
        kernel,
        reduced_from: None,
    };
    kernels.into_iter().map(case).collect()
}

/// Name of the kernel `name` of any operation.
fn kernel(name: &str) -> Result<&'static str> {
    let known = || FAMILIES.iter().flat_map(|f| f.kernels).map(|k| k.name);
    known()
        .find(|k| *k == renames::kernel(name))
        .ok_or_else(|| Error::UnknownName {
            kind: "kernel",
            name: name.to_owned(),
            suggestion: suggest(name, known()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(op: &[&str], kernel: &[&str]) -> Vec<String> {
        let arguments = RunArguments {
            suite: "quick".into(),
            op: op.iter().map(ToString::to_string).collect(),
            kernel: kernel.iter().map(ToString::to_string).collect(),
            ..RunArguments::default()
        };
        let selection = Selection::new(&arguments).unwrap();
        let cases = selection.cases(AdapterKind::Discrete);
        cases.iter().map(Case::id).collect()
    }

    #[test]
    fn operations_are_kept_and_own_shapes_take_the_place_of_the_suites() {
        assert_eq!(ids(&["matmul"], &[]), ["matmul/f32/1024x1024x1024"]);
        assert_eq!(
            ids(&["copy", "matmul:3x4x5", "matmul:6x7x8"], &[]),
            ["copy/f32/33554432", "matmul/f32/3x4x5", "matmul/f32/6x7x8"]
        );
        assert_eq!(
            ids(&["matmul", "matmul:3x4x5"], &[]),
            ["matmul/f32/1024x1024x1024", "matmul/f32/3x4x5"]
        );
    }

    #[test]
    fn kernels_take_the_place_of_the_suites() {
        assert_eq!(
            ids(&[], &["matmul_naive", "stream_copy"]),
            [
                "copy/f32/33554432/stream_copy",
                "matmul/f32/1024x1024x1024/matmul_naive"
            ]
        );
        assert_eq!(
            ids(&["matmul:3x4x5"], &["matmul_naive", "matmul_tiled"]),
            [
                "matmul/f32/3x4x5/matmul_naive",
                "matmul/f32/3x4x5/matmul_tiled"
            ]
        );
    }
}
