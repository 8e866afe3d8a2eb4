//! From `--suite`, `--op` and `--kernel` to the workloads of a run.

use super::args::{DEFAULT_SUITE, RunArguments};
use super::suite_file;
use ridgepoint::error::suggest;
use ridgepoint::ops::{FAMILIES, Family, family};
use ridgepoint::plan::check_sizes;
use ridgepoint::report::{AdapterKind, Sampling, renames};
use ridgepoint::suite::{Case, Cases, Suite, suite};
use ridgepoint::{Dtype, Error, Operation, Result};
use std::collections::HashSet;
use std::sync::Arc;

/// Workloads that were asked for, with every name known and every shape possible.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Suites of the program, in the order in which they were named.
    named: Vec<&'static Suite>,
    /// Suite of `--suite-file`, behind the others.
    own: Option<Suite>,
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
        let own = arguments.suite_file.as_deref().map(suite_file::read);
        let names: Vec<&str> = arguments.suite.iter().map(String::as_str).collect();
        let names = match (names.as_slice(), &own) {
            ([], None) => &[DEFAULT_SUITE],
            (names, _) => names,
        };
        let selection = Self {
            named: names
                .iter()
                .map(|name| suite(name))
                .collect::<Result<_>>()?,
            own: own.transpose()?,
            operations,
            kernels,
        };
        if selection.is_empty() {
            return Err(selection.nothing());
        }
        Ok(selection)
    }

    /// The suites.
    pub(crate) fn suites(&self) -> impl Iterator<Item = &Suite> {
        self.named.iter().copied().chain(&self.own)
    }

    /// Names of the suites, with commas between.
    pub(crate) fn name(&self) -> String {
        let names: Vec<&str> = self.suites().map(|suite| suite.name.as_str()).collect();
        names.join(",")
    }

    /// Whether all suites are a first look.
    pub(crate) fn is_quick(&self) -> bool {
        self.suites().all(|suite| suite.is_quick)
    }

    /// Whether a suite asks for the table of caches and memory, and nothing else was asked for.
    pub(crate) fn has_hierarchy(&self) -> bool {
        self.operations.is_empty()
            && self.kernels.is_empty()
            && self.suites().any(|suite| suite.has_hierarchy)
    }

    /// Sampling on an adapter of a kind: the longest that a suite asks for.
    pub(crate) fn sampling(&self, kind: AdapterKind) -> Sampling {
        let all = self.suites().map(|suite| suite.sampling(kind));
        let longest = all.max_by_key(|sampling| sampling.min_time);
        longest.expect("there is a suite, by name or from a file")
    }

    /// The workloads for an adapter of a kind: shapes of the suites in their order, a workload that several share once, then
    /// the user's own shapes.
    pub(crate) fn cases(&self, kind: AdapterKind) -> Cases {
        let mut cases = Cases::default();
        for suite in self.suites() {
            let of = suite.cases(kind);
            cases.all.extend(of.all);
            cases.left_out.extend(of.left_out);
        }
        let own = self
            .operations
            .iter()
            .filter_map(|wanted| wanted.own.as_ref())
            .flat_map(|operation| own_cases(operation, &cases.all));
        let own: Vec<Case> = own.collect();
        cases.all.retain(|case| self.wants(case));
        cases.all.extend(own);
        cases.all = self.with_kernels(cases.all);
        let mut seen = HashSet::new();
        cases.all.retain(|case| seen.insert(case.id()));
        if !self.operations.is_empty() {
            cases.left_out.clear();
        }
        let mut seen = HashSet::new();
        cases.left_out.retain(|left| seen.insert(left.what.clone()));
        cases
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
        if self.has_hierarchy() {
            return false;
        }
        let of_suites = || self.suites().flat_map(Suite::operations);
        let in_suite = |name: &str| of_suites().any(|other| other == name);
        let asked = self
            .operations
            .iter()
            .filter(|w| w.own.is_some() || in_suite(w.family.name));
        let mut families: Vec<&Family> = asked.map(|wanted| wanted.family).collect();
        if self.operations.is_empty() {
            families.extend(of_suites().filter_map(|name| family(name).ok()));
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
                self.name(),
                kernels.join(", ")
            ),
            (operations, []) => {
                format!(
                    "suite {} has no shapes of {}",
                    self.name(),
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
        kernel,
        ..Case::of(Arc::clone(operation))
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
            suite: vec!["quick".into()],
            op: op.iter().map(ToString::to_string).collect(),
            kernel: kernel.iter().map(ToString::to_string).collect(),
            ..RunArguments::default()
        };
        let selection = Selection::new(&arguments).unwrap();
        let cases = selection.cases(AdapterKind::Discrete).all;
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
