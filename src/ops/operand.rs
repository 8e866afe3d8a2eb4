//! The buffers of an operation.

use crate::data::{Distribution, Dtype};

/// Whether a kernel reads an operand or writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read.
    Input,
    /// Written, every element.
    Output,
    /// Written, after being read or with elements left as they are.
    Update,
}

impl Role {
    /// Whether its values before matter.
    #[must_use]
    pub fn is_read(self) -> bool {
        self != Self::Output
    }

    /// Whether a kernel changes it.
    #[must_use]
    pub fn is_written(self) -> bool {
        self != Self::Input
    }
}

/// One buffer of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Name in the formula.
    pub name: &'static str,
    /// How many elements.
    pub elements: u64,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Read or written.
    pub role: Role,
    /// How test data for it is spread.
    pub distribution: Distribution,
}

impl Operand {
    /// An operand that is read.
    #[must_use]
    pub fn input(
        name: &'static str,
        elements: u64,
        dtype: Dtype,
        distribution: Distribution,
    ) -> Self {
        Self {
            name,
            elements,
            dtype,
            role: Role::Input,
            distribution,
        }
    }

    /// The operand, overwritten by the result.
    #[must_use]
    pub fn in_place(self) -> Self {
        Self {
            role: Role::Update,
            ..self
        }
    }

    /// An operand that is written.
    #[must_use]
    pub fn output(name: &'static str, elements: u64, dtype: Dtype) -> Self {
        Self {
            name,
            elements,
            dtype,
            role: Role::Output,
            distribution: Distribution::Uniform,
        }
    }
}
