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
        let block = block_bytes(weights)?;
        check::sizes(weights, n, k)?;
        let blocks = k / weights.block();
        check::length(
            "bytes",
            (weights, n, k),
            n * blocks * block as u64,
            bytes.len(),
        )?;
        let mut quants = Vec::with_capacity((n * weights.quant_words(k)) as usize);
        let mut scales = Vec::with_capacity((n * weights.scale_words(k)) as usize);
        let mut elements = [0; LONGEST_BLOCK];
        let elements = &mut elements[..weights.block() as usize];
        for row in bytes.chunks_exact(blocks as usize * block) {
            for (index, block) in row.chunks_exact(block).enumerate() {
                read(weights, block, index, elements, &mut scales);
                pack(weights, elements, &mut quants);
            }
        }
        Self::from_words(weights, n, k, quants, scales)
    }

    /// Bytes of the blocks as a GGUF file has them: the inverse of [`WeightMatrix::from_gguf`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] for formats that GGUF does not have.
    pub fn to_gguf(&self) -> Result<Vec<u8>> {
        let weights = self.weights();
        let block = block_bytes(weights)?;
        let blocks = self.k() / weights.block();
        let mut bytes = Vec::with_capacity(self.n() as usize * blocks as usize * block);
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

/// Bytes of a block.
fn block_bytes(weights: Weights) -> Result<usize> {
    match weights {
        Weights::Q4_0 => Ok(18),
        Weights::Q4_1 => Ok(20),
        Weights::Q8_0 => Ok(34),
        Weights::Q4K => Ok(144),
        Weights::Q6K => Ok(210),
        Weights::Float | Weights::Int4 | Weights::Int8 => Err(Error::Unsupported {
            what: format!("a GGUF block of {}", weights.name()),
            reason: "GGUF has blocks of q4_0, q4_1, q8_0, q4_k and q6_k; use one of them"
                .to_owned(),
        }),
    }
}

/// Elements of a block, whose scales are appended to those of its row. `index` is the block's place in the row.
fn read(weights: Weights, bytes: &[u8], index: usize, elements: &mut [u8], scales: &mut Vec<u32>) {
    let half = |at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    match weights {
        Weights::Q4_0 | Weights::Q8_0 => {
            match scales.last_mut() {
                Some(word) if index % 2 == 1 => *word |= half(0) << 16,
                _ => scales.push(half(0)),
            }
            if weights == Weights::Q4_0 {
                split(&bytes[2..], elements);
            } else {
                elements.copy_from_slice(&bytes[2..]);
            }
        }
        Weights::Q4_1 => {
            scales.push(half(0) | half(2) << 16);
            split(&bytes[4..], elements);
        }
        Weights::Q4K => {
            scales.push(half(0) | half(2) << 16);
            let (packed, nibbles) = bytes[4..].split_at(12);
            let groups = unpack_six_bits(packed);
            scales.extend(groups.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)));
            for (bytes, elements) in nibbles.chunks(32).zip(elements.chunks_mut(64)) {
                split(bytes, elements);
            }
        }
        Weights::Q6K => {
            scales.push(half(208));
            let groups = bytes[192..208].as_chunks().0.iter();
            scales.extend(groups.map(|b| u32::from_le_bytes(*b)));
            let (low, high) = bytes[..192].split_at(128);
            let halves = low.chunks(64).zip(high.chunks(32));
            for ((low, high), elements) in halves.zip(elements.chunks_mut(128)) {
                split(low, elements);
                for (elements, shift) in elements.chunks_mut(32).zip([0, 2, 4, 6]) {
                    for (element, pairs) in elements.iter_mut().zip(high) {
                        *element |= (pairs >> shift & 3) << 4;
                    }
                }
            }
        }
        Weights::Float | Weights::Int4 | Weights::Int8 => {}
    }
}

/// Bytes of a block: the inverse of [`read`]. `scales` are those of the block's row.
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
