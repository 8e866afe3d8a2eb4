//! From names of suites, operations, kernels and element types to the workloads of a run.

use super::builtin::suite;
use super::case::Case;
use super::definition::{Cases, LeftOut, Suite};
use crate::data::Dtype;
use crate::error::{Error, Result, suggest};
use crate::ops::{FAMILIES, Family, Operation, family};
use crate::plan::check_sizes;
use crate::report::{AdapterKind, Sampling, renames};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;

/// Suite of a run that names none.
pub const DEFAULT_SUITE: &str = "standard";

/// Names that select the workloads of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SelectionNames {
    /// Suites; [`DEFAULT_SUITE`] where none is named and there is no suite of the user's own.
    pub suites: Vec<String>,
    /// Operations, `matmul` for those of the suites or `matmul:512x512x512` for a shape of the user's own; all where none is named.
    pub operations: Vec<String>,
    /// Kernels; where some are named, each shape appears once with each of them.
    pub kernels: Vec<String>,
    /// Element types; those of the suites where none is named.
    pub dtypes: Vec<Dtype>,
}

/// Workloads that were asked for, with every name known and every shape possible.
#[derive(Debug)]
pub struct Selection {
    names: SelectionNames,
    /// Suites of the program, in the order in which they were named.
    named: Vec<&'static Suite>,
    /// Suite of the user's own, behind the others.
    own: Option<Suite>,
    operations: Vec<Wanted>,
    kernels: Vec<&'static str>,
}

/// One entry of [`SelectionNames::operations`].
#[derive(Debug)]
struct Wanted {
    /// The entry as it was given.
    text: String,
    family: &'static Family,
    /// Operations of a shape of the user's own, one for each element type.
    own: Vec<Arc<dyn Operation>>,
}

impl Selection {
    /// Reads `names`, with `own` as a suite behind the named ones. No adapter is needed to find most of what can be wrong with
    /// them. Each operation, kernel and element type that is named has to select something.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::ShapeText`], and errors of [`Operation::validate`]; [`Error::NothingToRun`] for a name
    /// that selects nothing.
    pub fn new(names: SelectionNames, own: Option<Suite>) -> Result<Self> {
        let operations = names.operations.iter();
        let operations = operations.map(|text| Wanted::parse(text, &names.dtypes));
        let operations: Vec<_> = operations.collect::<Result<_>>()?;
        let kernels = names.kernels.iter().map(|name| kernel(name));
        let kernels: Vec<_> = kernels.collect::<Result<_>>()?;
        let suites: Vec<&str> = names.suites.iter().map(String::as_str).collect();
        let suites = match (suites.as_slice(), &own) {
            ([], None) => &[DEFAULT_SUITE],
            (suites, _) => suites,
        };
        let known = suites.iter().map(|name| suite(name));
        let selection = Self {
            named: known.collect::<Result<_>>()?,
            own,
            operations,
            kernels,
            names,
        };
        match selection.unused() {
            Some(reason) => Err(Error::NothingToRun { reason }),
            None => Ok(selection),
        }
    }

    /// The suites.
    pub fn suites(&self) -> impl Iterator<Item = &Suite> {
        self.named.iter().copied().chain(&self.own)
    }

    /// Names of the suites, with commas between.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.suites().map(|suite| suite.name.as_str()).collect();
        names.join(",")
    }

    /// The names, as they were given.
    #[must_use]
    pub fn names(&self) -> &SelectionNames {
        &self.names
    }

    /// Whether all suites are a first look.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.suites().all(|suite| suite.is_quick)
    }

    /// Whether a suite asks for the table of caches and memory, and nothing else was asked for.
    #[must_use]
    pub fn has_hierarchy(&self) -> bool {
        self.operations.is_empty()
            && self.kernels.is_empty()
            && self.names.dtypes.is_empty()
            && self.suites().any(|suite| suite.has_hierarchy)
    }

    /// Sampling on an adapter of a kind: the longest that a suite asks for.
    #[must_use]
    pub fn sampling(&self, kind: AdapterKind) -> Sampling {
        let all = self.suites().map(|suite| suite.sampling(kind));
        let longest = all.max_by_key(|sampling| sampling.min_time);
        longest.unwrap_or_default()
    }

    /// The workloads for an adapter of a kind: shapes of the suites in their order, a workload that several share once, then
    /// the user's own shapes.
    #[must_use]
    pub fn cases(&self, kind: AdapterKind) -> Cases {
        let mut cases = Cases::default();
        for suite in self.suites() {
            let of = suite.cases(kind);
            cases.all.extend(of.all);
            cases.left_out.extend(of.left_out);
        }
        let own = self
            .operations
            .iter()
            .flat_map(|wanted| &wanted.own)
            .flat_map(|operation| own_cases(operation, &cases.all));
        let own: Vec<Case> = own.collect();
        cases.all.retain(|case| self.wants(case));
        cases.all.extend(own);
        cases.all = self.with_kernels(cases.all);
        let mut seen = HashSet::new();
        cases.all.retain(|case| seen.insert(case.id()));
        cases.left_out.retain(|left| self.misses(left));
        let mut seen = HashSet::new();
        cases.left_out.retain(|left| seen.insert(left.what.clone()));
        cases
    }

    /// Refuses a shape of the user's own that no buffer of a device with `limits` can hold.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn require_room(&self, limits: &wgpu::Limits) -> Result<()> {
        let own = self.operations.iter().flat_map(|wanted| &wanted.own);
        for operation in own {
            let label = operation.label();
            check_sizes(&operation.operands(), limits)
                .map_err(|e| of(operation.family(), &label, e))?;
        }
        Ok(())
    }

    /// Whether a case of the suite was asked for.
    fn wants(&self, case: &Case) -> bool {
        self.wants_of_suite(case.family(), case.operation.dtype().name())
    }

    /// Whether shapes that a suite leaves out were asked for.
    fn misses(&self, left: &LeftOut) -> bool {
        let mut words = left.what.split('/');
        let family = words.next().and_then(|name| family(name).ok());
        let dtype = words.next().unwrap_or_default();
        family.is_some_and(|family| {
            let mut kernels = self.kernels.iter();
            let has_kernel = kernels.any(|kernel| family.kernel(kernel).is_ok());
            (self.kernels.is_empty() || has_kernel) && self.wants_of_suite(family, dtype)
        })
    }

    /// Whether shapes that the suites have of `family` in elements of `dtype` were asked for.
    fn wants_of_suite(&self, family: &Family, dtype: &str) -> bool {
        let mut operations = self.operations.iter();
        let has_dtype = self.names.dtypes.iter().any(|asked| asked.name() == dtype);
        let is_named = operations.any(|w| w.own.is_empty() && w.family.name == family.name);
        (self.names.dtypes.is_empty() || has_dtype) && (self.operations.is_empty() || is_named)
    }

    /// Why something that was named selects nothing; `None` where everything that was named is measured.
    fn unused(&self) -> Option<String> {
        if self.has_hierarchy() {
            return None;
        }
        // A discrete GPU gets all workloads.
        let cases = self.cases(AdapterKind::Discrete).all;
        let (suites, kernels) = (self.name(), self.kernels.join(", "));
        let types: Vec<&str> = self.names.dtypes.iter().map(|dtype| dtype.name()).collect();
        let in_types = match types.as_slice() {
            [] => String::new(),
            types => format!(" in {}", types.join(", ")),
        };
        let mut operations = self.operations.iter();
        if let Some(wanted) = operations.find(|wanted| !cases.iter().any(|case| wanted.has(case))) {
            let (name, text) = (wanted.family.name, &wanted.text);
            let mut kernels_of = self.kernels.iter();
            return Some(
                if kernels_of.any(|k| wanted.family.kernel(k).is_ok()) || kernels.is_empty() {
                    format!("suite {suites} has no shapes of {name}{in_types}")
                } else {
                    format!("{kernels} is no kernel of {name}, which `--op {text}` asks for")
                },
            );
        }
        let has_kernel = |name: &str| cases.iter().any(|case| case.kernel == Some(name));
        if let Some(kernel) = self.kernels.iter().find(|kernel| !has_kernel(kernel)) {
            let names: Vec<&str> = self.operations.iter().map(|w| w.family.name).collect();
            return Some(match names.as_slice() {
                [] => format!("suite {suites} has no work for {kernel}{in_types}"),
                names => format!("{kernel} is no kernel of {}", names.join(", ")),
            });
        }
        let has_type = |dtype: Dtype| cases.iter().any(|case| case.operation.dtype() == dtype);
        let missing = self.names.dtypes.iter().find(|dtype| !has_type(**dtype));
        missing.map(|dtype| format!("suite {suites} has no shapes in {} for this", dtype.name()))
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
}

impl Wanted {
    /// `operation` or `operation:shape`, in each of `dtypes`, or f32.
    fn parse(text: &str, dtypes: &[Dtype]) -> Result<Self> {
        let (name, shape) = match text.split_once(':') {
            Some((name, shape)) => (name, Some(shape)),
            None => (text, None),
        };
        let family = family(name)?;
        let dtypes = if dtypes.is_empty() {
            &[Dtype::F32]
        } else {
            dtypes
        };
        let one = |shape: &str, dtype: &Dtype| -> Result<Arc<dyn Operation>> {
            let operation = (family.parse)(shape, *dtype)?;
            operation.validate().map_err(|e| of(family, shape, e))?;
            Ok(operation.into())
        };
        let own = shape.map(|shape| dtypes.iter().map(|dtype| one(shape, dtype)).collect());
        Ok(Self {
            text: text.to_owned(),
            family,
            own: own.transpose()?.unwrap_or_default(),
        })
    }

    /// Whether `case` is of this entry.
    fn has(&self, case: &Case) -> bool {
        let is_own = |own: &Arc<dyn Operation>| Arc::ptr_eq(own, &case.operation);
        case.family().name == self.family.name
            && (self.own.is_empty() || self.own.iter().any(is_own))
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

/// Cases for a shape of the user's own, with the kernels that the suite has for that operation and that have its element type.
/// Operands are rotated where those of all shapes of that operation are.
fn own_cases(operation: &Arc<dyn Operation>, suite: &[Case]) -> Vec<Case> {
    let family = operation.family();
    let mut kernels: Vec<Option<&'static str>> = Vec::new();
    let of_family = suite
        .iter()
        .filter(|case| case.family().name == family.name);
    let of_family: Vec<&Case> = of_family.collect();
    for case in &of_family {
        let has_type = case.kernel.is_none_or(|name| {
            let kernel = family.kernel(name);
            kernel.is_ok_and(|kernel| kernel.dtypes.contains(&operation.dtype()))
        });
        if has_type && !kernels.contains(&case.kernel) {
            kernels.push(case.kernel);
        }
    }
    if kernels.is_empty() {
        kernels.push(None);
    }
    let case = |kernel| Case {
        kernel,
        rotated: !of_family.is_empty() && of_family.iter().all(|case| case.rotated),
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
    use crate::data::Dtype::{F16, F32};

    fn selection(suite: &str, op: &[&str], kernel: &[&str], dtype: &[Dtype]) -> Result<Selection> {
        let names = SelectionNames {
            suites: vec![suite.into()],
            operations: op.iter().map(ToString::to_string).collect(),
            kernels: kernel.iter().map(ToString::to_string).collect(),
            dtypes: dtype.to_vec(),
        };
        Selection::new(names, None)
    }

    fn ids(op: &[&str], kernel: &[&str]) -> Vec<String> {
        ids_in(&[], op, kernel)
    }

    fn ids_in(dtype: &[Dtype], op: &[&str], kernel: &[&str]) -> Vec<String> {
        let selection = selection("quick", op, kernel, dtype).unwrap();
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

    #[test]
    fn shapes_of_ones_own_have_the_types_that_are_asked_for() {
        assert_eq!(
            ids_in(&[F16], &["matmul:3x4x5", "softmax:6x7"], &[]),
            ["matmul/f16/3x4x5", "softmax/f16/6x7"]
        );
        assert_eq!(
            ids_in(&[F32, F16], &["copy", "matmul:3x4x5"], &[]),
            ["copy/f32/33554432", "matmul/f32/3x4x5", "matmul/f16/3x4x5"]
        );
        let of_suite = selection("standard", &[], &[], &[F16]).unwrap();
        let cases = of_suite.cases(AdapterKind::Discrete).all;
        assert_eq!(cases.len(), 3);
        assert!(
            cases
                .iter()
                .all(|case| case.id().starts_with("matmul/f16/"))
        );
        let fma = selection("quick", &["fma:64x64x4x2"], &[], &[F16]).unwrap_err();
        assert!(fma.to_string().contains("no f16 kernel yet"), "{fma}");
    }

    #[test]
    fn what_is_named_and_selects_nothing_is_refused() {
        for (op, kernel, dtype, words) in [
            (
                vec!["add:777", "matmul:3x4x5"],
                vec!["matmul_tiled"],
                vec![],
                "matmul_tiled is no kernel of add, which `--op add:777` asks for",
            ),
            (
                vec!["matmul:3x4x5"],
                vec!["matmul_tiled", "stream_add"],
                vec![],
                "stream_add is no kernel of matmul",
            ),
            (
                vec!["matmul", "attention_backward"],
                vec![],
                vec![],
                "suite quick has no shapes of attention_backward",
            ),
            (
                vec![],
                vec!["attention_backward_flash"],
                vec![],
                "suite quick has no work for attention_backward_flash",
            ),
            (
                vec!["softmax", "matmul:3x4x5"],
                vec![],
                vec![F16],
                "suite quick has no shapes of softmax in f16",
            ),
            (
                vec![],
                vec![],
                vec![F32, F16],
                "suite quick has no shapes in f16",
            ),
        ] {
            let error = selection("quick", &op, &kernel, &dtype).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn shapes_that_a_suite_leaves_out_are_told_where_they_were_asked_for() {
        let left = |op: &[&str], kernel: &[&str]| -> Vec<String> {
            let selection = selection("standard", op, kernel, &[]).unwrap();
            let left = selection.cases(AdapterKind::Software).left_out;
            left.into_iter().map(|left| left.what).collect()
        };
        let large = ["matmul/f32/8192x8192x8192"];
        assert_eq!(left(&[], &[]), large);
        assert_eq!(left(&["matmul", "copy"], &[]), large);
        assert_eq!(left(&[], &["matmul_tiled"]), large);
        assert!(left(&["copy"], &[]).is_empty());
        assert!(left(&["matmul:3x4x5"], &[]).is_empty());
        assert!(left(&[], &["stream_copy"]).is_empty());
    }
}
