//! Quantised weights as kernels see them: the operands of B, and the constants and the snippet of a format.

use super::form::types;
use super::shape::{Activations, Matmul};
use crate::data::{Distribution, Dtype};
use crate::gpu::profile::BUSY;
use crate::kernel::Constants;
use crate::ops::{Fit, Operand};
use crate::shader::{Constant, files::snippets};
use crate::weights::{BLOCK, Weights};

impl Matmul {
    /// Operands `b`, the quants, and `scales` of quantised weights. Test data has scales that give weights of about 1.
    pub(super) fn operands_of_weights(&self) -> [Operand; 2] {
        let rows = self.rows_of_weights();
        let words = |name, of_row: u64, (random, fixed): (u32, u32)| {
            let spread = Distribution::Bits { random, fixed };
            Operand::input(name, rows * of_row, Dtype::Words, spread)
        };
        [
            words("b", self.weights.quant_words(self.k), (u32::MAX, 0)),
            words(
                "scales",
                self.weights.scale_words(self.k),
                scale_bits(self.weights),
            ),
        ]
    }
}

/// Random and fixed bits of a word of scales. The bits below an f16's exponent and sign are random.
const fn scale_bits(weights: Weights) -> (u32, u32) {
    match weights {
        Weights::Float => (0, 0),
        // Between 1/16 and 1/8, of either sign.
        Weights::Q4_0 | Weights::Q4_1 => (0x83ff_83ff, 0x2c00_2c00),
        // Between 1/256 and 1/128.
        Weights::Q8_0 => (0x83ff_83ff, 0x1c00_1c00),
        // Zero points of 0 to 15 above such a scale.
        Weights::Int4 => (0x000f_83ff, 0x0000_2c00),
        Weights::Int8 => (0x807f_ffff, 0x3b80_0000),
        // Words of two f16 near 1/4096, and words of bytes: 0 to 63 below 8 to 15.
        Weights::Q4K => (0x073f_073f, 0x0800_0800),
        // Words of f16 near 1/2048, and words of signed bytes.
        Weights::Q6K => (0x83ff_83ff, 0x1000_1000),
    }
}

/// Constants of a format's quants, and its snippet of scales in place of the one that files have.
/// None for floats.
pub(super) fn format(weights: Weights) -> Constants {
    let snippet = match weights {
        Weights::Float => return Constants::new(),
        Weights::Q4_0 => &snippets::WEIGHTS_Q4_0,
        Weights::Q4_1 => &snippets::WEIGHTS_Q4_1,
        Weights::Q8_0 => &snippets::WEIGHTS_Q8_0,
        Weights::Q4K => &snippets::WEIGHTS_Q4_K,
        Weights::Q6K => &snippets::WEIGHTS_Q6_K,
        Weights::Int4 => &snippets::WEIGHTS_INT4,
        Weights::Int8 => &snippets::WEIGHTS_INT8,
    };
    let (quants, width) = match weights.bits() {
        6 => ("vec2<u32>", 2u32),
        _ => ("vec4<u32>", 4),
    };
    Constants::new()
        .set("BITS", weights.bits())
        .set("Quants", Constant::Type(quants))
        .set("QUANTS_WIDTH", width)
        .set("weights_q4_0", Constant::Snippet(snippet))
}

/// Constants of a kernel that fetches four quants of B at a time; those of floats as `operands` has them.
pub(super) fn quads(matmul: &Matmul, operands: Constants) -> Constants {
    let found = operands.set("QUANTIZED", matmul.weights.is_quantized());
    if !matmul.weights.is_quantized() {
        return found;
    }
    // Quants of a row are whole words, whatever is said of elements.
    let [_, four, _] = types(matmul.dtype);
    found
        .merged(&format(matmul.weights))
        .set("ChunkB", four)
        .set("VECTOR_B", true)
}

/// The fit of a kernel that multiplies floats: none for quantised weights.
pub(super) fn floats_alone(matmul: &Matmul, fit: impl FnOnce() -> Fit) -> Fit {
    if matmul.weights.is_quantized() {
        return Fit::Unable(format!(
            "B is {}, and it multiplies floats; matmul_quantized_vector takes quants as they are",
            matmul.weights.name()
        ));
    }
    fit()
}

/// The reason why a kernel of quants has no form for a product, if it has none.
pub(super) fn require_quants(matmul: &Matmul) -> Result<(), String> {
    if !matmul.weights.is_quantized() {
        return Err("B has no quants; other kernels of matmul multiply floats".to_owned());
    }
    require_floats(matmul)
}

/// The reason why a kernel that multiplies A as it is has no form for a product, if it has none.
pub(super) fn require_floats(matmul: &Matmul) -> Result<(), String> {
    match matmul.activations {
        Activations::Float => Ok(()),
        Activations::Int8 => {
            Err("it multiplies A as it is; matmul_quantized_dot rounds A to eight bits".to_owned())
        }
    }
}

/// Invocations along N and along K of a workgroup of `lanes`: as many along N, of `across`, as leave enough workgroups to keep
/// a large device busy, where an invocation takes `columns`.
pub(super) fn lanes(matmul: &Matmul, columns: u64, across: &[u64], lanes: u64) -> [u64; 2] {
    let is_enough = |along_n: &u64| matmul.batch * matmul.n.div_ceil(columns * along_n) >= 4 * BUSY;
    let along_n = across.iter().copied().find(is_enough).unwrap_or(1);
    let blocks = (matmul.k / BLOCK).next_power_of_two();
    [along_n, (lanes / along_n).min(blocks.max(16))]
}
