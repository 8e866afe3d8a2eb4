//! Portable GPU kernels and a benchmark that can be trusted, through WebGPU.

pub mod bench;
pub mod buffer;
pub mod check;
mod convenience;
pub mod data;
pub mod error;
mod fill;
#[cfg(test)]
mod golden;
pub mod gpu;
pub mod kernel;
pub mod ops;
pub mod report;
pub mod roofline;
pub mod shader;
pub mod suite;
pub mod tolerance;
pub mod tune;
pub mod units;
pub mod warning;

pub use data::Dtype;
pub use error::{Error, Result};
pub use gpu::{Gpu, GpuOptions};
pub use kernel::{Plan, PlanOptions, Tuning};
pub use ops::{
    Activation, Attention, AttentionBackward, Bias, Fma, HeadLayout, Layout, Mask, Matmul,
    Operation, Order, Softmax, Stream, StreamKind,
};

/// The README's code, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
