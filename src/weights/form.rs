//! Formats of weights: sizes of rows, places of quants, values of elements.

use crate::error::{Error, Result};
use half::f16;

/// Elements of the shortest run of quants that has scales and whole words in every format.
pub(crate) const BLOCK: u64 = 32;

/// Format of the elements of B.
///
/// A quant is a small integer; `d`, `m` and `s` are f16 numbers of a group of quants. A row has the quants of one column of
/// the product, and begins with a whole word of quants and of scales.
///
/// Neighbours lie 16 bits apart, as a pair of f16 has them. Four bits are packed eight elements to a word: nibble `j`, counted
/// from the lowest, is element `[0, 2, 4, 6, 1, 3, 5, 7][j]`. Eight bits are packed four to a word: byte `j` is element
/// `[0, 2, 1, 3][j]`. Six bits take six words for 32 elements. Four words have their low four bits, as above. Two words have
/// their high two bits, of 16 elements each: pair `j` of bits is element `2 * j`, or `2 * (j - 8) + 1` from the eighth on.
/// Signed quants of eight bits are stored with 128 added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Weights {
    /// Elements of the product's own type, f32 or f16: no quants.
    #[default]
    Float,
    /// `(q - 8) * d`, blocks of 32, four bits (GGUF). Scales: halves, one a block.
    Q4_0,
    /// `q * d + m`, blocks of 32, four bits (GGUF). Scales: a word a block, `d` in its low half and `m` in its high one.
    Q4_1,
    /// `q * d`, blocks of 32, eight bits, signed (GGUF). Scales: halves, one a block.
    Q8_0,
    /// `d * sc * q - dmin * mn`, four bits, blocks of 256 in eight groups with six-bit `sc` and `mn` (GGUF). Scales: five
    /// words a block: `d` and `dmin` as halves, then `sc` and `mn` of each group as two bytes.
    Q4K,
    /// `d * sc * (q - 32)`, six bits, blocks of 256 in sixteen groups with eight-bit, signed `sc` (GGUF). Scales: five words a
    /// block: `d` as a half below an empty half, then `sc` of each group as a byte.
    Q6K,
    /// `(q - z) * s`, four bits, groups of 128 with a zero point (AWQ, GPTQ). Scales: a word a group, `s` in its low half and
    /// the integer `z` in its high one.
    Int4,
    /// `q * s`, eight bits, signed, one f32 scale for each row. Scales: one f32 a row.
    Int8,
}

/// Scale, centre and minimum of a group of quants. A weight is `(q - centre) * scale + minimum`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Factor of the quants.
    pub scale: f32,
    /// Integer that is subtracted from a quant before.
    pub centre: f32,
    /// Number that is added after, in formats that have one.
    pub minimum: Option<f32>,
}

impl Group {
    /// The weight that `quant` stands for, in f32 as the format defines it. The difference is exact. The product is rounded,
    /// and the sum once more, where they have more than 24 bits.
    #[must_use]
    pub fn value(self, quant: i32) -> f32 {
        let product = (quant as f32 - self.centre) * self.scale;
        self.minimum.map_or(product, |minimum| product + minimum)
    }
}

impl Weights {
    /// Every format with quants.
    pub const QUANTIZED: [Self; 7] = [
        Self::Q4_0,
        Self::Q4_1,
        Self::Q8_0,
        Self::Q4K,
        Self::Q6K,
        Self::Int4,
        Self::Int8,
    ];

    /// Name in shapes and on the command line: `q4_0`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q8_0 => "q8_0",
            Self::Q4K => "q4_k",
            Self::Q6K => "q6_k",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
        }
    }

    /// The format of this name, if one with quants has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::QUANTIZED.into_iter().find(|w| w.name() == name)
    }

    /// Whether elements are quants.
    #[must_use]
    pub const fn is_quantized(self) -> bool {
        !matches!(self, Self::Float)
    }

    /// Bits of a quant; 0 for [`Weights::Float`].
    #[must_use]
    pub const fn bits(self) -> u64 {
        match self {
            Self::Float => 0,
            Self::Q4_0 | Self::Q4_1 | Self::Q4K | Self::Int4 => 4,
            Self::Q6K => 6,
            Self::Q8_0 | Self::Int8 => 8,
        }
    }

    /// Elements that k has to be a multiple of.
    #[must_use]
    pub const fn block(self) -> u64 {
        match self {
            Self::Float => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q8_0 | Self::Int8 => BLOCK,
            Self::Q4K | Self::Q6K => 256,
            Self::Int4 => 128,
        }
    }

    /// Elements that share a scale; `k` where a row has one scale.
    #[must_use]
    pub const fn group(self, k: u64) -> u64 {
        match self {
            Self::Float | Self::Int8 => k,
            Self::Q4_0 | Self::Q4_1 | Self::Q8_0 | Self::Q4K => BLOCK,
            Self::Q6K => 16,
            Self::Int4 => 128,
        }
    }

    /// Words of the quants of a row of `k` elements.
    #[must_use]
    pub const fn quant_words(self, k: u64) -> u64 {
        k / BLOCK * self.bits()
    }

    /// Words of the scales of a row of `k` elements.
    #[must_use]
    pub const fn scale_words(self, k: u64) -> u64 {
        match self {
            Self::Float => 0,
            Self::Q4_0 | Self::Q8_0 => (k / BLOCK).div_ceil(2),
            Self::Q4_1 => k / BLOCK,
            Self::Q4K | Self::Q6K => k / 256 * 5,
            Self::Int4 => k / 128,
            Self::Int8 => 1,
        }
    }

    /// Bytes of one element, quants and scales together, in rows of `k` elements.
    #[must_use]
    pub fn bytes_per_element(self, k: u64) -> f64 {
        (self.quant_words(k) + self.scale_words(k)) as f64 * 4.0 / k as f64
    }

    /// Refuses a depth that is no whole number of blocks.
    ///
    /// # Errors
    /// [`Error::Shape`] with `k` and the block.
    pub fn require_depth(self, k: u64) -> Result<()> {
        if k.is_multiple_of(self.block()) {
            return Ok(());
        }
        Err(Error::Shape {
            operation: "matmul",
            reason: format!(
                "k is {k}, and {} has blocks of {} elements; k has to be a multiple of it",
                self.name(),
                self.block()
            ),
        })
    }

    /// The quant at place `index` of a row, by `word`, which gives a word of the row; eight bits are 128 more than the format's.
    #[must_use]
    pub fn quant(self, index: u64, word: impl Fn(u64) -> u32) -> i32 {
        let nibble = |word: u32, index: u64| word >> (4 * nibble_of(index % 8)) & 0xf;
        match self.bits() {
            4 => nibble(word(index / 8), index).cast_signed(),
            6 => {
                let (first, within) = (index / BLOCK * 6, index % BLOCK);
                let high = word(first + 4 + within / 16) >> high_bits_of(within % 16) & 3;
                (nibble(word(first + within / 8), index) | high << 4).cast_signed()
            }
            8 => (word(index / 4) >> byte_of(index % 4) & 0xff).cast_signed(),
            _ => 0,
        }
    }

    /// The group of the element at place `index` of a row, by the words of the row's scales.
    #[must_use]
    pub fn group_of(self, index: u64, word: impl Fn(u64) -> u32) -> Group {
        let half = |bits: u32| f16::from_bits(bits as u16).to_f32();
        let by_halves = |index: u64| half(word(index / 2) >> (16 * (index % 2)));
        let byte = |at: u64| word(at / 4) >> (8 * (at % 4)) & 0xff;
        let (scale, centre, minimum) = match self {
            Self::Float => (0.0, 0.0, None),
            Self::Q4_0 => (by_halves(index / BLOCK), 8.0, None),
            Self::Q8_0 => (by_halves(index / BLOCK), 128.0, None),
            Self::Q4_1 => {
                let word = word(index / BLOCK);
                (half(word), 0.0, Some(half(word >> 16)))
            }
            Self::Int4 => {
                let word = word(index / 128);
                (half(word), (word >> 16) as f32, None)
            }
            Self::Int8 => (f32::from_bits(word(0)), 128.0, None),
            Self::Q4K => {
                let first = index / 256 * 5;
                let supers = word(first);
                let at = 4 * (first + 1) + 2 * (index % 256 / BLOCK);
                let minimum = half(supers >> 16) * byte(at + 1) as f32;
                (half(supers) * byte(at) as f32, 0.0, Some(-minimum))
            }
            Self::Q6K => {
                let first = index / 256 * 5;
                let own = byte(4 * (first + 1) + index % 256 / 16) as u8;
                (half(word(first)) * f32::from(own.cast_signed()), 32.0, None)
            }
        };
        Group {
            scale,
            centre,
            minimum,
        }
    }
}

/// The lowest bit of the byte that holds element `index` of the four of a word.
pub(crate) const fn byte_of(index: u64) -> u64 {
    index / 2 * 8 + index % 2 * 16
}

/// The lowest of the two high bits of element `index` of sixteen, in their word.
pub(crate) const fn high_bits_of(index: u64) -> u64 {
    index / 2 * 2 + index % 2 * 16
}

/// The nibble of a word, from the lowest, that holds element `index` of its eight.
pub(crate) const fn nibble_of(index: u64) -> u64 {
    index / 2 + index % 2 * 4
}
