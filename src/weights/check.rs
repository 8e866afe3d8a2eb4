//! Checks of sizes, lengths and scales, which every constructor of a matrix makes.

use super::Weights;
use crate::error::{Error, Result};
use half::f16;

/// Largest zero point: files of GPTQ hold four bits that mean one more.
const LARGEST_ZERO_POINT: u32 = 16;

/// Largest scale of six bits.
const LARGEST_SIX_BITS: u32 = 63;

pub(super) const fn fault(reason: String) -> Error {
    Error::Shape {
        operation: "matmul",
        reason,
    }
}

/// Refuses sizes that the format does not have, and sizes whose elements as f32 are more bytes than 64 bits count.
pub(super) fn sizes(weights: Weights, n: u64, k: u64) -> Result<()> {
    if !weights.is_quantized() {
        return Err(Error::Unsupported {
            what: "a weight matrix of format `float`".to_owned(),
            reason: "its elements are no quants; put them into a tensor of f32 or f16".to_owned(),
        });
    }
    if n == 0 || k == 0 {
        return Err(fault(format!(
            "weights of n = {n} and k = {k} have no elements; both have to be at least 1"
        )));
    }
    weights.require_depth(k)?;
    if n.checked_mul(k).is_none_or(|count| count > u64::MAX / 4) {
        return Err(fault(format!(
            "weights of n = {n} and k = {k} are more elements than any memory has; use smaller sizes"
        )));
    }
    Ok(())
}

/// Refuses a buffer that does not have exactly the elements that a matrix of these sizes needs.
pub(super) fn length(
    buffer: &'static str,
    (weights, n, k): (Weights, u64, u64),
    needed: u64,
    found: usize,
) -> Result<()> {
    if needed == found as u64 {
        return Ok(());
    }
    Err(Error::Length {
        buffer,
        shape: format!("a matrix of {}, n = {n} and k = {k},", weights.name()),
        needed,
        found: found as u64,
    })
}

/// Refuses scales that are not finite or mean nothing, and those by which a weight can exceed f16's largest.
pub(super) fn scales(weights: Weights, k: u64, scales: &[u32]) -> Result<()> {
    let words = weights.scale_words(k) as usize;
    let blocks = match weights {
        Weights::Int8 => 1,
        _ => k / weights.block(),
    };
    for (scales, row) in scales.chunks_exact(words).zip(0..) {
        for block in 0..blocks {
            let place = Place {
                weights,
                blocks,
                row,
                block,
            };
            check_block(place, scales)?;
        }
    }
    Ok(())
}

/// Checks the scales of one block, given those of its row.
fn check_block(place: Place, scales: &[u32]) -> Result<()> {
    let at = place.block as usize;
    let half = |name, bits: u32| place.finite(name, f16::from_bits(bits as u16).to_f32());
    match place.weights {
        Weights::Float => Ok(()),
        Weights::Q4_0 | Weights::Q8_0 => {
            let d = half("d", scales[at / 2] >> (16 * (at % 2)))?;
            if at.is_multiple_of(2) && place.block + 1 == place.blocks {
                place.zero(scales[at / 2] >> 16)?;
            }
            let largest = match place.weights {
                Weights::Q4_0 => 8.0,
                _ => 128.0,
            };
            place.within(d * largest)
        }
        Weights::Q4_1 => {
            let (d, m) = (half("d", scales[at])?, half("m", scales[at] >> 16)?);
            place.within(d * 15.0 + m)
        }
        Weights::Int4 => {
            let (scale, zero_point) = (half("s", scales[at])?, scales[at] >> 16);
            if zero_point > LARGEST_ZERO_POINT {
                return Err(place.fault(&format!(
                    "the zero point is {zero_point}, and the largest is {LARGEST_ZERO_POINT}"
                )));
            }
            place.within(scale * f64::from(zero_point.max(15 - zero_point.min(15))))
        }
        Weights::Int8 => place.within(place.finite("s", f32::from_bits(scales[0]))? * 128.0),
        Weights::Q4K => {
            let (supers, groups) = (scales[5 * at], &scales[5 * at + 1..5 * at + 5]);
            let (d, dmin) = (half("d", supers)?, half("dmin", supers >> 16)?);
            for pair in groups.iter().flat_map(|word| [word & 0xffff, word >> 16]) {
                let (scale, minimum) = (pair & 0xff, pair >> 8);
                if scale.max(minimum) > LARGEST_SIX_BITS {
                    return Err(place.fault(&format!(
                        "the scale of a group is {scale} and its minimum {minimum}; six bits hold up to {LARGEST_SIX_BITS}"
                    )));
                }
                place.within(d * f64::from(scale) * 15.0 + dmin * f64::from(minimum))?;
            }
            Ok(())
        }
        Weights::Q6K => {
            let (supers, groups) = (scales[5 * at], &scales[5 * at + 1..5 * at + 5]);
            place.zero(supers >> 16)?;
            let bytes = groups.iter().flat_map(|word| word.to_le_bytes());
            let largest = bytes.map(|byte| byte.cast_signed().unsigned_abs()).max();
            place.within(half("d", supers)? * f64::from(largest.unwrap_or(0)) * 32.0)
        }
    }
}

/// Block of a matrix, which an error names.
#[derive(Clone, Copy)]
struct Place {
    weights: Weights,
    /// Blocks of a row.
    blocks: u64,
    row: u64,
    block: u64,
}

impl Place {
    fn fault(self, reason: &str) -> Error {
        let Self {
            weights,
            row,
            block,
            ..
        } = self;
        fault(format!(
            "row {row}, block {block} of {}: {reason}",
            weights.name()
        ))
    }

    /// Magnitude of a scale or minimum, which is refused if it is NaN or infinite.
    fn finite(self, name: &str, value: f32) -> Result<f64> {
        if value.is_finite() {
            return Ok(f64::from(value).abs());
        }
        Err(Error::NonFinite {
            what: format!("`{name}` of the blocks of {}", self.weights.name()),
            index: self.row * self.blocks + self.block,
            value: f64::from(value),
        })
    }

    /// Refuses a block whose weights can have a magnitude that f16 does not hold.
    fn within(self, magnitude: f64) -> Result<()> {
        let largest = f16::MAX.to_f64();
        if magnitude <= largest {
            return Ok(());
        }
        Err(self.fault(&format!(
            "a weight can reach {magnitude}, and kernels round weights to f16, whose largest is {largest}; \
             make the scales smaller, and alpha larger by the same factor"
        )))
    }

    /// Refuses bits without a meaning that are set.
    fn zero(self, padding: u32) -> Result<()> {
        if padding == 0 {
            return Ok(());
        }
        Err(self.fault(&format!(
            "the half of padding is {padding:#06x}; it has to be 0"
        )))
    }
}
