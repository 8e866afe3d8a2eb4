//! Classes of shapes: what one search for the best kernel is taken to hold for.

use super::Operation;

/// A class of shapes of one operation: data, a line of [`Family::classes`](super::Family::classes).
#[derive(Debug)]
pub struct Class {
    /// What it is called.
    pub name: &'static str,
    /// Which shapes belong to it, in words.
    pub about: &'static str,
    /// Whether a shape does. The first class of a family that says so has it.
    pub holds: fn(&Sizes) -> bool,
    /// The shape that a search measures for it, as text.
    pub shape: &'static str,
    /// The same for a software adapter.
    pub software_shape: &'static str,
}

/// The sizes of a shape by their names.
#[derive(Debug)]
pub struct Sizes(Vec<(&'static str, u64)>);

impl Sizes {
    /// The size called `name`; 1 where the shape has none.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.known(name).unwrap_or(1)
    }

    /// The size called `name`; `None` where the shape has none.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<u64> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, size)| *size)
    }
}

/// The name of the class of `operation`, such as `square_large+tb`: that of the first [`Class`] of its family that holds,
/// and the operation's [`Operation::variant`]. Pure. `None` for a family without classes.
#[must_use]
pub fn class_of(operation: &dyn Operation) -> Option<String> {
    let sizes = Sizes(operation.shape());
    let mut classes = operation.family().classes.iter();
    let class = classes.find(|class| (class.holds)(&sizes))?;
    Some(class.name.to_owned() + &operation.variant())
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
