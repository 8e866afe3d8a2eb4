//! `matmul_tiled`: 16 x 16 tiles in workgroup memory.

use super::cost::Arithmetic;
use super::quantized::floats_alone;
use super::shape::Matmul;
use super::{form, schedule};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::ops::{Implementation, no_alternatives};
use crate::shader::files;

const WORK: Arithmetic = Arithmetic::Unblocked;

pub(super) static TILED: Implementation<Matmul> = Implementation {
    kernel: Kernel::new(
        "matmul_tiled",
        "16 x 16 tiles in workgroup memory",
        &[Stage::of(&files::MATMUL_TILED)],
    ),
    fit: |matmul, device| {
        floats_alone(matmul, || {
            form::fit_of_whole_k(matmul, device, "it has no register blocks")
        })
    },
    constants,
    alternatives: no_alternatives,
    schedule: |matmul, stages, device| {
        schedule::of_tiles(matmul, WORK, stages, device, |_, windows, _| {
            windows.to_vec()
        })
    },
    samples: None,
};

fn constants(matmul: &Matmul, device: &Capabilities, given: &Constants) -> Result<Constants> {
    let chosen = form::common(matmul)
        .merged(&form::of_partition(matmul, WORK, false, device)?)
        .merged(&form::operands(matmul, false)?)
        .merged(given);
    Ok(form::edges(matmul, &chosen)
        .merged(&form::budget(matmul, WORK, &chosen, device))
        .merged(&chosen))
}
