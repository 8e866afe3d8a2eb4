//! Classes to search.

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::ops::{Class, Family, Operation, class_of};
use crate::report::AdapterKind;

/// One class to search.
#[derive(Debug)]
pub struct Job {
    /// The class, as [`class_of`] names it.
    pub class: String,
    /// The shape that is measured for the class.
    pub operation: Box<dyn Operation>,
}

impl Job {
    /// The class of a shape, measured on that shape.
    ///
    /// # Errors
    /// [`Error::NothingToRun`] for a family without classes, and for a shape without elements to compute.
    pub fn of(operation: Box<dyn Operation>) -> Result<Self> {
        let operands = operation.operands();
        let mut written = operands.iter().filter(|operand| operand.role.is_written());
        if written.all(|operand| operand.elements == 0) {
            let (name, label) = (operation.family().name, operation.label());
            let reason = format!("{name} {label} has no elements to compute");
            return Err(Error::NothingToRun { reason });
        }
        let class =
            class_of(operation.as_ref()).ok_or_else(|| without_classes(operation.family()))?;
        Ok(Self { class, operation })
    }

    /// Every class of `family`, in its order, on shapes for an adapter of a kind.
    ///
    /// # Errors
    /// [`Error::NothingToRun`] for a family without classes.
    pub fn all(family: &'static Family, dtype: Dtype, kind: AdapterKind) -> Result<Vec<Self>> {
        if family.classes.is_empty() {
            return Err(without_classes(family));
        }
        let job = |class: &Class| {
            let text = match kind {
                AdapterKind::Software | AdapterKind::Noop => class.software_shape,
                _ => class.shape,
            };
            let operation = (family.parse)(text, dtype)?;
            let class = class.name.to_owned() + &operation.variant();
            Ok(Self { class, operation })
        };
        family.classes.iter().map(job).collect()
    }

    /// Operation, element type and class, as in `matmul/f32/square_small`.
    #[must_use]
    pub fn name(&self) -> String {
        let operation = self.operation.family().name;
        format!(
            "{operation}/{}/{}",
            self.operation.dtype().name(),
            self.class
        )
    }
}

/// The error for a `family` without classes, which names the families that have classes.
#[must_use]
pub fn without_classes(family: &Family) -> Error {
    let tuned: Vec<&str> = tunable().map(|family| family.name).collect();
    Error::NothingToRun {
        reason: format!(
            "{} has no classes of shapes to tune; these have: {}",
            family.name,
            tuned.join(", ")
        ),
    }
}

/// The families that have classes.
pub fn tunable() -> impl Iterator<Item = &'static Family> {
    let families = crate::ops::FAMILIES.iter().copied();
    families.filter(|family| !family.classes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Matmul, family};

    #[test]
    fn shapes_without_elements_are_refused() {
        let of = |name, shape| {
            let operation = (family(name).unwrap().parse)(shape, Dtype::F32).unwrap();
            Job::of(operation).map(|job| job.class)
        };
        for (name, shape) in [("matmul", "7x0x3"), ("softmax", "0x9"), ("copy", "0")] {
            let error = of(name, shape).unwrap_err().to_string();
            assert!(error.contains("no elements to compute"), "{error}");
        }
        assert!(of("matmul", "7x9x0").is_ok());
    }

    #[test]
    fn families_without_classes_are_refused_plainly() {
        let of = |name| Job::all(family(name).unwrap(), Dtype::F32, AdapterKind::Discrete);
        let text = of("fma").unwrap_err().to_string();
        assert!(
            text.contains("fma has no classes of shapes to tune; these have: copy"),
            "{text}"
        );
        let jobs = of("matmul").unwrap();
        assert_eq!(jobs.len(), family("matmul").unwrap().classes.len());
        assert_eq!(jobs[0].name(), "matmul/f32/batched");
    }

    #[test]
    fn a_shape_of_ones_own_is_its_class() {
        let job = Job::of(Box::new(Matmul::new(300, 200, 100))).unwrap();
        assert_eq!(job.class, "square_small");
        assert_eq!(job.operation.label(), "300x200x100");
    }
}
