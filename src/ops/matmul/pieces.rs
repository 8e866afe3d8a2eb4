//! A cut product, part by part: each a product of its own, on windows of the operands.

use super::choice::is_split;
use super::cut::{Cut, ranges};
use super::layout::{Layout, Places};
use super::schedule::{Planes, Split, at_once, reduce};
use super::{Bias, Matmul, whole};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Kernel, Schedule, Slot, Step, Window};
use crate::shader::Prepared;
use std::ops::Range;

impl Cut {
    /// The dispatches of `kernel` for each part of C in turn, on windows of the operands.
    pub(super) fn schedule(
        &self,
        matmul: &Matmul,
        kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule> {
        let mut all = Schedule::default();
        for matrices in ranges(matmul.batch, self.matrices) {
            for rows in ranges(matmul.m, self.rows) {
                for columns in ranges(matmul.n, self.columns) {
                    let piece = [matrices.clone(), rows.clone(), columns];
                    let of_piece = self.of_piece(matmul, &piece, kernel, stages, device)?;
                    all.steps.extend(of_piece.steps);
                    all.scratch.resize(of_piece.scratch.len(), 0);
                    for (bytes, needed) in all.scratch.iter_mut().zip(of_piece.scratch) {
                        *bytes = needed.max(*bytes);
                    }
                }
            }
        }
        Ok(all)
    }

    /// The dispatches of a piece (matrices, rows, columns): one for each part of K, and their sum.
    fn of_piece(
        &self,
        matmul: &Matmul,
        piece: &[Range<u64>; 3],
        kernel: &'static Kernel,
        stages: &[&Prepared],
        device: &Capabilities,
    ) -> Result<Schedule> {
        let limits = &device.limits;
        let depths = self.depths(matmul);
        let parts_of_k = depths.len() as u64;
        let mut planes = Planes {
            taken: 0,
            most: (self.most_planes(limits) / parts_of_k).max(1),
        };
        let mut found = Schedule::default();
        for depth in depths {
            let Part { product, shifts } = Part::of(matmul, piece, &depth, limits)?;
            require_tiles(&product, kernel, stages[0])?;
            let mut one = at_once(&product, kernel, stages, device, planes)?;
            if is_split(kernel) {
                let plane = product.batch * product.m * product.n * 4;
                planes.taken += one.scratch[0] / plane;
                if parts_of_k > 1 {
                    // All parts are summed at the end.
                    one.steps.retain(|step| step.stage == 0);
                    one.scratch[0] = planes.taken * plane;
                }
            }
            shift(&mut one.steps, &shifts);
            found.steps.extend(one.steps);
            found.scratch = one.scratch;
        }
        if parts_of_k > 1 {
            let Part { product, shifts } = Part::of(matmul, piece, &(0..matmul.k), limits)?;
            let sums = Window::whole(Slot::Scratch(0), found.scratch[0]);
            for step in &mut found.steps {
                let of_sums = |window: &&mut Window| window.slot == sums.slot;
                step.windows
                    .iter_mut()
                    .filter(of_sums)
                    .for_each(|window| *window = sums);
            }
            let split = Split {
                parts: planes.taken,
                depth: matmul.k,
            };
            let mut steps = reduce(&product, stages[1], sums, split, limits)?;
            shift(&mut steps, &shifts);
            found.steps.extend(steps);
        }
        Ok(found)
    }
}

/// Refuses a piece that has edges where a kernel with tiles of unusual sizes was told of none.
fn require_tiles(piece: &Matmul, kernel: &Kernel, stage: &Prepared) -> Result<()> {
    let sides = [("TILE_M", piece.m), ("TILE_N", piece.n)];
    let sides = sides.map(|(name, size)| (u64::from(stage.constant(name)), size));
    let is_without = |name: &str| stage.constants.get(name) == Some(&0);
    let is_less = sides.into_iter().any(|(tile, size)| size < tile);
    let is_ragged = sides
        .into_iter()
        .any(|(tile, size)| !size.is_multiple_of(tile));
    if (is_without("CLAMP") && is_less)
        || ((is_without("EDGES") || whole::is_whole(kernel)) && is_ragged)
    {
        return Err(Error::Unsupported {
            what: format!("kernel {}", kernel.name),
            reason: format!(
                "its tiles do not fit {} x {}, what is computed at once where a binding does not hold all",
                piece.m, piece.n
            ),
        });
    }
    Ok(())
}

/// Moves windows of operands to where their part begins.
fn shift(steps: &mut [Step], shifts: &[u64]) {
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
struct Part {
    product: Matmul,
    /// Where each operand begins, in bytes: multiples of the alignment.
    shifts: Vec<u64>,
}

impl Part {
    fn of(
        matmul: &Matmul,
        [matrices, rows, columns]: &[Range<u64>; 3],
        depth: &Range<u64>,
        limits: &wgpu::Limits,
    ) -> Result<Self> {
        let alignment = u64::from(limits.min_storage_buffer_offset_alignment);
        let [a, b, c] = matmul.places()?;
        let mut shifts = Vec::new();
        let mut layout =
            |whole: &Layout, places: &Places, [row, column]: [u64; 2], dtype: Dtype| {
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
        if matmul.bias == Bias::Row {
            shifts.insert(2, columns.start * 4);
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
        let part = Part::of(&matmul, &piece, &(0..64), &limits).unwrap();
        let begin = (3 + 10 * 70) * 4;
        assert_eq!(part.shifts[0], begin / 256 * 256);
        assert_eq!(part.shifts[0] + part.product.a.offset * 4, begin);
        // What the part reads ends where its last element does.
        let end = (3 + 19 * 70 + 64) * 4;
        let elements = part.product.operands()[0].elements;
        assert_eq!(part.shifts[0] + elements * 4, end);
        assert_eq!((part.product.m, part.product.a.row_stride), (10, Some(70)));
    }
}
