//! The right values of a norm in f64, and how far off f32 arithmetic may be.

use super::shape::{Norm, NormKind};
use crate::data::{Dtype, Inputs};
use crate::ops::rows::Target;
use crate::tolerance::{self, Expected};

pub(super) fn expected(norm: &Norm, inputs: &dyn Inputs, indices: &[u64]) -> Vec<Expected> {
    let mut known: Option<(u64, Moments)> = None;
    let mut one = |&index: &u64| {
        let Some((row, col)) = norm.y_layout().place(norm.cols, index) else {
            let stays = norm.target == Target::InPlace;
            return Expected::new(
                if stays {
                    inputs.get(0, index)
                } else {
                    f64::NAN
                },
                0.0,
            );
        };
        let x = |col| inputs.get(0, norm.x.index(norm.cols, row, col));
        let moments = match known {
            Some((last, moments)) if last == row => moments,
            _ => Moments::of((0..norm.cols).map(x), norm),
        };
        known = Some((row, moments));
        let vector = |place, neutral| {
            if norm.vectors() >= place {
                inputs.get(place as usize, col)
            } else {
                neutral
            }
        };
        moments.element(x(col), vector(1, 1.0), vector(2, 0.0))
    };
    indices.iter().map(&mut one).collect()
}

/// Values that all elements of a row share, with absolute errors in f32.
#[derive(Debug, Clone, Copy)]
struct Moments {
    /// Number that kernels subtract first: a layer norm's first element, or 0.
    pivot: f64,
    mean: f64,
    mean_error: f64,
    /// `1 / sqrt(variance + epsilon)`
    factor: f64,
    /// Relative error of `factor`.
    factor_error: f64,
    /// Absolute error of elements that vanish beside the row's largest, which is multiplied to less than 4.
    vanished: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64> + Clone, norm: &Norm) -> Self {
        let u = Dtype::F32.unit_roundoff();
        let count = norm.cols as f64;
        // The sum's additions, the rounding of 1 / cols, and the product.
        let summing = tolerance::gamma(count + 2.0, u);
        let mut found = Self {
            pivot: 0.0,
            mean: 0.0,
            mean_error: 0.0,
            factor: 0.0,
            factor_error: 0.0,
            vanished: f64::from(f32::MIN_POSITIVE) * 4.0 * count.sqrt(),
        };
        if norm.kind == NormKind::Layer {
            found.pivot = values.clone().next().unwrap_or(0.0);
            let differences = values.clone().map(|x| x - found.pivot);
            found.mean = found.pivot + differences.clone().sum::<f64>() / count;
            // Each difference is rounded, and their sum. An error of the size of the mean would hide what has no spread.
            found.mean_error = (summing + 2.0 * u) * differences.map(f64::abs).sum::<f64>() / count;
        }
        let variance = values
            .clone()
            .map(|x| (x - found.mean).powi(2))
            .sum::<f64>()
            / count;
        let shifted = variance + f64::from(norm.epsilon);
        found.factor = 1.0 / shifted.sqrt();
        if !found.factor.is_finite() || found.factor == 0.0 {
            return found;
        }
        let of_squares = |x: f64| {
            let (size, off) = ((x - found.mean).abs(), found.off(x));
            2.0 * size * off + off * off
        };
        let squares = values.map(of_squares).sum::<f64>() / count + 2.0 * u * variance;
        let error = (squares + summing * (variance + squares)) / shifted;
        // WGSL's inverseSqrt: 2 units in the last place (section 15.7.4). A square root halves a relative error,
        // to first order; the whole of it covers the rest of an error of up to a half.
        found.factor_error = if error > 0.5 { f64::INFINITY } else { error } + 6.0 * u;
        found
    }

    /// Absolute error of `x - mean`.
    fn off(&self, x: f64) -> f64 {
        let u = Dtype::F32.unit_roundoff();
        self.mean_error + u * ((x - self.pivot).abs() + (x - self.mean).abs())
    }

    fn element(&self, x: f64, weight: f64, bias: f64) -> Expected {
        let u = Dtype::F32.unit_roundoff();
        let normal = (x - self.mean) * self.factor;
        let value = normal * weight + bias;
        if tolerance::may_overflow((normal * weight).abs() + bias.abs()) && value.is_finite() {
            return Expected::unknown();
        }
        if !value.is_finite() || self.factor == 0.0 {
            return Expected::new(value, 0.0);
        }
        let off = self.off(x) * self.factor * (1.0 + self.factor_error)
            + normal.abs() * (self.factor_error + 3.0 * u)
            + self.vanished;
        Expected::new(
            value,
            off * weight.abs() * 1.01 + 2.0 * u * (normal * weight).abs() + u * value.abs(),
        )
    }
}
