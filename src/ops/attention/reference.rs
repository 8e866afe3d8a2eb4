//! The right answer of an attention, one row of O at a time, and how far off a kernel may be.

use super::options::{KvCache, Sinks};
use super::shape::Attention;
use crate::data::{Dtype, Inputs};
use crate::tolerance::{self, Expected};

/// Unit roundoff of f32, in which sums are computed: 2^-24.
pub(in crate::ops) const U: f64 = 5.960_464_477_539_063e-8;

/// Right values of elements of O, and of the logarithms of sums behind them.
pub(super) fn expected(
    attention: &Attention,
    intermediates: Dtype,
    inputs: &dyn Inputs,
    indices: &[u64],
) -> Vec<Expected> {
    let places = attention.strides()[3];
    let outputs = places.elements().unwrap_or(u64::MAX);
    let (place_of_o, _) = attention
        .operand("o")
        .expect("every attention has an output");
    let case = Problem::new(attention, intermediates, inputs);
    let mut known: Option<([u64; 3], Row)> = None;
    let mut one = |&index: &u64| {
        let at = if index >= outputs {
            let row = index - outputs;
            let (head, query) = (row / attention.seq_q, row % attention.seq_q);
            [head / attention.heads, head % attention.heads, query, 0]
        } else if let Some(at) = places.place(index) {
            at
        } else {
            // Between rows O is what it was.
            return Expected::new(inputs.get(place_of_o, index), 0.0);
        };
        let number = [at[0], at[1], at[2]];
        if known.as_ref().is_none_or(|(last, _)| *last != number) {
            known = Some((number, Row::of(&case, number)));
        }
        let (_, row) = known.as_ref().expect("set just above");
        if index >= outputs {
            row.log_sum_exp()
        } else {
            row.element(&case, at[3])
        }
    };
    indices.iter().map(&mut one).collect()
}

/// An attention and its operands' values.
pub(in crate::ops) struct Problem<'a> {
    pub(in crate::ops) attention: &'a Attention,
    pub(in crate::ops) inputs: &'a dyn Inputs,
    /// Places of the operands that need not be.
    table: Option<usize>,
    lengths: Option<usize>,
    bias: Option<usize>,
    sinks: Option<usize>,
    /// Whether the kernel rounds weights to f16.
    pub(in crate::ops) narrow_weights: bool,
    /// Whether an operand may hold what is not finite.
    pub(in crate::ops) special: bool,
}

impl<'a> Problem<'a> {
    pub(in crate::ops) fn new(
        attention: &'a Attention,
        intermediates: Dtype,
        inputs: &'a dyn Inputs,
    ) -> Self {
        let place = |name| attention.operand(name).map(|(place, _)| place);
        Self {
            attention,
            inputs,
            table: place("table"),
            lengths: place("lengths"),
            bias: place("bias"),
            sinks: place("sinks"),
            narrow_weights: intermediates == Dtype::F16,
            special: inputs.may_be_special(),
        }
    }

    /// Queries and keys of a sequence.
    pub(in crate::ops) fn lengths(&self, batch: u64) -> [u64; 2] {
        let full = [self.attention.seq_q, self.attention.seq_kv];
        match self.lengths {
            None => full,
            Some(place) => {
                [0, 1].map(|i| full[i].min(self.inputs.get(place, 2 * batch + i as u64) as u64))
            }
        }
    }

    /// Indices of the first elements of a key in K and in V.
    pub(in crate::ops) fn key(&self, batch: u64, kv_head: u64, key: u64) -> [u64; 2] {
        let [_, k, v, _] = self.attention.strides();
        let (run, row) = match (self.attention.cache, self.table) {
            (KvCache::Paged { pages, page_size }, Some(table)) => {
                let row = batch * self.attention.seq_kv.div_ceil(page_size);
                let page = self.inputs.get(table, row + key / page_size) as u64;
                (page.min(pages - 1), key % page_size)
            }
            _ => (batch, key),
        };
        [k, v].map(|places| places.index(run, kv_head, row, 0))
    }

    /// A score, and the absolute error that it may have; NaN as error if a sum on the way may pass f32 or not.
    fn score(
        &self,
        [batch, head, query]: [u64; 3],
        of_query: &[f64],
        k_first: u64,
        key: u64,
    ) -> [f64; 2] {
        self.capped([batch, head, query], key, self.scaled(of_query, k_first))
    }

    /// The scaled product of a query and a key, and its absolute error.
    pub(in crate::ops) fn scaled(&self, of_query: &[f64], k_first: u64) -> [f64; 2] {
        let scale = f64::from(self.attention.scale());
        let (mut sum, mut magnitudes) = (0.0, 0.0);
        for (i, q) in (0u64..).zip(of_query) {
            let product = q * self.inputs.get(1, k_first + i);
            sum += product;
            magnitudes += tolerance::finite(product).abs();
        }
        let largest = magnitudes * f64::max(1.0, scale.abs() * std::f64::consts::LOG2_E);
        if tolerance::may_overflow(largest) {
            return [scale * sum, f64::NAN];
        }
        // The dot product, and three roundings for the scale: of the scale, of the product, and of log2(e) in the scale.
        let terms = self.attention.head_dim + 2;
        [
            scale * sum,
            tolerance::dot(terms, U, scale.abs() * magnitudes),
        ]
    }

    /// A score from a scaled product, with its error.
    pub(in crate::ops) fn capped(
        &self,
        [batch, head, query]: [u64; 3],
        key: u64,
        [mut score, mut error]: [f64; 2],
    ) -> [f64; 2] {
        let attention = self.attention;
        if let Some(cap) = attention.soft_cap {
            let cap = f64::from(cap);
            let x = score / cap;
            // The slope of tanh is 1 at most; three roundings for the division, the factor and log2(e).
            error += cap * tanh_error(x) + 3.0 * U * (score.abs() + cap);
            // Both ends of tanh are cap away from 0; what is not a number stays.
            if error > 2.0 * cap {
                error = 2.0 * cap;
            }
            score = cap * x.tanh();
        }
        if let Some(place) = self.bias {
            let strides = attention.bias_strides();
            let at = batch * strides[0] + head * strides[1] + query * strides[2] + key;
            let bias = self.inputs.get(place, at);
            // The rounding of the sum, and the rounding of a bias times log2(e).
            let sizes = tolerance::finite(score).abs() + 2.0 * tolerance::finite(bias).abs();
            error += 2.0 * U * sizes;
            score += bias;
        }
        if tolerance::finite(score).abs() > f64::from(f32::MAX) {
            error = f64::NAN;
        }
        [score, error]
    }
}

/// Absolute error of `tanh(x)` as `1 - 2 / (exp(2 x) + 1)` in f32: the relative error of the exponential times the slope `2
/// exp(2 x) / (exp(2 x) + 1)^2`, the error of the division, and the roundings of values of at most 2.
pub(in crate::ops) fn tanh_error(x: f64) -> f64 {
    let e = (2.0 * x.abs()).min(80.0).exp();
    let slope = 2.0 * e / ((e + 1.0) * (e + 1.0));
    slope * (tolerance::exp_relative(2.0 * x.abs(), U) + 4.0 * x.abs() * U)
        + 2.0 * tolerance::division_relative(U)
        + 4.0 * U
}

/// A key that a query sees: the first element of its V, its score, and the absolute error of that.
type Scored = (u64, f64, f64);

/// Values that the elements of a row of O share: a query's weights before they are divided by their sum.
#[derive(Debug)]
struct Row {
    /// The largest score, and what it may be off by.
    max: f64,
    deviation: f64,
    /// For each visible key the first element of its V, `exp(score - maximum)`, and the absolute error of the exponential.
    keys: Vec<(u64, f64, f64)>,
    /// First elements of V of keys that the query does not see, where they may be infinite or NaN.
    hidden: Vec<u64>,
    /// The weight of the sink and its error, zero where there is none.
    sink: [f64; 2],
    /// Relative error that sums of all of them have beyond that.
    summing: f64,
    /// Whether some score may pass f32 or not.
    overflows: bool,
}

impl Row {
    /// The row of a query, by batch, head and query.
    fn of(case: &Problem<'_>, at: [u64; 3]) -> Self {
        let (attention, [batch, head, query]) = (case.attention, at);
        let [queries, keys] = case.lengths(batch);
        let visible = if query < queries {
            attention.visible(query, queries, keys)
        } else {
            0..0
        };
        let kv_head = head / (attention.heads / attention.kv_heads);
        let q_first = attention.strides()[0].index(batch, head, query, 0);
        let of_query: Vec<f64> = (0..attention.head_dim)
            .map(|i| case.inputs.get(0, q_first + i))
            .collect();
        let mut scores = Vec::new();
        let mut hidden = Vec::new();
        for key in visible.clone() {
            let [k_first, v_first] = case.key(batch, kv_head, key);
            let [score, error] = case.score(at, &of_query, k_first, key);
            if score == f64::NEG_INFINITY && !error.is_nan() {
                hidden.push(v_first);
            } else {
                scores.push((v_first, score, error));
            }
        }
        if case.special && query < queries {
            let others = (0..keys).filter(|key| !visible.contains(key));
            hidden.extend(others.map(|key| case.key(batch, kv_head, key)[1]));
        }
        let sink = match (attention.sinks, case.sinks) {
            (Sinks::PerHead, Some(place)) if query < queries => Some(case.inputs.get(place, head)),
            _ => None,
        };
        let sink = sink.filter(|score| *score != f64::NEG_INFINITY);
        Self {
            hidden,
            ..Self::weighed(case, &scores, sink)
        }
    }

    fn weighed(case: &Problem<'_>, scores: &[Scored], sink: Option<f64>) -> Self {
        let of_sink = |score: f64| (0, score, 2.0 * U * tolerance::finite(score).abs());
        let all = || scores.iter().copied().chain(sink.map(of_sink));
        let max = all().fold(f64::NEG_INFINITY, |most, (_, score, _)| score.max(most));
        // Errors of all that may be the maximum: others may be masked, and far off.
        let most = |found: f64, (_, score, error): Scored| {
            if score + 2.0 * error >= max {
                error.max(found)
            } else {
                found
            }
        };
        let deviation = all().fold(0.0, most);
        let weigh = |score: f64, own: f64| {
            let weight = (score - max).exp();
            // How far below the maximum the kernel may see the score.
            let below = max - score + own + deviation;
            // The score's error enters through exp, and so does the rounding of the difference with the maximum. A
            // running maximum climbs to the last one in steps, whose exp are multiplied; the steps add up to `below`.
            let lifted = (own + below * U - (max - score)).exp() - weight;
            let relative = tolerance::exp_relative(below * std::f64::consts::LOG2_E, U);
            let of_exp = if weight > 0.0 { weight * relative } else { 0.0 };
            // Rounded to f16; what is subnormal may become zero.
            let narrowing = if case.narrow_weights {
                tolerance::storing(weight, Dtype::F16)
            } else {
                0.0
            };
            let error = lifted.max(0.0) + of_exp + narrowing + f64::from(f32::MIN_POSITIVE);
            (weight, error)
        };
        let keys: Vec<(u64, f64, f64)> = scores
            .iter()
            .map(|(v_first, score, own)| {
                let (weight, error) = weigh(*score, *own);
                (*v_first, weight, error)
            })
            .collect();
        // The terms are summed in any order, and rescaled at most once for each 16 keys or once for each key, in 64
        // parts that are rescaled again when they are merged: an exp that may be 3 ULP off at 0, and a product.
        let terms = keys.len() as f64 + f64::from(u8::from(sink.is_some()));
        let rescales = terms.min(terms / 16.0 + 64.0);
        Self {
            max,
            deviation,
            keys,
            hidden: Vec::new(),
            sink: sink.map_or([0.0; 2], |score| {
                weigh(score, 2.0 * U * tolerance::finite(score).abs()).into()
            }),
            summing: tolerance::gamma(2.0 * terms + 1.0, U)
                + rescales * (tolerance::exp_relative(0.0, U) + U),
            overflows: scores.iter().any(|(_, _, error)| error.is_nan()),
        }
    }

    /// The sum of all weights, and its relative error.
    fn sum(&self) -> (f64, f64) {
        let [sink, sink_error] = self.sink;
        let sum = sink + self.keys.iter().map(|(_, weight, _)| weight).sum::<f64>();
        let errors = sink_error + self.keys.iter().map(|(_, _, error)| error).sum::<f64>();
        (sum, errors / sum + self.summing)
    }

    /// Element `d` of the row: the weighted mean of column `d` of V.
    fn element(&self, case: &Problem<'_>, d: u64) -> Expected {
        let hidden = || {
            self.hidden
                .iter()
                .map(|first| case.inputs.get(2, first + d))
        };
        // A kernel may multiply V of a key that the query does not see by 0.
        if self.overflows || (case.special && hidden().any(|v| !v.is_finite())) {
            return Expected::unknown();
        }
        // The mean lies between the ends of what it is of; a sink counts as 0.
        let mut ends = if self.sink[0] > 0.0 {
            [0.0; 2]
        } else {
            [f64::INFINITY, f64::NEG_INFINITY]
        };
        let (mut value, mut magnitude, mut error) = (0.0, 0.0, 0.0);
        for (v_first, weight, weight_error) in &self.keys {
            let v = case.inputs.get(2, v_first + d);
            ends = [ends[0].min(v), ends[1].max(v)];
            value += weight * v;
            magnitude += weight * v.abs();
            error += weight_error * v.abs();
        }
        let (sum, below) = self.sum();
        if sum.is_nan() {
            return Expected::new(f64::NAN, 0.0);
        }
        if self.keys.is_empty() {
            return Expected::new(0.0, 0.0);
        }
        if !value.is_finite() || ends.iter().any(|end| !end.is_finite()) {
            let none = self
                .keys
                .iter()
                .any(|(first, ..)| case.inputs.get(2, first + d).is_nan());
            return if none {
                Expected::new(f64::NAN, 0.0)
            } else {
                Expected::not_finite()
            };
        }
        if tolerance::may_overflow(magnitude) {
            return Expected::unknown();
        }
        value /= sum;
        let above = (error * (1.0 + self.summing) + magnitude * self.summing) / sum;
        // A weight is divided by the sum, or the sum of products by it, or multiplied by its reciprocal.
        let division = tolerance::division_relative(U) + 2.0 * U;
        let relative = below + division;
        let largest = ends[0].abs().max(ends[1].abs());
        let between = ends[1] - ends[0] + 2.0 * (self.summing + division) * largest;
        if relative.is_nan() || relative >= 1.0 {
            return Expected::new(value, between);
        }
        let allowed = (above * (1.0 + division) + value.abs() * relative) / (1.0 - relative);
        Expected::new(value, allowed.min(between))
    }

    /// The natural logarithm of the sum of `exp(score)`.
    fn log_sum_exp(&self) -> Expected {
        if self.overflows {
            return Expected::unknown();
        }
        let (sum, relative) = self.sum();
        if sum.is_nan() {
            return Expected::new(f64::NAN, 0.0);
        }
        if self.max == f64::NEG_INFINITY {
            return Expected::new(f64::NEG_INFINITY, 0.0);
        }
        // The logarithm of a sum from 1 up to the number of terms.
        let most = (self.keys.len() as f64 + 1.0).ln() + 1.0;
        let log = sum.ln();
        let value = self.max + log;
        // WGSL's log: 3 units in the last place, 2^-21 in [0.5, 2] (section 15.7.4); kernels that count in log2 round
        // each factor of ln 2 or log2(e).
        let function = 2f64.powi(-21) + 6.0 * U * log.abs();
        let roundings = 4.0 * U * (self.max.abs() + log.abs() + value.abs());
        Expected::new(
            value,
            self.deviation + (1.01 * relative).min(most) + function + roundings,
        )
    }
}

#[cfg(test)]
mod tests;
