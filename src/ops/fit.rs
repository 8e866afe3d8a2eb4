//! How well a kernel fits a shape, and a kernel bound to a shape: what planning and tuning work with.

use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::shader::{Checks, Prepared};

/// How well a kernel fits a shape on a device, as far as shape and capabilities tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// The kernel is taken, unless one before it in the table fits as well.
    Best,
    /// The kernel computes the shape, and is taken where no other is best; the reason says why it is not first.
    Able(String),
    /// The kernel has no form for the shape or the device; the reason says what is missing.
    Unable(String),
}

impl Fit {
    /// [`Fit::Able`] for `reason` where there is one, else [`Fit::Best`].
    pub(crate) fn unless(reason: Option<String>) -> Self {
        reason.map_or(Self::Best, Self::Able)
    }
}

/// Whether a kernel may be compiled without runtime checks. Without them, a text that reads or writes out of bounds does
/// so: a device's memory is at stake, and with it the soundness of a safe program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust(bool);

impl Trust {
    /// The kernel is compiled with checks, whatever a plan asks for.
    pub const CHECKED: Self = Self(false);
    /// Kernels of this crate, whose tables and texts `tests/gpu/correctness.rs` runs in both modes.
    pub(crate) const OWN: Self = Self(true);

    /// The kernel is compiled as a plan asks, without checks where it asks for none.
    ///
    /// # Safety
    /// For every shape that the operation's `validate` accepts, with the uniforms and windows that the kernel's schedule
    /// gives, its texts index within their bindings and workgroup memory, their loops end, and they divide by nothing that
    /// is 0.
    #[must_use]
    pub const unsafe fn unchecked() -> Self {
        Self(true)
    }

    /// The checks of a kernel that was asked for with `wanted`.
    pub(crate) fn checks(self, wanted: Checks) -> Checks {
        if self.0 { wanted } else { Checks::On }
    }
}

/// A kernel bound to one operation of one shape: what planning and tuning work with.
pub trait Candidate: Send + Sync {
    /// The kernel.
    fn kernel(&self) -> &'static Kernel;

    /// Whether the kernel may be compiled without runtime checks.
    fn trust(&self) -> Trust {
        Trust::CHECKED
    }

    /// Whether the kernel should compute the shape on `device`. Pure.
    fn fit(&self, device: &Capabilities) -> Fit;

    /// Constants of the kernel for the shape on `device`; `given` ones win.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] where the kernel has no form for the shape.
    fn constants(&self, device: &Capabilities, given: &Constants) -> Result<Constants>;

    /// Other constants worth trying, the likeliest first: what a search tries. Pure.
    fn alternatives(&self, device: &Capabilities) -> Vec<Constants>;

    /// The dispatches for the shape on `device`; `stages` are the kernel's files, prepared.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] and [`crate::Error::Unsupported`] where the device's limits do not allow it.
    fn schedule(&self, stages: &[&Prepared], device: &Capabilities) -> Result<Schedule>;
}
