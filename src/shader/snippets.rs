//! Snippets: text that several shader files share, between `// snippet NAME` and `// end`. Each file holds a copy, so that
//! it stays complete; `shaders/snippets/NAME.wgsl` is the copies' one home. The host may swap a snippet for another.

use crate::error::{Error, Result, suggest};

const BEGIN: &str = "// snippet ";
const END: &str = "// end";

/// A file of `shaders/snippets/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snippet {
    /// The file's stem.
    pub name: &'static str,
    /// The file's text.
    pub wgsl: &'static str,
}

/// The name after the mark that begins a snippet.
fn begins(line: &str) -> Option<&str> {
    line.trim().strip_prefix(BEGIN).map(str::trim)
}

/// Names of the snippets of a shader file, in file order.
pub(super) fn names(wgsl: &str) -> impl Iterator<Item = &str> {
    wgsl.lines().filter_map(begins)
}

/// The text of a shader file with each snippet written anew, indented as its mark is: `find` gives the name and the text of
/// what takes the place of the snippet with a name, or `None` where it stays.
///
/// # Errors
/// [`Error::Shader`] for a snippet without an end, or an end without a snippet.
pub fn stamp<'a>(
    file: &str,
    wgsl: &'a str,
    mut find: impl FnMut(&'a str) -> Option<(&'a str, &'a str)>,
) -> Result<String> {
    let fail = |message: String| {
        Err(Error::Shader {
            file: file.to_owned(),
            message,
        })
    };
    let mut out = String::new();
    // The snippet that a line belongs to, and whether its lines are those of before.
    let mut inside: Option<(&str, bool)> = None;
    for line in wgsl.lines() {
        let mut keep = true;
        match (begins(line), inside) {
            (Some(name), None) => {
                let found = find(name);
                inside = Some((name, found.is_none()));
                if let Some((new, text)) = found {
                    keep = false;
                    let indent = &line[..line.len() - line.trim_start().len()];
                    out += &[indent, BEGIN, new, "\n"].concat();
                    for line in text.lines() {
                        let indent = if line.is_empty() { "" } else { indent };
                        out += &[indent, line, "\n"].concat();
                    }
                }
            }
            (Some(_), Some((name, _))) => return fail(format!("the snippet `{name}` has no end")),
            (None, None) if line.trim() == END => {
                return fail(format!("`{END}` without a snippet before it"));
            }
            (None, Some(_)) if line.trim() == END => inside = None,
            (None, Some((_, stays))) => keep = stays,
            (None, None) => {}
        }
        if keep {
            out += line;
            out.push('\n');
        }
    }
    match inside {
        Some((name, _)) => fail(format!("the snippet `{name}` has no end")),
        None => Ok(out),
    }
}

/// The text of a shader file with the snippets that `swaps` names swapped for others.
///
/// # Errors
/// Errors of [`stamp`]; [`Error::UnknownName`] for a snippet that the file does not have.
pub(super) fn swap(file: &str, wgsl: &str, swaps: &[(&str, &'static Snippet)]) -> Result<String> {
    if let Some((name, _)) = swaps
        .iter()
        .find(|(name, _)| !names(wgsl).any(|known| known == *name))
    {
        return Err(Error::UnknownName {
            kind: "snippet",
            name: format!("{file}: {name}"),
            suggestion: suggest(name, names(wgsl)),
        });
    }
    stamp(file, wgsl, |name| {
        let (_, snippet) = swaps.iter().find(|(old, _)| *old == name)?;
        Some((snippet.name, snippet.wgsl))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a;\n  // snippet one\n  x;\n\n  y;\n  // end\nb;\n// snippet two\nz;\n// end\n";
    static OTHER: Snippet = Snippet {
        name: "other",
        wgsl: "q {\n\n    r;\n}\n",
    };

    #[test]
    fn a_snippet_is_swapped_and_indented_as_its_mark() {
        assert_eq!(swap("t", TEXT, &[]).unwrap(), TEXT);
        let swapped = swap("t", TEXT, &[("one", &OTHER)]).unwrap();
        assert_eq!(
            swapped,
            "a;\n  // snippet other\n  q {\n\n      r;\n  }\n  // end\nb;\n// snippet two\nz;\n// end\n"
        );
        assert_eq!(names(TEXT).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn unknown_snippets_and_marks_that_do_not_match_are_errors() {
        assert!(matches!(
            swap("t", TEXT, &[("three", &OTHER)]),
            Err(Error::UnknownName { .. })
        ));
        for broken in [
            "// snippet one\nx;\n",
            "x;\n// end\n",
            "// snippet one\n// snippet two\n// end\n",
        ] {
            assert!(stamp("t", broken, |_| None).is_err(), "{broken}");
        }
    }
}
