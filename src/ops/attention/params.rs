//! The uniforms of the files of attention.

use super::options::{HeadStrides, KvCache, Sinks};
use super::shape::Attention;

/// Uniform that every file of attention begins with.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(in crate::ops) struct Params {
    pub(in crate::ops) batch: u32,
    pub(in crate::ops) heads: u32,
    /// Query heads to a key head.
    pub(in crate::ops) group: u32,
    pub(in crate::ops) seq_q: u32,
    pub(in crate::ops) seq_kv: u32,
    pub(in crate::ops) head_dim: u32,
    pub(in crate::ops) value_dim: u32,
    /// A query at position `p` sees keys from `p - behind + 1` up to, and without, `p + ahead`.
    pub(in crate::ops) ahead: i32,
    pub(in crate::ops) behind: i32,
    pub(in crate::ops) scale: f32,
    /// Soft cap of the scores; 0 for none.
    pub(in crate::ops) soft_cap: f32,
    /// First workgroup, tile or row of this dispatch, as its kernel counts them.
    pub(in crate::ops) first: u32,
    pub(in crate::ops) q: Strides,
    pub(in crate::ops) k: Strides,
    pub(in crate::ops) v: Strides,
    pub(in crate::ops) o: Strides,
    /// Elements from one sequence, head and query of the bias to the next; the last is unused.
    pub(in crate::ops) bias: [u32; 4],
    pub(in crate::ops) page_size: u32,
    pub(in crate::ops) pages: u32,
    /// Entries of a sequence in the table of pages.
    pub(in crate::ops) table_row: u32,
    /// -inf, which WGSL cannot write.
    pub(in crate::ops) neg_inf: f32,
}

/// Uniform of files whose KV loops may be cut between dispatches.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(in crate::ops) struct LoopParams {
    pub(in crate::ops) attention: Params,
    /// Steps of a KV loop that earlier dispatches took.
    pub(in crate::ops) first_step: u32,
    /// Steps that this dispatch takes at most.
    pub(in crate::ops) steps: u32,
    /// First workgroup whose partial accumulators are in scratch memory.
    pub(in crate::ops) first_kept: u32,
    /// Workgroups whose partial accumulators are in scratch memory.
    pub(in crate::ops) kept: u32,
}

/// Uniform of files that make results of partial accumulators.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(in crate::ops) struct FinishParams {
    pub(in crate::ops) attention: Params,
    /// First workgroup whose partial accumulators are in scratch memory.
    pub(in crate::ops) first_kept: u32,
    /// Workgroups whose partial accumulators are in scratch memory.
    pub(in crate::ops) kept: u32,
    /// Rows of each of these workgroups.
    pub(in crate::ops) rows: u32,
    /// 1 where neighbouring workgroups were of different heads.
    pub(in crate::ops) in_turn: u32,
}

/// Strides and offset of an operand, in elements.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(in crate::ops) struct Strides {
    pub(in crate::ops) batch: u32,
    pub(in crate::ops) head: u32,
    pub(in crate::ops) row: u32,
    pub(in crate::ops) offset: u32,
}

impl Attention {
    /// Whether kernels that take powers of two compute with natural scores, and convert their differences. A bias or a sink
    /// times log2(e) may be beyond f32: model code masks with the lowest finite number.
    pub(in crate::ops) fn has_natural_scores(&self) -> bool {
        self.bias.is_some() || self.sinks == Sinks::PerHead
    }

    /// Uniform for all rows of a kernel that takes powers of two.
    pub(in crate::ops) fn params_of_powers(&self) -> Params {
        self.params(if self.has_natural_scores() {
            1.0
        } else {
            std::f64::consts::LOG2_E
        })
    }

    /// Uniform for all rows. Scores are multiplied by `unit`: 1, or log2(e) for a kernel that takes powers of two.
    pub(in crate::ops) fn params(&self, unit: f64) -> Params {
        let (left, right) = self.window_sides();
        let strides = |places: HeadStrides| Strides {
            batch: places.strides[0] as u32,
            head: places.strides[1] as u32,
            row: places.strides[2] as u32,
            offset: places.offset as u32,
        };
        let [q, k, v, o] = self.strides();
        let (page_size, pages, table_row) = match self.cache {
            KvCache::Contiguous => (0, 0, 0),
            KvCache::Paged { pages, page_size } => {
                (page_size, pages, self.seq_kv.div_ceil(page_size.max(1)))
            }
        };
        Params {
            batch: self.batch as u32,
            heads: self.heads as u32,
            group: (self.heads / self.kv_heads.max(1)) as u32,
            seq_q: self.seq_q as u32,
            seq_kv: self.seq_kv as u32,
            head_dim: self.head_dim as u32,
            value_dim: self.value_dim as u32,
            ahead: right as i32,
            behind: left as i32,
            scale: (f64::from(self.scale()) * unit) as f32,
            soft_cap: self
                .soft_cap
                .map_or(0.0, |cap| (f64::from(cap) * unit) as f32),
            first: 0,
            q: strides(q),
            k: strides(k),
            v: strides(v),
            o: strides(o),
            bias: self.bias_strides().map(|stride| stride as u32),
            page_size: page_size as u32,
            pages: pages as u32,
            table_row: table_row as u32,
            neg_inf: f32::NEG_INFINITY,
        }
    }

    /// Elements from one sequence, head and query of the bias to the next; 0 along an axis of size 1.
    pub(in crate::ops) fn bias_strides(&self) -> [u64; 4] {
        let Some(bias) = self.bias else {
            return [0; 4];
        };
        let stride = |size: u64, stride: u64| if size > 1 { stride } else { 0 };
        let row = self.seq_kv;
        let head = bias.seq_q * row;
        [
            stride(bias.batch, bias.heads * head),
            stride(bias.heads, head),
            stride(bias.seq_q, row),
            0,
        ]
    }
}
