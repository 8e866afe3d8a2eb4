//! The operands of an attention: where they lie, how large they are, what benchmarks fill them with.

use super::options::{HeadStrides, KvCache, LogSumExp, Sinks};
use super::shape::Attention;
use crate::data::{Distribution, Dtype};
use crate::ops::Operand;

impl Attention {
    /// Where Q, K, V and O lie.
    pub(in crate::ops) fn strides(&self) -> [HeadStrides; 4] {
        let (runs, keys) = match self.cache {
            KvCache::Contiguous => (self.batch, self.seq_kv),
            KvCache::Paged { pages, page_size } => (pages, page_size),
        };
        let of_queries = |layout, columns| {
            HeadStrides::new(layout, [self.batch, self.heads, self.seq_q, columns])
        };
        let of_keys =
            |layout, columns| HeadStrides::new(layout, [runs, self.kv_heads, keys, columns]);
        [
            of_queries(self.q, self.head_dim),
            of_keys(self.k, self.head_dim),
            of_keys(self.v, self.value_dim),
            of_queries(self.o, self.value_dim),
        ]
    }

    /// Place of the operand `name` among the operands, and the operand itself.
    pub(in crate::ops) fn operand(&self, name: &str) -> Option<(usize, Operand)> {
        let operands = self.all_operands();
        let place = operands.iter().position(|operand| operand.name == name)?;
        Some((place, operands[place]))
    }

    /// The operands between V and O.
    pub(super) fn extras(&self) -> Vec<Operand> {
        let mut extras = Vec::new();
        if let KvCache::Paged { pages, page_size } = self.cache {
            let count = self
                .batch
                .saturating_mul(self.seq_kv.div_ceil(page_size.max(1)));
            // Each page once, as an allocator hands them out; several times only where there are too few.
            let spread = if count <= pages {
                Distribution::Permutation(pages as u32)
            } else {
                Distribution::Below(pages as u32)
            };
            extras.push(Operand::input("table", count, Dtype::U32, spread));
        }
        if self.has_lengths() {
            let longest = self.seq_q.max(self.seq_kv) as u32;
            let spread = Distribution::Below(longest.saturating_add(1));
            let count = self.batch.saturating_mul(2);
            extras.push(Operand::input("lengths", count, Dtype::U32, spread));
        }
        if let Some(bias) = self.bias {
            let count = [bias.batch, bias.heads, bias.seq_q, self.seq_kv]
                .into_iter()
                .fold(1, u64::saturating_mul);
            extras.push(Operand::input(
                "bias",
                count,
                self.dtype,
                Distribution::Uniform,
            ));
        }
        if self.sinks == Sinks::PerHead {
            extras.push(Operand::input(
                "sinks",
                self.heads,
                Dtype::F32,
                Distribution::Uniform,
            ));
        }
        extras
    }

    /// Every operand, in the order that [`Attention`] names.
    pub(super) fn all_operands(&self) -> Vec<Operand> {
        let [q, k, v, o] = self.strides();
        let count = |places: HeadStrides| places.elements().unwrap_or(u64::MAX);
        let input = |name, places, spread| Operand::input(name, count(places), self.dtype, spread);
        let mut operands = vec![
            // With outliers, so that scores differ enough for the maximum to matter.
            input("q", q, Distribution::Outliers),
            input("k", k, Distribution::Uniform),
            input("v", v, Distribution::Uniform),
        ];
        operands.extend(self.extras());
        let output = Operand::output("o", count(o), self.dtype);
        operands.push(if o.is_dense() {
            output
        } else {
            output.in_place()
        });
        if self.log_sum_exp == LogSumExp::Wanted {
            let rows = self.all_heads().saturating_mul(self.seq_q);
            operands.push(Operand::output("lse", rows, Dtype::F32));
        }
        operands
    }
}
