//! Constants that sizes, element type and options of an attention set in the files of several kernels.

use super::options::{KvCache, LogSumExp, Sinks};
use super::shape::Attention;
use crate::data::Dtype;
use crate::kernel::Constants;

/// Constants of sizes, element type and options.
pub(super) fn form(attention: &Attention) -> Constants {
    let [element, four] = match attention.dtype {
        Dtype::F16 => ["f16", "vec4<f16>"],
        Dtype::F32 | Dtype::U32 | Dtype::Words => ["f32", "vec4<f32>"],
    };
    Constants::new()
        .set("Elem", element)
        .set("Elem4", four)
        .set("HALF", attention.dtype == Dtype::F16)
        .set("HEAD_DIM", attention.head_dim)
        .set("VALUE_DIM", attention.value_dim)
        .set("BIAS", attention.bias.is_some())
        .set("NATURAL", attention.has_natural_scores())
        .set("SOFT_CAP", attention.soft_cap.is_some())
        .set("SINKS", attention.sinks == Sinks::PerHead)
        .set("LENGTHS", attention.has_lengths())
        .set("LSE", attention.log_sum_exp == LogSumExp::Wanted)
}

/// Why a kernel that has no form for a paged cache cannot compute an attention, if it has one.
pub(super) fn paged(attention: &Attention) -> Option<String> {
    (attention.cache != KvCache::Contiguous).then(|| "it has no form for a paged cache".to_owned())
}
