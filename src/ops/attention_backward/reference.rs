//! The right gradients of an attention, one row at a time, and how far off a kernel may be.

use super::shape::AttentionBackward;
use crate::data::{Dtype, Inputs};
use crate::ops::attention::options::HeadStrides;
use crate::ops::attention::reference::{Problem, U, tanh_error};
use crate::tolerance::{self, Expected};

/// Gradient, in the order of the operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gradient {
    Q,
    K,
    V,
}

/// Right values of elements of dQ, dK and dV, one behind the other.
pub(super) fn expected(
    backward: &AttentionBackward,
    intermediates: Dtype,
    inputs: &dyn Inputs,
    indices: &[u64],
) -> Vec<Expected> {
    let reference = Reference::new(backward, intermediates, inputs);
    let mut known: Option<Row> = None;
    let mut one = |&index: &u64| {
        let (gradient, name, places, index) = located(backward, index);
        let Some([batch, head, row, d]) = places.place(index) else {
            // Between rows a gradient is what it was.
            let place = backward.operand(name).map_or(0, |(place, _)| place);
            return Expected::new(inputs.get(place, index), 0.0);
        };
        let at = [batch, head, row];
        let row = match known.take() {
            Some(row) if (row.gradient, row.at) == (gradient, at) => row,
            _ => reference.row(gradient, at),
        };
        let found = reference.element(&row, d);
        known = Some(row);
        found
    };
    indices.iter().map(&mut one).collect()
}

/// The gradient that an index through all outputs falls into, its name and places, and the index in it.
fn located(
    backward: &AttentionBackward,
    mut index: u64,
) -> (Gradient, &'static str, HeadStrides, u64) {
    let [q, k, v] = backward.gradients();
    for (gradient, (name, places)) in [(Gradient::Q, q), (Gradient::K, k)] {
        let elements = places.elements().unwrap_or(u64::MAX);
        if index < elements {
            return (gradient, name, places, index);
        }
        index -= elements;
    }
    (Gradient::V, v.0, v.1, index)
}

/// The pairs that a row of a gradient is a sum over.
struct Row {
    gradient: Gradient,
    at: [u64; 3],
    pairs: Vec<Pair>,
    /// Whether f32 may give anything: a sum may pass f32 or not, or a factor of 0 meets what is not finite.
    unknown: bool,
}

/// An attention's backward and its operands' values.
struct Reference<'a> {
    case: Problem<'a>,
    o: usize,
    lse: usize,
    d_o: usize,
}

/// A query, and what all of its keys share.
struct Query {
    at: [u64; 3],
    q: Vec<f64>,
    d_o: Vec<f64>,
    lse: f64,
    /// `sum_d dO[d] O[d]` and its error.
    delta: [f64; 2],
}

impl Query {
    fn is_special(&self) -> bool {
        let mut all = self.q.iter().chain(&self.d_o).chain(&self.delta);
        all.any(|value| !value.is_finite()) || self.lse.is_nan()
    }
}

/// A query and a key that it sees: P and dS with their errors, and where the rows of Q, K and dO begin.
#[derive(Debug)]
struct Pair {
    p: [f64; 2],
    ds: [f64; 2],
    q_first: u64,
    k_first: u64,
    d_o_first: u64,
    /// Whether f32 may give anything.
    unknown: bool,
}

impl<'a> Reference<'a> {
    fn new(backward: &'a AttentionBackward, intermediates: Dtype, inputs: &'a dyn Inputs) -> Self {
        let place = |name| {
            let found = backward.operand(name);
            found.expect("every backward has these operands").0
        };
        Self {
            // The operands that a forward's `Problem` reads are the first operands of the backward as well.
            case: Problem::new(&backward.forward, intermediates, inputs),
            o: place("o"),
            lse: place("lse"),
            d_o: place("d_o"),
        }
    }

    fn row(&self, gradient: Gradient, at: [u64; 3]) -> Row {
        let (attention, [batch, head, row]) = (self.case.attention, at);
        let [queries, keys] = self.case.lengths(batch);
        let group = attention.heads / attention.kv_heads;
        let mut pairs = Vec::new();
        let mut unknown = false;
        if gradient == Gradient::Q {
            if row < queries {
                let query = self.query(at);
                let visible = attention.visible(row, queries, keys);
                for key in 0..keys {
                    let seen = visible
                        .contains(&key)
                        .then(|| self.pair(&query, head / group, key));
                    match seen.flatten() {
                        Some(pair) => pairs.push(pair),
                        None => {
                            unknown |=
                                self.case.special && self.special_key(batch, head / group, key);
                        }
                    }
                }
            }
        } else {
            for of_query in head * group..(head + 1) * group {
                for i in 0..queries {
                    let sees = attention.visible(i, queries, keys).contains(&row);
                    if !sees && !self.case.special {
                        continue;
                    }
                    let query = self.query([batch, of_query, i]);
                    match sees.then(|| self.pair(&query, head, row)).flatten() {
                        Some(pair) => pairs.push(pair),
                        None => unknown |= self.case.special && query.is_special(),
                    }
                }
            }
        }
        unknown |= pairs.iter().any(|pair| pair.unknown);
        Row {
            gradient,
            at,
            pairs,
            unknown,
        }
    }

    /// Whether K or V of a key that a row does not see may spoil it: a kernel multiplies them by 0.
    fn special_key(&self, batch: u64, kv_head: u64, key: u64) -> bool {
        let attention = self.case.attention;
        let [k_first, v_first] = self.case.key(batch, kv_head, key);
        let columns = [
            (1, k_first, attention.head_dim),
            (2, v_first, attention.value_dim),
        ];
        columns.into_iter().any(|(operand, first, columns)| {
            let mut all = first..first + columns;
            all.any(|index| !self.case.inputs.get(operand, index).is_finite())
        })
    }

    fn query(&self, at: [u64; 3]) -> Query {
        let (attention, [batch, head, row]) = (self.case.attention, at);
        let [q, _, _, o] = attention.strides();
        let of = |operand: usize, first: u64, columns: u64| -> Vec<f64> {
            let all = first..first + columns;
            all.map(|i| self.case.inputs.get(operand, i)).collect()
        };
        let o_first = o.index(batch, head, row, 0);
        let d_o = of(self.d_o, o_first, attention.value_dim);
        let (mut delta, mut magnitudes) = (0.0, 0.0);
        for (o, d_o) in of(self.o, o_first, attention.value_dim).iter().zip(&d_o) {
            delta += o * d_o;
            magnitudes += tolerance::finite(o * d_o).abs();
        }
        let lse_index = (batch * attention.heads + head) * attention.seq_q + row;
        Query {
            at,
            q: of(0, q.index(batch, head, row, 0), attention.head_dim),
            d_o,
            lse: self.case.inputs.get(self.lse, lse_index),
            delta: [delta, tolerance::dot(attention.value_dim, U, magnitudes)],
        }
    }

    /// P and dS of a query and a key; `None` where P is 0, since the score or the logarithm of the row's sum is -inf.
    fn pair(&self, query: &Query, kv_head: u64, key: u64) -> Option<Pair> {
        let (case, attention) = (&self.case, self.case.attention);
        let [batch, head, row] = query.at;
        let [k_first, v_first] = case.key(batch, kv_head, key);
        let scaled = case.scaled(&query.q, k_first);
        let [score, score_error] = case.capped(query.at, key, scaled);
        if score == f64::NEG_INFINITY || query.lse == f64::NEG_INFINITY {
            return None;
        }
        let below = score - query.lse;
        // The logarithm in units of log2 is rounded, and so is log2(e); so is the difference.
        let error = score_error + 3.0 * U * query.lse.abs() + 2.0 * U * below.abs();
        let relative = tolerance::exp_relative(below.abs() * std::f64::consts::LOG2_E, U);
        let p = below.exp();
        // A weight of 0 stays 0 however far below the logarithm the score may be.
        let of_exp = if p > 0.0 { p * relative } else { 0.0 };
        let p_error = (below + error).exp() - p + of_exp + f64::from(f32::MIN_POSITIVE);

        let (mut dp, mut magnitudes) = (0.0, 0.0);
        for (d, d_o) in (0u64..).zip(&query.d_o) {
            let product = d_o * case.inputs.get(2, v_first + d);
            dp += product;
            magnitudes += tolerance::finite(product).abs();
        }
        let [delta, delta_error] = query.delta;
        let [slope, slope_error] = self.slope(scaled);
        let centred = dp - delta;
        let centred_error = delta_error
            + tolerance::dot(attention.value_dim, U, magnitudes)
            + U * (dp.abs() + delta.abs());
        // Each factor with its error, and two products.
        let ds = p * centred * slope;
        let most = (p + p_error) * (centred.abs() + centred_error) * (slope + slope_error);
        let ds_error = most - ds.abs() + 3.0 * U * most;
        let [q, _, _, o] = attention.strides();
        let narrowed = [self.narrowed(p, p_error), self.narrowed(ds, ds_error)];
        Some(Pair {
            p: [p, narrowed[0]],
            ds: [ds, narrowed[1]],
            q_first: q.index(batch, head, row, 0),
            k_first,
            d_o_first: o.index(batch, head, row, 0),
            unknown: score_error.is_nan()
                // Beyond f16, where matrix units take an infinity.
                || narrowed.contains(&f64::INFINITY)
                || p_error > 1e30
                || p > 1e30
                || tolerance::may_overflow(magnitudes + delta_error / U)
                || tolerance::may_overflow(most)
                || (slope < 1.0 && !centred.is_finite()),
        })
    }

    /// How the score grows with the scaled product, and the error of that.
    fn slope(&self, [scaled, error]: [f64; 2]) -> [f64; 2] {
        let Some(cap) = self.case.attention.soft_cap.map(f64::from) else {
            return [1.0, 0.0];
        };
        // 1 - tanh^2 changes by 2 tanh (1 - tanh^2) <= 0.77 with its argument, and is as far off as tanh, twice.
        let x = scaled / cap;
        let argument = error / cap + 4.0 * U * x.abs();
        [
            1.0 - x.tanh() * x.tanh(),
            argument + 2.0 * tanh_error(x) + 4.0 * U,
        ]
    }

    /// The error of a factor of a product: matrix units take it as f16. What is subnormal there may become zero, and what
    /// is beyond has no bound.
    fn narrowed(&self, value: f64, error: f64) -> f64 {
        let most = value.abs() + error;
        if !self.case.narrow_weights {
            error
        } else if most > f64::from(half::f16::MAX) {
            f64::INFINITY
        } else {
            error + tolerance::storing(most, Dtype::F16)
        }
    }

    /// Element `d` of a row.
    fn element(&self, row: &Row, d: u64) -> Expected {
        let (mut sum, mut magnitudes, mut errors) = (0.0, 0.0, 0.0);
        for pair in &row.pairs {
            let ([weight, error], operand, first) = match row.gradient {
                Gradient::Q => (pair.ds, 1, pair.k_first),
                Gradient::K => (pair.ds, 0, pair.q_first),
                Gradient::V => (pair.p, self.d_o, pair.d_o_first),
            };
            let x = self.case.inputs.get(operand, first + d);
            sum += weight * x;
            magnitudes += (weight * x).abs();
            errors += error * x.abs();
        }
        if row.unknown {
            return Expected::unknown();
        }
        if sum.is_nan() {
            return Expected::new(f64::NAN, 0.0);
        }
        if sum.is_infinite() {
            return Expected::not_finite();
        }
        if errors.is_nan() || tolerance::may_overflow(magnitudes) {
            return Expected::unknown();
        }
        let summing = tolerance::dot(row.pairs.len() as u64, U, magnitudes + errors);
        let scale = match row.gradient {
            Gradient::V => return Expected::new(sum, errors + summing),
            Gradient::Q | Gradient::K => f64::from(self.case.attention.scale()),
        };
        // The scale times log2(e), that times ln 2, each of them rounded, and the product.
        let scaling = 5.0 * U * (sum.abs() + errors + summing);
        Expected::new(scale * sum, scale.abs() * (errors + summing + scaling))
    }
}
