//! Weights of few bits: the matrix B of a product as whole words of quants, with scales apart.
//!
//! A format's blocks of 18, 34 or 210 bytes are no whole words, so a matrix is rearranged once, when it is loaded. The matrix
//! lies as model files have it, `[n, k]`: one row of words for each column of the product. [`Weights`] says how a row of
//! quants and a row of scales are laid out, and what value an element has. [`WeightMatrix`] holds such a matrix on the host:
//! it reads blocks of GGUF, tensors of AWQ and GPTQ, and integers with a scale for each row.

mod check;
mod form;
pub(crate) mod gguf;
mod groups;
mod matrix;
mod pack;
#[cfg(test)]
mod samples;

pub(crate) use form::BLOCK;
pub use form::{Group, Weights};
pub use groups::GptqZeros;
pub use matrix::WeightMatrix;
