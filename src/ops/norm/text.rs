//! A norm as text: sizes, then options behind plus signs.

use super::shape::{Affine, Norm, NormKind};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::ops::rows::Target;
use crate::ops::words::refuse_contradictions;
use crate::ops::{Family, Operation, parse_sizes};

/// The form of a shape's text, with an example.
pub(super) const SHAPE_FORM: &str =
    "ROWSxCOLS, such as 4096x4096, then any of +plain, +bias, +inplace";

/// The text of a norm, as [`parse`] reads it.
pub(super) fn label(norm: &Norm) -> String {
    let options = match norm.affine {
        Affine::None => "+plain",
        Affine::Weight => "",
        Affine::WeightAndBias => "+bias",
    };
    let target = match norm.target {
        Target::Separate => "",
        Target::InPlace => "+inplace",
    };
    format!("{}x{}{options}{target}", norm.rows, norm.cols)
}

pub(super) fn parse(
    family: &'static Family,
    kind: NormKind,
    text: &str,
    dtype: Dtype,
) -> Result<Box<dyn Operation>> {
    let mut words = text.split('+').map(str::trim);
    refuse_contradictions(family.name, words.clone().skip(1), |word| match word {
        "plain" => "bias",
        other => other,
    })?;
    let [rows, cols] = parse_sizes(family, words.next().unwrap_or_default())?;
    let mut norm = Norm {
        dtype,
        ..Norm::new(kind, rows, cols)
    };
    for word in words {
        match word {
            "plain" => norm.affine = Affine::None,
            "bias" => norm.affine = Affine::WeightAndBias,
            "inplace" => norm.target = Target::InPlace,
            _ => {
                return Err(Error::ShapeText {
                    operation: family.name,
                    text: text.to_owned(),
                    expected: SHAPE_FORM,
                });
            }
        }
    }
    Ok(Box::new(norm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::family;

    #[test]
    fn words_that_contradict_each_other_are_refused() {
        let layer_norm = family("layer_norm").unwrap();
        let parsed = |text: &str| (layer_norm.parse)(text, Dtype::F32);
        for text in ["4x8+plain+bias", "4x8+bias+inplace+bias"] {
            let error = parsed(text).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }), "{text}: {error}");
        }
        assert_eq!(
            parsed("4x8+bias+inplace").unwrap().label(),
            "4x8+bias+inplace"
        );
    }
}
