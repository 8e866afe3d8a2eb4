//! How far a right answer may lie from the f64 reference: computed from the arithmetic, never typed into a test.
//!
//! `u` is the unit roundoff and `gamma(k) = k u / (1 - k u)` (Higham, "Accuracy and Stability of Numerical Algorithms",
//! 2002, lemma 3.1). WGSL allows a `fma` that rounds twice, which the factors of two below cover. Subnormal results may
//! be flushed to zero, which [`Expected::new`] covers.

/// A reference value and how far from it a kernel may land.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The value, computed in f64.
    pub value: f64,
    /// The largest allowed absolute difference.
    pub allowed: f64,
}

impl Expected {
    /// `value`, allowed to differ by `allowed` or by what flushing subnormals can do.
    #[must_use]
    pub fn new(value: f64, allowed: f64) -> Self {
        Self {
            value,
            allowed: allowed + f64::from(f32::MIN_POSITIVE),
        }
    }

    /// Error of `got` as a multiple of the allowed error: `got` is right up to 1. Infinite for a `got` that is not finite,
    /// unless it equals the value.
    #[must_use]
    pub fn excess(&self, got: f64) -> f64 {
        if self.value.is_infinite() && got.to_bits() == self.value.to_bits() {
            return 0.0;
        }
        let error = (got - self.value).abs();
        if error.is_finite() {
            error / self.allowed
        } else {
            f64::INFINITY
        }
    }
}

/// `gamma(k)`: the relative error of `k` roundings in a row.
#[must_use]
pub fn gamma(k: f64, unit_roundoff: f64) -> f64 {
    let error = k * unit_roundoff;
    if error < 1.0 {
        error / (1.0 - error)
    } else {
        f64::INFINITY
    }
}

/// Allowed error of a dot product of `k` terms, in any order of summation: `gamma(2 k) * sum |a_i b_i|`, two roundings
/// a term for a `fma` that is not fused (Higham, section 3.1).
#[must_use]
pub fn dot(k: u64, unit_roundoff: f64, sum_of_magnitudes: f64) -> f64 {
    gamma(2.0 * k as f64 + 1.0, unit_roundoff) * sum_of_magnitudes
}

/// Relative error of WGSL's `exp(x)` in f32: 3 + 2 |x| units in the last place (WGSL, section 15.7.4), a unit being
/// 2 u at most.
#[must_use]
pub fn exp_relative(x: f64, unit_roundoff: f64) -> f64 {
    (3.0 + 2.0 * x.abs()) * 2.0 * unit_roundoff
}

/// Relative error of WGSL's division in f32: 2.5 units in the last place (WGSL, section 15.7.4).
#[must_use]
pub fn division_relative(unit_roundoff: f64) -> f64 {
    2.5 * 2.0 * unit_roundoff
}

/// Absolute error of storing an f32 result as `dtype`: one rounding, or a subnormal flushed to zero. Storing f32 is none.
#[must_use]
pub fn storing(value: f64, dtype: crate::data::Dtype) -> f64 {
    match dtype {
        crate::data::Dtype::F32 | crate::data::Dtype::U32 => 0.0,
        // The smallest normal f16 is 2^-14; what is nearly that may be computed to be less.
        crate::data::Dtype::F16 if value.is_infinite() => 0.0,
        crate::data::Dtype::F16 if value.abs() < 1.01 * 2f64.powi(-14) => value.abs(),
        crate::data::Dtype::F16 => value.abs() * dtype.unit_roundoff(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const U: f64 = 5.960_464_477_539_063e-8;

    #[test]
    fn bounds_grow_with_the_number_of_terms() {
        assert!((gamma(1.0, U) / U - 1.0).abs() < 1e-6);
        assert!(dot(1000, U, 2.0) > dot(100, U, 2.0));
        assert!(gamma(1e9, U).is_infinite());
        assert!(exp_relative(-10.0, U) > exp_relative(0.0, U));
    }

    #[test]
    fn what_is_not_finite_is_never_right() {
        let expected = Expected::new(1.0, f64::MAX);
        assert!(expected.excess(f64::NAN).is_infinite());
        assert!(expected.excess(f64::INFINITY).is_infinite());
        assert!(Expected::new(1.0, 0.5).excess(1.25) <= 0.5);
        // The logarithm of an empty sum.
        let nothing = Expected::new(f64::NEG_INFINITY, 0.0);
        assert!(nothing.excess(f64::NEG_INFINITY) <= 0.0);
        assert!(nothing.excess(f64::INFINITY).is_infinite() && nothing.excess(-1e30).is_infinite());
    }
}
