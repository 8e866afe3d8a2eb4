//! Scaled dot-product attention: `O = softmax(scale * Q K^T + mask) V`, f32 and f16.

mod backward;
mod classes;
mod cooperative;
mod cut;
mod decode;
mod flash;
mod kernels;
mod operands;
mod options;
mod params;
mod reference;
mod samples;
mod schedule;
mod subgroup;
mod text;
mod tiles;
mod unfused;
mod valid;

pub(super) use backward::ATTENTION_BACKWARD;
pub use backward::AttentionBackward;
pub use options::{BiasShape, HeadLayout, KvCache, Lengths, LogSumExp, Mask, Sinks};

use super::{Family, Operand, Operation};
use crate::data::{Dtype, Inputs};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Schedule};
use crate::shader::Prepared;
use crate::tolerance::Expected;
use cooperative::ATTENTION_COOPERATIVE;
use decode::{ATTENTION_DECODE, ATTENTION_DECODE_SUBGROUP};
use kernels::{ATTENTION_FLASH, ATTENTION_NAIVE};
use subgroup::ATTENTION_FLASH_SUBGROUP;
use unfused::ATTENTION_UNFUSED;

/// Attention of every head of a batch, for queries `i` and keys `j`:
///
/// ```text
/// t[i, j] = cap(scale * sum_d Q[i, d] K[j, d]) + bias[i, j]        cap(x) = soft_cap * tanh(x / soft_cap)
/// O[i]    = sum_j exp(t[i, j]) V[j] / (sum_j exp(t[i, j]) + exp(sink))
/// ```
///
/// over the keys that the query sees by `mask`, `window`, `lengths` and a bias above -inf. A query that sees none gives a
/// row of zeros. Query head `h` reads key head `h / (heads / kv_heads)`. Scores, sums and O are computed in f32 whatever
/// the type; a kernel of matrix units rounds `exp(t - max)` to f16 before it multiplies V.
///
/// Dispatches are cut so that none lasts longer than 100 ms on a slow adapter of its kind: by tiles of queries, and where a
/// tile sees very many keys, by keys. Where there are several dispatches, walks over keys are also cut so that each of them
/// has work for many cores. What a tile has found is kept in scratch memory for the next dispatch, 16 MiB at most, and 64 MiB
/// on a discrete GPU; where no walk is cut, the fused kernels need none.
///
/// Operands: `q`, `k`, `v`, then `table`, `lengths`, `bias`, `sinks` where there are such, then `o`, and `lse` where it is
/// wanted.
///
/// # Examples
/// ```
/// use ridgepoint::{Attention, Mask, Operation};
/// let attention = Attention { mask: Mask::Causal, ..Attention::new(2, 4, 512, 64) };
/// assert_eq!(attention.label(), "2x4x512x512x64xcausal");
/// assert_eq!(attention.flops(), 4 * 2 * 4 * 512 * 512 * 64 / 2);
/// let decode = Attention { seq_q: 1, kv_heads: 8, ..Attention::new(1, 32, 32_768, 128) };
/// assert_eq!(decode.operands()[1].elements, 8 * 32_768 * 128);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Sequences computed side by side.
    pub batch: u64,
    /// Heads of Q and O.
    pub heads: u64,
    /// Heads of K and V: a divisor of `heads`.
    pub kv_heads: u64,
    /// Queries: rows of Q and O.
    pub seq_q: u64,
    /// Keys: rows of K and V.
    pub seq_kv: u64,
    /// Columns of Q and K.
    pub head_dim: u64,
    /// Columns of V and O.
    pub value_dim: u64,
    /// Element type of Q, K, V, O and the bias.
    pub dtype: Dtype,
    /// Where Q lies.
    pub q: HeadLayout,
    /// Where K lies; of a paged cache, with pages as the batch and a page's keys as rows.
    pub k: HeadLayout,
    /// Where V lies, as K.
    pub v: HeadLayout,
    /// Where O lies. What lies between its rows is not touched.
    pub o: HeadLayout,
    /// Factor of the scores; `None` for `1 / sqrt(head_dim)`.
    pub scale: Option<f32>,
    /// Which keys a query sees by its place.
    pub mask: Mask,
    /// A query at key `p` sees keys `p - window + 1` to `p + window - 1` alone; at least 1. `None` for no such bound.
    pub window: Option<u64>,
    /// What is added to the scores, if anything.
    pub bias: Option<BiasShape>,
    /// Scores `s` become `soft_cap * tanh(s / soft_cap)`; above 0.
    pub soft_cap: Option<f32>,
    /// Whether each head has a score without a value.
    pub sinks: Sinks,
    /// Whether sequences have lengths of their own.
    pub lengths: Lengths,
    /// How keys and values are kept.
    pub cache: KvCache,
    /// Whether the logarithms of the sums are given too.
    pub log_sum_exp: LogSumExp,
}

impl Attention {
    /// Self-attention of `seq` queries and as many keys, f32, `[batch, heads, seq, head_dim]`, without options.
    #[must_use]
    pub const fn new(batch: u64, heads: u64, seq: u64, head_dim: u64) -> Self {
        let contiguous = HeadLayout {
            offset: 0,
            row: None,
            head: None,
            batch: None,
        };
        Self {
            batch,
            heads,
            kv_heads: heads,
            seq_q: seq,
            seq_kv: seq,
            head_dim,
            value_dim: head_dim,
            dtype: Dtype::F32,
            q: contiguous,
            k: contiguous,
            v: contiguous,
            o: contiguous,
            scale: None,
            mask: Mask::None,
            window: None,
            bias: None,
            soft_cap: None,
            sinks: Sinks::None,
            lengths: Lengths::Same,
            cache: KvCache::Contiguous,
            log_sum_exp: LogSumExp::Unwanted,
        }
    }

    /// Query heads of the whole batch.
    fn all_heads(&self) -> u64 {
        self.batch * self.heads
    }

    fn scale(&self) -> f32 {
        let usual = || (1.0 / (self.head_dim as f64).sqrt()) as f32;
        self.scale.unwrap_or_else(usual)
    }

    /// Fewer heads first: a head alone is what it was. Operands lie one behind the other again.
    fn half(&self) -> Option<Self> {
        let mut half = *self;
        if self.batch > 1 {
            half.batch = self.batch / 2;
        } else if self.heads > self.kv_heads.max(1) {
            half.heads = self.kv_heads;
        } else if self.heads > 1 {
            half.heads = self.heads / 2;
            half.kv_heads = half.heads;
        } else {
            half.seq_q = self.seq_q.div_ceil(2);
            half.seq_kv = self.seq_kv.div_ceil(2);
        }
        half.bias = self.bias.map(|bias| BiasShape {
            batch: bias.batch.min(half.batch),
            heads: bias.heads.min(half.heads),
            seq_q: bias.seq_q.min(half.seq_q),
        });
        [half.q, half.k, half.v, half.o] = [HeadLayout::default(); 4];
        (half != *self).then_some(half)
    }
}

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

    /// Two products of 2 FLOPs a term; half of them under a causal mask, by convention whatever the lengths; those of
    /// the pairs within a window, if there is one.
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

    fn constants(&self, kernel: &'static Kernel, device: &Capabilities) -> Result<Constants> {
        if cooperative::is_cooperative(kernel) {
            return cooperative::constants(self, kernel, device);
        }
        if decode::owns(kernel) {
            return decode::constants(self, kernel, device);
        }
        kernels::constants(self, kernel, device)
    }

    fn derived(
        &self,
        kernel: &'static Kernel,
        chosen: &Constants,
        device: &Capabilities,
    ) -> Constants {
        flash::derived(self, kernel, chosen, device)
    }

    fn alternatives(&self, kernel: &'static Kernel, device: &Capabilities) -> Vec<Constants> {
        match kernel.name {
            _ if decode::owns(kernel) => decode::alternatives(self, kernel, device),
            name if name == ATTENTION_COOPERATIVE.name => cooperative::alternatives(self, device),
            name if name == ATTENTION_FLASH_SUBGROUP.name => subgroup::alternatives(self, device),
            name if name == ATTENTION_FLASH.name => tiles::alternatives(self, device),
            _ => Vec::new(),
        }
    }

    fn unsuited(&self, kernel: &'static Kernel, device: &Capabilities) -> Option<String> {
        if decode::owns(kernel) {
            return decode::unsuited(self);
        }
        if kernel.name == ATTENTION_COOPERATIVE.name {
            return cooperative::unsuited(kernel, device);
        }
        subgroup::unsuited(self, kernel, device)
    }

    fn schedule(
        &self,
        kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule> {
        schedule::schedule(self, kernel, stages, device)
    }

    /// All of K once for a row, of which a run of neighbours is 64 or the whole; a column of V for each element.
    fn reference_cost(&self) -> u64 {
        1 + self.seq_kv * self.head_dim / self.value_dim.clamp(1, 64) + self.seq_kv
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

/// `O = softmax(scale * Q K^T + mask) V`
pub(super) static ATTENTION: Family = Family {
    name: "attention",
    about: "O = softmax(scale * Q K^T + mask) V for every head",
    shape_form: text::FORM,
    classes: classes::CLASSES,
    kernels: &[
        &ATTENTION_NAIVE,
        &ATTENTION_UNFUSED,
        &ATTENTION_FLASH,
        &ATTENTION_FLASH_SUBGROUP,
        &ATTENTION_COOPERATIVE,
        &ATTENTION_DECODE,
        &ATTENTION_DECODE_SUBGROUP,
    ],
    parse: text::parse,
    samples: samples::samples,
};

#[cfg(test)]
mod tests;
