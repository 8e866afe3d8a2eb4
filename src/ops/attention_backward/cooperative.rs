//! `attention_backward_cooperative`: gradients on matrix units.

use super::shape::AttentionBackward;
use super::{dispatch, form};
use crate::data::Dtype;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::gpu::profile::{
    BUSY, Units, compiles_long_texts_slowly, emulates_matrix_units, fragment_invocations,
    loads_chunks_as_small_fragments,
};
use crate::kernel::{Constants, Fragments, Kernel, Stage};
use crate::ops::{Attention, Fit, Implementation};
use crate::shader::files;

pub(super) static COOPERATIVE: Implementation<AttentionBackward> = Implementation {
    kernel: Kernel {
        features: wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
            .union(wgpu::Features::SUBGROUP)
            .union(wgpu::Features::SHADER_F16),
        dtypes: &[Dtype::F16],
        intermediates: Dtype::F16,
        trials: &["1x2x40x44x16xcausal"],
        ..Kernel::new(
            "attention_backward_cooperative",
            "scores computed anew for keys, then for queries; fragments on matrix units",
            &[
                form::DELTA,
                Stage {
                    shader: &files::ATTENTION_BACKWARD_COOPERATIVE,
                    constants: form::OF_KEYS,
                },
                Stage {
                    shader: &files::ATTENTION_BACKWARD_COOPERATIVE,
                    constants: form::OF_QUERIES,
                },
                form::FINISH[0],
                form::FINISH[1],
            ],
        )
    },
    fit,
    constants,
    alternatives: |backward, device| tiles(&backward.forward, device),
    schedule: |backward, stages, device| {
        dispatch::schedule(backward, stages, device, Units::Matrix)
    },
    samples: None,
};

/// Columns of the widest head: its gradients, and rows of K and V, are kept in registers.
const MAX_COLUMNS: u64 = 128;
/// Columns of the widest head where texts of wider ones take minutes to compile.
const MAX_COLUMNS_SHORT: u64 = 32;

/// Why the kernel has no form for an attention or a device, if it has none.
fn lacking(attention: &Attention, device: &Capabilities) -> Option<String> {
    let most = if compiles_long_texts_slowly(device) {
        MAX_COLUMNS_SHORT
    } else {
        MAX_COLUMNS
    };
    form::lacking(attention, most).or_else(|| fragments(device).err())
}

fn fit(backward: &AttentionBackward, device: &Capabilities) -> Fit {
    match lacking(&backward.forward, device) {
        Some(reason) => Fit::Unable(reason),
        None if emulates_matrix_units(device) => {
            Fit::Able("a processor has no matrix units".to_owned())
        }
        None => Fit::Best,
    }
}

/// Constants of the shape, the fragments, the best tile that fits the device, and where its loops are cut.
///
/// # Errors
/// [`crate::Error::Unsupported`] where the device has no matrix units for the kernel.
fn constants(
    backward: &AttentionBackward,
    device: &Capabilities,
    given: &Constants,
) -> Result<Constants> {
    let (attention, kernel) = (&backward.forward, &COOPERATIVE.kernel);
    let fragments = fragments(device).map_err(|reason| kernel.unsupported(reason))?;
    let form = form::form(attention).merged(&fragments);
    let tiles = tiles(attention, device);
    let found = form::with_tile(&form, &tiles, attention, kernel, device).merged(given);
    Ok(form::with_cuts(
        found,
        attention,
        kernel,
        device,
        Units::Matrix,
    ))
}

/// Tiles, the best first: subgroups of a workgroup that owns keys, and of one that owns queries. Eight share each block that
/// is loaded, which wide heads need, where there are rows enough: 16 to a subgroup. On an H200, 128 workgroups of 8
/// subgroups beat 256 of 4 by 27 % (1024 keys, 16 heads of 128 columns), and 64 lose to 128 by 10 % (512 keys).
fn tiles(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let most = fragment_invocations(device) / device.lanes().unwrap_or(1);
    let wide = attention.head_dim.max(attention.value_dim) > 64 && most >= 8;
    let of_eight = |heads: u64, rows: u64| attention.batch * heads * rows.div_ceil(8 * 16);
    let subgroups = |heads, rows| {
        if wide && of_eight(heads, rows) >= BUSY {
            8
        } else {
            4
        }
    };
    let best = [
        subgroups(attention.kv_heads, attention.seq_kv),
        subgroups(attention.heads, attention.seq_q),
    ];
    let of = |[keys, queries]: [u32; 2]| {
        Constants::new()
            .set("SUBGROUPS_KEYS", keys)
            .set("SUBGROUPS_QUERIES", queries)
    };
    let narrow = [[4, 4], [2, 2]];
    let others = if wide { &[[8, 8], [4, 8]][..] } else { &[] };
    let all = std::iter::once(&best).chain(others).chain(&narrow);
    form::usable(all.copied().map(of).collect(), device)
}

/// Fragments that a device multiplies, and its lanes; the reason where it has none. The file loads
/// fragments from chunks of elements, and is written with those of 8 x 8.
fn fragments(device: &Capabilities) -> Result<Constants, String> {
    let found = match device.fragment_side(Dtype::F16) {
        Some(16) => Fragments::of(16, Dtype::F16).constants(),
        Some(_) if loads_chunks_as_small_fragments(device) => Constants::new(),
        _ => return Err("the device has no trusted f16 -> f32 shape of 16x16x16".into()),
    };
    let lanes = device.lanes()?;
    Ok(found
        .set("LANES", lanes)
        .set("SUBGROUPS_VARY", device.subgroups_vary()))
}
