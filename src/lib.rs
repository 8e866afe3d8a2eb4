//! Portable GPU kernels and a benchmark that can be trusted, through WebGPU.

#[cfg(feature = "bench")]
pub mod bench;
#[cfg(feature = "bench")]
pub mod check;
#[cfg(feature = "bench")]
pub mod compare;
#[cfg(feature = "statistics")]
pub mod compiler;
pub mod data;
pub mod error;
pub mod files;
#[cfg(all(test, feature = "bench"))]
mod golden;
pub mod gpu;
pub mod kernel;
mod open;
pub mod ops;
pub mod plan;
#[cfg(feature = "bench")]
pub mod render;
pub mod report;
#[cfg(feature = "bench")]
pub mod roofline;
#[cfg(feature = "bench")]
pub mod sensors;
pub mod shader;
#[cfg(feature = "bench")]
pub mod suite;
pub mod tensor;
pub mod text;
pub mod tolerance;
#[cfg(feature = "bench")]
pub mod tune;
pub mod units;
pub mod weights;

pub use data::Dtype;
pub use error::{Error, Result};
pub use gpu::{Gpu, GpuOptions};
pub use ops::{
    Activation, Activations, Attention, AttentionBackward, Bias, Fma, HeadLayout, Layout, Mask,
    Matmul, Norm, NormKind, Operation, Order, Softmax, Stream, StreamKind,
};
pub use plan::{Plan, PlanOptions};
pub use report::Tuning;
pub use tensor::{Batch, Tensor};

/// The code of the README and of docs/library.md, compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/library.md")]
struct Readme;
