//! A softmax as text: sizes, then options behind plus signs.

use super::shape::{Causal, Softmax, SoftmaxForm, SoftmaxMask};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::ops::rows::Target;
use crate::ops::words::refuse_contradictions;
use crate::ops::{Family, Operation, parse_sizes};

/// The text of `softmax`. Scales, layouts, and causal masks of matrices that are not square have no text; no suite has them.
pub(super) fn label(softmax: &Softmax) -> String {
    let mut text = format!("{}x{}", softmax.rows, softmax.cols);
    let options = [
        (softmax.mask == SoftmaxMask::Full, "+mask"),
        (softmax.mask == SoftmaxMask::Broadcast, "+broadcast"),
        (softmax.causal.is_some(), "+causal"),
        (softmax.form == SoftmaxForm::Logarithms, "+log"),
        (softmax.target == Target::InPlace, "+inplace"),
    ];
    for (_, word) in options.into_iter().filter(|(given, _)| *given) {
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
    let mut words = text.split('+').map(str::trim);
    refuse_contradictions(family.name, words.clone().skip(1), |word| match word {
        "broadcast" => "mask",
        other => other,
    })?;
    let [rows, cols] = parse_sizes(family, words.next().unwrap_or_default())?;
    let mut softmax = Softmax {
        dtype,
        ..Softmax::new(rows, cols)
    };
    for word in words {
        match word {
            "mask" => softmax.mask = SoftmaxMask::Full,
            "broadcast" => softmax.mask = SoftmaxMask::Broadcast,
            "causal" => {
                let queries = cols.max(1);
                softmax.causal = Some(Causal { queries, seen: 1 });
            }
            "log" => softmax.form = SoftmaxForm::Logarithms,
            "inplace" => softmax.target = Target::InPlace,
            _ => {
                return Err(Error::ShapeText {
                    operation: family.name,
                    text: text.to_owned(),
                    expected: family.shape_form,
                });
            }
        }
    }
    Ok(Box::new(softmax))
}

#[cfg(test)]
mod tests {
    use super::super::SOFTMAX;
    use super::*;

    #[test]
    fn text_and_label_are_inverse() {
        for text in ["4x8", "4x8+mask+causal", "4x8+broadcast+log+inplace"] {
            assert_eq!(parse(&SOFTMAX, text, Dtype::F16).unwrap().label(), text);
        }
        let error = parse(&SOFTMAX, "4x8+maks", Dtype::F32).unwrap_err();
        assert!(error.to_string().contains("+mask"), "{error}");
        assert!(parse(&SOFTMAX, "4x8x2", Dtype::F32).is_err());
        for text in ["4x8+broadcast+log+mask", "4x8+mask+mask", "4x8+log+log"] {
            let error = parse(&SOFTMAX, text, Dtype::F32).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }), "{text}: {error}");
        }
    }
}
