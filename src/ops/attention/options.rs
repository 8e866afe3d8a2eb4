//! Options of an attention beyond its sizes: where its operands lie, which keys a query sees, what scores become.

use crate::error::{Error, Result};

/// Where `[batch, heads, rows, columns]` lies in a view, in elements; columns are side by side. The default: contiguous,
/// from the beginning.
///
/// # Examples
/// ```
/// use ridgepoint::HeadLayout;
/// // `[batch, rows, heads, columns]` for 8 heads of 64 columns.
/// let interleaved = HeadLayout::interleaved(8, 64);
/// assert_eq!((interleaved.head, interleaved.row), (Some(64), Some(512)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadLayout {
    /// First element.
    pub offset: u64,
    /// Elements from one row to the next; `None` for the number of columns.
    pub row: Option<u64>,
    /// Elements from one head to the next; `None` where all rows of a head lie one behind the other.
    pub head: Option<u64>,
    /// Elements from one sequence of the batch to the next, or from one page of a paged cache to the next; `None` for
    /// whichever of rows or heads reach further.
    pub batch: Option<u64>,
}

impl HeadLayout {
    /// `[batch, rows, heads, columns]`, contiguous.
    #[must_use]
    pub const fn interleaved(heads: u64, columns: u64) -> Self {
        Self {
            offset: 0,
            // Sizes beyond 64 bits are refused where the shape is validated.
            row: Some(heads.saturating_mul(columns)),
            head: Some(columns),
            batch: None,
        }
    }
}

/// Sizes of an operand with a [`HeadLayout`], and its strides with nothing left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) struct HeadStrides {
    /// Batch, heads, rows, columns.
    pub(in crate::ops) sizes: [u64; 4],
    /// Elements from one batch, head, row to the next.
    pub(in crate::ops) strides: [u64; 3],
    pub(in crate::ops) offset: u64,
}

impl HeadStrides {
    pub(in crate::ops) fn new(layout: HeadLayout, sizes: [u64; 4]) -> Self {
        let [_, heads, rows, columns] = sizes;
        let row = layout.row.unwrap_or(columns);
        let head = layout.head.unwrap_or(rows.saturating_mul(row));
        let reach = rows.saturating_mul(row).max(heads.saturating_mul(head));
        Self {
            sizes,
            strides: [layout.batch.unwrap_or(reach), head, row],
            offset: layout.offset,
        }
    }

    /// Elements that a view needs; `None` past 64 bits.
    pub(in crate::ops) fn elements(&self) -> Option<u64> {
        if self.sizes.contains(&0) {
            return Some(0);
        }
        let last = |size: u64, stride: u64| (size - 1).checked_mul(stride);
        let [batch, heads, rows, columns] = self.sizes;
        last(batch, self.strides[0])?
            .checked_add(last(heads, self.strides[1])?)?
            .checked_add(last(rows, self.strides[2])?)?
            .checked_add(columns)?
            .checked_add(self.offset)
    }

    /// Index of an element.
    pub(in crate::ops) fn index(&self, batch: u64, head: u64, row: u64, column: u64) -> u64 {
        let [of_batch, of_head, of_row] = self.strides;
        self.offset + batch * of_batch + head * of_head + row * of_row + column
    }

    /// Batch, head, row and column of an element; `None` for one between them. Of a layout without overlaps.
    pub(in crate::ops) fn place(&self, index: u64) -> Option<[u64; 4]> {
        let mut rest = index.checked_sub(self.offset)?;
        let mut found = [0; 4];
        let mut axes: Vec<usize> = (0..3).filter(|&axis| self.sizes[axis] > 1).collect();
        axes.sort_by_key(|&axis| std::cmp::Reverse(self.strides[axis]));
        for axis in axes {
            found[axis] = rest / self.strides[axis];
            rest %= self.strides[axis];
        }
        found[3] = rest;
        let inside = found.iter().zip(self.sizes).all(|(at, size)| *at < size);
        inside.then_some(found)
    }

    /// Whether elements lie side by side without a gap.
    pub(in crate::ops) fn is_dense(&self) -> bool {
        let count = self
            .sizes
            .iter()
            .try_fold(1u64, |product, size| product.checked_mul(*size));
        self.offset == 0 && self.elements() == count
    }

    /// Whether every row begins at a multiple of `width` elements and has a multiple of them.
    pub(in crate::ops) fn is_multiple_of(&self, width: u64) -> bool {
        let mut all = self.strides.iter().chain([&self.offset, &self.sizes[3]]);
        all.all(|size| size.is_multiple_of(width))
    }

    /// Refuses an output two of whose elements would be one: each axis has to step over all that lies within it.
    pub(in crate::ops) fn require_apart(&self, operation: &'static str, name: &str) -> Result<()> {
        if self.sizes.contains(&0) {
            return Ok(());
        }
        let mut axes: Vec<(u64, u64)> = (0..3).map(|i| (self.strides[i], self.sizes[i])).collect();
        axes.retain(|(_, size)| *size > 1);
        axes.sort_unstable();
        let mut reach = self.sizes[3];
        for (stride, size) in axes {
            if stride < reach {
                let reason = format!(
                    "elements of `{name}` overlap: a stride of {stride} where {reach} lie within"
                );
                return Err(Error::Shape { operation, reason });
            }
            reach = stride.saturating_mul(size - 1).saturating_add(reach);
        }
        Ok(())
    }
}

/// Keys that a query sees by its place. The ends of both sequences are aligned: query `i` stands at key
/// `i + seq_kv - seq_q`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mask {
    /// Every key.
    #[default]
    None,
    /// Keys that are not after it.
    Causal,
}

/// Sizes of an additive bias `[batch, heads, seq_q, seq_kv]`: each is the attention's own, or 1 for the same everywhere.
/// The last axis is always `seq_kv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BiasShape {
    /// 1, or the attention's batch.
    pub batch: u64,
    /// 1, or the attention's query heads.
    pub heads: u64,
    /// 1, or the attention's `seq_q`.
    pub seq_q: u64,
}

/// Whether each sequence of the batch has a length of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lengths {
    /// All are `seq_q` and `seq_kv` long.
    #[default]
    Same,
    /// Operand `lengths`, `[batch, 2]` of u32, says how many queries and keys of each there are; what is more than
    /// `seq_q` or `seq_kv` counts as that. Rows of O past a sequence's queries are zeros.
    PerSequence,
}

/// Whether each head has a sink: a score that takes part in the sum of a row, and has no value (Xiao et al., "Efficient
/// streaming language models with attention sinks", 2023, in the learned form).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sinks {
    /// None has.
    #[default]
    None,
    /// Operand `sinks`, `[heads]` of f32, neither scaled nor capped.
    PerHead,
}

/// How keys and values are kept.
///
/// # Examples
/// A step of decoding: one new query for each of 4 sequences, whose keys lie in a pool of 4096 pages of 16.
/// ```no_run
/// # async fn example(gpu: &ridgepoint::Gpu, encoder: &mut wgpu::CommandEncoder, buffers: [&wgpu::Buffer; 6])
/// # -> ridgepoint::Result<()> {
/// use ridgepoint::gpu::View;
/// use ridgepoint::ops::{KvCache, Lengths};
/// use ridgepoint::{Attention, Dtype, Plan, PlanOptions};
///
/// let step = Attention {
///     kv_heads: 8,
///     seq_q: 1,
///     seq_kv: 8192, // at most; `lengths` says how many each sequence has
///     dtype: Dtype::F16,
///     lengths: Lengths::PerSequence,
///     cache: KvCache::Paged { pages: 4096, page_size: 16 },
///     ..Attention::new(4, 32, 1, 128)
/// };
/// // Planned once: the next step needs new lengths in the same buffer, and now and then a new page in the table.
/// let plan = Plan::new(gpu, &step, &PlanOptions::default()).await?;
/// let [q, k_pages, v_pages, table, lengths, o] = buffers;
/// let half = |buffer| View::whole(buffer, Dtype::F16);
/// let places = |buffer| View::whole(buffer, Dtype::U32);
/// let views = [half(q), half(k_pages), half(v_pages), places(table), places(lengths), half(o)];
/// plan.record(encoder, &views)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KvCache {
    /// K and V lie as `[batch, kv_heads, seq_kv, columns]`.
    #[default]
    Contiguous,
    /// In pages, `[pages, kv_heads, page_size, columns]`: operand `table`, `[batch, ceil(seq_kv / page_size)]` of u32, says
    /// which page holds a run of keys. A page that is not there counts as the last.
    Paged {
        /// Pages of `k` and of `v`, at least 1.
        pages: u64,
        /// Keys of a page, at least 1.
        page_size: u64,
    },
}

/// Whether the logarithm of each row's sum is given as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogSumExp {
    /// No.
    #[default]
    Unwanted,
    /// Operand `lse`, `[batch, heads, seq_q]` of f32: the natural logarithm of the sum of `exp(score)`, sink included;
    /// -inf where there is nothing to sum.
    Wanted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_indices_are_inverse() {
        let layouts = [
            HeadLayout::default(),
            HeadLayout::interleaved(3, 5),
            HeadLayout {
                offset: 7,
                row: Some(6),
                head: Some(100),
                batch: Some(1000),
            },
        ];
        for layout in layouts {
            let places = HeadStrides::new(layout, [2, 3, 4, 5]);
            assert!(places.require_apart("attention", "o").is_ok());
            let mut found = 0;
            for index in 0..places.elements().unwrap() {
                if let Some([b, h, r, c]) = places.place(index) {
                    assert_eq!(places.index(b, h, r, c), index);
                    found += 1;
                }
            }
            assert_eq!(found, 2 * 3 * 4 * 5, "{layout:?}");
        }
        assert!(HeadStrides::new(HeadLayout::interleaved(3, 5), [2, 3, 4, 5]).is_dense());
        assert!(!HeadStrides::new(layouts[2], [2, 3, 4, 5]).is_dense());
        assert_eq!(
            HeadStrides::new(layouts[2], [2, 0, 4, 5]).elements(),
            Some(0)
        );
    }

    #[test]
    fn overlapping_outputs_are_refused() {
        let overlapping = HeadLayout {
            row: Some(4),
            ..HeadLayout::default()
        };
        let error = HeadStrides::new(overlapping, [1, 2, 3, 5]).require_apart("attention", "o");
        assert!(error.unwrap_err().to_string().contains("`o` overlap"));
        // Nothing overlaps where there are no rows.
        let empty = HeadStrides::new(HeadLayout::default(), [1, 2, 0, 5]);
        assert!(empty.require_apart("attention", "o").is_ok());
        // One sequence has nothing to overlap with.
        let shared = HeadLayout {
            batch: Some(0),
            ..HeadLayout::default()
        };
        assert!(
            HeadStrides::new(shared, [1, 2, 3, 5])
                .require_apart("attention", "o")
                .is_ok()
        );
        assert!(
            HeadStrides::new(shared, [2, 2, 3, 5])
                .require_apart("attention", "o")
                .is_err()
        );
    }
}
