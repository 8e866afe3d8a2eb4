//! Sizes that kernels of softmax share: how many loads a row is, and how many of them an invocation holds.

use super::shape::{Softmax, SoftmaxForm, SoftmaxMask};
use crate::data::Dtype;
use crate::gpu::Capabilities;
use crate::gpu::profile::{ROW_REGISTERS, has_few_cores, longest_row, row_registers};
use crate::kernel::Constants;
use crate::ops::rows::{Target, Width};

/// Columns up to which a row is too short to occupy a subgroup of 32.
pub(super) const SHORT: u64 = 64;
/// Rows from which on one workgroup each fills any adapter.
pub(super) const MANY_ROWS: u64 = 256;
/// Columns from which on sharing a row pays for the second dispatch.
pub(super) const LONG: u64 = 16 * 1024;

/// Constants that the options of a softmax set in every fused file, which loads `width` elements at a time.
pub(super) fn form(softmax: &Softmax, width: Width) -> Constants {
    width
        .constants(softmax.dtype)
        .set("Index", width.index_type())
        .set("SCALED", softmax.scale.to_bits() != 1f32.to_bits())
        .set("MASK", softmax.mask != SoftmaxMask::None)
        .set("CAUSAL", softmax.causal.is_some())
        .set("IN_PLACE", softmax.target == Target::InPlace)
        .set("LOG", softmax.form == SoftmaxForm::Logarithms)
}

/// Whether long rows are shared among workgroups: few rows, of which one workgroup for each would leave most of a GPU idle, and
/// rows of f32 that are loaded an element at a time and that registers do not hold, whatever their number. An H200 shares
/// 333 to 4096 such rows of 50,257 columns in 0.7 to 0.8 of the time in which a workgroup each walks through them.
pub(super) fn has_few_long_rows(softmax: &Softmax, device: &Capabilities) -> bool {
    let is_walked = softmax.width() == Width::One
        && softmax.dtype == Dtype::F32
        && softmax.cols > longest_row(device, 0).min(1024 * ROW_REGISTERS);
    (softmax.rows < MANY_ROWS / 4 || is_walked) && softmax.cols >= LONG && !has_few_cores(device)
}

/// Why a kernel that gives each row one workgroup is not the first choice, where rows are few and long.
pub(super) fn too_few_rows(softmax: &Softmax, device: &Capabilities) -> Option<String> {
    has_few_long_rows(softmax, device)
        .then(|| format!("{} rows do not fill an adapter", softmax.rows))
}

/// Why a kernel that holds each row in registers of one workgroup is not the first choice, if it is not.
pub(super) fn unheld(softmax: &Softmax, device: &Capabilities) -> Option<String> {
    too_few_rows(softmax, device).or_else(|| {
        let most = longest_row(device, 0);
        (softmax.cols > most).then(|| {
            format!(
                "a row of {} columns, registers of a workgroup hold {most} here",
                softmax.cols
            )
        })
    })
}

/// Why a kernel that shares each row among workgroups is not the first choice, where rows are many or short.
pub(super) fn enough_rows(softmax: &Softmax, device: &Capabilities) -> Option<String> {
    (!has_few_long_rows(softmax, device))
        .then(|| "there are rows enough for a workgroup each, or rows are short".to_owned())
}

/// Loads of a row, each of [`Softmax::width`] elements.
pub(super) fn loads(softmax: &Softmax) -> u64 {
    softmax.cols / softmax.width().elements()
}

/// Loads that an invocation may hold.
pub(super) fn most_elems(softmax: &Softmax, device: &Capabilities) -> u64 {
    row_registers(device) / softmax.width().elements()
}

/// Sizes that a row's registers are rounded up to, so that near shapes share a pipeline.
pub(super) fn rounded(elems: u64) -> u64 {
    match elems {
        0..=4 => elems.max(1),
        5..=8 => elems.next_multiple_of(2),
        _ => elems.next_multiple_of(4),
    }
}

/// Why a kernel that holds `most` elements of a row cannot hold all of it.
pub(super) fn too_long(softmax: &Softmax, most: u64) -> String {
    format!("a row of {} columns, it holds {most}", softmax.cols)
}
