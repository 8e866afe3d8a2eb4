//! The gradients of an attention: dQ, dK and dV from the gradient of O.

mod kernels;
mod reference;
mod samples;
mod schedule;

use super::options::{LogSumExp, Places};
use super::{Attention, classes, text};
use crate::data::{Distribution, Dtype, Inputs};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::ops::{Family, Operand, Operation};
use crate::shader::Prepared;
use crate::tolerance::Expected;

/// Gradients of an [`Attention`] by Q, K and V, given that by O, `dO`:
///
/// ```text
/// P[i, j] = exp(t[i, j] - lse[i])                 dP[i, j] = sum_d dO[i, d] V[j, d]
/// dS[i, j] = P[i, j] * (dP[i, j] - sum_d dO[i, d] O[i, d]) * cap'(scale * sum_d Q[i, d] K[j, d])
/// dQ[i] = scale * sum_j dS[i, j] K[j]     dK[j] = scale * sum_i dS[i, j] Q[i]     dV[j] = sum_i P[i, j] dO[i]
/// ```
///
/// with the scores `t` of the attention, its O, and the logarithms `lse` of its sums (Dao, "FlashAttention-2", 2023,
/// section 3.1.2). dK and dV of a key head are sums over the query heads that read it. Rows that see nothing, and rows
/// past a sequence's length, have gradients of zero. Sinks act through `lse` alone. Bias, sinks and soft cap get no
/// gradient of their own. Kernels take heads of up to 256 columns, with columns, offsets and strides that are multiples of
/// four, and no paged cache; what they lack they refuse by name.
///
/// Dispatches are cut as those of the attention: where a tile of keys or of queries has very many others to walk, its sums
/// are kept in 16 MiB of scratch memory at most.
///
/// Operands: `q`, `k`, `v`, then `lengths`, `bias` where the attention has such, then `o`, `lse`, `d_o`, and the results
/// `d_q`, `d_k`, `d_v`. Each gradient lies as what it is the gradient of. P and dS are f32; a kernel of matrix units
/// rounds them to f16 before it multiplies, so that dS, which grows with dO, has to stay below 65,504 there.
///
/// # Examples
/// ```
/// use ridgepoint::{Attention, AttentionBackward, Mask, Operation};
/// let forward = Attention { mask: Mask::Causal, ..Attention::new(1, 16, 4096, 64) };
/// let backward = AttentionBackward { forward };
/// // Five products where the forward has two.
/// assert_eq!(2 * backward.flops(), 5 * forward.flops());
/// let names: Vec<&str> = backward.operands().iter().map(|operand| operand.name).collect();
/// assert_eq!(names, ["q", "k", "v", "o", "lse", "d_o", "d_q", "d_k", "d_v"]);
/// ```
/// A forward that gives its logarithms, then the backward, in somebody's encoder:
/// ```no_run
/// use ridgepoint::{Attention, AttentionBackward, Gpu, Plan, PlanOptions, Result, gpu::View};
/// use ridgepoint::ops::LogSumExp;
///
/// async fn record(gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, [q, k, v, o, lse]: [View<'_>; 5],
///     [d_o, d_q, d_k, d_v]: [View<'_>; 4]) -> Result<()> {
///     let forward = Attention { log_sum_exp: LogSumExp::Wanted, ..Attention::new(1, 16, 4096, 64) };
///     let backward = AttentionBackward { forward };
///     Plan::new(gpu, &forward, &PlanOptions::default()).await?.record(encoder, &[q, k, v, o, lse])?;
///     Plan::new(gpu, &backward, &PlanOptions::default())
///         .await?
///         .record(encoder, &[q, k, v, o, lse, d_o, d_q, d_k, d_v])
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionBackward {
    /// The attention. Its `log_sum_exp` does not matter: the backward reads the logarithms in any case.
    pub forward: Attention,
}

impl AttentionBackward {
    /// Where Q, K and V, and so their gradients, lie.
    fn gradients(&self) -> [(&'static str, Places); 3] {
        let [q, k, v, _] = self.forward.places();
        [("d_q", q), ("d_k", k), ("d_v", v)]
    }

    /// Place of the operand `name` among the operands, and the operand itself.
    fn operand(&self, name: &str) -> Option<(usize, Operand)> {
        let operands = self.operands();
        let place = operands.iter().position(|operand| operand.name == name)?;
        Some((place, operands[place]))
    }
}

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
        classes::variant(&self.forward)
    }

    /// Five products, three over the columns of Q and two over those of V, where the forward has one of each: what has to
    /// be computed, not what a kernel computes twice.
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
        let [.., o] = self.forward.places();
        let count = |places: Places| places.elements().unwrap_or(u64::MAX);
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
        for (name, places) in self.gradients() {
            places.require_apart(ATTENTION_BACKWARD.name, name)?;
        }
        Ok(())
    }

    fn candidates(&self, device: &Capabilities) -> Vec<&'static Kernel> {
        kernels::candidates(device)
    }

    fn constants(&self, kernel: &'static Kernel, device: &Capabilities) -> Result<Constants> {
        kernels::constants(&self.forward, kernel, device)
    }

    fn derived(
        &self,
        kernel: &'static Kernel,
        chosen: &Constants,
        device: &Capabilities,
    ) -> Constants {
        kernels::derived(&self.forward, kernel, chosen, device)
    }

    fn alternatives(&self, kernel: &'static Kernel, device: &Capabilities) -> Vec<Constants> {
        kernels::tiles(&self.forward, kernel, device)
    }

    fn schedule(
        &self,
        kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule> {
        schedule::schedule(self, kernel, stages, device)
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
        kernel: &'static Kernel,
        inputs: &dyn Inputs,
        indices: &[u64],
    ) -> Vec<Expected> {
        reference::expected(self, kernel, inputs, indices)
    }
}

/// The name of the family.
const NAME: &str = "attention_backward";

/// Gradients of [`Attention`].
pub(in crate::ops) static ATTENTION_BACKWARD: Family = Family {
    name: NAME,
    about: "dQ, dK, dV of an attention from dO, O and the logarithms of its sums",
    shape_form: text::FORM,
    kernels: kernels::KERNELS,
    classes: classes::BACKWARD,
    parse: |text, dtype| {
        let forward = text::read(NAME, text, dtype)?;
        Ok(Box::new(AttentionBackward { forward }))
    },
    samples: samples::samples,
};

#[cfg(test)]
mod tests;
