//! The right answer of an attention, one row of O at a time, and how far off a kernel may be.

use super::Attention;
use crate::data::{Dtype, Inputs};
use crate::tolerance::{self, Expected};

/// What the elements of a row of O share: a query's weights before they are divided by their sum.
#[derive(Debug)]
pub(super) struct Row {
    /// First element of the head's V.
    v_base: u64,
    /// `exp(score - maximum)` of each visible key.
    weights: Vec<f64>,
    /// The allowed absolute error of each.
    errors: Vec<f64>,
    /// Relative error that sums of all of them have beyond that.
    summing: f64,
}

impl Row {
    /// Row `number` of O, counted through all heads.
    pub(super) fn of(attention: &Attention, inputs: &dyn Inputs, number: u64) -> Self {
        let (u, d) = (Dtype::F32.unit_roundoff(), attention.head_dim);
        let (head, query) = (number / attention.seq_q, number % attention.seq_q);
        let base = head * attention.seq_kv * d;
        let visible = attention.visible_keys(query);
        let scale = attention.scale();

        let mut scores = Vec::new();
        let mut deviations = Vec::new();
        let of_query: Vec<f64> = (0..d).map(|i| inputs.get(0, number * d + i)).collect();
        for key in 0..visible {
            let (mut sum, mut magnitudes) = (0.0, 0.0);
            for (i, q) in (0..d).zip(&of_query) {
                let product = q * inputs.get(1, base + key * d + i);
                sum += product;
                magnitudes += product.abs();
            }
            scores.push(scale * sum);
            // The dot product, and three roundings for the scale: its own, the product's, and that of log2(e) in it.
            deviations.push(tolerance::dot(d + 2, u, scale * magnitudes));
        }
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let deviation = deviations.iter().copied().fold(0.0, f64::max);

        let mut weights = Vec::new();
        let mut errors = Vec::new();
        for (score, own) in scores.iter().zip(&deviations) {
            let weight = (score - max).exp();
            // How far below the maximum the kernel may see the score.
            let below = max - score + own + deviation;
            // The score's error enters through exp, and so does the rounding of the difference with the maximum. A
            // running maximum climbs to the last one in steps, whose exp are multiplied; the steps add up to `below`.
            let relative = (own + below * u).exp_m1()
                + tolerance::exp_relative(below * std::f64::consts::LOG2_E, u);
            weights.push(weight);
            errors.push(weight * relative + f64::from(f32::MIN_POSITIVE));
        }
        // The terms are summed in any order, and rescaled at most once for each 16 keys or once for each key, in 64
        // parts that are rescaled again when they are merged: an exp that may be 3 ULP off at 0, and a product.
        let terms = visible as f64;
        let rescales = terms.min(terms / 16.0 + 64.0);
        let summing = tolerance::gamma(2.0 * terms + 1.0, u)
            + rescales * (tolerance::exp_relative(0.0, u) + u);
        Self {
            v_base: base,
            weights,
            errors,
            summing,
        }
    }

    /// Element `d` of the row: the weighted mean of column `d` of V.
    pub(super) fn element(&self, attention: &Attention, inputs: &dyn Inputs, d: u64) -> Expected {
        if self.weights.is_empty() {
            return Expected::new(0.0, 0.0);
        }
        let u = Dtype::F32.unit_roundoff();
        let sum: f64 = self.weights.iter().sum();
        let (mut value, mut magnitude, mut error) = (0.0, 0.0, 0.0);
        for (key, (weight, weight_error)) in (0u64..).zip(self.weights.iter().zip(&self.errors)) {
            let v = inputs.get(2, self.v_base + key * attention.head_dim + d);
            value += weight * v;
            magnitude += weight * v.abs();
            error += weight_error * v.abs();
        }
        value /= sum;
        let above = (error * (1.0 + self.summing) + magnitude * self.summing) / sum;
        let below = self.errors.iter().sum::<f64>() / sum + self.summing;
        // A weight is divided by the sum, or the sum of products by it, or multiplied by its reciprocal.
        let division = tolerance::division_relative(u) + 2.0 * u;
        let relative = below + division;
        if relative >= 1.0 {
            return Expected::new(value, f64::INFINITY);
        }
        Expected::new(
            value,
            (above * (1.0 + division) + value.abs() * relative) / (1.0 - relative),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ATTENTION_FLASH, Attention, Mask};
    use crate::data::{Distribution, Dtype, generate};
    use crate::ops::Operation;
    use crate::tolerance::Expected;

    fn expected(attention: Attention, inputs: &[Vec<f32>]) -> Vec<Expected> {
        let outputs = attention.operands()[3].elements;
        let indices: Vec<u64> = (0..outputs).collect();
        attention.expected(&ATTENTION_FLASH, &inputs, &indices)
    }

    /// Two queries, two keys, two columns, scores 0 and ln 3 apart after the scale.
    #[test]
    fn the_reference_is_right_by_hand() {
        let ln3 = 3f32.ln() * 2f32.sqrt();
        let inputs = [
            vec![1.0, 0.0, 0.0, 1.0],
            vec![0.0, 0.0, ln3, 0.0],
            vec![4.0, -8.0, 8.0, 0.0],
        ];
        let shape = Attention {
            batch: 1,
            heads: 1,
            seq_q: 2,
            seq_kv: 2,
            head_dim: 2,
            mask: Mask::None,
        };
        let close = |found: &[Expected], want: &[f64]| {
            for (f, w) in found.iter().zip(want) {
                assert!((f.value - w).abs() < 1e-6, "{found:?}, want {want:?}");
                assert!(f.allowed < 1e-4, "{found:?}");
            }
        };
        close(&expected(shape, &inputs), &[7.0, -2.0, 6.0, -4.0]);
        let causal = Attention {
            mask: Mask::Causal,
            ..shape
        };
        close(&expected(causal, &inputs), &[4.0, -8.0, 6.0, -4.0]);
    }

    #[test]
    fn weights_sum_to_one_in_each_head() {
        let shape = Attention {
            batch: 2,
            heads: 2,
            seq_q: 5,
            seq_kv: 9,
            head_dim: 4,
            mask: Mask::Causal,
        };
        let mut inputs: Vec<Vec<f32>> = shape.operands()[..3]
            .iter()
            .enumerate()
            .map(|(i, o)| {
                generate(
                    1,
                    i,
                    o.elements as usize,
                    Dtype::F32,
                    Distribution::Outliers,
                )
            })
            .collect();
        inputs[2].fill(1.0);
        let found = expected(shape, &inputs);
        assert!(found.iter().all(|e| (e.value - 1.0).abs() < 1e-12));
        assert!(found.iter().all(|e| e.allowed < 1e-3), "{:?}", found[0]);
        // A head's own V, and no other's.
        inputs[2][3 * 9 * 4..].fill(2.0);
        let found = expected(shape, &inputs);
        let (first, last) = found.split_at(3 * 5 * 4);
        assert!(first.iter().all(|e| (e.value - 1.0).abs() < 1e-12));
        assert!(last.iter().all(|e| (e.value - 2.0).abs() < 1e-12));
    }

    #[test]
    fn a_query_that_sees_no_key_gives_zeros() {
        let shape = Attention {
            batch: 1,
            heads: 1,
            seq_q: 4,
            seq_kv: 2,
            head_dim: 4,
            mask: Mask::Causal,
        };
        let inputs = [vec![1.0; 16], vec![1.0; 8], vec![3.0; 8]];
        let found: Vec<f64> = expected(shape, &inputs).iter().map(|e| e.value).collect();
        assert_eq!(found[..8], [0.0; 8]);
        assert!(found[8..].iter().all(|v| (v - 3.0).abs() < 1e-12));
    }
}
