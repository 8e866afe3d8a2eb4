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
    mean: f64,
    mean_error: f64,
    /// `1 / sqrt(variance + epsilon)`
    factor: f64,
    /// Relative error of `factor`.
    factor_error: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64> + Clone, norm: &Norm) -> Self {
        let u = Dtype::F32.unit_roundoff();
        let count = norm.cols as f64;
        // The sum's additions, the rounding of 1 / cols, and the product.
        let summing = tolerance::gamma(count + 2.0, u);
        let (mean, mean_error) = match norm.kind {
            NormKind::Rms => (0.0, 0.0),
            NormKind::Layer => (
                values.clone().sum::<f64>() / count,
                summing * values.clone().map(f64::abs).sum::<f64>() / count,
            ),
        };
        let magnitude = values.clone().map(|x| (x - mean).abs()).sum::<f64>() / count;
        let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        // A difference is off by the mean's error and its own rounding, its square by twice that.
        let squares = 2.0 * mean_error * magnitude + mean_error.powi(2) + 4.0 * u * variance;
        let error = squares + summing * (variance + squares);
        let shifted = variance + f64::from(norm.epsilon);
        Self {
            mean,
            mean_error,
            factor: 1.0 / shifted.sqrt(),
            // WGSL's inverseSqrt: 2 units in the last place (section 15.7.4). A square root halves a relative error,
            // to first order; the whole of it covers the rest.
            factor_error: error / shifted + 6.0 * u,
        }
    }

    fn element(&self, x: f64, weight: f64, bias: f64) -> Expected {
        let u = Dtype::F32.unit_roundoff();
        let normal = (x - self.mean) * self.factor;
        let off = self.mean_error * self.factor + normal.abs() * (self.factor_error + 3.0 * u);
        let value = normal * weight + bias;
        Expected::new(
            value,
            off * weight.abs() * 1.01 + 2.0 * u * (normal * weight).abs() + u * value.abs(),
        )
    }
}
