//! The shape and the options of an attention.

use super::options::{BiasShape, HeadLayout, KvCache, Lengths, LogSumExp, Mask, Sinks};
use crate::data::Dtype;

/// Name of the operation.
pub(super) const NAME: &str = "attention";

/// Attention of every head of a batch, for queries `i` and keys `j`:
///
/// ```text
/// t[i, j] = cap(scale * sum_d Q[i, d] K[j, d]) + bias[i, j]        cap(x) = soft_cap * tanh(x / soft_cap)
/// O[i]    = sum_j exp(t[i, j]) V[j] / (sum_j exp(t[i, j]) + exp(sink))
/// ```
///
/// over the keys that the query sees by `mask`, `window`, `lengths` and a bias above -inf (Vaswani et al., "Attention Is All
/// You Need", 2017; with keys shared by heads, Ainslie et al., "GQA", 2023; the soft cap, Gemma Team, "Gemma 2", 2024). With
/// the defaults it is `torch.nn.functional.scaled_dot_product_attention`. A query that sees none gives a row of zeros. Query
/// head `h` reads key head `h / (heads / kv_heads)`. Scores, sums and O are computed in f32 whatever the type; a kernel of
/// matrix units rounds `exp(t - max)` to f16 before it multiplies V.
///
/// Dispatches are cut so that none lasts longer than 100 ms on a slow adapter of its kind: by tiles of queries, and where a
/// tile sees very many keys, by keys. Where there are several dispatches, KV loops are also cut so that each dispatch has
/// work for many cores. Scratch memory holds the partial accumulators of a tile for the next dispatch, 16 MiB at most, and
/// 64 MiB on a discrete GPU. Where no KV loop is cut, the fused kernels need no scratch memory.
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
    /// Keys that a query sees by its place.
    pub mask: Mask,
    /// A query at key `p` sees keys `p - window + 1` to `p + window - 1` alone; at least 1. `None` for no such bound.
    pub window: Option<u64>,
    /// Sizes of the bias that is added to the scores, if there is one.
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
    pub(in crate::ops) fn all_heads(&self) -> u64 {
        self.batch * self.heads
    }

    /// Whether O has no rows, so that nothing is dispatched.
    pub(super) fn has_no_rows(&self) -> bool {
        self.all_heads() * self.seq_q == 0
    }

    /// Whether a kernel has to read operand `lengths`.
    pub(in crate::ops) fn has_lengths(&self) -> bool {
        self.lengths == Lengths::PerSequence
    }

    /// Factor of the scores.
    pub(in crate::ops) fn scale(&self) -> f32 {
        let usual = || (1.0 / (self.head_dim as f64).sqrt()) as f32;
        self.scale.unwrap_or_else(usual)
    }

    /// An attention of about half the size, with operands one behind the other; `None` at the smallest. Batch and heads are
    /// halved first, since the work of one head stays as it was.
    pub(in crate::ops) fn half(&self) -> Option<Self> {
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
