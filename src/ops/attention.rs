//! Scaled dot-product attention: `O = softmax(scale * Q K^T + mask) V`, f32 and f16.

mod bindings;
pub(super) mod classes;
mod cooperative;
mod cost;
mod decode;
mod decode_subgroup;
pub(super) mod even_work;
mod flash;
mod flash_subgroup;
mod form;
pub(super) mod kv_loop;
mod mask;
mod naive;
mod operands;
pub(super) mod options;
pub(super) mod params;
pub(super) mod reference;
mod samples;
mod shape;
mod split_kv;
mod split_kv_dispatch;
pub(super) mod text;
mod tiled;
mod unfused;
mod valid;

pub use options::{BiasShape, HeadLayout, KvCache, Lengths, LogSumExp, Mask, Sinks};
pub use shape::Attention;

use super::{
    Candidate, Family, Implementation, Operand, Operation, bind, changed, kernels_of,
    own_samples_of,
};
use crate::data::{Dtype, Inputs};
use crate::error::Result;
use crate::tolerance::Expected;

/// The kernels, in the order in which they are preferred.
const KERNELS: &[&Implementation<Attention>] = &[
    &decode_subgroup::DECODE_SUBGROUP,
    &decode::DECODE,
    &cooperative::COOPERATIVE,
    &flash_subgroup::FLASH_SUBGROUP,
    &flash::FLASH,
    &unfused::UNFUSED,
    &naive::NAIVE,
];

impl Operation for Attention {
    fn family(&self) -> &'static Family {
        &ATTENTION
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> Vec<(&'static str, u64)> {
        let mut shape = vec![
            ("batch", self.batch),
            ("heads", self.heads),
            ("seq_q", self.seq_q),
            ("seq_kv", self.seq_kv),
            ("head_dim", self.head_dim),
        ];
        if self.kv_heads != self.heads {
            shape.push(("kv_heads", self.kv_heads));
        }
        if self.value_dim != self.head_dim {
            shape.push(("value_dim", self.value_dim));
        }
        shape
    }

    fn label(&self) -> String {
        text::label(self)
    }

    fn variant(&self) -> String {
        classes::variant(self)
    }

    /// FLOPs of two products, 2 FLOPs a term. With a window, the pairs within it count. With a causal mask, half of all
    /// pairs count, by convention whatever the lengths. Otherwise, all pairs count.
    fn flops(&self) -> u64 {
        let each = 2 * self.all_heads() * (self.head_dim + self.value_dim);
        match (self.window, self.mask) {
            (Some(_), _) => each * self.visible_pairs(),
            (None, Mask::None) => each * self.seq_q * self.seq_kv,
            (None, Mask::Causal) => each * self.seq_q * self.seq_kv / 2,
        }
    }

    fn halved(&self) -> Option<Box<dyn Operation>> {
        let half = self.half()?;
        Some(Box::new(half))
    }

    fn operands(&self) -> Vec<Operand> {
        self.all_operands()
    }

    fn validate(&self) -> Result<()> {
        self.require_valid()
    }

    fn candidates(&self) -> Vec<Box<dyn Candidate + '_>> {
        bind(self, KERNELS)
    }

    /// All of K once for a row, of which a run of neighbours is 64 or the whole; a column of V for each element.
    fn reference_cost(&self) -> u64 {
        1 + self.seq_kv * self.head_dim / self.value_dim.clamp(1, 64) + self.seq_kv
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

/// `O = softmax(scale * Q K^T + mask) V`
pub(super) static ATTENTION: Family = Family {
    name: shape::NAME,
    about: "O = softmax(scale * Q K^T + mask) V for every head",
    shape_form: text::FORM,
    classes: classes::CLASSES,
    kernels: &kernels_of::<_, { KERNELS.len() }>(KERNELS),
    own_samples: &own_samples_of::<_, { KERNELS.len() }>(KERNELS),
    parse: text::parse,
    in_f32: |operation| {
        changed(operation, |attention: &mut Attention| {
            attention.dtype = Dtype::F32;
        })
    },
    common_samples: samples::samples,
};

#[cfg(test)]
mod tests;
