//! Packing of quants into words, as [`Weights`] lays them out.

use super::Weights;
use super::form::{BLOCK, byte_of, high_bits_of, nibble_of};

/// Most elements of a block of any format.
pub(super) const LONGEST_BLOCK: usize = 256;

/// Bit that turns a byte of two's complement into one that is 128 more, and back.
const SIGN: u8 = 0x80;

/// Words of `quants` in order of elements, appended to `words`. Eight bits are a byte of two's complement each.
///
/// The number of quants is a multiple of [`BLOCK`].
pub(super) fn pack(weights: Weights, quants: &[u8], words: &mut Vec<u32>) {
    match weights.bits() {
        4 => words.extend(quants.as_chunks().0.iter().copied().map(nibbles)),
        6 => {
            for run in quants.as_chunks::<{ BLOCK as usize }>().0 {
                words.extend(run.as_chunks().0.iter().copied().map(nibbles));
                words.extend(run.as_chunks().0.iter().map(high_pairs));
            }
        }
        8 => words.extend(quants.as_chunks().0.iter().copied().map(bytes)),
        _ => {}
    }
}

/// Quants of a run of words in order of elements: the inverse of [`pack`].
pub(super) fn unpack(weights: Weights, words: &[u32], quants: &mut [u8]) {
    for (index, quant) in quants.iter_mut().enumerate() {
        let sign = if weights.bits() == 8 { SIGN } else { 0 };
        *quant = weights.quant(index as u64, |word| words[word as usize]) as u8 ^ sign;
    }
}

/// Word of the low four bits of eight elements.
pub(super) fn nibbles(quants: [u8; 8]) -> u32 {
    let places = (0..).map(|index| 4 * nibble_of(index));
    let nibbles = quants.iter().map(|&quant| u32::from(quant & 0xf));
    nibbles
        .zip(places)
        .fold(0, |word, (nibble, at)| word | nibble << at)
}

/// Word of four bytes of two's complement.
fn bytes(quants: [u8; 4]) -> u32 {
    let bytes = quants.iter().map(|&quant| u32::from(quant ^ SIGN));
    bytes
        .zip(0..)
        .fold(0, |word, (byte, index)| word | byte << byte_of(index))
}

/// Word of bits four and five of sixteen elements.
fn high_pairs(quants: &[u8; 16]) -> u32 {
    let pairs = quants.iter().map(|&quant| u32::from(quant >> 4 & 3));
    pairs
        .zip(0..)
        .fold(0, |word, (pair, index)| word | pair << high_bits_of(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_quants_are_unpacked_in_order() {
        for weights in Weights::QUANTIZED {
            let mask = (1_u32 << weights.bits()) - 1;
            let quants: Vec<u8> = (0..96_u32)
                .map(|i| ((i * 37 + i / 7) & mask) as u8)
                .collect();
            let mut words = Vec::new();
            pack(weights, &quants, &mut words);
            assert_eq!(words.len() as u64, weights.quant_words(96), "{weights:?}");
            let mut again = [0; 96];
            unpack(weights, &words, &mut again);
            assert_eq!(again[..], quants, "{weights:?}");
        }
    }

    #[test]
    fn neighbours_lie_sixteen_bits_apart() {
        assert_eq!(nibbles([0, 1, 2, 3, 4, 5, 6, 7]), 0x7531_6420);
    }
}
