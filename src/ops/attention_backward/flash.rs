//! `attention_backward_flash`: gradients in register blocks of vec4, without matrix units.

use super::shape::AttentionBackward;
use super::{dispatch, form};
use crate::gpu::Capabilities;
use crate::gpu::profile::Units;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Attention, Fit, Implementation};
use crate::shader::files;

pub(super) static FLASH: Implementation<AttentionBackward> = Implementation {
    kernel: Kernel::new(
        "attention_backward_flash",
        "scores computed anew for keys, then for queries; register blocks of vec4, no scores in memory",
        &[
            form::DELTA,
            Stage {
                shader: &files::ATTENTION_BACKWARD_FLASH,
                constants: form::OF_KEYS,
            },
            Stage {
                shader: &files::ATTENTION_BACKWARD_FLASH,
                constants: form::OF_QUERIES,
            },
            form::FINISH[0],
            form::FINISH[1],
        ],
    ),
    fit: |backward, _| form::lacking(&backward.forward, MAX_COLUMNS).map_or(Fit::Best, Fit::Unable),
    constants: |backward, device, given| Ok(constants(&backward.forward, device, given)),
    alternatives: |backward, device| tiles(&backward.forward, device),
    schedule: |backward, stages, device| dispatch::schedule(backward, stages, device, Units::Plain),
    samples: None,
};

/// Columns of the widest head: its gradients are kept in registers.
const MAX_COLUMNS: u64 = 256;

/// Constants of the shape, the best tile that fits the device, and where its loops are cut.
fn constants(attention: &Attention, device: &Capabilities, given: &Constants) -> Constants {
    let (form, kernel) = (form::form(attention), &FLASH.kernel);
    let tiles = tiles(attention, device);
    let found = form::with_tile(&form, &tiles, attention, kernel, device).merged(given);
    form::with_cuts(found, attention, kernel, device, Units::Plain)
}

/// Tiles, the best first: 64 x 64 pairs in some 45 KiB, 32 x 32 in 16. Wider heads get fewer rows an invocation, since the
/// gradients of these are in registers.
fn tiles(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let (small, chunk_rows) = match attention.head_dim.max(attention.value_dim) {
        0..=64 => (4, 16),
        65..=128 => (2, 8),
        _ => (1, 4),
    };
    let of = |[rows, elems]: [u32; 2]| {
        Constants::from([
            ("TILE", rows),
            ("BLOCK", rows),
            ("ELEMS", elems),
            ("CHUNK_ROWS", chunk_rows),
        ])
    };
    form::usable([[64, 4], [32, small]].map(of).into(), device)
}
