//! A partitioned product, sub-problem by sub-problem: each a product of its own, on windows of the operands.

use super::cost::Arithmetic;
use super::dispatch::sub_ranges;
use super::layout::{Layout, Strides};
use super::params::Split;
use super::partials::{Partials, reduce};
use super::partition::{ALIGNED_ROWS, Partition};
use super::shape::{Bias, Matmul};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{BindingRange, Dispatch, Schedule, Slot};
use crate::shader::Prepared;
use std::ops::Range;

/// A product and the kernel that multiplies it: inputs of the kernel, and how it multiplies a sub-problem whose operands are
/// bound whole.
pub(super) struct Multiply<'a, F> {
    /// The product.
    pub(super) matmul: &'a Matmul,
    /// How the kernel multiplies.
    pub(super) work: Arithmetic,
    /// The kernel's files: its own, and the sum of parts of K where it has a `SPLIT_K`.
    pub(super) stages: &'a [&'a Prepared],
    pub(super) device: &'a Capabilities,
    /// Whether the kernel has a form for sides that are no multiple of its tile.
    pub(super) takes_edges: bool,
    /// The dispatches of a sub-problem.
    pub(super) at_once: F,
}

/// Parts of K that a kernel's file sums side by side; 1 for a file without `SPLIT_K`.
pub(super) fn split_k(stage: &Prepared) -> u64 {
    stage.constants.get("SPLIT_K").copied().unwrap_or(1).into()
}

impl<F: Fn(&Matmul, Partials) -> Result<Schedule>> Multiply<'_, F> {
    /// The dispatches of the product; none where C is empty.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where a few rows do not fit a binding; [`Error::Unsupported`] where K has to be summed in parts
    /// and is not, and where tiles do not fit a sub-problem.
    pub(super) fn schedule(&self) -> Result<Schedule> {
        let Self { matmul, device, .. } = *self;
        let partition = if self.is_split() {
            Partition::with_partials(matmul, self.work, device)?
        } else {
            Partition::of(matmul, &device.limits)?
        };
        if partition.depth < matmul.k && !self.is_split() {
            return Err(Error::Unsupported {
                what: format!("kernel {}", self.stages[0].name),
                reason: needs_parts(device),
            });
        }
        if partition.is_whole(matmul) {
            let partials = Partials::of(&partition, 1, device);
            return (self.at_once)(matmul, partials);
        }
        let mut all = Schedule::default();
        for matrices in sub_ranges(matmul.batch, partition.matrices) {
            for rows in sub_ranges(matmul.m, partition.rows) {
                for columns in sub_ranges(matmul.n, partition.columns) {
                    let part = [matrices.clone(), rows.clone(), columns];
                    let one = self.of_sub_problem(&partition, &part)?;
                    all.steps.extend(one.steps);
                    all.scratch.resize(one.scratch.len(), 0);
                    for (bytes, needed) in all.scratch.iter_mut().zip(one.scratch) {
                        *bytes = needed.max(*bytes);
                    }
                }
            }
        }
        Ok(all)
    }

    fn is_split(&self) -> bool {
        split_k(self.stages[0]) > 1
    }

    /// The dispatches of a sub-problem (matrices, rows, columns): one for each range of K, and their sum.
    fn of_sub_problem(&self, partition: &Partition, part: &[Range<u64>; 3]) -> Result<Schedule> {
        let Self { matmul, device, .. } = *self;
        let limits = &device.limits;
        let depths = partition.depths(matmul);
        let ranges_of_k = depths.len() as u64;
        let mut partials = Partials::of(partition, ranges_of_k, device);
        let mut found = Schedule::default();
        for depth in depths {
            let SubProblem { product, shifts } = SubProblem::of(matmul, part, &depth, limits)?;
            self.require_tiles(&product)?;
            let mut one = (self.at_once)(&product, partials)?;
            if self.is_split() {
                let plane = product.batch * product.m * product.n * 4;
                partials.taken += one.scratch[0] / plane;
                partials.ranges -= 1;
                if ranges_of_k > 1 {
                    // All parts are summed at the end.
                    one.steps.retain(|step| step.stage == 0);
                    one.scratch[0] = partials.taken * plane;
                }
            }
            shift(&mut one.steps, &shifts);
            found.steps.extend(one.steps);
            found.scratch = one.scratch;
        }
        if ranges_of_k > 1 {
            let SubProblem { product, shifts } =
                SubProblem::of(matmul, part, &(0..matmul.k), limits)?;
            let sums = BindingRange::whole(Slot::Scratch(0), found.scratch[0]);
            for step in &mut found.steps {
                let of_sums = |window: &&mut BindingRange| window.slot == sums.slot;
                step.windows
                    .iter_mut()
                    .filter(of_sums)
                    .for_each(|window| *window = sums);
            }
            let split = Split {
                parts: partials.taken,
                depth: matmul.k,
            };
            let mut steps = reduce(&product, self.stages[1], sums, split, limits)?;
            shift(&mut steps, &shifts);
            found.steps.extend(steps);
        }
        Ok(found)
    }

    /// Refuses a sub-problem that has edges where a file with tiles of unusual sizes was prepared without edges.
    fn require_tiles(&self, product: &Matmul) -> Result<()> {
        let stage = self.stages[0];
        let sides = [("TILE_M", product.m), ("TILE_N", product.n)];
        let sides = sides.map(|(name, size)| (u64::from(stage.constant(name)), size));
        let is_without = |name: &str| stage.constants.get(name) == Some(&0);
        let is_less = sides.into_iter().any(|(tile, size)| size < tile);
        let is_ragged = sides
            .into_iter()
            .any(|(tile, size)| !size.is_multiple_of(tile));
        if (is_without("CLAMP") && is_less)
            || ((is_without("EDGES") || !self.takes_edges) && is_ragged)
        {
            return Err(Error::Unsupported {
                what: format!("kernel {}", stage.name),
                reason: format!(
                    "its tiles do not fit {} x {}, what is computed at once where a binding does not hold all",
                    product.m, product.n
                ),
            });
        }
        Ok(())
    }
}

/// Why a kernel that does not sum parts of K cannot multiply operands that one binding does not hold.
pub(super) fn needs_parts(device: &Capabilities) -> String {
    format!(
        "a binding holds {} bytes (max_storage_buffer_binding_size), and parts of K have to be summed; \
         matmul_blocked does that",
        device.limits.max_storage_buffer_binding_size
    )
}

/// Moves windows of operands to where their sub-problem begins.
fn shift(steps: &mut [Dispatch], shifts: &[u64]) {
    for window in steps.iter_mut().flat_map(|step| &mut step.windows) {
        if let Slot::Operand(operand) = window.slot
            && window.bytes > 0
        {
            window.offset += shifts[operand];
        }
    }
}

/// A part of a product as a product of its own, on operands that begin later.
#[derive(Debug)]
pub(super) struct SubProblem {
    pub(super) product: Matmul,
    /// Where each operand begins, in bytes: multiples of the alignment.
    shifts: Vec<u64>,
}

impl SubProblem {
    pub(super) fn of(
        matmul: &Matmul,
        [matrices, rows, columns]: &[Range<u64>; 3],
        depth: &Range<u64>,
        limits: &wgpu::Limits,
    ) -> Result<Self> {
        let alignment = u64::from(limits.min_storage_buffer_offset_alignment);
        let [a, b, c] = matmul.strides()?;
        let mut shifts = Vec::new();
        let mut layout =
            |whole: &Layout, places: &Strides, [row, column]: [u64; 2], dtype: Dtype| {
                let begin = places.at(matrices.start, row, column) * dtype.bytes();
                let shift = begin / alignment * alignment;
                shifts.push(shift);
                Layout {
                    order: whole.order,
                    row_stride: Some(places.stride()),
                    batch_stride: Some(places.batch),
                    offset: (begin - shift) / dtype.bytes(),
                }
            };
        let length = |range: &Range<u64>| range.end - range.start;
        let mut product = Matmul {
            m: length(rows),
            n: length(columns),
            k: length(depth),
            batch: length(matrices),
            a: layout(&matmul.a, &a, [rows.start, depth.start], matmul.dtype),
            b: layout(&matmul.b, &b, [depth.start, columns.start], matmul.dtype),
            ..*matmul
        };
        product.c = layout(&matmul.c, &c, [rows.start, columns.start], matmul.output);
        if matmul.weights.is_quantized() {
            let row = b.at(matrices.start, 0, columns.start) / matmul.k.max(1);
            let first = row / ALIGNED_ROWS * ALIGNED_ROWS;
            product.b.offset = (row - first) * matmul.k;
            let [quants, scales] = [
                matmul.weights.quant_words(matmul.k),
                matmul.weights.scale_words(matmul.k),
            ];
            shifts[1] = first * quants * 4;
            shifts.insert(2, first * scales * 4);
        }
        if matmul.bias == Bias::Row {
            shifts.insert(matmul.bias_operand(), columns.start * 4);
        }
        Ok(Self { product, shifts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operation;

    #[test]
    fn windows_are_aligned_and_hold_their_part() {
        let matmul = Matmul {
            a: Layout {
                row_stride: Some(70),
                offset: 3,
                ..Layout::default()
            },
            ..Matmul::new(100, 4, 64)
        };
        let limits = wgpu::Limits::default();
        let piece = [0..1, 10..20, 0..4];
        let part = SubProblem::of(&matmul, &piece, &(0..64), &limits).unwrap();
        let begin = (3 + 10 * 70) * 4;
        assert_eq!(part.shifts[0], begin / 256 * 256);
        assert_eq!(part.shifts[0] + part.product.a.offset * 4, begin);
        // A part's window ends with the last element that it reads.
        let end = (3 + 19 * 70 + 64) * 4;
        let elements = part.product.operands()[0].elements;
        assert_eq!(part.shifts[0] + elements * 4, end);
        assert_eq!((part.product.m, part.product.a.row_stride), (10, Some(70)));
    }
}
