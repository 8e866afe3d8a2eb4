//! A driver's compiler, asked what it makes of a text: registers, spills, occupancy, the size of subgroups.
//!
//! Kernels are compiled and never run. The driver gives the figures through `VK_KHR_pipeline_executable_properties`.

mod compiled;
mod figures;
mod loops;
mod spirv;
mod vulkan;

use crate::error::{Error, Result};
use crate::report::AdapterSummary;
use crate::shader::{Checks, Prepared};
use std::fmt;

pub use compiled::Compiled;
pub use loops::Loops;

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
    /// [`Error::Unsupported`] for an adapter of another backend than Vulkan, whose compiler is another one; where there is no
    /// Vulkan, or the driver has no statistics. [`Error::Gpu`] where a call fails.
    pub fn open(adapter: &AdapterSummary) -> Result<Self> {
        if adapter.backend != "vulkan" {
            return Err(Error::Unsupported {
                what: "compiler statistics".to_owned(),
                reason: format!(
                    "only Vulkan tells them, and the backend is {}",
                    adapter.backend
                ),
            });
        }
        vulkan::Device::open(adapter).map(Self)
    }

    /// Compiles `prepared` with the flags that wgpu sets.
    ///
    /// # Errors
    /// [`Error::Shader`] for a text that naga refuses; [`Error::Gpu`] where the driver does not compile it.
    pub fn compile(&self, prepared: &Prepared, checks: Checks) -> Result<Compiled> {
        self.0.compile(prepared, checks)
    }
}
