//! Test and benchmark data: one small seeded generator, the same on the CPU and in `shaders/fill.wgsl`.
//!
//! A value depends on (seed, operand, index) alone, so a GPU buffer of any size can be filled on the GPU and a reference
//! for any of its elements computed on the CPU without moving the buffer. Bits are hashed, so that memory compression
//! finds nothing to compress.

use crate::error::{Error, Result};
use half::f16;
use serde::{Deserialize, Serialize};

/// Elements of a block: [`Dtype::non_finite`] scans a buffer block by block, and decodes only blocks with a suspect.
const BLOCK: usize = 4096;

/// Elements of `N` bytes.
fn bits_of<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

/// Type of an operand's elements.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// IEEE single precision, 4 bytes.
    #[default]
    F32,
    /// IEEE half precision, 2 bytes.
    F16,
    /// Unsigned integers of 4 bytes: lengths and tables, which say where others lie. Exact up to 2^24 on the CPU, where
    /// values are f32.
    U32,
    /// Words of 4 bytes that several numbers are packed into, as quantised weights have them. A value on the CPU is the f32
    /// with the word's bits: it is carried and never computed with.
    Words,
}

impl Dtype {
    /// `f32`, `f16`, `u32`, which are WGSL's names too, and `words`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::U32 => "u32",
            Self::Words => "words",
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::U32 | Self::Words => 4,
            Self::F16 => 2,
        }
    }

    /// Unit roundoff `u`: the largest relative error of rounding to this type; integers are not rounded.
    #[must_use]
    pub fn unit_roundoff(self) -> f64 {
        match self {
            Self::F32 => 2f64.powi(-24),
            Self::F16 => 2f64.powi(-11),
            Self::U32 | Self::Words => 0.0,
        }
    }

    /// Elements in `bytes` of a buffer, little-endian, as numbers. Bytes behind the last whole element are left out.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 | Self::Words => bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Self::F16 => bytes
                .chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Self::U32 => bytes
                .chunks_exact(4)
                .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32)
                .collect(),
        }
    }

    /// Element `index` of `bytes` of a buffer, as a number.
    ///
    /// # Panics
    /// Past the end of `bytes`.
    #[must_use]
    pub fn element(self, bytes: &[u8], index: usize) -> f32 {
        match self {
            Self::F32 | Self::Words => f32::from_le_bytes(bytes.as_chunks().0[index]),
            Self::F16 => f16::from_le_bytes(bytes.as_chunks().0[index]).to_f32(),
            Self::U32 => u32::from_le_bytes(bytes.as_chunks().0[index]) as f32,
        }
    }

    /// Indices of the elements in `bytes` of a buffer that are infinite or no number, by their bits, ascending.
    pub fn non_finite(self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        // All bits of the exponent are set.
        let mask = match self {
            Self::F32 => 0x7f80_0000_u32,
            Self::F16 => 0x7c00,
            Self::U32 | Self::Words => 0,
        };
        let size = self.bytes() as usize;
        let blocks = bytes.chunks(BLOCK * size).enumerate();
        let suspects = blocks.filter(move |(_, block)| match self {
            Self::F32 => bits_of::<4>(block).any(|b| u32::from_le_bytes(b) & mask == mask),
            Self::F16 => {
                bits_of::<2>(block).any(|b| u32::from(u16::from_le_bytes(b)) & mask == mask)
            }
            Self::U32 | Self::Words => false,
        });
        suspects.flat_map(move |(i, block)| {
            let all = i * BLOCK..i * BLOCK + block.len() / size;
            all.filter(move |index| !self.element(bytes, *index).is_finite())
        })
    }

    /// Bytes of a buffer that holds `values`, little-endian, rounded to this type. For [`Dtype::U32`] they are rounded towards
    /// zero, and values beyond its range, and NaN, become its nearest end and 0.
    #[must_use]
    pub fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 | Self::Words => bytemuck::cast_slice(values).to_vec(),
            Self::F16 => values
                .iter()
                .flat_map(|v| f16::from_f32(*v).to_le_bytes())
                .collect(),
            Self::U32 => values
                .iter()
                .flat_map(|v| (*v as u32).to_le_bytes())
                .collect(),
        }
    }
}

/// How an operand's values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Distribution {
    /// Uniform in [-1, 1).
    #[default]
    Uniform,
    /// Uniform in [-1, 1), and one in 64 of them 16 times as large, so that a maximum matters.
    Outliers,
    /// Integers from 0 up to this bound, exclusive; only for [`Dtype::U32`], which has no uniform values. 0 gives zeros.
    Below(u32),
    /// A permutation of the integers from 0 up to this bound, exclusive, in an order that looks random. The permutation
    /// repeats after its last element. Only for [`Dtype::U32`]. 0 gives zeros.
    Permutation(u32),
    /// Random bits where `random` has ones, and the bits of `fixed` besides. Only for [`Dtype::Words`], which has no other.
    Bits {
        /// Bits that differ from word to word.
        random: u32,
        /// Bits that every word has.
        fixed: u32,
    },
}

impl Distribution {
    /// The value that `shaders/fill.wgsl` knows it by.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Uniform => 0,
            Self::Outliers => 1,
            Self::Below(_) => 2,
            Self::Permutation(_) => 3,
            Self::Bits { .. } => 4,
        }
    }
}

/// The operands' values for a reference: any element of any operand, as f64.
pub trait Inputs {
    /// Element `index` of an operand by its place in [`Operation::operands`](crate::Operation::operands).
    fn get(&self, operand: usize, index: u64) -> f64;

    /// Word `index` of an operand of [`Dtype::Words`]. Inputs that keep numbers have the word as an integer.
    fn word(&self, operand: usize, index: u64) -> u32 {
        self.get(operand, index) as u32
    }

    /// Whether some value may be infinite or NaN.
    fn may_be_special(&self) -> bool {
        true
    }
}

/// Values that the generator gives, computed on demand.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The seed.
    pub seed: u32,
    /// Type and spread of each operand, in order.
    pub operands: Vec<(Dtype, Distribution)>,
}

impl Inputs for Generated {
    fn get(&self, operand: usize, index: u64) -> f64 {
        let (dtype, distribution) = self.operands[operand];
        f64::from(value(
            stream_seed(self.seed, operand),
            index as u32,
            dtype,
            distribution,
        ))
    }

    fn word(&self, operand: usize, index: u64) -> u32 {
        let (_, distribution) = self.operands[operand];
        word(stream_seed(self.seed, operand), index as u32, distribution)
    }

    fn may_be_special(&self) -> bool {
        false
    }
}

/// Values that the caller gives.
impl Inputs for &[Vec<f32>] {
    fn get(&self, operand: usize, index: u64) -> f64 {
        f64::from(self[operand][index as usize])
    }

    fn word(&self, operand: usize, index: u64) -> u32 {
        self[operand][index as usize].to_bits()
    }

    fn may_be_special(&self) -> bool {
        self.iter().flatten().any(|value| !value.is_finite())
    }
}

/// The seed of one operand's values.
#[must_use]
pub fn stream_seed(seed: u32, operand: usize) -> u32 {
    mix(seed ^ mix(operand as u32 + 1))
}

/// A 32-bit mixer with full avalanche (Wellons, "Prospecting for Hash Functions", 2018, the `lowbias32` constants).
#[must_use]
pub fn mix(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Element `index` of the values of `stream`. Exact in `dtype`: 24 bits in f32, 11 in f16.
#[must_use]
pub fn value(stream: u32, index: u32, dtype: Dtype, distribution: Distribution) -> f32 {
    let bits = mix(index ^ stream);
    let uniform = match dtype {
        Dtype::U32 => {
            return match distribution {
                Distribution::Below(bound) => (bits % bound.max(1)) as f32,
                Distribution::Permutation(count) => permuted(stream, index, count.max(1)) as f32,
                _ => 0.0,
            };
        }
        Dtype::Words => return f32::from_bits(word(stream, index, distribution)),
        Dtype::F32 => (bits >> 8) as f32 / 8_388_608.0 - 1.0,
        Dtype::F16 => (bits >> 21) as f32 / 1024.0 - 1.0,
    };
    let outlier = distribution == Distribution::Outliers && mix(bits).trailing_zeros() >= 6;
    if outlier { uniform * 16.0 } else { uniform }
}

/// Word `index` of the words of `stream`; 0 for a distribution that is not one of bits.
fn word(stream: u32, index: u32, distribution: Distribution) -> u32 {
    match distribution {
        Distribution::Bits { random, fixed } => mix(index ^ stream) & random | fixed,
        _ => 0,
    }
}

/// Element `index` of a permutation of the integers below `count`, by cycle walking (Black and Rogaway, "Ciphers with
/// Arbitrary Finite Domains", 2002). Each round is invertible and mixes as many bits as `count - 1` has. Rounds are repeated
/// until the value is below `count`.
fn permuted(stream: u32, index: u32, count: u32) -> u32 {
    let mask = u32::MAX
        .checked_shr((count - 1).leading_zeros())
        .unwrap_or(0);
    let half = (mask.count_ones() / 2).max(1);
    let mut x = index % count;
    loop {
        for factor in [0x7feb_352d, 0x846c_a68b, 0x9e37_79b1] {
            x = (x ^ stream).wrapping_mul(factor) & mask;
            x ^= x >> half;
        }
        if x < count {
            return x;
        }
    }
}

/// The first `count` values of operand `operand`, by its place in [`Operation::operands`](crate::Operation::operands).
#[must_use]
pub fn generate(
    seed: u32,
    operand: usize,
    count: usize,
    dtype: Dtype,
    distribution: Distribution,
) -> Vec<f32> {
    let stream = stream_seed(seed, operand);
    (0..count)
        .map(|i| value(stream, i as u32, dtype, distribution))
        .collect()
}

/// Refuses values that are not finite.
///
/// # Errors
/// [`Error::NonFinite`] with the first such value.
pub fn require_finite(what: &str, values: &[f32]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::NonFinite {
            what: what.to_owned(),
            index: index as u64,
            value: f64::from(values[index]),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_in_their_type_and_in_range() {
        for dtype in [Dtype::F32, Dtype::F16] {
            let values = generate(7, 1, 10_000, dtype, Distribution::Uniform);
            assert_eq!(dtype.decode(&dtype.encode(&values)), values);
            assert!(values.iter().all(|v| (-1.0..1.0).contains(v)));
            let mean = values.iter().sum::<f32>() / 10_000.0;
            assert!(mean.abs() < 0.03, "{mean}");
        }
    }

    #[test]
    fn elements_that_are_not_finite_are_found_by_their_bits() {
        for dtype in [Dtype::F32, Dtype::F16] {
            let mut values = vec![0.5; 3 * BLOCK + 17];
            assert_eq!(dtype.non_finite(&dtype.encode(&values)).count(), 0);
            let places = [0, BLOCK - 1, BLOCK, 2 * BLOCK + 5, 3 * BLOCK + 16];
            let odd = [
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
                -f32::NAN,
                f32::NAN,
            ];
            for (place, value) in places.into_iter().zip(odd) {
                values[place] = value;
            }
            let bytes = dtype.encode(&values);
            assert_eq!(dtype.non_finite(&bytes).collect::<Vec<_>>(), places);
            assert_eq!(
                dtype.element(&bytes, BLOCK).to_bits(),
                f32::NEG_INFINITY.to_bits()
            );
        }
        let all_ones = [0xff; 16];
        assert_eq!(Dtype::U32.non_finite(&all_ones).count(), 0);
    }

    #[test]
    fn outliers_are_one_in_64() {
        let values = generate(7, 0, 64_000, Dtype::F16, Distribution::Outliers);
        let outside = values.iter().filter(|v| v.abs() > 1.0).count();
        assert!((800..1200).contains(&outside), "{outside}");
        assert_eq!(Dtype::F16.decode(&Dtype::F16.encode(&values)), values);
    }

    #[test]
    fn integers_are_exact_and_below_their_bound() {
        let values = generate(7, 0, 1000, Dtype::U32, Distribution::Below(9));
        assert_eq!(Dtype::U32.decode(&Dtype::U32.encode(&values)), values);
        assert!((0..9).all(|n| values.contains(&(n as f32))));
        assert!(values.iter().all(|v| *v < 9.0));
        let none = generate(7, 0, 10, Dtype::U32, Distribution::Below(0));
        assert!(none.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn words_keep_their_bits() {
        let spread = Distribution::Bits {
            random: 0xff80_00ff,
            fixed: 0x0070_0000,
        };
        let values = generate(7, 2, 1000, Dtype::Words, spread);
        assert_eq!(
            Dtype::Words.decode(&Dtype::Words.encode(&values)).len(),
            1000
        );
        let generated = Generated {
            seed: 7,
            operands: vec![(Dtype::Words, spread); 3],
        };
        for (index, value) in values.iter().enumerate() {
            let word = generated.word(2, index as u64);
            assert_eq!(word, value.to_bits());
            assert_eq!(word & 0x007f_ff00, 0x0070_0000);
        }
        // Some of these are NaN as f32.
        assert!(values.iter().any(|value| value.is_nan()));
    }

    #[test]
    fn a_permutation_has_every_integer_once() {
        for count in (1..300).chain([1000, 1024, 65_535, 65_537, 100_003]) {
            let spread = Distribution::Permutation(count);
            let values = generate(count, 3, 2 * count as usize, Dtype::U32, spread);
            let (first, again) = values.split_at(count as usize);
            assert_eq!(first, again);
            let mut sorted = first.to_vec();
            sorted.sort_by(f32::total_cmp);
            assert!((0..count).map(|n| n as f32).eq(sorted), "{count}");
        }
        let of = |seed| generate(seed, 3, 1000, Dtype::U32, Distribution::Permutation(1000));
        assert_ne!(of(1), of(2));
        // The order differs from the order of memory as much as random numbers do: neighbours are far apart.
        let near = of(1)
            .windows(2)
            .filter(|w| (w[0] - w[1]).abs() < 10.0)
            .count();
        assert!(near < 60, "{near}");
        assert_eq!(permuted(7, 5, 1), 0);
        assert!(permuted(7, u32::MAX - 1, u32::MAX) < u32::MAX);
    }

    #[test]
    fn seeds_and_operands_differ() {
        let first = |seed, operand| generate(seed, operand, 8, Dtype::F32, Distribution::Uniform);
        assert_ne!(first(1, 0), first(2, 0));
        assert_ne!(first(1, 0), first(1, 1));
        assert_eq!(first(1, 0), first(1, 0));
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        assert_eq!(require_finite("a", &[0.0, 1e38]), Ok(()));
        let error = require_finite("a", &[0.0, f32::INFINITY, f32::NAN]).unwrap_err();
        assert!(matches!(error, Error::NonFinite { index: 1, .. }));
    }
}
