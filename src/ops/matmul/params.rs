//! Uniforms and bindings of the dispatches of a product.

use super::shape::{Bias, Matmul};
use crate::error::Result;
use crate::gpu::profile::BUSY;
use crate::kernel::{BindingRange, Slot};
use crate::ops::Operation;
use std::ops::RangeInclusive;

/// Binding 0 of every kernel of the family.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) m: u32,
    pub(super) n: u32,
    pub(super) k: u32,
    tiles_n: u32,
    planes: u32,
    splits: u32,
    split_k: u32,
    a_first: u32,
    b_first: u32,
    pub(super) c_first: u32,
    a_row: u32,
    a_k: u32,
    b_k: u32,
    b_column: u32,
    pub(super) c_row: u32,
    a_batch: u32,
    b_batch: u32,
    pub(super) c_batch: u32,
    alpha: f32,
    beta: f32,
    /// Workgroups in the dispatches before.
    first: u32,
}

impl Params {
    /// The bytes of a dispatch whose workgroups begin with number `first`.
    pub(super) fn beginning_at(self, first: u32) -> Vec<u8> {
        bytemuck::bytes_of(&Self { first, ..self }).to_vec()
    }
}

/// How K is shared: parts, and the depth of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) parts: u64,
    pub(super) depth: u64,
}

impl Split {
    pub(super) const NONE: Self = Self {
        parts: 1,
        depth: u32::MAX as u64,
    };

    /// At most `parts` parts, each a multiple of `step` deep.
    pub(super) fn into(k: u64, parts: u64, step: u64) -> Self {
        let depth = k.div_ceil(parts).next_multiple_of(step).max(step);
        Self {
            parts: k.div_ceil(depth).max(1),
            depth,
        }
    }

    /// Parts that make `tiles` keep a device busy, each deep enough to be worth its sum, their number within `number`.
    pub(super) fn busy(k: u64, tiles: u64, step: u64, number: &RangeInclusive<u64>) -> Self {
        let worth = (BUSY * 4).div_ceil(tiles.max(1)).min(k / 256);
        Self::into(k, worth.clamp(*number.start(), *number.end()), step)
    }
}

/// Operands `a`, `b`, `bias` (empty where there is none), `c`. [`scales`] is the operand beside `b` of quantised weights.
pub(super) fn windows(matmul: &Matmul) -> [BindingRange; 4] {
    let operands = matmul.operands();
    let window = |i: usize| {
        let bytes = operands[i].elements * operands[i].dtype.bytes();
        BindingRange::whole(Slot::Operand(i), bytes)
    };
    let bias = match matmul.bias {
        Bias::Row => window(matmul.bias_operand()),
        Bias::None => BindingRange::whole(Slot::Operand(0), 0),
    };
    [window(0), window(1), bias, window(operands.len() - 1)]
}

/// Operand `scales` of quantised weights; empty where B has none.
pub(super) fn scales(matmul: &Matmul) -> BindingRange {
    if !matmul.weights.is_quantized() {
        return BindingRange::whole(Slot::Operand(0), 0);
    }
    let words = matmul.rows_of_weights() * matmul.weights.scale_words(matmul.k);
    BindingRange::whole(Slot::Operand(2), words * 4)
}

pub(super) fn params(matmul: &Matmul, tiles_n: u64, split: Split) -> Result<Params> {
    let [a, b, c] = matmul.strides()?;
    Ok(Params {
        m: matmul.m as u32,
        n: matmul.n as u32,
        k: matmul.k as u32,
        tiles_n: tiles_n as u32,
        planes: (matmul.batch * split.parts) as u32,
        splits: split.parts as u32,
        split_k: split.depth as u32,
        a_first: a.first as u32,
        b_first: b.first as u32,
        c_first: c.first as u32,
        a_row: a.row_step as u32,
        a_k: a.column_step as u32,
        b_k: b.row_step as u32,
        b_column: b.column_step as u32,
        c_row: c.row_step as u32,
        a_batch: a.batch as u32,
        b_batch: b.batch as u32,
        c_batch: c.batch as u32,
        alpha: matmul.alpha,
        beta: matmul.beta,
        first: 0,
    })
}
