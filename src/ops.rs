//! The operations: what is computed, what it costs, what the right answer is. How it is computed is a kernel's affair.
//!
//! A value such as [`Matmul`] is one operation of one shape. A [`Family`] is the operation for every shape, with its
//! kernels; [`FAMILIES`] is the table that tests, benches, the command line and the reports go through.

mod attention;
mod attention_backward;
mod class;
mod combinations;
mod extended;
mod fit;
mod fma;
mod implementation;
mod matmul;
mod norm;
mod operand;
mod operation;
mod reduce;
mod rows;
#[cfg(test)]
mod scheduled;
mod softmax;
mod stream;
mod vectors;
mod words;

pub use attention::{Attention, BiasShape, HeadLayout, KvCache, Lengths, LogSumExp, Mask, Sinks};
pub use attention_backward::AttentionBackward;
pub use class::{Class, Sizes};
pub(crate) use combinations::combinations;
pub use extended::{Extended, Kernels};
pub use fit::{Candidate, Fit, Trust};
pub use fma::{Fma, Recurrence};
pub use implementation::{Implementation, no_alternatives};
pub(crate) use implementation::{bind, kernels_of, own_samples_of};
pub use matmul::{Activation, Activations, Bias, Layout, Matmul, Order};
pub use norm::{Affine, Norm, NormKind};
pub use operand::{Operand, Role};
pub(crate) use operation::changed;
pub use operation::{Family, Operation, Samples, candidate, class_of};
pub use reduce::{Reduction, ReductionKind};
pub use rows::{RowLayout, Target};
pub use softmax::{Causal, Softmax, SoftmaxForm, SoftmaxMask};
pub use stream::{Stream, StreamKind};

use crate::error::{Error, Result, suggest};
use crate::shader::Shader;

/// Every operation.
pub static FAMILIES: &[&Family] = &[
    &stream::COPY,
    &stream::SCALE,
    &stream::MULTIPLY,
    &stream::ADD,
    &stream::TRIAD,
    &reduce::SUM,
    &reduce::MAX,
    &reduce::DOT,
    &fma::FMA,
    &matmul::MATMUL,
    &softmax::SOFTMAX,
    &norm::RMS_NORM,
    &norm::LAYER_NORM,
    &attention::ATTENTION,
    &attention_backward::ATTENTION_BACKWARD,
];

/// An operation by its name.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub fn family(name: &str) -> Result<&'static Family> {
    let unknown = || Error::UnknownName {
        kind: "operation",
        name: name.to_owned(),
        suggestion: suggest(name, FAMILIES.iter().map(|f| f.name)),
    };
    FAMILIES
        .iter()
        .find(|f| f.name == name)
        .copied()
        .ok_or_else(unknown)
}

/// Shader files of the operations, each once: those of all kernels, the one that fills buffers, and the one that rearranges
/// quants.
#[must_use]
pub fn shaders() -> Vec<&'static Shader> {
    let kernels = FAMILIES.iter().flat_map(|family| family.kernels);
    let mut files: Vec<_> = kernels
        .flat_map(|kernel| kernel.stages)
        .map(|stage| stage.shader)
        .collect();
    files.push(&crate::gpu::FILL);
    files.push(&crate::gpu::QUANTS_FROM_GGUF);
    files.sort_by_key(|shader| shader.name);
    files.dedup_by_key(|shader| shader.name);
    files
}

/// Reads `count` sizes separated by `x`.
pub(crate) fn parse_sizes<const COUNT: usize>(
    family: &'static Family,
    text: &str,
) -> Result<[u64; COUNT]> {
    let wrong = || Error::ShapeText {
        operation: family.name,
        text: text.to_owned(),
        expected: family.shape_form,
    };
    let sizes: Vec<u64> = text
        .split('x')
        .map(|part| part.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    sizes.try_into().map_err(|_| wrong())
}

/// Refuses a shape whose `elements` do not fit the 32-bit indices of WGSL.
pub(crate) fn require_u32(what: &str, elements: Option<u64>) -> Result<u64> {
    let limit = u64::from(u32::MAX);
    match elements {
        Some(count) if count <= limit => Ok(count),
        other => Err(Error::TooLarge {
            what: format!("{what}, in elements,"),
            needed: other.unwrap_or(u64::MAX),
            limit_name: "of 32-bit indices",
            limit,
        }),
    }
}
