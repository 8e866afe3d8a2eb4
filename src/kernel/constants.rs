//! Named values for the constants of WGSL files.

use super::Kernel;
use crate::data::Dtype;
use crate::shader::Constant;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

/// Named values for the constants of a kernel's files; each name stands once.
///
/// # Examples
/// ```
/// use ridgepoint::Dtype;
/// use ridgepoint::kernel::Constants;
/// let tile = Constants::new().set("TILE_M", 64u32).set("TILE_N", 64u32).set("Elem", Dtype::F16);
/// let wider = tile.merged(&Constants::new().set("TILE_N", 128u32));
/// assert_eq!((wider.integer("TILE_M"), wider.integer("TILE_N")), (Some(64), Some(128)));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Constants(Vec<(&'static str, Constant)>);

impl Constants {
    /// No values: every constant keeps its value in the file.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A copy with `name` set to `value`; a value set before is replaced.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl Into<Constant>) -> Self {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
        self
    }

    /// Both sets of constants; a value of `later` wins where both sets have a name.
    #[must_use]
    pub fn merged(self, later: &[(&'static str, Constant)]) -> Self {
        let set = |all: Self, (name, value): &(&'static str, Constant)| all.set(name, *value);
        later.iter().fold(self, set)
    }

    /// The constants that some file of `kernel` declares.
    #[must_use]
    pub fn for_kernel(mut self, kernel: &Kernel) -> Self {
        self.0.retain(|(name, _)| kernel.declares(name));
        self
    }

    /// The value of `name`, where it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Constant> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }

    /// The value of `name`, where it is set to an integer.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Constant::Integer(value) => Some(value.into()),
            _ => None,
        }
    }

    /// Whether `name` is set to true.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some(Constant::Bool(true))
    }

    /// Names and values as a report shows them.
    #[must_use]
    pub fn to_strings(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_string()))
            .collect()
    }

    /// Names and values in the order of the names: two sets that mean the same are equal so.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort_by_key(|(name, _)| *name);
        self
    }
}

/// `NAME=VALUE` in the order of the names, with spaces between.
impl fmt::Display for Constants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.to_strings();
        let words = words.iter().map(|(name, value)| format!("{name}={value}"));
        f.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}

impl Deref for Constants {
    type Target = [(&'static str, Constant)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromIterator<(&'static str, Constant)> for Constants {
    fn from_iter<I: IntoIterator<Item = (&'static str, Constant)>>(pairs: I) -> Self {
        pairs
            .into_iter()
            .fold(Self::new(), |all, (name, value)| all.set(name, value))
    }
}

impl<V: Into<Constant>, const COUNT: usize> From<[(&'static str, V); COUNT]> for Constants {
    fn from(pairs: [(&'static str, V); COUNT]) -> Self {
        pairs
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect()
    }
}

impl From<&[(&'static str, Constant)]> for Constants {
    fn from(pairs: &[(&'static str, Constant)]) -> Self {
        pairs.iter().copied().collect()
    }
}

impl<'a> IntoIterator for &'a Constants {
    type Item = &'a (&'static str, Constant);
    type IntoIter = std::slice::Iter<'a, (&'static str, Constant)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<u32> for Constant {
    fn from(value: u32) -> Self {
        Self::Integer(value)
    }
}

/// Sizes are counted in 64 bits on the host and fit 32 after `Operation::validate`.
impl From<u64> for Constant {
    fn from(value: u64) -> Self {
        Self::Integer(u32::try_from(value).unwrap_or(u32::MAX))
    }
}

impl From<bool> for Constant {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&'static str> for Constant {
    fn from(name: &'static str) -> Self {
        Self::Type(name)
    }
}

impl From<Dtype> for Constant {
    fn from(dtype: Dtype) -> Self {
        Self::Type(dtype.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_values_replace_earlier_ones_of_the_same_name() {
        let first = Constants::new()
            .set("A", 1u32)
            .set("B", true)
            .set("T", Dtype::F16);
        let all = first.merged(&Constants::from([("A", 2u32), ("C", 3)]));
        assert_eq!(all.len(), 4);
        assert_eq!((all.integer("A"), all.integer("C")), (Some(2), Some(3)));
        assert_eq!((all.integer("B"), all.is_set("B")), (None, true));
        assert_eq!(all.get("T"), Some(Constant::Type("f16")));
        assert_eq!(
            Constants::from([("A", 1u32), ("A", 2)]),
            Constants::new().set("A", 2u32)
        );
    }

    #[test]
    fn words_are_in_the_order_of_the_names() {
        let constants = Constants::new().set("B", 2u32).set("A", Dtype::F16);
        assert_eq!(constants.set("C", true).to_string(), "A=f16 B=2 C=true");
    }

    #[test]
    fn order_does_not_matter_once_sorted() {
        let [one, other] = [[("A", 1u32), ("B", 2)], [("B", 2), ("A", 1)]].map(Constants::from);
        assert_ne!(one, other);
        assert_eq!(one.sorted(), other.sorted());
    }

    #[test]
    fn a_size_beyond_32_bits_does_not_wrap() {
        assert_eq!(Constant::from(1u64 << 32), Constant::Integer(u32::MAX));
    }
}
