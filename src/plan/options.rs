//! How to plan.

use crate::kernel::Constants;
use crate::report::Tuning;
use crate::shader::{Checks, Loops};
use std::sync::Arc;

/// Options of planning. By default the library chooses kernel and constants.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// The kernel by name; `None` for the best that runs here.
    pub kernel: Option<&'static str>,
    /// Index of one of the kernel's presets; the files as they are where the kernel has no such preset.
    pub preset: usize,
    /// Constants that replace the preset's.
    pub constants: Constants,
    /// Runtime checks in shaders.
    pub checks: Checks,
    /// Whether loops with constant bounds are written out.
    pub loops: Loops,
    /// Configurations that a search found to be faster than the library's choice, used where kernel, preset and constants
    /// are left open. `None` for none: nothing is read unless it is given here.
    pub tuning: Option<Arc<Tuning>>,
    /// Who owns the scratch memory.
    pub scratch: ScratchOwner,
}

/// Who owns the scratch memory of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScratchOwner {
    /// The plan allocates its scratch memory when it is made.
    #[default]
    Plan,
    /// The caller gives buffers of [`Plan::scratch`](crate::Plan::scratch) bytes to
    /// [`Plan::bind_with_scratch`](crate::Plan::bind_with_scratch): several plans that run one after the other may share
    /// them.
    Caller,
}

impl PlanOptions {
    /// Whether kernel and constants are the library's to choose.
    pub(super) fn is_open(&self) -> bool {
        self.kernel.is_none() && self.preset == 0 && self.constants.is_empty()
    }
}
