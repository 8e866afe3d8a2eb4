//! The gradients of an attention: dQ, dK and dV from the gradient of O.

mod classes;
mod cooperative;
mod dispatch;
mod flash;
mod form;
mod owner;
mod reference;
mod samples;
mod shape;

pub use shape::AttentionBackward;

use super::attention::options::HeadStrides;
use super::attention::{self, text};
use super::{
    Attention, Candidate, Family, Implementation, LogSumExp, Operand, Operation, bind, changed,
    kernels_of, own_samples_of,
};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::{Error, Result};
use crate::tolerance::Expected;

/// The kernels, in the order in which they are preferred.
const KERNELS: &[&Implementation<AttentionBackward>] = &[&cooperative::COOPERATIVE, &flash::FLASH];

impl Operation for AttentionBackward {
    fn family(&self) -> &'static Family {
        &ATTENTION_BACKWARD
    }

    fn dtype(&self) -> Dtype {
        self.forward.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        self.forward.shape()
    }

    fn label(&self) -> String {
        text::label(&Attention {
            log_sum_exp: LogSumExp::Unwanted,
            ..self.forward
        })
    }

    fn variant(&self) -> String {
        attention::classes::variant(&self.forward)
    }

    /// FLOPs of five products: three over the columns of Q and two over the columns of V, where the forward has one of each.
    /// A product counts once, even if a kernel computes it twice.
    fn flops(&self) -> u64 {
        let Attention {
            head_dim,
            value_dim,
            ..
        } = self.forward;
        self.forward.flops() / (head_dim + value_dim).max(1) * (3 * head_dim + 2 * value_dim)
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        let forward = self.forward.half()?;
        Some(Box::new(Self { forward }))
    }

    fn operands(&self) -> Vec<Operand> {
        let dtype = self.forward.dtype;
        let [.., o] = self.forward.strides();
        let count = |places: HeadStrides| places.elements().unwrap_or(u64::MAX);
        let kept = ["q", "k", "v", "lengths", "bias"];
        let mut operands = self.forward.operands();
        operands.retain(|operand| kept.contains(&operand.name));
        // The logarithms are generated as well, so P is no softmax here: outliers would make it overflow f16.
        operands[0].distribution = Distribution::Uniform;
        let input =
            |name, elements, dtype| Operand::input(name, elements, dtype, Distribution::Uniform);
        let rows = self.forward.all_heads().saturating_mul(self.forward.seq_q);
        operands.extend([
            input("o", count(o), dtype),
            input("lse", rows, Dtype::F32),
            input("d_o", count(o), dtype),
        ]);
        operands.extend(self.gradients().map(|(name, places)| {
            let output = Operand::output(name, count(places), dtype);
            if places.is_dense() {
                output
            } else {
                output.in_place()
            }
        }));
        operands
    }

    fn validate(&self) -> Result<()> {
        self.forward.validate()?;
        if self.forward.heads == 0 {
            return Err(Error::Shape {
                operation: shape::NAME,
                reason: format!("{} key heads have no query heads", self.forward.kv_heads),
            });
        }
        for (name, places) in self.gradients() {
            places.require_apart(shape::NAME, name)?;
        }
        Ok(())
    }

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        bind(self, KERNELS)
    }

    /// For a row of dK every query of a group with its O and dO, shared by neighbours, and a column of Q for each element.
    fn reference_cost(&self) -> u64 {
        let Attention {
            heads,
            kv_heads,
            seq_q,
            seq_kv,
            head_dim,
            value_dim,
            ..
        } = self.forward;
        let pairs = seq_kv.max(seq_q * heads / kv_heads.max(1));
        1 + pairs * (2 * head_dim + 3 * value_dim) / head_dim.min(value_dim).clamp(1, 64) + pairs
    }

    fn expected(
        &self,
        intermediates: Dtype,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        reference::expected(self, intermediates, inputs, indices)
    }
}

/// Gradients of [`Attention`].
pub(super) static ATTENTION_BACKWARD: Family = Family {
    name: shape::NAME,
    about: "dQ, dK, dV of an attention from dO, O and the logarithms of its sums",
    shape_form: text::FORM,
    kernels: &kernels_of::<_, { KERNELS.len() }>(KERNELS),
    own_samples: &own_samples_of::<_, { KERNELS.len() }>(KERNELS),
    classes: classes::CLASSES,
    parse: |text, dtype| {
        let forward = text::read(shape::NAME, text, dtype)?;
        Ok(Box::new(AttentionBackward { forward }))
    },
    in_f32: |operation| {
        changed(operation, |backward: &mut AttentionBackward| {
            backward.forward.dtype = Dtype::F32;
        })
    },
    common_samples: samples::samples,
};

#[cfg(test)]
mod tests;
