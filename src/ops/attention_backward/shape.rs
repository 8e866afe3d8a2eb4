//! The shape of the gradients of an attention.

use crate::ops::attention::options::HeadStrides;
use crate::ops::{Attention, Operand, Operation};

/// Name of the operation.
pub(super) const NAME: &str = "attention_backward";

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
/// Dispatches are cut as the dispatches of the attention are: where the loop of a tile of keys or of queries is very long,
/// its partial accumulators are in scratch memory between dispatches, 16 MiB at most.
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
    pub(super) fn gradients(&self) -> [(&'static str, HeadStrides); 3] {
        let [q, k, v, _] = self.forward.strides();
        [("d_q", q), ("d_k", k), ("d_v", v)]
    }

    /// Place of the operand `name` among the operands, and the operand itself.
    pub(super) fn operand(&self, name: &str) -> Option<(usize, Operand)> {
        let operands = self.operands();
        let place = operands.iter().position(|operand| operand.name == name)?;
        Some((place, operands[place]))
    }
}
