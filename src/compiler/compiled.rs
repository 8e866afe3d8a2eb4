//! The answer of a compiler, as plain data.

use super::loops::{self, Loops};

/// How much the driver is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Figures alone.
    Figures,
    /// Figures, and the assembly where the driver shows it.
    Assembly,
}

/// What a driver's compiler made of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// Invocations of a subgroup.
    pub subgroup_size: u32,
    /// Seconds that compiling took.
    pub seconds: f64,
    /// Statistics in the driver's own words.
    pub figures: Vec<(String, f64)>,
    /// The driver's text nearest to the machine, where it was asked for and is shown.
    pub assembly: Option<String>,
    /// Hash of the SPIR-V: equal for equal code.
    pub spirv_hash: u64,
}

impl Compiled {
    /// What the loops hold, where the driver shows its assembly and the assembly has loops.
    #[must_use]
    pub fn loops(&self) -> Option<Loops> {
        loops::loops(self.assembly.as_deref()?)
    }
}
