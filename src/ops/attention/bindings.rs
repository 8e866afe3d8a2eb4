//! Bindings of the operands of an attention, and the matrix of scores of kernels that keep it in memory.

use super::shape::Attention;
use crate::error::{Error, Result};
use crate::kernel::{BindingRange, Slot};
use crate::ops::Operation;

/// Bytes bound where a kernel writes nothing: no binding may be empty.
pub(super) const UNUSED: u64 = 16;

/// All of the operand `name`; nothing where the attention has none.
pub(super) fn window(attention: &Attention, name: &str) -> BindingRange {
    match attention.operand(name) {
        None => BindingRange::whole(Slot::Operand(0), 0),
        Some((place, operand)) => BindingRange::whole(
            Slot::Operand(place),
            operand.elements * operand.dtype.bytes(),
        ),
    }
}

/// All of `lse`, or memory of the plan's own where the attention has none: WebGPU forbids a buffer that a dispatch both
/// reads and writes, as the operand that stands for nothing would be.
pub(super) fn lse(attention: &Attention, scratch: &mut Vec<u64>) -> BindingRange {
    if attention.operand("lse").is_none() {
        scratch.push(UNUSED);
        return BindingRange::whole(Slot::Scratch(scratch.len() - 1), UNUSED);
    }
    window(attention, "lse")
}

/// Bytes of the scores of every query and key of each head, in f32.
///
/// # Errors
/// [`Error::TooLarge`] with the bytes, where a binding or an index does not reach them.
pub(super) fn score_bytes(attention: &Attention, limits: &wgpu::Limits) -> Result<u64> {
    let needed = attention.all_heads() * attention.seq_q * attention.seq_kv * 4;
    let limits = [
        (
            "max_storage_buffer_binding_size",
            limits.max_storage_buffer_binding_size,
        ),
        ("max_buffer_size", limits.max_buffer_size),
        ("of 32-bit indices, in bytes,", u64::from(u32::MAX) * 4),
    ];
    match limits.into_iter().find(|(_, limit)| needed > *limit) {
        None => Ok(needed),
        Some((limit_name, limit)) => Err(Error::TooLarge {
            what: format!("the matrix of scores of {}, in bytes,", attention.label()),
            needed,
            limit_name,
            limit,
        }),
    }
}
