//! Blocks of GGUF files as matrices, and back.
//!
//! Both ways move bits and compute nothing: a block comes back as it was, bit for bit.

use super::pack::{LONGEST_BLOCK, pack, unpack};
use super::{WeightMatrix, Weights, check};
use crate::error::{Error, Result};

impl WeightMatrix {
    /// Matrix of a GGUF tensor's blocks, row by row: `n` rows of `k` elements.
    ///
    /// Formats are [`Weights::Q4_0`], [`Weights::Q4_1`], [`Weights::Q8_0`], [`Weights::Q4K`] and [`Weights::Q6K`]. GGUF writes
    /// the dimension of neighbours first: `k` is dimension 0 of the tensor, `n` dimension 1.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other formats. [`Error::Shape`] for sizes that the format does not have, and for weights
    /// beyond f16. [`Error::Length`] for another number of bytes. [`Error::NonFinite`] for a scale or a minimum that is NaN or
    /// infinite.
    pub fn from_gguf(weights: Weights, n: u64, k: u64, bytes: &[u8]) -> Result<Self> {
        let layout = require_blocks(weights, n, k, bytes.len())?;
        let scales = layout.read_scales(weights, k, bytes);
        let mut quants = Vec::with_capacity((n * weights.quant_words(k)) as usize);
        let mut elements = [0; LONGEST_BLOCK];
        let elements = &mut elements[..weights.block() as usize];
        for block in bytes.chunks_exact(layout.bytes) {
            layout.read_quants(weights, block, elements);
            pack(weights, elements, &mut quants);
        }
        Self::from_words(weights, n, k, quants, scales)
    }

    /// Bytes of the blocks as a GGUF file has them: the inverse of [`WeightMatrix::from_gguf`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] for formats that GGUF does not have.
    pub fn to_gguf(&self) -> Result<Vec<u8>> {
        let weights = self.weights();
        let layout = layout(weights)?;
        let blocks = self.k() / weights.block();
        let mut bytes = Vec::with_capacity(self.n() as usize * blocks as usize * layout.bytes);
        let mut elements = [0; LONGEST_BLOCK];
        let elements = &mut elements[..weights.block() as usize];
        let words = weights.quant_words(weights.block()) as usize;
        for (quants, scales) in self.rows() {
            for (index, quants) in quants.chunks_exact(words).enumerate() {
                unpack(weights, quants, elements);
                write(weights, elements, index, scales, &mut bytes);
            }
        }
        Ok(bytes)
    }
}

/// Places of quants in a block.
///
/// Quants of four and six bits have their low four bits in bytes. The low nibbles of `span` bytes are `span` elements, and the
/// high nibbles are the next `span`. The next bytes have the elements behind them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockLayout {
    /// Bytes of a block.
    pub(crate) bytes: usize,
    /// The byte at which the quants begin, or their low four bits.
    pub(crate) quants: usize,
    /// Elements whose low bits are the low nibbles of a run of bytes. Quants of eight bits have none.
    pub(crate) span: usize,
    /// The byte at which bits four and five begin, in formats of six bits.
    pub(crate) high: usize,
}

/// Layout of a block.
///
/// # Errors
/// [`Error::Unsupported`] for formats that GGUF does not have.
pub(crate) fn layout(weights: Weights) -> Result<BlockLayout> {
    let (bytes, quants, span, high) = match weights {
        Weights::Q4_0 => (18, 2, 16, 0),
        Weights::Q4_1 => (20, 4, 16, 0),
        Weights::Q8_0 => (34, 2, 0, 0),
        Weights::Q4K => (144, 16, 32, 0),
        Weights::Q6K => (210, 0, 64, 128),
        Weights::Float | Weights::Int4 | Weights::Int8 => {
            return Err(Error::Unsupported {
                what: format!("a GGUF block of {}", weights.name()),
                reason: "GGUF has blocks of q4_0, q4_1, q8_0, q4_k and q6_k; use one of them"
                    .to_owned(),
            });
        }
    };
    Ok(BlockLayout {
        bytes,
        quants,
        span,
        high,
    })
}

/// Layout of the blocks of `n` rows of `k` elements, which have to be `length` bytes.
///
/// # Errors
/// Errors of [`layout`], and of sizes and length as [`WeightMatrix::from_gguf`] has them.
fn require_blocks(weights: Weights, n: u64, k: u64, length: usize) -> Result<BlockLayout> {
    let layout = layout(weights)?;
    check::sizes(weights, n, k)?;
    let needed = n * (k / weights.block()) * layout.bytes as u64;
    check::length("bytes", (weights, n, k), needed, length)?;
    Ok(layout)
}

/// Words of the scales of a matrix whose blocks are `bytes`, with every check of [`WeightMatrix::from_gguf`].
///
/// # Errors
/// Errors of [`WeightMatrix::from_gguf`].
pub(crate) fn checked_scales(weights: Weights, n: u64, k: u64, bytes: &[u8]) -> Result<Vec<u32>> {
    let layout = require_blocks(weights, n, k, bytes.len())?;
    let scales = layout.read_scales(weights, k, bytes);
    check::scales(weights, k, &scales)?;
    Ok(scales)
}

impl BlockLayout {
    /// Words of the scales of all blocks in `bytes`, in rows of `k` elements.
    fn read_scales(self, weights: Weights, k: u64, bytes: &[u8]) -> Vec<u32> {
        let blocks = (k / weights.block()) as usize;
        let rows = bytes.chunks_exact(blocks * self.bytes);
        let mut scales = Vec::with_capacity(rows.len() * weights.scale_words(k) as usize);
        for row in rows {
            for (index, block) in row.chunks_exact(self.bytes).enumerate() {
                read_scales_of_block(weights, block, index, &mut scales);
            }
        }
        scales
    }

    /// Quants of a block in order of elements.
    fn read_quants(self, weights: Weights, block: &[u8], elements: &mut [u8]) {
        let quants = &block[self.quants..];
        if weights.bits() == 8 {
            elements.copy_from_slice(quants);
            return;
        }
        for (bytes, elements) in quants
            .chunks(self.span)
            .zip(elements.chunks_mut(2 * self.span))
        {
            split(bytes, elements);
        }
        if weights.bits() == 6 {
            let runs = block[self.high..].chunks(32).zip(elements.chunks_mut(128));
            for (high, elements) in runs {
                for (elements, shift) in elements.chunks_mut(32).zip([0, 2, 4, 6]) {
                    for (element, pairs) in elements.iter_mut().zip(high) {
                        *element |= (pairs >> shift & 3) << 4;
                    }
                }
            }
        }
    }
}

/// Appends the scales of a block to those of its row. `index` is the block's place in the row.
fn read_scales_of_block(weights: Weights, bytes: &[u8], index: usize, scales: &mut Vec<u32>) {
    let half = |at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    match weights {
        Weights::Q4_0 | Weights::Q8_0 => match scales.last_mut() {
            Some(word) if index % 2 == 1 => *word |= half(0) << 16,
            _ => scales.push(half(0)),
        },
        Weights::Q4_1 => scales.push(half(0) | half(2) << 16),
        Weights::Q4K => {
            scales.push(half(0) | half(2) << 16);
            let groups = unpack_six_bits(&bytes[4..16]);
            scales.extend(groups.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)));
        }
        Weights::Q6K => {
            scales.push(half(208));
            let groups = bytes[192..208].as_chunks().0.iter();
            scales.extend(groups.map(|b| u32::from_le_bytes(*b)));
        }
        Weights::Float | Weights::Int4 | Weights::Int8 => {}
    }
}

/// Bytes of a block from its elements and `scales`, which are those of its row.
fn write(weights: Weights, elements: &[u8], index: usize, scales: &[u32], bytes: &mut Vec<u8>) {
    match weights {
        Weights::Q4_0 | Weights::Q8_0 => {
            let scale = (scales[index / 2] >> (16 * (index % 2))) as u16;
            bytes.extend(scale.to_le_bytes());
            if weights == Weights::Q4_0 {
                bytes.extend(joined(elements));
            } else {
                bytes.extend(elements);
            }
        }
        Weights::Q4_1 => {
            bytes.extend(scales[index].to_le_bytes());
            bytes.extend(joined(elements));
        }
        Weights::Q4K => {
            let scales = &scales[5 * index..][..5];
            bytes.extend(scales[0].to_le_bytes());
            let groups: Vec<u8> = scales[1..].iter().flat_map(|s| s.to_le_bytes()).collect();
            bytes.extend(pack_six_bits(&groups));
            bytes.extend(elements.chunks(64).flat_map(joined));
        }
        Weights::Q6K => {
            let scales = &scales[5 * index..][..5];
            bytes.extend(elements.chunks(128).flat_map(joined));
            for elements in elements.chunks(128) {
                let pairs =
                    |at: usize| (0..4).map(move |i| (elements[at + 32 * i] >> 4) << (2 * i));
                bytes.extend((0..32).map(|at| pairs(at).fold(0, |byte, pair| byte | pair)));
            }
            bytes.extend(scales[1..].iter().flat_map(|s| s.to_le_bytes()));
            bytes.extend((scales[0] as u16).to_le_bytes());
        }
        Weights::Float | Weights::Int4 | Weights::Int8 => {}
    }
}

/// Low nibbles of `bytes` as the first half of `elements`, high ones as the second.
fn split(bytes: &[u8], elements: &mut [u8]) {
    let (low, high) = elements.split_at_mut(bytes.len());
    for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
        (*low, *high) = (byte & 0xf, byte >> 4);
    }
}

/// Bytes of nibbles: the inverse of [`split`]. Only the low four bits of an element count.
fn joined(elements: &[u8]) -> impl Iterator<Item = u8> {
    let (low, high) = elements.split_at(elements.len() / 2);
    low.iter()
        .zip(high)
        .map(|(low, high)| low & 0xf | high << 4)
}

/// Scale and minimum of each of the eight groups of a `Q4_K` block, from its twelve bytes.
///
/// Bytes 0 to 3 have the scales of the first four groups, bytes 4 to 7 their minimums. Their top two bits are the top bits of
/// the last four groups, whose low four bits are nibbles of bytes 8 to 11.
fn unpack_six_bits(packed: &[u8]) -> [u8; 16] {
    let mut groups = [0; 16];
    for j in 0..4 {
        let (scale, minimum, rest) = (packed[j], packed[j + 4], packed[j + 8]);
        groups[2 * j] = scale & 63;
        groups[2 * j + 1] = minimum & 63;
        groups[2 * j + 8] = rest & 0xf | scale >> 6 << 4;
        groups[2 * j + 9] = rest >> 4 | minimum >> 6 << 4;
    }
    groups
}

/// Twelve bytes of a `Q4_K` block: the inverse of [`unpack_six_bits`].
fn pack_six_bits(groups: &[u8]) -> [u8; 12] {
    let mut packed = [0; 12];
    for j in 0..4 {
        let (scale, minimum) = (groups[2 * j + 8], groups[2 * j + 9]);
        packed[j] = groups[2 * j] | scale >> 4 << 6;
        packed[j + 4] = groups[2 * j + 1] | minimum >> 4 << 6;
        packed[j + 8] = scale & 0xf | minimum << 4;
    }
    packed
}

#[cfg(test)]
mod tests;
