//! Matrices of weights on the host.

use super::pack::pack;
use super::{Weights, check};
use crate::error::Result;
use bytemuck::cast_slice;

/// Weights of a product on the host, laid out for kernels: `[n, k]`.
///
/// Every constructor checks its input: lengths fit, scales are finite, and no weight can exceed f16's largest, 65504, because
/// kernels round weights to f16. Equal matrices have equal words: bits without a meaning are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightMatrix {
    weights: Weights,
    n: u64,
    k: u64,
    quants: Vec<u32>,
    scales: Vec<u32>,
}

impl WeightMatrix {
    /// Matrix of words that are laid out already, as [`WeightMatrix::quants`] and [`WeightMatrix::scales`] give them.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for [`Weights::Float`]. [`Error::Shape`] for sizes that the format does not have, a zero point
    /// above 16, a six-bit scale above 63, padding that is not zero, and weights beyond f16. [`Error::Length`] for another
    /// number of words. [`Error::NonFinite`] for a scale or a minimum that is NaN or infinite.
    ///
    /// [`Error::Unsupported`]: crate::Error::Unsupported
    /// [`Error::Shape`]: crate::Error::Shape
    /// [`Error::Length`]: crate::Error::Length
    /// [`Error::NonFinite`]: crate::Error::NonFinite
    pub fn from_words(
        weights: Weights,
        n: u64,
        k: u64,
        quants: Vec<u32>,
        scales: Vec<u32>,
    ) -> Result<Self> {
        check::sizes(weights, n, k)?;
        let shape = (weights, n, k);
        check::length("quants", shape, n * weights.quant_words(k), quants.len())?;
        check::length("scales", shape, n * weights.scale_words(k), scales.len())?;
        check::scales(weights, k, &scales)?;
        Ok(Self {
            weights,
            n,
            k,
            quants,
            scales,
        })
    }

    /// Matrix of [`Weights::Int8`]: `values` are `[n, k]`, and `scales` has one number a row.
    ///
    /// # Errors
    /// [`Error::Shape`] for sizes that the format does not have, and for weights beyond f16. [`Error::Length`] for another
    /// number of values or scales. [`Error::NonFinite`] for a scale that is NaN or infinite.
    ///
    /// [`Error::Shape`]: crate::Error::Shape
    /// [`Error::Length`]: crate::Error::Length
    /// [`Error::NonFinite`]: crate::Error::NonFinite
    pub fn from_int8(n: u64, k: u64, values: &[i8], scales: &[f32]) -> Result<Self> {
        let weights = Weights::Int8;
        check::sizes(weights, n, k)?;
        check::length("values", (weights, n, k), n * k, values.len())?;
        check::length("scales", (weights, n, k), n, scales.len())?;
        let mut quants = Vec::with_capacity(values.len() / 4);
        pack(weights, cast_slice(values), &mut quants);
        let scales = scales.iter().map(|scale| scale.to_bits()).collect();
        Self::from_words(weights, n, k, quants, scales)
    }

    /// Format of the elements.
    #[must_use]
    pub const fn weights(&self) -> Weights {
        self.weights
    }

    /// Number of rows: columns of the product.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Elements of a row: depth of the product.
    #[must_use]
    pub const fn k(&self) -> u64 {
        self.k
    }

    /// Words of the quants: [`Weights::quant_words`] for each row.
    #[must_use]
    pub fn quants(&self) -> &[u32] {
        &self.quants
    }

    /// Words of the scales: [`Weights::scale_words`] for each row.
    #[must_use]
    pub fn scales(&self) -> &[u32] {
        &self.scales
    }

    /// Values of all elements, row by row, as [`Group::value`](super::Group::value) defines them.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity((self.n * self.k) as usize);
        for (quants, scales) in self.rows() {
            let word = |words: &[u32], index: u64| words[index as usize];
            for first in (0..self.k).step_by(self.weights.group(self.k) as usize) {
                let group = self.weights.group_of(first, |i| word(scales, i));
                let elements = first..first + self.weights.group(self.k);
                let quant = |index| self.weights.quant(index, |i| word(quants, i));
                values.extend(elements.map(|index| group.value(quant(index))));
            }
        }
        values
    }

    /// Quants and scales of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        let quants = self.weights.quant_words(self.k) as usize;
        let scales = self.weights.scale_words(self.k) as usize;
        (self.quants.chunks_exact(quants)).zip(self.scales.chunks_exact(scales))
    }
}

#[cfg(test)]
mod tests;
