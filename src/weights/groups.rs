//! Tensors of AWQ and GPTQ, four bits in groups of 128, as matrices.

use super::form::nibble_of;
use super::pack::nibbles;
use super::{WeightMatrix, Weights, check};
use crate::error::{Error, Result};
use half::f16;

/// Elements of a group.
const GROUP: u64 = 128;

/// Meaning of the zero points in a GPTQ file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GptqZeros {
    /// The file stores zero points less one: `checkpoint_format` is `gptq`, or is not given. A stored 15 is 16.
    MinusOne,
    /// The file stores zero points: `checkpoint_format` is `gptq_v2`.
    AsIs,
}

/// Place of an element in a word of eight.
type Nibble = fn(u64) -> u64;

impl WeightMatrix {
    /// Matrix of [`Weights::Int4`] from an AWQ layer with groups of 128 and `n` outputs.
    ///
    /// `qweight` is `[k, n / 8]`, `qzeros` is `[k / 128, n / 8]` and `scales` is `[k / 128, n]`, as the file has them.
    ///
    /// # Errors
    /// [`Error::Shape`] if `n` is not a multiple of 8 or `k` not of 128, and for weights beyond f16. [`Error::Length`] for a
    /// tensor of another length. [`Error::NonFinite`] for a scale that is NaN or infinite, with its index in `scales`.
    pub fn from_awq(
        n: u64,
        k: u64,
        qweight: &[u32],
        qzeros: &[u32],
        scales: &[f16],
    ) -> Result<Self> {
        let scales = scales_of_groups((n, k), qweight, (qzeros, nibble_of, 0), scales)?;
        let columns = n as usize / 8;
        let quants = rows_of_words((n, k), |word, column| {
            let (first, at) = (
                8 * word * columns + column / 8,
                4 * nibble_of(column as u64 % 8),
            );
            std::array::from_fn(|e| (qweight[first + e * columns] >> at) as u8)
        });
        Self::from_words(Weights::Int4, n, k, quants, scales)
    }

    /// Matrix of [`Weights::Int4`] from a GPTQ layer of four bits with groups of 128 and `n` outputs.
    ///
    /// `qweight` is `[k / 8, n]`, `qzeros` is `[k / 128, n / 8]` and `scales` is `[k / 128, n]`, as the file has them.
    /// `group_of` is the file's `g_idx`, if it has one: the group of each element of a row.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if `group_of` is not in order, as a file with act-order has it. [`Error::Shape`] if `n` is not a
    /// multiple of 8 or `k` not of 128, and for weights beyond f16. [`Error::Length`] for a tensor of another length.
    /// [`Error::NonFinite`] for a scale that is NaN or infinite, with its index in `scales`.
    pub fn from_gptq(
        n: u64,
        k: u64,
        qweight: &[u32],
        qzeros: &[u32],
        scales: &[f16],
        group_of: Option<&[u32]>,
        zeros: GptqZeros,
    ) -> Result<Self> {
        let added = match zeros {
            GptqZeros::MinusOne => 1,
            GptqZeros::AsIs => 0,
        };
        let plain: Nibble = |index| index;
        let scales = scales_of_groups((n, k), qweight, (qzeros, plain, added), scales)?;
        if let Some(group_of) = group_of {
            require_order(n, k, group_of)?;
        }
        let columns = n as usize;
        let quants = rows_of_words((n, k), |word, column| {
            let packed = qweight[word * columns + column];
            std::array::from_fn(|e| (packed >> (4 * e)) as u8)
        });
        Self::from_words(Weights::Int4, n, k, quants, scales)
    }
}

/// Words of the scales of every row, after the lengths of all tensors are checked.
///
/// `qzeros` comes with the nibble of each of eight columns, and a number that is added to each of its zero points.
fn scales_of_groups(
    (n, k): (u64, u64),
    qweight: &[u32],
    (qzeros, nibble, added): (&[u32], Nibble, u32),
    scales: &[f16],
) -> Result<Vec<u32>> {
    let shape = (Weights::Int4, n, k);
    check::sizes(Weights::Int4, n, k)?;
    if !n.is_multiple_of(8) {
        return Err(check::fault(format!(
            "n is {n}, and files of AWQ and GPTQ pack eight columns to a word; n has to be a multiple of 8"
        )));
    }
    check::length("qweight", shape, n / 8 * k, qweight.len())?;
    check::length("qzeros", shape, k / GROUP * (n / 8), qzeros.len())?;
    check::length("scales", shape, k / GROUP * n, scales.len())?;
    if let Some(index) = scales.iter().position(|scale| !scale.is_finite()) {
        return Err(Error::NonFinite {
            what: "`scales`".to_owned(),
            index: index as u64,
            value: scales[index].to_f64(),
        });
    }
    let (columns, groups) = (n as usize, (k / GROUP) as usize);
    let word = |column: usize, group: usize| {
        let packed = qzeros[group * (columns / 8) + column / 8];
        let zero_point = (packed >> (4 * nibble(column as u64 % 8)) & 0xf) + added;
        u32::from(scales[group * columns + column].to_bits()) | zero_point << 16
    };
    let row = |column| (0..groups).map(move |group| word(column, group));
    Ok((0..columns).flat_map(row).collect())
}

/// Words of the quants of every row; `elements` gives eight elements by the place of their word in a row, and the row.
///
/// A group of all rows is done before the next: its words lie in one cache line of a row.
fn rows_of_words((n, k): (u64, u64), elements: impl Fn(usize, usize) -> [u8; 8]) -> Vec<u32> {
    const WORDS: usize = GROUP as usize / 8;
    let words = k as usize / 8;
    let mut quants = vec![0; n as usize * words];
    for first in (0..words).step_by(WORDS) {
        for (row, quants) in quants.chunks_exact_mut(words).enumerate() {
            for (quant, word) in quants[first..first + WORDS].iter_mut().zip(first..) {
                *quant = nibbles(elements(word, row));
            }
        }
    }
    quants
}

/// Refuses a `g_idx` whose groups are not consecutive runs of 128.
fn require_order(n: u64, k: u64, group_of: &[u32]) -> Result<()> {
    check::length("group_of", (Weights::Int4, n, k), k, group_of.len())?;
    let in_order = (0..k).map(|index| index / GROUP);
    let mut found = group_of.iter().zip(in_order).zip(0_u64..);
    let Some(((group, expected), index)) =
        found.find(|((group, expected), _)| u64::from(**group) != *expected)
    else {
        return Ok(());
    };
    Err(Error::Unsupported {
        what: "GPTQ with act-order (`desc_act`)".to_owned(),
        reason: format!(
            "`group_of` is {group} at index {index}, where groups in order have {expected}; \
             quantise without act-order, or sort the rows of B and the columns of A by group"
        ),
    })
}

#[cfg(test)]
mod tests;
