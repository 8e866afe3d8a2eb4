//! The kernels of attention, and what an attention makes of their files.

use super::subgroup::{self, ATTENTION_FLASH_SUBGROUP};
use super::tiles::{self, FLASH_PRESETS};
use super::unfused::{self, ATTENTION_UNFUSED};
use super::{Attention, KvCache, LogSumExp, Sinks};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::kernel::{Constants, Kernel, Stage};
use crate::shader::{Constant, Shader};

pub(super) static ATTENTION_NAIVE: Kernel = Kernel {
    name: "attention_naive",
    about: "three operations, with the scores of all queries and keys in memory",
    stages: &[
        Stage::of(&Shader {
            name: "attention_scores",
            wgsl: include_str!("../../../shaders/attention_scores.wgsl"),
        }),
        Stage::of(&Shader {
            name: "attention_softmax",
            wgsl: include_str!("../../../shaders/attention_softmax.wgsl"),
        }),
        Stage::of(&Shader {
            name: "attention_output",
            wgsl: include_str!("../../../shaders/attention_output.wgsl"),
        }),
    ],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32, Dtype::F16],
    presets: &[],
};

/// What makes results of sums where walks are cut.
pub(super) const FINISH: Stage = Stage::of(&Shader {
    name: "attention_flash_finish",
    wgsl: include_str!("../../../shaders/attention_flash_finish.wgsl"),
});

pub(super) static ATTENTION_FLASH: Kernel = Kernel {
    name: "attention_flash",
    about: "one dispatch, register blocks of vec4, softmax online, no scores in memory",
    stages: &[
        Stage::of(&Shader {
            name: "attention_flash",
            wgsl: include_str!("../../../shaders/attention_flash.wgsl"),
        }),
        FINISH,
    ],
    features: wgpu::Features::empty(),
    dtypes: &[Dtype::F32, Dtype::F16],
    presets: FLASH_PRESETS,
};

/// Constants of `kernel` for an attention on a device.
///
/// # Errors
/// [`Error::Unsupported`] where it lacks a form for an option or for the columns.
pub(super) fn constants(
    attention: &Attention,
    kernel: &'static Kernel,
    device: &Capabilities,
) -> Result<Constants> {
    if let Some(reason) = lacking(attention, kernel) {
        return Err(Error::Unsupported {
            what: format!("kernel {}", kernel.name),
            reason,
        });
    }
    if kernel.name == ATTENTION_UNFUSED.name {
        return unfused::constants(attention, device);
    }
    let mut form = form(attention);
    form.retain(|(name, _)| kernel.declares(name));
    Ok(match kernel.name {
        name if name == ATTENTION_FLASH.name => tiles::constants(attention, form, device),
        name if name == ATTENTION_FLASH_SUBGROUP.name => {
            subgroup::constants(attention, &form, device)?
        }
        _ => form,
    })
}

/// Whether a kernel can stop in the middle of a walk: one from a single file that is being written cannot.
pub(super) fn can_stop(kernel: &Kernel) -> bool {
    kernel.declares("WALK") && kernel.stages.len() > 1
}

/// What the sizes, the element type and the options make of a file.
fn form(attention: &Attention) -> Constants {
    let [element, four] = match attention.dtype {
        Dtype::F16 => ["f16", "vec4<f16>"],
        Dtype::F32 | Dtype::U32 => ["f32", "vec4<f32>"],
    };
    let integer = |size: u64| Constant::Integer(size as u32);
    vec![
        ("Elem", Constant::Type(element)),
        ("Elem4", Constant::Type(four)),
        ("HALF", Constant::Bool(attention.dtype == Dtype::F16)),
        ("HEAD_DIM", integer(attention.head_dim)),
        ("VALUE_DIM", integer(attention.value_dim)),
        ("BIAS", Constant::Bool(attention.bias.is_some())),
        ("SOFT_CAP", Constant::Bool(attention.soft_cap.is_some())),
        ("SINKS", Constant::Bool(attention.sinks == Sinks::PerHead)),
        ("LENGTHS", Constant::Bool(attention.has_lengths())),
        (
            "LSE",
            Constant::Bool(attention.log_sum_exp == LogSumExp::Wanted),
        ),
    ]
}

/// What a kernel has no form for, if this attention needs that.
fn lacking(attention: &Attention, kernel: &'static Kernel) -> Option<String> {
    if attention.cache != KvCache::Contiguous {
        return Some("it has no form for a paged cache".into());
    }
    if kernel.name == ATTENTION_UNFUSED.name {
        return unfused::lacking(attention);
    }
    let by_four = |places: &super::options::Places| places.is_multiple_of(4);
    let by_groups = [ATTENTION_FLASH.name, ATTENTION_FLASH_SUBGROUP.name].contains(&kernel.name);
    if by_groups && !attention.places().iter().all(by_four) {
        let [of_keys, of_values] = [attention.head_dim, attention.value_dim];
        return Some(format!(
            "it takes columns and strides in multiples of 4; these have {of_keys} and {of_values} columns, and strides \
            of their own if these fit"
        ));
    }
    None
}
