//! Plans: an operation of one shape with the kernel that is best on a device, ready to run on anybody's buffers.

mod checks;
mod choose;
mod draft;
mod launch;
mod options;
mod planning;
mod preview;
pub mod store;
mod tuning;

pub use checks::check_sizes;
#[cfg(test)]
pub(crate) use checks::check_uniforms;
pub use choose::{Choice, choose};
#[cfg(any(test, feature = "bench"))]
pub(crate) use choose::{chosen, constants_of};
#[cfg(test)]
pub(crate) use draft::Draft;
pub use launch::Launch;
pub use options::{PlanOptions, ScratchOwner};
pub use planning::Plan;
pub use preview::{Preview, PreviewStage, preview};
pub use store::Store;
#[cfg(test)]
pub(crate) use tuning::tests as tuning_tests;
