//! An operation of one shape, the operation for every shape, and the way from a name to what it names.

use super::{Candidate, Class, Operand, Role, Sizes};
use crate::data::{Dtype, Inputs};
use crate::error::{Error, Result, suggest};
use crate::kernel::Kernel;
use crate::report::renames;
use crate::shader::Prepared;
use crate::tolerance::Expected;
use std::any::Any;
use std::sync::Arc;

/// One operation of one shape and element type.
pub trait Operation: Any + std::fmt::Debug + Send + Sync {
    /// The operation that this is a shape of.
    fn family(&self) -> &'static Family;

    /// Element type of the inputs.
    fn dtype(&self) -> Dtype;

    /// The shape as (name, size) pairs, in the order of [`Operation::label`].
    fn shape(&self) -> Vec<(&'static str, u64)>;

    /// The shape as text, as [`Family::parse`] reads it.
    fn label(&self) -> String {
        let sizes: Vec<String> = self
            .shape()
            .iter()
            .map(|(_, size)| size.to_string())
            .collect();
        sizes.join("x")
    }

    /// Properties beyond the sizes that decide which kernel is best, as the end of the name of the class; see [`class_of`].
    fn variant(&self) -> String {
        String::new()
    }

    /// Floating-point operations; a fused multiply-add counts as 2, `exp` is not counted.
    fn flops(&self) -> u64;

    /// Bytes that have to move: each input read once, each output written once.
    fn min_bytes(&self) -> u64 {
        let moves = |role: Role| u64::from(role.is_read()) + u64::from(role.is_written());
        self.operands()
            .iter()
            .map(|o| moves(o.role) * o.elements * o.dtype.bytes())
            .sum()
    }

    /// The buffers, inputs in the formula's order, then outputs.
    fn operands(&self) -> Vec<Operand>;

    /// Whether the shape can be at all.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::TooLarge`].
    fn validate(&self) -> Result<()>;

    /// The operation on about half the size, for an adapter on which one dispatch would take too long; `None` at the
    /// smallest size.
    fn halved(&self) -> Option<Box<dyn Operation>>;

    /// Ways to compute this shape, in the order in which they are preferred where several are best: the operation's table
    /// of kernels, each bound to the shape.
    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>>;

    /// Reads of operands that the reference of one output element costs, where its neighbours are asked for as well.
    fn reference_cost(&self) -> u64 {
        let outputs = self
            .operands()
            .iter()
            .filter(|o| o.role.is_written())
            .map(|o| o.elements)
            .sum::<u64>();
        self.flops() / outputs.max(1) + 1
    }

    /// The right values of some elements of the outputs, and how far off a kernel may be that rounds to `intermediates` in
    /// between ([`Kernel::intermediates`](crate::kernel::Kernel)): plain loops in f64.
    ///
    /// `indices` ascend, and count through all outputs, one behind the other in the order of [`Operation::operands`].
    fn expected(&self, intermediates: Dtype, inputs: &dyn Inputs, indices: &[u64])
    -> Vec<Expected>;
}

/// Shapes on which a kernel is tested, some of them around the tiles of its prepared files.
pub type Samples = fn(&[Arc<Prepared>]) -> Vec<Box<dyn Operation>>;

/// An operation for every shape: a line of the table.
#[derive(Debug)]
pub struct Family {
    /// Name on the command line and in reports.
    pub name: &'static str,
    /// Description of what the operation computes.
    pub about: &'static str,
    /// Form of a shape as text, with an example.
    pub shape_form: &'static str,
    /// Kernels of the operation, the plainest first; [`Operation::candidates`] says which one a shape gets.
    pub kernels: &'static [&'static Kernel],
    /// Classes of shapes that a search for the best kernel tells apart; none where there is nothing to search.
    pub classes: &'static [Class],
    /// Reads a shape such as `4096x4096x4096`.
    pub parse: fn(&str, Dtype) -> Result<Box<dyn Operation>>,
    /// An operation of this family with every element in f32, which a device without f16 may compute instead; `None` for an
    /// operation of another family.
    pub in_f32: fn(&dyn Operation) -> Option<Box<dyn Operation>>,
    /// Shapes on which a kernel without samples of its own is tested: single elements, around its tiles, primes, empty, large.
    pub common_samples: Samples,
    /// [`Implementation::samples`](super::Implementation::samples) of each kernel, in the order of [`Family::kernels`].
    pub own_samples: &'static [Option<Samples>],
}

impl Family {
    /// A kernel of this operation by its name, or one that it had in an earlier version.
    ///
    /// # Errors
    /// [`Error::UnknownName`] with near names.
    pub fn kernel(&self, name: &str) -> Result<&'static Kernel> {
        let unknown = || Error::UnknownName {
            kind: "kernel",
            name: format!("{name} of {}", self.name),
            suggestion: suggest(name, self.kernels.iter().map(|k| k.name)),
        };
        let present = renames::kernel(name);
        self.kernels
            .iter()
            .find(|k| k.name == present)
            .copied()
            .ok_or_else(unknown)
    }

    /// Shapes on which `kernel` is tested: its own, or those of the operation. `stages` are its files, prepared.
    #[must_use]
    pub fn samples(&self, kernel: &Kernel, stages: &[Arc<Prepared>]) -> Vec<Box<dyn Operation>> {
        let place = self.kernels.iter().position(|k| k.name == kernel.name);
        let own = place.and_then(|place| self.own_samples[place]);
        let samples = own.unwrap_or(self.common_samples)(stages);
        // Samples of a table with kernels of another crate are those of the table that it extends.
        let own = |sample: Box<dyn Operation>| {
            if std::ptr::eq(sample.family(), self) {
                return Some(sample);
            }
            (self.parse)(&sample.label(), sample.dtype()).ok()
        };
        samples.into_iter().filter_map(own).collect()
    }
}

/// A copy of `operation`, changed by `change`; `None` where it is no `O`.
pub(crate) fn changed<O: Operation + Clone>(
    operation: &dyn Operation,
    change: impl FnOnce(&mut O),
) -> Option<Box<dyn Operation>> {
    let any: &dyn Any = operation;
    let mut found = any.downcast_ref::<O>()?.clone();
    change(&mut found);
    Some(Box::new(found))
}

/// The name of the class of `operation`, such as `square_large+tb`: the name of the first [`Class`] of its family that
/// accepts its shape, then the operation's [`Operation::variant`]. Pure. `None` for a family without classes.
#[must_use]
pub fn class_of(operation: &dyn Operation) -> Option<String> {
    let sizes = Sizes(operation.shape());
    let mut classes = operation.family().classes.iter();
    let class = classes.find(|class| (class.holds)(&sizes))?;
    Some(class.name.to_owned() + &operation.variant())
}

/// The candidate of `operation` whose kernel is called `name`, or was in an earlier version.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub fn candidate<'a>(operation: &'a dyn Operation, name: &str) -> Result<Box<dyn Candidate + 'a>> {
    let mut candidates = operation.candidates();
    let present = renames::kernel(name);
    match candidates.iter().position(|c| c.kernel().name == present) {
        Some(place) => Ok(candidates.swap_remove(place)),
        None => Err(Error::UnknownName {
            kind: "kernel",
            name: format!("{name} of {}", operation.family().name),
            suggestion: suggest(name, candidates.iter().map(|c| c.kernel().name)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dtype;
    use crate::ops::FAMILIES;

    #[test]
    fn every_class_is_measured_on_a_shape_of_its_own() {
        for family in FAMILIES {
            for class in family.classes {
                let name = |text| {
                    let operation = (family.parse)(text, Dtype::F32).unwrap();
                    operation.validate().unwrap();
                    assert_eq!(operation.label(), text, "{}", class.name);
                    class_of(operation.as_ref())
                };
                assert_eq!(name(class.shape).as_deref(), Some(class.name));
                // Sizes that suit a CPU may belong to a smaller class.
                assert!(name(class.software_shape).is_some(), "{}", class.name);
            }
            let mut names: Vec<_> = family.classes.iter().map(|class| class.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), family.classes.len(), "{}", family.name);
        }
    }
}
