//! The uniform that every file of attention shares, and which keys a query sees.

use super::{Attention, KvCache, Lengths, Mask};

/// The uniform of the shaders of attention.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) batch: u32,
    pub(super) heads: u32,
    /// Query heads to a key head.
    pub(super) group: u32,
    pub(super) seq_q: u32,
    pub(super) seq_kv: u32,
    pub(super) head_dim: u32,
    pub(super) value_dim: u32,
    /// A query at position `p` sees keys `p - behind + 1 .. p + ahead`, those that there are.
    pub(super) ahead: i32,
    pub(super) behind: i32,
    pub(super) scale: f32,
    /// 0 for none.
    pub(super) soft_cap: f32,
    /// Work of this dispatch begins here; what it counts is the kernel's.
    pub(super) first: u32,
    pub(super) q: Strides,
    pub(super) k: Strides,
    pub(super) v: Strides,
    pub(super) o: Strides,
    /// The last is unused.
    pub(super) bias: [u32; 4],
    pub(super) page_size: u32,
    pub(super) pages: u32,
    /// Pages of a sequence.
    pub(super) table_row: u32,
    /// -inf, which WGSL cannot write.
    pub(super) neg_inf: f32,
}

/// The uniform of shaders whose workgroups may stop in the middle of a walk.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct WalkParams {
    pub(super) attention: Params,
    /// Steps of a walk that earlier dispatches took.
    pub(super) first_step: u32,
    /// Steps that this one takes at most.
    pub(super) steps: u32,
    /// The first workgroup whose sums are kept, and how many there are.
    pub(super) first_kept: u32,
    pub(super) kept: u32,
}

/// The uniform of the shaders that make results of what is kept.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct FinishParams {
    pub(super) attention: Params,
    /// The first workgroup whose sums are kept, and how many there are.
    pub(super) first_kept: u32,
    pub(super) kept: u32,
    /// Rows of each.
    pub(super) rows: u32,
    /// 1 where neighbouring workgroups were of different heads.
    pub(super) in_turn: u32,
}

/// Where an operand lies, in elements.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Strides {
    pub(super) batch: u32,
    pub(super) head: u32,
    pub(super) row: u32,
    pub(super) offset: u32,
}

/// The longest sequence: shaders add a position, a difference of lengths and a reach in an `i32`.
pub(super) const MAX_SEQ: u64 = 1 << 30;

impl Attention {
    /// How many keys before its own, and its own, a query sees, and how many after, and its own.
    pub(super) fn reach(&self) -> (u64, u64) {
        let window = self.window.map_or(MAX_SEQ, |keys| keys.min(MAX_SEQ));
        match self.mask {
            Mask::None => (window, window),
            Mask::Causal => (window, 1),
        }
    }

    /// Keys that `query` sees, as a range, where a sequence has `queries` and `keys`.
    pub(super) fn visible(&self, query: u64, queries: u64, keys: u64) -> std::ops::Range<u64> {
        let (behind, ahead) = self.reach();
        let position = query.cast_signed() + keys.cast_signed() - queries.cast_signed();
        let clamp = |key: i64| key.clamp(0, keys.cast_signed()).cast_unsigned();
        let first = clamp(position - behind.cast_signed() + 1);
        first..clamp(position + ahead.cast_signed()).max(first)
    }

    /// Keys that a run of `queries` neighbours sees at most.
    pub(super) fn most_visible(&self, queries: u64) -> u64 {
        let (behind, ahead) = self.reach();
        self.seq_kv.min(behind + ahead + queries - 2)
    }

    /// Keys that tile `index` of `tile` queries walks at most, from the first that its first row sees to the last that its
    /// last row sees.
    pub(super) fn most_walked(&self, index: u64, tile: u64) -> u64 {
        // Shorter sequences of the batch see others.
        if self.has_lengths() {
            return self.most_visible(tile);
        }
        let first = index * tile;
        let last = self.seq_q.min(first + tile).max(first + 1) - 1;
        let [begin, end] = [first, last].map(|query| self.visible(query, self.seq_q, self.seq_kv));
        end.end.max(begin.start) - begin.start
    }

    /// Whether tiles of `tile` queries walk more than `keys` in all.
    pub(super) fn walks_more(&self, keys: u64, tile: u64) -> bool {
        let most = keys / self.all_heads().max(1);
        let mut walked = 0;
        (0..self.seq_q.div_ceil(tile)).any(|index| {
            walked += self.most_walked(index, tile);
            walked > most
        })
    }

    /// Queries that see some of a run of `keys` neighbours at most.
    pub(super) fn most_seeing(&self, keys: u64) -> u64 {
        let (behind, ahead) = self.reach();
        self.seq_q.min(behind + ahead + keys - 2)
    }

    /// Queries that see some key of tile `index` of `tile` keys at most, from the first to the last.
    pub(super) fn seen_from(&self, index: u64, tile: u64) -> u64 {
        if self.has_lengths() {
            return self.most_seeing(tile);
        }
        let (behind, ahead) = self.reach();
        let clamp = |query: i64| query.clamp(0, self.seq_q.cast_signed());
        // Query i stands at key i + shift.
        let shift = self.seq_kv.cast_signed() - self.seq_q.cast_signed();
        let first = (index * tile).cast_signed();
        let last = self.seq_kv.min((index + 1) * tile).cast_signed() - 1;
        let begin = clamp(first - shift - ahead.cast_signed() + 1);
        let end = clamp(last - shift + behind.cast_signed());
        end.max(begin).abs_diff(begin)
    }

    /// Pairs of a query and a key that it sees in one head, at full lengths.
    pub(super) fn visible_pairs(&self) -> u64 {
        (0..self.seq_q)
            .map(|query| self.visible(query, self.seq_q, self.seq_kv))
            .map(|keys| keys.end - keys.start)
            .sum()
    }

    /// `unit` is what scores are measured in: 1, or log2(e) for a kernel that takes powers of two.
    pub(super) fn params(&self, unit: f64) -> Params {
        let (behind, ahead) = self.reach();
        let strides = |places: super::options::Places| Strides {
            batch: places.strides[0] as u32,
            head: places.strides[1] as u32,
            row: places.strides[2] as u32,
            offset: places.offset as u32,
        };
        let [q, k, v, o] = self.places();
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
            ahead: ahead as i32,
            behind: behind as i32,
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

    /// Elements from one sequence, head and query of the bias to the next; 0 where it is the same.
    pub(super) fn bias_strides(&self) -> [u64; 4] {
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

    /// Whether a kernel has to look at operand `lengths`.
    pub(super) fn has_lengths(&self) -> bool {
        self.lengths == Lengths::PerSequence
    }
}
