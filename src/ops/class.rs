//! Classes of shapes: what one search for the best kernel is taken to hold for.

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
pub struct Sizes(pub(super) Vec<(&'static str, u64)>);

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
