//! Attention on matrix units: which of them serve it, with which tiles.

mod samples;
mod tile;

pub(super) use samples::samples;

use super::kernels::FINISH;
use super::options::Places;
use super::{Attention, KvCache, Lengths, LogSumExp, Sinks};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::report::AdapterKind;
use crate::shader::{Constant, Shader};

pub(super) static ATTENTION_COOPERATIVE: Kernel = Kernel {
    name: "attention_cooperative",
    about: "fragments on matrix units; a tile begins again where a weight would pass f16, so that O is never rescaled",
    stages: &[
        Stage::of(&Shader {
            name: "attention_cooperative",
            wgsl: include_str!("../../../shaders/attention_cooperative.wgsl"),
        }),
        FINISH,
    ],
    features: wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
        .union(wgpu::Features::SUBGROUP)
        .union(wgpu::Features::SHADER_F16),
    dtypes: &[Dtype::F16],
    presets: tile::PRESETS,
};

/// Whether a kernel is a form of this one.
pub(super) fn is_cooperative(kernel: &Kernel) -> bool {
    kernel.declares("FRAGMENT")
}

/// Why matrix units should be left to others on `device`, if they should.
pub(super) fn unsuited(kernel: &Kernel, device: &Capabilities) -> Option<String> {
    let software = device.kind == AdapterKind::Software;
    (is_cooperative(kernel) && software).then(|| "a processor has no matrix units".to_owned())
}

/// The constants that operands and device decide.
///
/// # Errors
/// [`Error::Unsupported`] where the device has no matrix units for it, or the kernel no form for the operands.
pub(super) fn constants(
    attention: &Attention,
    kernel: &Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    let refuse = |reason: String| {
        Err(Error::Unsupported {
            what: format!("kernel {}", kernel.name),
            reason,
        })
    };
    if let Some(reason) = lacking(attention) {
        return refuse(reason);
    }
    let lanes = match device.lanes() {
        Ok(lanes) => lanes,
        Err(reason) => return refuse(reason),
    };
    let Some(side) = device.fragment_side(Dtype::F16) else {
        return refuse(
            "the device has no trusted f16 -> f32 shape of 16x16x16 or 8x8x8".to_owned(),
        );
    };
    let mut found = fragments(side, device.kind);
    found.push(("LANES", Constant::Integer(lanes)));
    found.extend(options(attention));
    found.retain(|(name, _)| kernel.declares(name));
    let tile = tile::tile(attention, &found, kernel, device)?;
    found.extend(tile.constants());
    Ok(found)
}

/// Where walks begin, then other tiles, for a search.
pub(super) fn alternatives(attention: &Attention, device: &Capabilities) -> Vec<Constants> {
    let mut found = vec![vec![("AROUND", Constant::Bool(false))]];
    found.extend(tile::alternatives(attention, device));
    found
}

/// What the kernel has no form for, if this attention needs that.
fn lacking(attention: &Attention) -> Option<String> {
    if attention.cache != KvCache::Contiguous {
        return Some("it has no form for a paged cache".to_owned());
    }
    let by_four = |places: &Places| places.is_multiple_of(4);
    if !attention.places().iter().all(by_four) {
        return Some("it takes columns and strides that are multiples of 4".to_owned());
    }
    None
}

/// Types of fragments of `side` x `side`, and of the memory that they are loaded from: that of their own elements for
/// Metal's 8 x 8, for which naga has no other. It is no way for 16 x 16, which came out wrong so on NVIDIA's driver.
fn fragments(side: u32, kind: AdapterKind) -> Constants {
    let names = if side == 16 {
        [
            "coop_mat16x16<f16, A>",
            "coop_mat16x16<f16, B>",
            "coop_mat16x16<f32, C>",
        ]
    } else {
        [
            "coop_mat8x8<f16, A>",
            "coop_mat8x8<f16, B>",
            "coop_mat8x8<f32, C>",
        ]
    };
    let by_one = side == 8 && kind != AdapterKind::Software;
    let (memory, width) = if by_one {
        (["f16", "f32", "vec4<f16>"], 1)
    } else {
        (["vec4<f16>", "vec4<f32>", "array<vec4<f16>, 1>"], 4)
    };
    let types = [
        "FragmentA",
        "FragmentB",
        "Sums",
        "Cell",
        "Score",
        "FourCells",
    ];
    let mut found: Constants = types
        .into_iter()
        .zip(names.into_iter().chain(memory).map(Constant::Type))
        .collect();
    found.extend([
        ("FRAGMENT", Constant::Integer(side)),
        ("WIDTH", Constant::Integer(width)),
    ]);
    found
}

/// What the operands decide.
fn options(attention: &Attention) -> Constants {
    let wanted = |yes: bool| Constant::Bool(yes);
    let sums = attention.log_sum_exp == LogSumExp::Wanted;
    vec![
        ("HEAD_DIM", Constant::Integer(attention.head_dim as u32)),
        ("VALUE_DIM", Constant::Integer(attention.value_dim as u32)),
        ("BIAS", wanted(attention.bias.is_some())),
        ("SOFT_CAP", wanted(attention.soft_cap.is_some())),
        ("SINKS", wanted(attention.sinks == Sinks::PerHead)),
        ("LENGTHS", wanted(attention.has_lengths())),
        ("LOG_SUM_EXP", wanted(sums)),
        // Of what makes results of walks that are cut.
        ("LSE", wanted(sums)),
        ("Elem4", Constant::Type("vec4<f16>")),
        ("HALF", wanted(true)),
    ]
}

#[cfg(test)]
mod tests;
