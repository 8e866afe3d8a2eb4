//! The answer of a compiler, as plain data.

use super::loops::Loops;

/// Figures of one text, as a driver compiled it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// Invocations of a subgroup.
    pub subgroup_size: u32,
    /// Seconds that compiling took.
    pub seconds: f64,
    /// Statistics in the driver's own words.
    pub figures: Vec<(String, f64)>,
    /// The driver's text nearest to the machine, where the driver shows it.
    pub assembly: Option<String>,
    /// Contents of the loops, where the assembly is shown and has loops.
    pub loops: Option<Loops>,
    /// Hash of the SPIR-V: equal for equal code.
    pub spirv_hash: u64,
}
