//! Products whose operands are larger than one binding: how much of one is computed at once.
//!
//! Only what lies row by row can be cut: matrices of a batch, and rows as they lie in memory. Rows of A and C are rows of
//! the product, rows of a transposed B its columns; rows of B, or of a transposed A, are its depth, whose parts have to be
//! summed.

use super::cost::{Arithmetic, Cost};
use super::dispatch::sub_ranges;
use super::layout::Order;
use super::shape::{Bias, Matmul};
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::Constants;
use crate::ops::Operation;
use crate::shader::Constant;
use std::ops::Range;

/// The most of a product that is computed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) matrices: u64,
    pub(super) rows: u64,
    pub(super) columns: u64,
    pub(super) depth: u64,
}

/// Side of the product that the rows of an operand in memory run along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Rows,
    Columns,
    Depth,
}

/// Parts of the sides of C and of K are multiples of the larger of these where they can be, or else of the smaller: both are
/// multiples of most tiles.
const GRANULES: [u64; 2] = [256, 64];
/// Smallest step for parts that are cut along neighbours in memory: up to 8 neighbours are moved at once.
const APART: u64 = 8;
/// Rows of whole words that begin at a multiple of every alignment of bindings, 256 bytes at most.
pub(super) const ALIGNED_ROWS: u64 = 64;
/// Bytes of partial sums at most, 64 MiB, where K is cut for the watchdog limit.
const SUMS: u64 = 64 << 20;

impl Partition {
    /// All of a product at once.
    pub(super) fn whole(matmul: &Matmul) -> Self {
        Self {
            matrices: matmul.batch,
            rows: matmul.m,
            columns: matmul.n,
            depth: matmul.k,
        }
    }

    fn side(&mut self, side: Side) -> &mut u64 {
        match side {
            Side::Rows => &mut self.rows,
            Side::Columns => &mut self.columns,
            Side::Depth => &mut self.depth,
        }
    }

    /// The largest partition whose operands `limits` allow to be bound.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where a few rows are too large already.
    pub(super) fn of(matmul: &Matmul, limits: &wgpu::Limits) -> Result<Self> {
        let mut found = Self::whole(matmul);
        let limit = limits.max_storage_buffer_binding_size;
        let operands = matmul.operands();
        if operands
            .iter()
            .all(|o| o.elements * o.dtype.bytes() <= limit)
        {
            return Ok(found);
        }
        // A window begins at a multiple of the alignment, at or before its first element.
        let room = limit.saturating_sub(limits.min_storage_buffer_offset_alignment.into());
        let [a, b, c] = matmul.strides()?;
        let by_order = |order: Order, [as_is, transposed]: [Side; 2]| match order {
            Order::RowMajor => as_is,
            Order::ColumnMajor => transposed,
        };
        let side_a = by_order(matmul.a.order, [Side::Rows, Side::Depth]);
        let side_b = by_order(matmul.b.order, [Side::Depth, Side::Columns]);
        for (places, side, elements) in [
            (a, side_a, room / matmul.dtype.bytes()),
            (b, side_b, elements_of_b(matmul, room)),
            (c, Side::Rows, room / matmul.output.bytes()),
        ] {
            let matrix = places.span(*Self::whole(matmul).side(side));
            if matrix <= elements {
                let others = (elements - matrix).checked_div(places.batch);
                found.matrices = found.matrices.min(others.map_or(u64::MAX, |n| n + 1));
                continue;
            }
            found.matrices = 1;
            let before_last = elements.checked_sub(places.contiguous);
            let fitting = before_last.map_or(0, |elements| elements / places.stride() + 1);
            *found.side(side) = fitting.min(*found.side(side));
        }
        let (rows, columns, depth) = (matmul.m, matmul.n, matmul.k);
        let rows_apart = match matmul.a.order {
            Order::RowMajor => 1,
            Order::ColumnMajor => APART,
        };
        found.rows = rounded(found.rows, rows, rows_apart);
        let columns_apart = match matmul.bias {
            Bias::None => APART,
            // A window of the bias begins with the piece's first column.
            Bias::Row => u64::from(limits.min_storage_buffer_offset_alignment) / 4,
        };
        found.columns = rounded(found.columns, columns, columns_apart.max(APART));
        found.depth = rounded(found.depth, depth, APART);
        found.require(matmul, limits)?;
        Ok(found)
    }

    /// Refuses a partition that leaves nothing of a side.
    fn require(&self, matmul: &Matmul, limits: &wgpu::Limits) -> Result<()> {
        let empty = [
            (self.rows, matmul.m, "rows"),
            (self.columns, matmul.n, "columns"),
            (self.depth, matmul.k, "steps of K"),
        ];
        let Some((.., what)) = empty
            .iter()
            .find(|(part, whole, _)| *part == 0 && *whole > 0)
        else {
            return Ok(());
        };
        let longest = |o: &crate::ops::Operand| o.elements * o.dtype.bytes();
        Err(Error::TooLarge {
            what: format!(
                "matmul {}, whose operands cannot be cut into fewer {what}, in bytes of one binding,",
                matmul.label()
            ),
            needed: matmul.operands().iter().map(longest).max().unwrap_or(0),
            limit_name: "max_storage_buffer_binding_size",
            limit: limits.max_storage_buffer_binding_size,
        })
    }

    /// Constants for edges that sub-problems have and the whole product has not.
    pub(super) fn constants(&self, matmul: &Matmul) -> Constants {
        let [largest, _] = GRANULES;
        let sides = [(matmul.m, self.rows), (matmul.n, self.columns)];
        let holds = |(whole, part): (u64, u64)| {
            let last = match whole.checked_rem(part) {
                None | Some(0) => part,
                Some(rest) => rest,
            };
            last >= whole.min(largest)
        };
        let is_tiled = |(whole, part): (u64, u64)| part == whole || part.is_multiple_of(largest);
        let found = [
            ("CLAMP", !sides.into_iter().all(holds)),
            ("EDGES", !sides.into_iter().all(is_tiled)),
            ("RAGGED_K", self.depth != matmul.k),
        ];
        let said = found.into_iter().filter(|(_, said)| *said);
        said.map(|(name, said)| (name, Constant::Bool(said)))
            .collect()
    }

    pub(super) fn is_whole(&self, matmul: &Matmul) -> bool {
        *self == Self::whole(matmul)
    }

    /// The largest partition that leaves room for the sums over parts of K. Sums have to fit into one binding; where the
    /// watchdog limit alone asks for parts, sums are few.
    ///
    /// # Errors
    /// Errors of [`Partition::of`].
    pub(super) fn with_partials(
        matmul: &Matmul,
        work: Arithmetic,
        device: &Capabilities,
    ) -> Result<Self> {
        let limits = &device.limits;
        let whole = Self::of(matmul, limits)?;
        let bound = limits.max_storage_buffer_binding_size;
        let depths = whole.depths(matmul).len() as u64;
        let found = whole.for_sums(depths, bound);
        found.require(matmul, limits)?;
        let deepest = Cost::largest(work, device.kind).deepest(device);
        let in_time = whole.depth.div_ceil(deepest).max(1);
        if in_time == 1 {
            return Ok(found);
        }
        // Where not even a few rows have room, there are fewer parts than would be done in time.
        let few = found.for_sums(depths * in_time, bound.min(SUMS));
        Ok(if few.rows == 0 { found } else { few })
    }

    /// A smaller partition, so that `parts` planes of f32 sums fit into `limit` bytes.
    fn for_sums(self, parts: u64, limit: u64) -> Self {
        let plane = self
            .rows
            .saturating_mul(self.columns)
            .saturating_mul(parts * 4);
        if plane <= limit {
            return Self {
                matrices: self.matrices.min(limit / plane.max(1)).max(1),
                ..self
            };
        }
        Self {
            matrices: 1,
            rows: rounded(limit / (self.columns * parts * 4), self.rows, APART),
            ..self
        }
    }

    /// Planes of sums that one binding holds for each part of K.
    pub(super) fn most_planes(&self, limits: &wgpu::Limits) -> u64 {
        let plane = self.matrices * self.rows * self.columns * 4;
        (limits.max_storage_buffer_binding_size / plane.max(1)).max(1)
    }

    /// The parts of K; one of an empty K.
    pub(super) fn depths(&self, matmul: &Matmul) -> Vec<Range<u64>> {
        if matmul.k == 0 {
            return vec![Range::default()];
        }
        sub_ranges(matmul.k, self.depth).collect()
    }
}

/// Elements of B that `room` bytes hold. A window of quantised weights begins up to a granule of rows early, where its quants
/// and its scales both begin at a multiple of the alignment.
fn elements_of_b(matmul: &Matmul, room: u64) -> u64 {
    if !matmul.weights.is_quantized() {
        return room / matmul.dtype.bytes();
    }
    let words = [
        matmul.weights.quant_words(matmul.k),
        matmul.weights.scale_words(matmul.k),
    ];
    let of_row = words.into_iter().max().unwrap_or(0).max(1) * 4;
    (room / of_row).saturating_sub(ALIGNED_ROWS - 1) * matmul.k
}

/// Whether K is cut, so that parts have to be summed: only kernels with planes for them can.
pub(super) fn cuts_depth(matmul: &Matmul, limits: &wgpu::Limits) -> bool {
    Partition::of(matmul, limits).is_ok_and(|partition| partition.depth < matmul.k)
}

/// At most `part` of `whole`, in about equal parts: a multiple of one of [`GRANULES`], or at least of `least`; all of it as
/// it is.
fn rounded(part: u64, whole: u64, least: u64) -> u64 {
    if part >= whole {
        return whole;
    }
    let step = GRANULES
        .into_iter()
        .find(|step| part >= *step)
        .unwrap_or(least);
    match part / step * step {
        0 => 0,
        most => whole.div_ceil(whole.div_ceil(most)).next_multiple_of(step),
    }
}

#[cfg(test)]
mod tests;
