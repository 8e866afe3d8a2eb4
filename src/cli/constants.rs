//! `NAME=VALUE` as an argument: constants of a kernel's files.

use ridgepoint::error::suggest;
use ridgepoint::kernel::{Constants, Kernel};
use ridgepoint::ops::Family;
use ridgepoint::report::renames;
use ridgepoint::shader::Constant;
use ridgepoint::{Error, Result};

/// A constant with the value that it gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: Constant,
}

/// Reads `NAME=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| is_name(name))
        .ok_or("NAME=VALUE is needed, such as TILE_K=16")?;
    Ok(Assignment {
        name: name.to_owned(),
        value: value_of(value)?,
    })
}

/// Whether `text` can be the name of a constant.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value that `text` writes: a number, a truth value, or the name of a type such as `f16`.
pub(crate) fn value_of(text: &str) -> Result<Constant, String> {
    if let Ok(value) = text.parse() {
        return Ok(Constant::Integer(value));
    }
    if let Ok(value) = text.parse() {
        return Ok(Constant::Bool(value));
    }
    let number = text.parse::<f32>();
    if let Ok(value) = number
        && value.is_finite()
    {
        return Ok(Constant::Float(value));
    }
    let is_type = |c: char| c.is_ascii_alphanumeric() || "_<>".contains(c);
    // Rust reads `inf` and `nan` as numbers, which WGSL does not have.
    let is_word = number.is_err() && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_word && text.chars().all(is_type) {
        // Types are static text everywhere else; an argument lives as long as the program too.
        return Ok(Constant::Type(text.to_owned().leak()));
    }
    Err(format!(
        "{text:?} is no value of a constant; write a number, true, false or a type"
    ))
}

/// The constants of `assignments`, each of which `kernel` has to declare; without a kernel some kernel of `family`.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub(crate) fn resolve(
    assignments: &[Assignment],
    family: &Family,
    kernel: Option<&Kernel>,
) -> Result<Constants> {
    assignments
        .iter()
        .map(|one| Ok((name(&one.name, family, kernel)?, one.value)))
        .collect()
}

/// The static name of the constant `name` of `kernel`, or of some kernel of `family`.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
pub(crate) fn name(name: &str, family: &Family, kernel: Option<&Kernel>) -> Result<&'static str> {
    let present = kernel.map_or(name, |kernel| renames::constant(kernel.name, name));
    let stages = match kernel {
        Some(kernel) => kernel.stages.to_vec(),
        None => family
            .kernels
            .iter()
            .flat_map(|k| k.stages)
            .copied()
            .collect(),
    };
    let mut declared: Vec<_> = stages
        .iter()
        .flat_map(|stage| stage.shader.settable())
        .collect();
    declared.sort_unstable();
    declared.dedup();
    let found = declared.iter().find(|known| **known == present);
    found.copied().ok_or_else(|| Error::UnknownName {
        kind: "constant",
        name: format!("{name} of {}", kernel.map_or(family.name, |k| k.name)),
        suggestion: suggest(name, declared),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgepoint::ops::family;

    #[test]
    fn values_are_numbers_truth_values_and_types() {
        let of = |text| assignment(text).map(|one| one.value);
        assert_eq!(of("N=16"), Ok(Constant::Integer(16)));
        assert_eq!(of("N=0.5"), Ok(Constant::Float(0.5)));
        assert_eq!(of("N=true"), Ok(Constant::Bool(true)));
        assert_eq!(of("N=vec4<f16>"), Ok(Constant::Type("vec4<f16>")));
        for wrong in ["N", "N=", "=3", "1N=3", "N=1;", "N=inf", "N=a b"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_those_of_the_kernel() {
        let matmul = family("matmul").unwrap();
        let tiled = matmul.kernel("matmul_tiled").unwrap();
        assert_eq!(name("TILE", matmul, Some(tiled)).unwrap(), "TILE");
        let refused = name("TILES", matmul, Some(tiled)).unwrap_err().to_string();
        assert!(refused.contains("TILES of matmul_tiled") && refused.contains("did you mean"));
        let refused = name("TILE_Q", matmul, None).unwrap_err().to_string();
        assert!(refused.contains("TILE_Q of matmul"), "{refused}");
    }
}
