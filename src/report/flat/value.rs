//! Values of a flat table.

use std::borrow::Cow;

/// One value of a flat table.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Not measured, or not applicable.
    Absent,
    /// Text.
    Text(Cow<'a, str>),
    /// An integer.
    Integer(u64),
    /// A number. One that is not finite is written as [`Value::Absent`].
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

impl<'a> Value<'a> {
    /// The value, without numbers that no format can write.
    pub(super) fn checked(self) -> Self {
        match self {
            Self::Number(number) if !number.is_finite() => Self::Absent,
            other => other,
        }
    }

    /// Text, where there is one.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        match text.into() {
            text if text.is_empty() => Self::Absent,
            text => Self::Text(text),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::text(text.as_str())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<u64> for Value<'_> {
    fn from(integer: u64) -> Self {
        Self::Integer(integer)
    }
}

impl From<u32> for Value<'_> {
    fn from(integer: u32) -> Self {
        Self::Integer(integer.into())
    }
}

impl From<usize> for Value<'_> {
    fn from(integer: usize) -> Self {
        Self::Integer(integer as u64)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}
