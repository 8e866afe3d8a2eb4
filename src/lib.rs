//! Portable GPU kernels and a benchmark that can be trusted, through WebGPU.

pub mod bench;
pub mod error;
pub mod units;
pub mod warning;
