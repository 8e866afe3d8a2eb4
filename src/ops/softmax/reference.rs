//! The right values of a softmax in f64, and how far off f32 arithmetic may be.

use super::shape::{Softmax, SoftmaxForm, SoftmaxMask};
use crate::data::Inputs;
use crate::ops::rows::Target;
use crate::tolerance::{self, Expected};

const U: f64 = 1.0 / (1u64 << 24) as f64;

/// `v = scale * x + mask` of one element.
#[derive(Debug, Clone, Copy)]
struct Value {
    /// -inf where it is not seen.
    v: f64,
    /// Absolute error in f32: of the product, and of the sum.
    rounding: f64,
    /// Whether finite operands give a product or a sum beyond f32.
    beyond: bool,
}

fn value(softmax: &Softmax, inputs: &dyn Inputs, row: u64, col: u64) -> Value {
    if softmax
        .causal
        .is_some_and(|c| col >= c.seen + row % c.queries)
    {
        return Value {
            v: f64::NEG_INFINITY,
            rounding: 0.0,
            beyond: false,
        };
    }
    let x = inputs.get(0, softmax.x.index(softmax.cols, row, col));
    let product = f64::from(softmax.scale) * x;
    let mask = match softmax.mask {
        SoftmaxMask::None => None,
        SoftmaxMask::Full => Some(inputs.get(1, row * softmax.cols + col)),
        SoftmaxMask::Broadcast => Some(inputs.get(1, col)),
    };
    let v = product + mask.unwrap_or(0.0);
    let exact = softmax.scale.to_bits() == 1f32.to_bits();
    let rounding = |exact: bool, x: f64| {
        if exact {
            0.0
        } else {
            U * tolerance::finite(x).abs()
        }
    };
    let beyond = |x: f64| tolerance::finite(x).abs() > f64::from(f32::MAX);
    Value {
        v,
        rounding: rounding(exact, product) + rounding(mask.is_none(), v),
        beyond: beyond(product) || beyond(v),
    }
}

pub(super) fn expected(softmax: &Softmax, inputs: &dyn Inputs, indices: &[u64]) -> Vec<Expected> {
    let mut known: Option<(u64, Row)> = None;
    let mut one = |&index: &u64| {
        let Some((number, col)) = softmax.y_layout().place(softmax.cols, index) else {
            // Between rows: in place the data stays; elsewhere nothing is known.
            let stays = softmax.target == Target::InPlace;
            return Expected::new(
                if stays {
                    inputs.get(0, index)
                } else {
                    f64::NAN
                },
                0.0,
            );
        };
        let row = match known {
            Some((last, row)) if last == number => row,
            _ => {
                let values = (0..softmax.cols).map(|c| value(softmax, inputs, number, c));
                Row::of(values, softmax)
            }
        };
        known = Some((number, row));
        row.element(value(softmax, inputs, number, col), softmax)
    };
    indices.iter().map(&mut one).collect()
}

/// Values that all elements of a row share.
#[derive(Debug, Clone, Copy)]
struct Row {
    max: f64,
    sum: f64,
    /// Relative error of `sum`.
    sum_error: f64,
    /// Absolute error of the largest `v`.
    rounding: f64,
    /// Whether a `v` of finite operands is beyond f32.
    overflows: bool,
}

impl Row {
    fn of(values: impl Iterator<Item = Value> + Clone, softmax: &Softmax) -> Self {
        let larger = |most: f64, value: Value| value.v.max(most);
        let max = values.clone().fold(f64::NEG_INFINITY, larger);
        let near = values
            .clone()
            .filter(|value| value.v >= max - value.rounding);
        let rounding = near.fold(0.0, |most: f64, value| value.rounding.max(most));
        let (mut sum, mut errors, mut overflows) = (0.0, 0.0, false);
        for value in values {
            overflows |= value.beyond;
            // NaN and +inf pass through: +inf - +inf is NaN.
            if value.v == f64::NEG_INFINITY {
                continue;
            }
            let below = value.v - max;
            let weight = below.exp();
            sum += weight;
            // An invocation may take the element against a lower maximum, and then climb to the row's in steps, whose exp are
            // multiplied.
            let lifted = (below + value.rounding + rounding).exp() - weight;
            errors += lifted + weight * 2.0 * Self::exp_error(below);
        }
        // The terms are summed in any order by at least `min(cols, 32)` invocations, which rescale at most once for each term.
        let cols = softmax.cols as f64;
        let rescales = cols.min(cols / 32.0 + 64.0);
        Self {
            max,
            sum,
            sum_error: errors / sum
                + tolerance::gamma(cols, U)
                + rescales * tolerance::exp_relative(0.0, U),
            rounding,
            overflows,
        }
    }

    /// Relative error of one `exp(v - max)` in f32: the subtraction's rounding, magnified, and the function's own.
    fn exp_error(v_minus_max: f64) -> f64 {
        tolerance::exp_relative(v_minus_max, U) + v_minus_max.abs() * U
    }

    fn element(&self, value: Value, softmax: &Softmax) -> Expected {
        let (v, rounding) = (value.v, self.rounding + value.rounding);
        let logarithms = softmax.form == SoftmaxForm::Logarithms;
        if self.overflows {
            return Expected::unknown();
        }
        if self.sum.is_nan() {
            return Expected::new(f64::NAN, 0.0);
        }
        if self.sum == 0.0 || v == f64::NEG_INFINITY {
            return Expected::new(if logarithms { f64::NEG_INFINITY } else { 0.0 }, 0.0);
        }
        let below = v - self.max;
        if logarithms {
            let log = self.sum.ln();
            // WGSL's log: 3 units in the last place, 2^-21 in [0.5, 2] (section 15.7.4).
            let function = 2f64.powi(-21) + 6.0 * U * log.abs();
            let roundings = 2.0 * U * (below.abs() + (below - log).abs());
            // The logarithm of a sum from 1 up to the number of columns.
            let most = (softmax.cols as f64).ln() + 1.0;
            let allowed = function + roundings + rounding + (1.01 * self.sum_error).min(most);
            return Expected::new(below - log, allowed);
        }
        let value = below.exp() / self.sum;
        // One exp against the maximum of the invocation or subgroup, one to the row's, a reciprocal, two products.
        let last =
            2.0 * tolerance::exp_relative(0.0, U) + tolerance::division_relative(U) + 2.0 * U;
        let relative = Self::exp_error(below) + self.sum_error + last;
        let lifted = (below + 2.0 * rounding).min(0.0).exp() / self.sum - value;
        // A probability is 1 at most.
        let allowed =
            if value == 0.0 { 0.0 } else { value * relative } + lifted.max(2.0 * rounding * value);
        Expected::new(value, allowed.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Causal;
    use super::*;
    use crate::data::{Distribution, Dtype};

    fn values(softmax: &Softmax, inputs: &[Vec<f32>], count: u64) -> Vec<f64> {
        let indices: Vec<u64> = (0..count).collect();
        let found = expected(softmax, &inputs, &indices);
        found.iter().map(|e| e.value).collect()
    }

    fn close(got: &[f64], want: &[f64]) {
        let near = |(g, w): (&f64, &f64)| (g - w).abs() < 1e-6;
        assert!(
            got.len() == want.len() && got.iter().zip(want).all(near),
            "{got:?}"
        );
    }

    #[test]
    fn the_reference_is_right_by_hand() {
        let inputs = [vec![0.0, f32::ln(3.0), 5.0, 5.0]];
        close(
            &values(&Softmax::new(2, 2), &inputs, 4),
            &[0.25, 0.75, 0.5, 0.5],
        );
        let logarithms = Softmax {
            form: SoftmaxForm::Logarithms,
            ..Softmax::new(2, 2)
        };
        let half = 0.5f64.ln();
        close(
            &values(&logarithms, &inputs, 4),
            &[0.25f64.ln(), 0.75f64.ln(), half, half],
        );
        let causal = Softmax {
            causal: Some(Causal {
                queries: 2,
                seen: 1,
            }),
            ..Softmax::new(2, 2)
        };
        close(&values(&causal, &inputs, 4), &[1.0, 0.0, 0.5, 0.5]);
        let scaled = Softmax {
            scale: 2.0,
            mask: SoftmaxMask::Broadcast,
            ..Softmax::new(1, 2)
        };
        let inputs = [vec![0.0, f32::ln(3.0)], vec![f32::ln(9.0), 0.0]];
        close(&values(&scaled, &inputs, 2), &[0.5, 0.5]);
    }

    #[test]
    fn rows_of_nothing_are_zero_and_nan_stays() {
        let inf = f32::INFINITY;
        let row = |a, b| values(&Softmax::new(1, 2), &[vec![a, b]], 2);
        close(&row(-inf, -inf), &[0.0, 0.0]);
        close(&row(-inf, 1.0), &[0.0, 1.0]);
        assert!(row(f32::NAN, 1.0).iter().all(|v| v.is_nan()));
        assert!(row(inf, 1.0).iter().all(|v| v.is_nan()));
    }

    #[test]
    fn rows_sum_to_one_and_tolerances_are_small() {
        let row = [crate::data::generate(
            3,
            0,
            1000,
            Dtype::F32,
            Distribution::Outliers,
        )];
        let indices: Vec<u64> = (0..1000).collect();
        let found = expected(&Softmax::new(1, 1000), &row.as_slice(), &indices);
        assert!((found.iter().map(|e| e.value).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(
            found.iter().all(|e| e.allowed < 2e-4 * e.value + 1e-37),
            "{:?}",
            found[0]
        );
    }
}
