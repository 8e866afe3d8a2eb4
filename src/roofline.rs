//! The rates that this adapter can reach, and where a kernel stands under them.
//!
//! [`Roofline`] is the model (Williams, Waterman and Patterson, "Roofline", 2009): pure data and mathematics, usable
//! with no GPU. [`measure_ceilings`] measures what a run needs of it, a [`Session`] all there is, into a
//! [`RooflineReport`](crate::report::RooflineReport).

mod arithmetic;
mod atomics;
mod ceilings;
mod latency;
mod levels;
mod matrix;
mod measured;
mod memory;
mod model;
mod options;
mod peak;
mod probe;
mod roof;
mod safety;
mod session;
mod sweep;
mod system;
mod transfers;
mod workgroup;

pub use ceilings::measure_ceilings;
pub(crate) use ceilings::measure_some;
pub use levels::levels;
pub use measured::{Circumstances, MeasuredRoofline};
pub use model::{ComputeCeiling, Limit, MemoryCeiling, Place, Roofline, Source, Standing, Work};
pub use options::{ArithmeticGrid, ProbeOptions, Scope};
pub use probe::ProbeFile;
pub use roof::{Mix, Roof};
pub use session::Session;

/// Features that a [`Session`] uses where the device has them, beyond those that kernels use.
pub const FEATURES: wgpu::Features = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;

/// Every shader file that is a probe's and no kernel's.
pub static PROBE_FILES: &[&ProbeFile] = &[
    &arithmetic::F16_AFFINE,
    &arithmetic::F16_SQUARE,
    &arithmetic::I32,
    &arithmetic::DOT_I8,
    &matrix::MATRIX,
    &memory::READ,
    &memory::WRITE,
    &memory::COPY,
    &workgroup::WORKGROUP_READ,
    &latency::CHASE,
    &latency::CHASE_FILL,
    &atomics::ATOMIC_ADD,
    &system::LAUNCH_EMPTY,
];
