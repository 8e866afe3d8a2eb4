//! The device: adapters, what they can do, buffers, compiled shaders.

mod adapters;
mod architecture;
#[cfg(target_arch = "wasm32")]
mod browser;
mod buffer;
mod capabilities;
mod cores;
mod device;
#[cfg(not(target_arch = "wasm32"))]
mod dump;
mod encode;
mod fake;
mod fakes;
mod faults;
mod features;
mod fill;
#[cfg(feature = "bench")]
mod kept;
#[cfg(not(target_arch = "wasm32"))]
mod kept_pipelines;
#[cfg(not(target_arch = "wasm32"))]
mod loss_probe;
mod mutex;
mod oneshot;
mod pipeline;
#[cfg(not(target_arch = "wasm32"))]
mod poller;
mod polling;
pub(crate) mod profile;
mod quants;
mod subgroup_size;
mod summary;

pub use crate::report::{AdapterKind, AdapterSummary, CooperativeShape};
pub use adapters::{AdapterChoice, GpuOptions, adapters, find, presumed};
pub use architecture::Architecture;
#[cfg(feature = "bench")]
pub(crate) use buffer::Readback;
pub use buffer::View;
pub use capabilities::Capabilities;
pub use device::Gpu;
#[cfg(test)]
pub(crate) use fakes::of_each_architecture;
pub use fakes::{FAKES, Fake, fake};
pub(crate) use faults::Faults;
pub(crate) use features::COOPERATIVE;
pub(crate) use fill::FILL;
#[cfg(not(target_arch = "wasm32"))]
pub use kept_pipelines::KeptPipelines;
#[cfg(feature = "bench")]
pub(crate) use mutex::lock;
pub(crate) use pipeline::check_limits;
pub use pipeline::{CompileTimes, Pipeline};
pub(crate) use quants::QUANTS_FROM_GGUF;
