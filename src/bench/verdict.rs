//! A result held against the reference: the element that is furthest from right.

use crate::data::{Dtype, Inputs};
use crate::kernel::Kernel;
use crate::ops::Operation;
use crate::report::Verified;
use crate::tolerance::Expected;

/// Elements that are not finite and that go to the reference together.
const RUN: usize = 4096;

/// The reference for a result: the operation on its inputs, with the intermediates of the kernel.
pub(super) struct Comparison<'a> {
    pub(super) operation: &'a dyn Operation,
    pub(super) kernel: &'static Kernel,
    pub(super) inputs: &'a dyn Inputs,
}

/// Elements of one output that are on the host.
pub(super) struct Part<'a> {
    /// The output.
    pub(super) name: &'static str,
    /// Elements of the outputs before it.
    pub(super) base: u64,
    /// Its first element that is here.
    pub(super) first: u64,
    pub(super) dtype: Dtype,
    /// The elements as they lie in memory.
    pub(super) bytes: &'a [u8],
}

impl Part<'_> {
    fn got(&self, place: usize) -> f64 {
        f64::from(self.dtype.element(self.bytes, place))
    }
}

impl Comparison<'_> {
    /// Right values of some elements of the output of `part`.
    fn expected(&self, part: &Part<'_>, indices: &[u64]) -> Vec<Expected> {
        let counted: Vec<u64> = indices.iter().map(|index| part.base + index).collect();
        self.operation
            .expected(self.kernel.intermediates, self.inputs, &counted)
    }
}

/// The element furthest beyond, or nearest to, what it is allowed.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    worst: Option<Worst>,
    compared: u64,
    wrong: u64,
}

#[derive(Debug, Clone, Copy)]
struct Worst {
    output: &'static str,
    index: u64,
    got: f64,
    want: f64,
    allowed: f64,
    excess: f64,
}

impl Verdict {
    fn note(&mut self, candidate: Worst) {
        self.wrong += u64::from(candidate.excess > 1.0);
        if self
            .worst
            .is_none_or(|worst| candidate.excess > worst.excess)
        {
            self.worst = Some(candidate);
        }
    }

    /// Every element that is not finite has to be so by the reference, such as the logarithm of an empty sum.
    pub(super) fn finite(&mut self, case: &Comparison<'_>, part: &Part<'_>) {
        let mut places = part.dtype.non_finite(part.bytes);
        loop {
            // Operations over rows share work between neighbours.
            let run: Vec<u64> = places
                .by_ref()
                .take(RUN)
                .map(|place| place as u64)
                .collect();
            if run.is_empty() {
                return;
            }
            let indices: Vec<u64> = run.iter().map(|place| part.first + place).collect();
            for (place, expected) in run.iter().zip(case.expected(part, &indices)) {
                let got = part.got(*place as usize);
                let expected = expected.stored(part.dtype);
                if expected.excess(got) > 1.0 {
                    return self.note(Worst {
                        output: part.name,
                        index: part.first + place,
                        got,
                        want: expected.value,
                        allowed: expected.allowed,
                        excess: f64::INFINITY,
                    });
                }
            }
        }
    }

    pub(super) fn compare(&mut self, case: &Comparison<'_>, part: &Part<'_>, indices: &[u64]) {
        for (&index, expected) in indices.iter().zip(&case.expected(part, indices)) {
            let got = part.got((index - part.first) as usize);
            // Rounding the result to a narrower output type is not the kernel's error.
            let expected = expected.stored(part.dtype);
            self.note(Worst {
                output: part.name,
                index,
                got,
                want: expected.value,
                allowed: expected.allowed,
                excess: expected.excess(got),
            });
        }
        self.compared += indices.len() as u64;
    }

    pub(super) fn verified(self) -> Verified {
        let Some(worst) = self.worst else {
            return Verified {
                ok: true,
                max_error: Some(0.0),
                allowed: 0.0,
                compared: 0,
                worst: None,
            };
        };
        // NaN and infinities that are right have no difference.
        let error = if worst.excess > 0.0 {
            (worst.got - worst.want).abs()
        } else {
            0.0
        };
        Verified {
            ok: worst.excess <= 1.0,
            max_error: error.is_finite().then_some(error),
            allowed: worst.allowed,
            compared: self.compared,
            worst: (worst.excess > 1.0).then(|| {
                format!(
                    "{}[{}]: got {}, want {}, allowed {:e}; {} of {} compared differ",
                    worst.output,
                    worst.index,
                    worst.got,
                    worst.want,
                    worst.allowed,
                    self.wrong,
                    self.compared
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Matmul;

    #[test]
    fn what_is_not_finite_is_wrong_even_where_it_is_not_compared() {
        let matmul = Matmul::new(4, 8, 1);
        let inputs = [vec![1.0; 4], vec![1.0; 8]];
        let case = Comparison {
            operation: &matmul,
            kernel: matmul.family().kernels[0],
            inputs: &inputs.as_slice(),
        };
        let part = Part {
            name: "c",
            base: 0,
            first: 10,
            dtype: Dtype::F32,
            bytes: &Dtype::F32.encode(&[1.0, f32::NAN]),
        };
        let mut verdict = Verdict::default();
        verdict.finite(&case, &part);
        let verified = verdict.verified();
        assert!(!verified.ok && verified.max_error.is_none());
        assert!(verified.worst.unwrap().contains("c[11]"));
    }
}
