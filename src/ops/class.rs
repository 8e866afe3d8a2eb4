//! Classes of shapes: what one search for the best kernel is taken to hold for.

/// A class of shapes of one operation: data, a line of [`Family::classes`](super::Family::classes).
#[derive(Debug)]
pub struct Class {
    /// Name of the class.
    pub name: &'static str,
    /// Shapes of the class, in words.
    pub about: &'static str,
    /// Whether the class accepts a shape. A shape belongs to the first class of its family that accepts it.
    pub holds: fn(&Sizes) -> bool,
    /// Shape that a search measures for the class, as text.
    pub shape: &'static str,
    /// Shape that a search measures for the class on a software adapter, as text.
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
