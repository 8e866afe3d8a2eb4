//! The expected result of a chain, step by step on the CPU: a kernel that was folded or cut short gives another one.

use super::forms::Step;
use super::{Buffers, Shape};
use crate::data::{Distribution, Dtype, mix, value};
use crate::roofline::probe::Words;
use crate::tolerance::Expected;

impl Shape {
    /// The expected value of element `index` of the answer: the sum of all chains.
    pub(super) fn expected(&self, index: u64, steps: u64, buffers: &Buffers) -> Expected {
        let chains = 0..self.chains as u32;
        let Some(dtype) = self.form.words.dtype() else {
            let own = mix(index as u32 ^ buffers.stream);
            let last = |chain| self.integer(own, chain, steps);
            let start = match self.form.step {
                Step::Dot => self.form.constants[1],
                _ => 0,
            };
            let sum = chains.map(last).fold(start, u32::wrapping_add);
            return Expected::new(f64::from(sum), 0.0);
        };
        let u = dtype.unit_roundoff();
        let own = value(buffers.stream, index as u32, dtype, Distribution::Uniform);
        let last = chains.map(|chain| self.real(f64::from(own), chain, steps, u));
        let (sum, error, magnitude) = last.fold((0.0, 0.0, 0.0), |(s, e, m), (x, dx)| {
            (s + x, e + dx, m + x.abs())
        });
        Expected::new(sum, error + self.chains as f64 * u * magnitude)
    }

    /// One chain in wrapping integers.
    fn integer(&self, own: u32, chain: u32, steps: u64) -> u32 {
        let [first, second] = self.form.constants;
        let mut x = own.wrapping_add(chain);
        let b = match self.form.step {
            Step::Dot => own ^ first,
            _ => own.wrapping_add(second),
        };
        for _ in 0..steps {
            x = match self.form.step {
                Step::Dot => x.wrapping_add(dot4(x, b)),
                _ => x.wrapping_mul(first).wrapping_add(b),
            };
        }
        x
    }

    /// One chain in f64, with the error that arithmetic of unit roundoff `u` may have gathered: (value, error).
    fn real(&self, own: f64, chain: u32, steps: u64, u: f64) -> (f64, f64) {
        let [first, second] = self
            .form
            .constants
            .map(|bits| f64::from(f32::from_bits(bits)));
        let u = 2.0 * u;
        let apart = match self.form.step {
            Step::Square => 0.0625,
            Step::Alternating => 0.125,
            _ => 1.0,
        };
        let place = f64::from(chain) * apart;
        let (mut x, mut c) = match self.form.step {
            Step::Square => (own * 0.5 + place, own * second + first),
            _ => (own + place, own * second),
        };
        let mut error = u * (x.abs() + c.abs());
        for _ in 0..steps {
            let (factor, growth) = match self.form.step {
                Step::Square => (x, 2.0 * x.abs() + error),
                _ => (first, first.abs()),
            };
            let product = x * factor;
            error = growth * error + u * (product.abs() + 2.0 * c.abs());
            x = product + c;
            if self.form.step == Step::Alternating {
                c = -c;
            }
        }
        (x, error)
    }
}

impl Words {
    /// The type that seeds are filled as; `None` for bits.
    pub(super) fn dtype(self) -> Option<Dtype> {
        match self {
            Self::U32 => None,
            Self::F32 => Some(Dtype::F32),
            Self::F16 => Some(Dtype::F16),
        }
    }

    /// Values in 32 bits.
    pub(super) fn count(self) -> u64 {
        match self {
            Self::F16 => 2,
            _ => 1,
        }
    }
}

/// `dot4I8Packed` (WGSL, section 17.5.36), as bits.
fn dot4(a: u32, b: u32) -> u32 {
    let products = a
        .to_le_bytes()
        .into_iter()
        .zip(b.to_le_bytes())
        .map(|(a, b)| i32::from(a.cast_signed()) * i32::from(b.cast_signed()));
    products.sum::<i32>().cast_unsigned()
}

#[cfg(test)]
mod tests;
