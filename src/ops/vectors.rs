//! Shared by operations over whole vectors: windows that fit one binding, and the lengths for tests.

mod classes;

pub(super) use classes::CLASSES;

use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::kernel::{BindingRange, Slot};
use crate::shader::Prepared;
use std::sync::Arc;

pub(super) const SHAPE_FORM: &str = "ELEMENTS, such as 33554432";

/// Elements of vectors that one dispatch goes through: whole vectors of a width, or what is left behind them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Run {
    /// 0 for vectors, 1 for single elements.
    pub(super) stage: usize,
    /// Bytes that are bound of each vector.
    bytes: std::ops::Range<u64>,
    /// Vectors, or elements, counted from the beginning of the binding.
    pub(super) range: std::ops::Range<u32>,
}

impl Run {
    pub(super) fn window(&self, slot: Slot) -> BindingRange {
        BindingRange {
            slot,
            offset: self.bytes.start,
            bytes: self.bytes.end - self.bytes.start,
        }
    }

    /// Workgroups, and the distance from one turn of a workgroup to its next.
    pub(super) fn grid(&self, prepared: &Prepared, limits: &wgpu::Limits) -> (u32, u32) {
        let turn = prepared.constant("WORKGROUP") * prepared.constant("ELEMS");
        let most = prepared
            .constant("MAX_WORKGROUPS")
            .min(limits.max_compute_workgroups_per_dimension);
        let workgroups = (self.range.len() as u32).div_ceil(turn).clamp(1, most);
        (workgroups, workgroups * turn)
    }
}

/// Cuts vectors into what one binding holds, each in loads of `width` elements and what is left behind those.
///
/// # Errors
/// [`Error::Unsupported`] for bindings of less than 256 bytes.
pub(super) fn runs(
    elements: u64,
    width: u32,
    dtype: Dtype,
    limits: &wgpu::Limits,
) -> Result<Vec<Run>> {
    // Windows begin at multiples of 256 bytes, the coarsest alignment that WebGPU has.
    let window = limits.max_storage_buffer_binding_size / 256 * 256;
    if window == 0 {
        let reason = "max_storage_buffer_binding_size is below 256 bytes".to_owned();
        return Err(Error::Unsupported {
            what: "a vector".into(),
            reason,
        });
    }
    let mut runs = Vec::new();
    let total = elements * dtype.bytes();
    for begin in (0..total).step_by(window as usize) {
        let end = total.min(begin + window);
        let elements = ((end - begin) / dtype.bytes()) as u32;
        let body = elements / width;
        if body > 0 {
            // Only whole vectors are bound, so that the binding's size is a multiple of theirs.
            runs.push(Run {
                stage: 0,
                bytes: begin..begin + u64::from(body * width) * dtype.bytes(),
                range: 0..body,
            });
        }
        if !elements.is_multiple_of(width) {
            runs.push(Run {
                stage: 1,
                bytes: begin..end,
                range: body * width..elements,
            });
        }
    }
    Ok(runs)
}

/// Lengths around what a workgroup takes, and some without a pattern.
pub(super) fn lengths(stages: &[Arc<Prepared>]) -> Vec<u64> {
    let turn = u64::from(stages[0].constant("WORKGROUP") * stages[0].constant("ELEMS")) * 4;
    vec![
        1,
        0,
        3,
        4,
        5,
        7,
        127,
        turn - 1,
        turn,
        turn + 1,
        98_432,
        1_000_003,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_element_once_and_fit() {
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: 1100,
            ..wgpu::Limits::default()
        };
        for dtype in [Dtype::F32, Dtype::F16] {
            for elements in [0, 1, 4, 255, 256, 257, 1027] {
                let mut next = 0;
                for run in runs(elements, 4, dtype, &limits).unwrap() {
                    let window = run.window(Slot::Operand(0));
                    assert!(window.offset.is_multiple_of(256) && window.bytes <= 1024);
                    let each = if run.stage == 0 { 4 } else { 1 };
                    let first = window.offset / dtype.bytes() + u64::from(run.range.start) * each;
                    assert_eq!(first, next);
                    next += run.range.len() as u64 * each;
                }
                assert_eq!(next, elements);
            }
        }
        let none = wgpu::Limits {
            max_storage_buffer_binding_size: 255,
            ..limits
        };
        assert!(runs(1, 4, Dtype::F32, &none).is_err());
    }
}
