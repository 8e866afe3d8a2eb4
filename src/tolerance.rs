//! How far a right answer may lie from the f64 reference: computed from the arithmetic, never typed into a test.
//!
//! `u` is the unit roundoff and `gamma(k) = k u / (1 - k u)` (Higham, "Accuracy and Stability of Numerical Algorithms",
//! 2002, lemma 3.1). WGSL allows a `fma` that rounds twice, which the factors of two below cover. Subnormal results may
//! be flushed to zero, which [`Expected::new`] covers.

/// A reference value and how far from it a kernel may land.
///
/// A value that is NaN or infinite is an answer like any other: a kernel has to give the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The value, computed in f64.
    pub value: f64,
    /// The largest allowed absolute difference.
    pub allowed: f64,
}

impl Expected {
    /// `value`, allowed to differ by `allowed`, an absolute error, or by what flushing subnormals can do.
    #[must_use]
    pub fn new(value: f64, allowed: f64) -> Self {
        Self {
            value,
            allowed: allowed + f64::from(f32::MIN_POSITIVE),
        }
    }

    /// No answer is wrong: a sum on the way may pass f32 or not, by the order of its terms.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            value: f64::NAN,
            allowed: f64::INFINITY,
        }
    }

    /// An infinity or NaN, whichever: an infinite term whose factor may be so small that f32 has 0 for it.
    #[must_use]
    pub fn not_finite() -> Self {
        Self {
            value: f64::INFINITY,
            allowed: f64::INFINITY,
        }
    }

    /// This value as an element of `dtype`: off by one more rounding, infinite beyond the type's largest number.
    #[must_use]
    pub fn stored(self, dtype: crate::data::Dtype) -> Self {
        // Half a unit in the last place beyond the largest number, rounding gives infinity.
        let largest = match dtype {
            crate::data::Dtype::F16 => 65_504.0,
            crate::data::Dtype::F32 => f64::from(f32::MAX),
            crate::data::Dtype::U32 | crate::data::Dtype::Words => return self,
        };
        let beyond = largest * (1.0 + dtype.unit_roundoff() / 2.0);
        let (size, rounding) = (self.value.abs(), storing(self.value, dtype));
        if !self.value.is_finite() {
            self
        } else if size - self.allowed >= beyond {
            Self::new(f64::INFINITY.copysign(self.value), 0.0)
        } else if size > largest && size + self.allowed >= beyond {
            Self::unknown()
        } else {
            Self::new(self.value, self.allowed + rounding)
        }
    }

    /// Error of `got` as a multiple of the allowed error: `got` is right up to 1. Infinite where only one of both is NaN, or
    /// infinite.
    #[must_use]
    pub fn excess(&self, got: f64) -> f64 {
        let any = self.allowed == f64::INFINITY;
        let same = if self.value.is_nan() {
            any || got.is_nan()
        } else {
            self.value.is_infinite()
                && (got.to_bits() == self.value.to_bits() || any && !got.is_finite())
        };
        if same {
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

/// Whether a sum of finite terms of this total magnitude may pass the largest f32 on the way, in some order.
#[must_use]
pub fn may_overflow(magnitude: f64) -> bool {
    magnitude > 0.999 * f64::from(f32::MAX)
}

/// A term, or 0 for one that is not finite: those decide a sum in any order of the others.
#[must_use]
pub fn finite(term: f64) -> f64 {
    if term.is_finite() { term } else { 0.0 }
}

/// `gamma(k) = k u / (1 - k u)`: the relative error of `k` roundings in a row, each of at most `u`, the `unit_roundoff`
/// (Higham, lemma 3.1). Infinite where `k u` reaches 1.
#[must_use]
pub fn gamma(k: f64, unit_roundoff: f64) -> f64 {
    let error = k * unit_roundoff;
    if error < 1.0 {
        error / (1.0 - error)
    } else {
        f64::INFINITY
    }
}

/// Allowed error of a dot product of `k` terms, in any order of summation: `gamma(2 k + 1) * sum |a_i b_i|`, two roundings
/// a term for a `fma` that is not fused (Higham, section 3.1), and one of the result.
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
        crate::data::Dtype::F32 | crate::data::Dtype::U32 | crate::data::Dtype::Words => 0.0,
        // The smallest normal f16 is 2^-14; what is nearly that may be computed to be less.
        crate::data::Dtype::F16 if value.is_infinite() => 0.0,
        crate::data::Dtype::F16 if value.abs() < 1.01 * 2f64.powi(-14) => value.abs(),
        crate::data::Dtype::F16 => value.abs() * dtype.unit_roundoff(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dtype;

    const U: f64 = 5.960_464_477_539_063e-8;

    #[test]
    fn bounds_grow_with_the_number_of_terms() {
        assert!((gamma(1.0, U) / U - 1.0).abs() < 1e-6);
        assert!(dot(1000, U, 2.0) > dot(100, U, 2.0));
        assert!(gamma(1e9, U).is_infinite());
        assert!(exp_relative(-10.0, U) > exp_relative(0.0, U));
    }

    #[test]
    fn what_is_not_finite_is_right_only_where_it_is_expected() {
        let expected = Expected::new(1.0, f64::MAX);
        assert!(expected.excess(f64::NAN).is_infinite());
        assert!(expected.excess(f64::INFINITY).is_infinite());
        assert!(Expected::new(1.0, 0.5).excess(1.25) <= 0.5);
        // The logarithm of an empty sum.
        let nothing = Expected::new(f64::NEG_INFINITY, 0.0);
        assert!(nothing.excess(f64::NEG_INFINITY) <= 0.0);
        assert!(nothing.excess(f64::INFINITY).is_infinite() && nothing.excess(-1e30).is_infinite());
        let none = Expected::new(f64::NAN, 0.0);
        assert!(none.excess(f64::NAN) <= 0.0 && none.excess(0.0).is_infinite());
        let either = Expected::not_finite();
        assert!(either.excess(f64::NAN) <= 0.0 && either.excess(f64::NEG_INFINITY) <= 0.0);
        assert!(either.excess(1e38).is_infinite());
        for got in [0.0, f64::NAN, f64::INFINITY] {
            assert!(Expected::unknown().excess(got) <= 0.0);
        }
    }

    #[test]
    fn f16_ends_where_it_does() {
        let stored = |value, allowed| Expected::new(value, allowed).stored(Dtype::F16);
        assert!(stored(65_504.0, 20.0).excess(f64::INFINITY).is_infinite());
        assert!(stored(-70_000.0, 20.0).excess(f64::NEG_INFINITY) <= 0.0);
        assert!(stored(65_519.0, 20.0).excess(f64::INFINITY) <= 0.0);
        assert!(stored(f64::NAN, 0.0).excess(1.0).is_infinite());
    }
}
