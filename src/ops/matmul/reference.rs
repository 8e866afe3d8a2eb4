//! The right answer: plain loops in f64.

use super::shape::{Activation, Activations, Bias, Matmul};
use crate::data::{Dtype, Inputs};
use crate::tolerance::{self, Expected, exp_relative, gamma};
use crate::weights::{BLOCK, Group};

/// Expected values of elements of C's buffer; what lies between rows stays as it was.
///
/// `intermediates` is the type to which a kernel rounds quantised weights where A is f16.
pub(super) fn expected(
    matmul: &Matmul,
    intermediates: Dtype,
    inputs: &dyn Inputs,
    indices: &[u64],
) -> Vec<Expected> {
    let Ok([a, b, c]) = matmul.strides() else {
        return Vec::new();
    };
    let (bias_operand, c_operand) = (matmul.bias_operand(), matmul.c_operand());
    let rounds =
        matmul.weights.is_quantized() && matmul.dtype == Dtype::F16 && intermediates == Dtype::F16;
    let one = |&index: &u64| {
        let Some((matrix, row, column)) = matmul.element_of(index) else {
            return Expected::new(inputs.get(c_operand, index), 0.0);
        };
        let (mut sum, mut magnitudes, mut rounded, mut unscaled) = (0.0, 0.0, 0.0, 0.0);
        let mut step = 0.0;
        for k in 0..matmul.k {
            let left = inputs.get(0, a.at(matrix, row, k));
            if !matmul.weights.is_quantized() {
                let product = left * inputs.get(1, b.at(matrix, k, column));
                sum += product;
                magnitudes += tolerance::finite(product).abs();
                continue;
            }
            // Kernels sum the products of a group before they apply its scale, and may sum A beside them, for the centre and for
            // the minimum.
            let (group, quant) = weight(matmul, inputs, b.at(matrix, k, column));
            let value = f64::from(group.value(quant));
            sum += left * value;
            let size = tolerance::finite(left).abs();
            let minimum = group
                .minimum
                .map_or(0.0, |minimum| f64::from(minimum).abs());
            let apart = f64::from(quant.unsigned_abs()) + f64::from(group.centre);
            magnitudes += size * (apart * f64::from(group.scale).abs() + minimum);
            unscaled += size * apart.max(1.0);
            if matmul.activations == Activations::Int8 {
                if k % BLOCK == 0 {
                    let block = (k..k + BLOCK).map(|k| inputs.get(0, a.at(matrix, row, k)));
                    step = step_of_int8(block);
                }
                rounded += step / 2.0 * value.abs();
            }
            if rounds {
                rounded += size * tolerance::storing(value, Dtype::F16);
            }
        }
        let is_special = matmul.weights.is_quantized() && !sum.is_finite();
        if tolerance::may_overflow(unscaled) || is_special && !matmul.is_plain() {
            return Expected::unknown();
        }
        if is_special {
            // An infinity meets one of the other sign, or a factor that was rounded to 0.
            return Expected::not_finite();
        }
        let mut terms = vec![f64::from(matmul.alpha) * sum];
        if matmul.beta != 0.0 {
            terms.push(f64::from(matmul.beta) * inputs.get(c_operand, c.at(matrix, row, column)));
        }
        if matmul.bias == Bias::Row {
            terms.push(inputs.get(bias_operand, column));
        }
        let u = Dtype::F32.unit_roundoff();
        let alpha = f64::from(matmul.alpha).abs();
        let sizes = terms
            .iter()
            .map(|t| tolerance::finite(*t).abs())
            .sum::<f64>();
        if tolerance::may_overflow(magnitudes)
            || tolerance::may_overflow(alpha * magnitudes + sizes)
        {
            return Expected::unknown();
        }
        let value = terms.iter().sum::<f64>();
        if !value.is_finite() {
            return matmul.activation.expected(value, 0.0);
        }
        let allowed =
            alpha * (tolerance::dot(matmul.k + 1, u, magnitudes) + rounded) + gamma(6.0, u) * sizes;
        matmul.activation.expected(value, allowed)
    };
    indices.iter().map(one).collect()
}

/// Distance of neighbouring values of a block of A that is rounded to eight bits, with what rounding the scale adds. Blocks of
/// numbers below 1e-36 are zeros.
fn step_of_int8(block: impl Iterator<Item = f64>) -> f64 {
    let largest = block
        .map(|value| tolerance::finite(value).abs())
        .fold(0.0, f64::max);
    (largest / 127.0 * 1.001).max(2e-36)
}

/// The group and the quant of the weight at `index` of the elements of B.
fn weight(matmul: &Matmul, inputs: &dyn Inputs, index: u64) -> (Group, i32) {
    let (row, k) = (index / matmul.k, index % matmul.k);
    let [quants, scales] = [
        matmul.weights.quant_words(matmul.k),
        matmul.weights.scale_words(matmul.k),
    ];
    let group = matmul
        .weights
        .group_of(k, |word| inputs.word(2, row * scales + word));
    let quant = matmul
        .weights
        .quant(k, |word| inputs.word(1, row * quants + word));
    (group, quant)
}

impl Matmul {
    /// Element (matrix, row, column) at `index` of C's buffer, if there is one.
    fn element_of(&self, index: u64) -> Option<(u64, u64, u64)> {
        let c = self.strides().ok()?[2];
        let from_first = index.checked_sub(c.first)?;
        let matrix = from_first
            .checked_div(c.batch)
            .unwrap_or(0)
            .min(self.batch.checked_sub(1)?);
        let within = from_first - matrix * c.batch;
        let (row, column) = (within / c.row_step.max(1), within % c.row_step.max(1));
        (row < self.m && column < self.n).then_some((matrix, row, column))
    }
}

impl Activation {
    /// Value of the activation at `x`, where `x` is known to within `allowed`.
    fn expected(self, x: f64, allowed: f64) -> Expected {
        // Both smooth ones are x / (1 + exp(-t)) with this t and at most this slope.
        let (t, slope) = match self {
            Self::None => return Expected::new(x, allowed),
            // `max` would drop NaN.
            Self::Relu => return Expected::new(if x < 0.0 { 0.0 } else { x }, allowed),
            Self::Gelu => (1.595_769_121_605_730_7 * (x + 0.044_715 * x * x * x), 1.13),
            Self::Silu => (x, 1.1),
        };
        let value = x / (1.0 + (-t).exp());
        let u = Dtype::F32.unit_roundoff();
        if !value.is_finite() {
            return Expected::new(value, 0.0);
        }
        // t is rounded up to six times, which `exp` turns into a relative error.
        let relative = exp_relative(t, u)
            + gamma(6.0, u) * t.abs()
            + tolerance::division_relative(u)
            + gamma(2.0, u);
        // exp(t) may be flushed to zero.
        let flushed = if t < -80.0 {
            x.abs() * f64::from(f32::MIN_POSITIVE)
        } else {
            0.0
        };
        let own = if value == 0.0 {
            0.0
        } else {
            relative * value.abs()
        };
        Expected::new(value, slope * allowed + own.min(x.abs()) + flushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Layout, Operation, Order};

    fn values(matmul: &Matmul, inputs: &[Vec<f32>], indices: &[u64]) -> Vec<f64> {
        let found = expected(matmul, Dtype::F32, &inputs, indices);
        found.iter().map(|e| e.value).collect()
    }

    #[test]
    fn right_by_hand() {
        let (a, b) = (
            vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            vec![1.0, 0.0, 0.5, -1.0, 2.0, 3.0],
        );
        let matmul = Matmul::new(2, 2, 3);
        let all = [0, 1, 2, 3];
        let inputs = [a.clone(), b.clone()];
        assert_eq!(values(&matmul, &inputs, &all), [8.0, 7.0, 18.5, 13.0]);
        let found = expected(&matmul, Dtype::F32, &inputs.as_slice(), &all);
        assert!(found.iter().all(|e| e.allowed > 0.0 && e.allowed < 1e-4));
        let transposed = Layout {
            order: Order::ColumnMajor,
            ..Layout::default()
        };
        let (ta, tb) = (
            vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
            vec![1.0, 0.5, 2.0, 0.0, -1.0, 3.0],
        );
        let both = Matmul {
            a: transposed,
            b: transposed,
            ..matmul
        };
        assert_eq!(values(&both, &[ta, tb], &all), [8.0, 7.0, 18.5, 13.0]);
        let extras = Matmul {
            alpha: 2.0,
            beta: 10.0,
            bias: Bias::Row,
            activation: Activation::Relu,
            ..matmul
        };
        let inputs = [a, b, vec![1.0, -100.0], vec![1.0, 2.0, 3.0, 4.0]];
        assert_eq!(values(&extras, &inputs, &all), [27.0, 0.0, 68.0, 0.0]);
        assert_eq!(extras.operands().len(), 4);
    }

    #[test]
    fn gaps_stay_as_they_were() {
        let c = Layout {
            row_stride: Some(3),
            offset: 1,
            ..Layout::default()
        };
        let matmul = Matmul {
            c,
            ..Matmul::new(2, 2, 1)
        };
        let inputs = [
            vec![1.0, 2.0],
            vec![3.0, 4.0],
            vec![9.0, 9.0, 9.0, 7.0, 9.0, 9.0],
        ];
        assert_eq!(
            values(&matmul, &inputs, &[0, 1, 2, 3, 4, 5]),
            [9.0, 3.0, 4.0, 7.0, 6.0, 8.0]
        );
    }

    #[test]
    fn activations_at_known_points() {
        let at = |activation: Activation, x: f64| activation.expected(x, 0.0).value;
        assert!((at(Activation::Silu, 1.0) - 0.731_058_578_630).abs() < 1e-9);
        assert!((at(Activation::Gelu, 1.0) - 0.841_191_990_608).abs() < 1e-9);
        assert!(at(Activation::Silu, -200.0).abs() < 1e-30);
        let lowest = f64::from(f32::MIN);
        for activation in [Activation::Relu, Activation::Gelu, Activation::Silu] {
            let found = activation.expected(lowest, 0.0);
            assert!(found.value == 0.0 && found.allowed < 10.0, "{found:?}");
            assert!(at(activation, f64::NAN).is_nan());
        }
    }
}
