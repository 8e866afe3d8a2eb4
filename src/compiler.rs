//! A driver's compiler, asked what it makes of a text: registers, spills, occupancy, the size of subgroups.
//!
//! Nothing runs. Figures are those that the driver gives through `VK_KHR_pipeline_executable_properties`.

mod figures;
mod loops;
mod spirv;
mod vulkan;

use crate::error::Result;
use crate::report::AdapterSummary;
use crate::shader::{Checks, Prepared};
use std::fmt;

pub use loops::Loops;

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

/// The compiler of one adapter's Vulkan driver.
pub struct Compiler(vulkan::Device);

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiler").finish_non_exhaustive()
    }
}

impl Compiler {
    /// Opens the compiler of the driver of `adapter`.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] where there is no Vulkan, or the driver has no statistics; [`crate::Error::Gpu`] where
    /// a call fails.
    pub fn open(adapter: &AdapterSummary) -> Result<Self> {
        vulkan::Device::open(adapter).map(Self)
    }

    /// Compiles `prepared` with the flags that wgpu sets.
    ///
    /// # Errors
    /// [`crate::Error::Shader`] for a text that naga refuses; [`crate::Error::Gpu`] where the driver does not compile it.
    pub fn compile(&self, prepared: &Prepared, checks: Checks, detail: Detail) -> Result<Compiled> {
        self.0.compile(prepared, checks, detail)
    }
}
