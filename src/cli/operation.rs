//! `OPERATION:SHAPE` as an argument.

use ridgepoint::ops::family;
use ridgepoint::{Dtype, Error, Operation, Result};

/// The operation that `text` names, with elements of `dtype`.
///
/// # Errors
/// [`Error::UnknownName`]; [`Error::ShapeText`], also where no shape is given; errors of [`Operation::validate`].
pub(crate) fn parse(text: &str, dtype: Dtype) -> Result<Box<dyn Operation>> {
    let (name, shape) = text.split_once(':').unwrap_or((text, ""));
    let family = family(name)?;
    if shape.is_empty() {
        return Err(Error::ShapeText {
            operation: family.name,
            text: String::new(),
            expected: family.shape_form,
        });
    }
    let operation = (family.parse)(shape, dtype)?;
    operation.validate()?;
    Ok(operation)
}
