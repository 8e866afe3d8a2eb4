//! A product as text: `MxNxK` or `BATCHxMxNxK`, then a word for each extra, such as `+tb+bias+gelu`.

use super::layout::{Layout, Order};
use super::shape::{Activation, Activations, Bias, Matmul};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::ops::words::refuse_contradictions;
use crate::ops::{Family, Operation};
use crate::weights::Weights;

/// The form of a shape's text, with an example.
pub(super) const FORM: &str = "MxNxK or BATCHxMxNxK, such as 4096x4096x4096, then what differs from A * B: \
    +ta +tb (transposed) +sb (B shared) +alpha=2 +beta=0.5 +bias +relu +gelu +silu +f16 (type of C), and for quantised \
    weights one of +q4_0 +q4_1 +q8_0 +q4_k +q6_k +int4 +int8 (B as [N, K]), and +a8 (A rounded to 8 bits)";

/// The text of `matmul`. Strides and offsets have none.
pub(super) fn label(matmul: &Matmul) -> String {
    let sizes: Vec<String> = matmul
        .shape()
        .iter()
        .map(|(_, size)| size.to_string())
        .collect();
    let mut text = sizes.join("x");
    let transposed = |layout: &Layout| layout.order == Order::ColumnMajor;
    let words = [
        (transposed(&matmul.a), "ta".to_owned()),
        (
            transposed(&matmul.b) && !matmul.weights.is_quantized(),
            "tb".to_owned(),
        ),
        (
            matmul.weights.is_quantized(),
            matmul.weights.name().to_owned(),
        ),
        (matmul.activations == Activations::Int8, "a8".to_owned()),
        (matmul.b.batch_stride == Some(0), "sb".to_owned()),
        (
            matmul.alpha.to_bits() != 1f32.to_bits(),
            format!("alpha={}", matmul.alpha),
        ),
        (matmul.beta != 0.0, format!("beta={}", matmul.beta)),
        (matmul.bias == Bias::Row, "bias".to_owned()),
        (matmul.activation == Activation::Relu, "relu".to_owned()),
        (matmul.activation == Activation::Gelu, "gelu".to_owned()),
        (matmul.activation == Activation::Silu, "silu".to_owned()),
        (matmul.output == Dtype::F16, "f16".to_owned()),
    ];
    for (_, word) in words.iter().filter(|(present, _)| *present) {
        text += "+";
        text += word;
    }
    text
}

/// Reads what [`label`] writes.
///
/// # Errors
/// [`Error::ShapeText`] with the form that is wanted; [`Error::Shape`] for words that contradict each other.
pub(super) fn parse(
    family: &'static Family,
    text: &str,
    dtype: Dtype,
) -> Result<Box<dyn Operation>> {
    let wrong = || Error::ShapeText {
        operation: family.name,
        text: text.to_owned(),
        expected: family.shape_form,
    };
    let mut words = text.split('+');
    refuse_contradictions(family.name, words.clone().skip(1), topic)?;
    let sizes: Vec<u64> = words
        .next()
        .unwrap_or_default()
        .split('x')
        .map(|part| part.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    let mut matmul = match sizes[..] {
        [m, n, k] => Matmul::new(m, n, k),
        [batch, m, n, k] => Matmul {
            batch,
            ..Matmul::new(m, n, k)
        },
        _ => return Err(wrong()),
    };
    matmul.dtype = dtype;
    for word in words {
        match word.split_once('=') {
            Some(("alpha", value)) => matmul.alpha = value.parse().map_err(|_| wrong())?,
            Some(("beta", value)) => matmul.beta = value.parse().map_err(|_| wrong())?,
            None => set(&mut matmul, word).ok_or_else(wrong)?,
            Some(_) => return Err(wrong()),
        }
    }
    Ok(Box::new(matmul))
}

/// The part of a product that a word is about.
fn topic(word: &str) -> &str {
    match word.split_once('=').map_or(word, |(name, _)| name) {
        "relu" | "gelu" | "silu" => "activation",
        name if Weights::named(name).is_some() => "weights",
        name => name,
    }
}

fn set(matmul: &mut Matmul, word: &str) -> Option<()> {
    match word {
        "ta" => matmul.a.order = Order::ColumnMajor,
        "tb" => matmul.b.order = Order::ColumnMajor,
        "sb" => matmul.b.batch_stride = Some(0),
        "bias" => matmul.bias = Bias::Row,
        "relu" => matmul.activation = Activation::Relu,
        "gelu" => matmul.activation = Activation::Gelu,
        "silu" => matmul.activation = Activation::Silu,
        "f16" => matmul.output = Dtype::F16,
        "a8" => matmul.activations = Activations::Int8,
        name => {
            matmul.weights = Weights::named(name)?;
            matmul.b.order = Order::ColumnMajor;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::MATMUL;
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        for text in [
            "1x2x3",
            "4x1x2x3",
            "4x5x6x7+ta+tb+sb+alpha=2+beta=0.5+bias+gelu+f16",
            "3x3x3+relu",
            "3x3x3+silu",
            "2x3x5x64+q4_0+sb+bias",
            "3x5x256+q6_k+a8",
        ] {
            assert_eq!(parse(&MATMUL, text, Dtype::F16).unwrap().label(), text);
        }
        for text in ["1x2", "1x2x3+x", "1x2x3+alpha=a", "1x2x3x4x5", "1x2x3+ta=1"] {
            let error = parse(&MATMUL, text, Dtype::F32).unwrap_err();
            assert!(matches!(error, Error::ShapeText { .. }), "{text}");
        }
        for text in [
            "1x2x3+silu+bias+gelu",
            "1x2x3+alpha=2+alpha=3",
            "1x2x3+ta+ta",
            "1x2x256+q4_0+q4_k",
        ] {
            let error = parse(&MATMUL, text, Dtype::F32).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }), "{text}: {error}");
        }
    }
}
