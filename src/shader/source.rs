//! Constants of a shader file, set in its text, and snippets swapped. Pure text work; naga does all evaluating.

use super::snippets::{self, Snippet};
use crate::error::{Error, Result, suggest};

/// A value for a `const` (or `alias`) line of a shader file, or for a snippet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Constant {
    /// A number for `const NAME: u32` or `i32`.
    Integer(u32),
    /// A number for `const NAME: f32`.
    Float(f32),
    /// A truth value for `const NAME: bool`.
    Bool(bool),
    /// A type for `alias NAME = ...;`.
    Type(&'static str),
    /// A snippet in place of the one called NAME.
    Snippet(&'static Snippet),
}

impl std::fmt::Display for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Type(name) | Self::Snippet(Snippet { name, .. }) => f.write_str(name),
        }
    }
}

/// `const NAME: T = LITERAL;` or `alias NAME = T;` at the start of a line, in parts.
struct Declaration<'a> {
    name: &'a str,
    /// `u32`, `i32`, `f32`, `bool`; empty for an alias.
    ty: &'a str,
    value: &'a str,
    /// The text after the semicolon.
    rest: &'a str,
}

fn declaration(line: &str) -> Option<Declaration<'_>> {
    let (head, rest) = line.split_once(';')?;
    let (left, value) = head.split_once('=')?;
    let value = value.trim();
    if let Some(name) = left.strip_prefix("alias ") {
        return Some(Declaration {
            name: name.trim(),
            ty: "",
            value,
            rest,
        });
    }
    let (name, ty) = left.strip_prefix("const ")?.split_once(':')?;
    Some(Declaration {
        name: name.trim(),
        ty: ty.trim(),
        value,
        rest,
    })
}

fn is_literal(value: &str) -> bool {
    matches!(value, "true" | "false")
        || value
            .trim_start_matches('-')
            .starts_with(|c: char| c.is_ascii_digit())
            && !value.contains(|c: char| c.is_whitespace() || "*/%()".contains(c))
}

/// Names of the constants that [`set_constants`] can set, literals and aliases, and of the snippets that it can swap.
pub(super) fn settable(wgsl: &str) -> Vec<&str> {
    wgsl.lines()
        .filter_map(declaration)
        .filter(|d| d.ty.is_empty() || is_literal(d.value))
        .map(|d| d.name)
        .chain(snippets::names(wgsl))
        .collect()
}

/// The value of the settable constant or alias called `name`, as the file writes it.
#[cfg(test)]
pub(super) fn literal<'a>(wgsl: &'a str, name: &str) -> Option<&'a str> {
    let mut all = wgsl.lines().filter_map(declaration);
    all.find(|d| d.name == name).map(|d| d.value)
}

/// Swaps snippets, then rewrites the literal of each named constant.
///
/// # Errors
/// [`Error::UnknownName`] for a name that no settable line declares or no snippet has, [`Error::Shader`] for a value of
/// another type.
pub(super) fn set_constants(
    file: &str,
    wgsl: &str,
    constants: &[(&str, Constant)],
) -> Result<String> {
    let (mut swaps, mut values) = (Vec::new(), Vec::new());
    for (name, value) in constants {
        match value {
            Constant::Snippet(snippet) => swaps.push((*name, *snippet)),
            _ => values.push((name, value)),
        }
    }
    let swapped = match swaps[..] {
        [] => None,
        _ => Some(snippets::swap(file, wgsl, &swaps)?),
    };
    let wgsl = swapped.as_deref().unwrap_or(wgsl);
    let mut text: Vec<String> = wgsl.lines().map(str::to_owned).collect();
    for (name, value) in values {
        let found = text.iter_mut().find(|line| {
            declaration(line)
                .is_some_and(|d| d.name == *name && (d.ty.is_empty() || is_literal(d.value)))
        });
        let Some(line) = found else {
            let suggestion = suggest(name, settable(wgsl));
            return Err(Error::UnknownName {
                kind: "constant",
                name: format!("{file}: {name}"),
                suggestion,
            });
        };
        let Some(old) = declaration(line) else {
            continue;
        };
        let written = match (old.ty, value) {
            ("u32", Constant::Integer(v)) => format!("const {name}: u32 = {v}u;{}", old.rest),
            ("i32", Constant::Integer(v)) => format!("const {name}: i32 = {v}i;{}", old.rest),
            ("f32", Constant::Float(v)) if v.is_finite() => {
                format!("const {name}: f32 = {v:?}f;{}", old.rest)
            }
            ("bool", Constant::Bool(v)) => format!("const {name}: bool = {v};{}", old.rest),
            ("", Constant::Type(v)) => format!("alias {name} = {v};{}", old.rest),
            (ty, v) => {
                let message = format!(
                    "{v} does not fit `{name}`, which is {}",
                    if ty.is_empty() { "a type" } else { ty }
                );
                return Err(Error::Shader {
                    file: file.to_owned(),
                    message,
                });
            }
        };
        *line = written;
    }
    if constants.iter().any(|(_, value)| names_f16(*value)) {
        enable_f16(&mut text);
    }
    Ok(text.join("\n") + "\n")
}

fn names_f16(value: Constant) -> bool {
    matches!(value, Constant::Type(name) if name.contains("f16"))
}

/// A file that is written for f32 becomes one for f16 by its aliases and by this directive, which WGSL wants before
/// anything but comments.
fn enable_f16(text: &mut Vec<String>) {
    const DIRECTIVE: &str = "enable f16;";
    if !text.iter().any(|line| line == DIRECTIVE) {
        let header = text
            .iter()
            .take_while(|line| line.starts_with("//"))
            .count();
        text.insert(header, DIRECTIVE.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "const TILE: u32 = 64;   // rows\nconst HALF: u32 = TILE / 2;\nconst NEG: f32 = -0x1.fp+3;\nalias Elem = f32;\n";

    #[test]
    fn literals_and_aliases_are_set_and_comments_kept() {
        let set = set_constants(
            "t",
            TEXT,
            &[
                ("TILE", Constant::Integer(8)),
                ("Elem", Constant::Type("f16")),
            ],
        )
        .unwrap();
        assert!(
            set.starts_with("enable f16;\nconst TILE: u32 = 8u;   // rows\n"),
            "{set}"
        );
        assert!(set.contains("alias Elem = f16;"));
        assert_eq!(settable(TEXT), ["TILE", "NEG", "Elem"]);
    }

    #[test]
    fn unknown_derived_and_mistyped_constants_are_errors() {
        assert!(matches!(
            set_constants("t", TEXT, &[("TILES", Constant::Integer(8))]),
            Err(Error::UnknownName { .. })
        ));
        assert!(matches!(
            set_constants("t", TEXT, &[("HALF", Constant::Integer(8))]),
            Err(Error::UnknownName { .. })
        ));
        assert!(matches!(
            set_constants("t", TEXT, &[("TILE", Constant::Bool(true))]),
            Err(Error::Shader { .. })
        ));
    }
}
