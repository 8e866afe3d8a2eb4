//! Random weights for tests.

use super::Weights;
use half::f16;

/// Formats with blocks of GGUF: bytes of a block, and where scales and minimums of f16 begin.
pub(super) const GGUF: [(Weights, usize, &[usize]); 5] = [
    (Weights::Q4_0, 18, &[0]),
    (Weights::Q4_1, 20, &[0, 2]),
    (Weights::Q8_0, 34, &[0]),
    (Weights::Q4K, 144, &[0, 2]),
    (Weights::Q6K, 210, &[208]),
];

/// Pseudo-random numbers: xorshift64, so that a failure comes again.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32
    }

    /// A number of either sign below 16, which no format's quants take beyond f16. Some are subnormal.
    pub(super) fn scale(&mut self) -> f16 {
        let (bits, exponent) = (self.bits(), self.bits() % 19);
        f16::from_bits((bits & 0x83ff | exponent << 10) as u16)
    }

    pub(super) fn words(&mut self, count: u64) -> Vec<u32> {
        (0..count).map(|_| self.bits()).collect()
    }

    /// Blocks of random bits with finite scales.
    pub(super) fn blocks(&mut self, size: usize, halves: &[usize], count: u64) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..size as u64 * count)
            .map(|_| self.bits() as u8)
            .collect();
        for block in bytes.chunks_exact_mut(size) {
            for &at in halves {
                block[at..at + 2].copy_from_slice(&self.scale().to_bits().to_le_bytes());
            }
        }
        bytes
    }
}
