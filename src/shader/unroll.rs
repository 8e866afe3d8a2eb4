//! Loops with constant bounds, written out once per value. Pure text work; naga evaluates the bounds.

use super::fold::fold;
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The most lines an expanded shader may have; a preset beyond it is a mistake, not a kernel.
const MAX_LINES: usize = 60_000;

/// The comment on the line above a loop with constant bounds that stays a loop.
const KEEP: &str = "// keep loop";

/// Functions and types of WGSL that may stand in constant bounds.
const BUILTINS: &[&str] = &[
    "u32",
    "i32",
    "min",
    "max",
    "clamp",
    "select",
    "countOneBits",
];

/// The header of a loop that can be written out: `for (var NAME = START; NAME < BOUND; NAME += STEP) {`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loop {
    variable: String,
    /// `u` or `i`, the suffix of the variable's type.
    suffix: char,
    start: String,
    bound: String,
    step: String,
}

impl Loop {
    /// The loop whose header is `line`; `None` for a header of another form.
    fn parse(line: &str) -> Option<Self> {
        let inner = line.trim().strip_prefix("for (var ")?.strip_suffix(") {")?;
        let parts: Vec<&str> = inner.split(';').map(str::trim).collect();
        let [first, condition, advance] = parts[..] else {
            return None;
        };
        let (variable, start) = first.split_once('=')?;
        let (variable, start) = (variable.trim(), start.trim());
        let bound = condition
            .strip_prefix(variable)?
            .trim_start()
            .strip_prefix("< ")?;
        let step = match advance.strip_prefix(variable)?.trim_start() {
            "++" => "1",
            other => other.strip_prefix("+= ")?,
        };
        // A start that is a name is taken as u32, the type of nearly every index.
        let suffix = if start.starts_with(|c: char| c.is_ascii_digit()) && !start.ends_with('u') {
            'i'
        } else {
            'u'
        };
        Some(Self {
            variable: variable.to_owned(),
            suffix,
            start: start.to_owned(),
            bound: bound.to_owned(),
            step: step.to_owned(),
        })
    }

    /// The expressions that have to be evaluated before the loop can be written out, with their WGSL type.
    pub(super) fn expressions(&self) -> [(String, &'static str); 3] {
        let ty = if self.suffix == 'u' { "u32" } else { "i32" };
        [self.start.clone(), self.bound.clone(), self.step.clone()].map(|e| (e, ty))
    }
}

fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(before, _)| before)
}

fn is_keep(line: &str) -> bool {
    line.trim() == KEEP
}

/// Words of `text` that begin with a letter, but for members: `params.cols` gives `params`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.')
        .map(|word| word.split('.').next().unwrap_or(word))
        .filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

/// A shader file that is searched for loops: its name and the names of its constants.
struct Source<'a> {
    file: &'a str,
    constants: BTreeSet<&'a str>,
}

impl<'a> Source<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        let declared = text.lines().filter_map(|line| line.strip_prefix("const "));
        let constants = declared.filter_map(|rest| names(rest).next()).collect();
        Self { file, constants }
    }

    fn error<T>(&self, message: String) -> Result<T> {
        Err(Error::Shader {
            file: self.file.to_owned(),
            message,
        })
    }

    /// The error for a loop with constant bounds that cannot be written out.
    fn refuse<T>(&self, header: &str, why: &str) -> Result<T> {
        let header = header.trim();
        self.error(format!(
            "`{header}` has constant bounds and cannot be written out: {why}; \
             put `{KEEP}` on the line above, or change the loop"
        ))
    }

    /// Whether `line` is the header of a loop in which every name is the loop's variable or a constant of the file.
    fn has_constant_bounds(&self, line: &str) -> bool {
        let Some(header) = code(line).trim().strip_prefix("for (") else {
            return false;
        };
        let header = header.split('{').next().unwrap_or(header);
        let Some(variable) = header.strip_prefix("var ").and_then(|h| names(h).next()) else {
            return false;
        };
        let known = |name| {
            ["var", variable].contains(&name)
                || self.constants.contains(name)
                || BUILTINS.contains(&name)
        };
        names(header).all(known)
    }

    /// The loop that begins at `lines[i]` and has to be written out, if there is one.
    fn loop_at(&self, lines: &[&str], i: usize) -> Result<Option<Loop>> {
        let is_constant = self.has_constant_bounds(lines[i]);
        if i > 0 && is_keep(lines[i - 1]) {
            if is_constant {
                return Ok(None);
            }
            let line = lines[i].trim();
            return self.error(format!(
                "`{KEEP}` wants a loop with constant bounds below it, found `{line}`"
            ));
        }
        if !is_constant {
            return Ok(None);
        }
        match Loop::parse(lines[i]) {
            Some(found) => Ok(Some(found)),
            None => self.refuse(lines[i], "it is not `for (var i = 0u; i < N; i++) {`"),
        }
    }
}

/// All loops that [`unroll`] writes out, in file order.
///
/// # Errors
/// [`Error::Shader`] for a loop with constant bounds of another form than the one that can be written out, and for a
/// `// keep loop` above anything but a loop with constant bounds.
pub(super) fn constant_loops(file: &str, text: &str) -> Result<Vec<Loop>> {
    let source = Source::new(file, text);
    let lines: Vec<&str> = text.lines().collect();
    let found = (0..lines.len()).filter_map(|i| source.loop_at(&lines, i).transpose());
    found.collect()
}

/// Writes the body of every loop with constant bounds once per value of its variable, but for those below `// keep loop`.
/// Indices that the variable decides are written as numbers.
///
/// `values` maps an expression, as [`Loop::expressions`] gives it, to its value, and `constants` the file's constants.
///
/// # Errors
/// Errors of [`constant_loops`]; [`Error::Shader`] for `break` or `continue` in a loop that is written out, or a text that
/// grows beyond reason.
pub(super) fn unroll(
    file: &str,
    text: &str,
    values: &BTreeMap<String, i64>,
    constants: &BTreeMap<String, u32>,
) -> Result<String> {
    let source = Source::new(file, text);
    let lines: Vec<&str> = text.lines().collect();
    let known = Known { values, constants };
    let mut out = Vec::new();
    expand(&source, &lines, &known, &mut out)?;
    Ok(out.join("\n") + "\n")
}

/// Numbers that naga found.
struct Known<'a> {
    /// Values of the expressions in headers of loops.
    values: &'a BTreeMap<String, i64>,
    /// Values of the file's integer constants.
    constants: &'a BTreeMap<String, u32>,
}

impl Known<'_> {
    /// The value of `name` within a loop whose variable is `variable`, at `value`.
    fn within(&self, variable: &str, value: i64, name: &str) -> Option<u32> {
        if name == variable {
            return u32::try_from(value).ok();
        }
        // Constants of files are in capitals, and variables are not.
        let is_constant = !name.contains(|c: char| c.is_lowercase());
        self.constants.get(name).copied().filter(|_| is_constant)
    }
}

/// Whether a line of `body` declares `name` anew.
fn declares(body: &[String], name: &str) -> bool {
    let declares = |line: &String| {
        let mut words = names(line);
        let keyword = words.next();
        keyword.is_some_and(|word| ["let", "var", "const"].contains(&word))
            && words.next() == Some(name)
            || line.contains("for (var ") && names(line).nth(2) == Some(name)
    };
    body.iter().any(declares)
}

fn expand(
    source: &Source<'_>,
    lines: &[&str],
    known: &Known<'_>,
    out: &mut Vec<String>,
) -> Result<()> {
    let mut i = 0;
    while i < lines.len() {
        let Some(header) = source.loop_at(lines, i)? else {
            out.push(lines[i].to_owned());
            i += 1;
            continue;
        };
        let Some(end) = closing_line(lines, i) else {
            return source.error(format!("the loop `{}` has no end", lines[i].trim()));
        };
        let body = &lines[i + 1..end];
        let leaves = |line: &str| names(code(line)).any(|w| w == "break" || w == "continue");
        if body.iter().any(|line| leaves(line)) {
            return source.refuse(lines[i], "`break` or `continue` inside");
        }
        let expressions = header.expressions();
        let [start, bound, step] = expressions.map(|(e, _)| known.values.get(&e).copied());
        let (Some(start), Some(bound), Some(step @ 1..)) = (start, bound, step) else {
            return source.refuse(
                lines[i],
                "its bounds are no numbers from 0 up, or its step is 0",
            );
        };
        let mut expanded = Vec::new();
        expand(source, body, known, &mut expanded)?;
        let variable = &header.variable;
        let is_folded = header.suffix == 'u' && !declares(&expanded, variable);
        let mut value = start;
        while value < bound {
            let of_name = |name: &str| known.within(variable, value, name);
            let written = |line: &String| {
                if is_folded {
                    fold(line, &of_name)
                } else {
                    line.clone()
                }
            };
            let written: Vec<String> = expanded.iter().map(written).collect();
            out.push("{".to_owned());
            if written
                .iter()
                .any(|line| names(code(line)).any(|name| name == variable))
            {
                out.push(format!("const {variable} = {value}{};", header.suffix));
            }
            out.extend(written);
            out.push("}".to_owned());
            value += step;
            if out.len() > MAX_LINES {
                return source.refuse(lines[i], &format!("more than {MAX_LINES} lines"));
            }
        }
        i = end + 1;
    }
    Ok(())
}

/// The line that closes the block which `lines[open]` opens.
fn closing_line(lines: &[&str], open: usize) -> Option<usize> {
    let mut depth = 0i64;
    for (i, line) in lines.iter().enumerate().skip(open) {
        for c in code(line).chars() {
            depth += i64::from(c == '{') - i64::from(c == '}');
        }
        if depth == 0 {
            return (line.trim() == "}").then_some(i);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: &str = "const N: u32 = 2;\n";

    fn values() -> BTreeMap<String, i64> {
        [("0u", 0), ("N", 2), ("1", 1), ("4u", 4), ("2u", 2)]
            .map(|(e, v)| (e.to_owned(), v))
            .into()
    }

    fn unrolled(text: &str) -> Result<String> {
        let constants = [("N".to_owned(), 2)].into();
        unroll("t", &(N.to_owned() + text), &values(), &constants)
    }

    #[test]
    fn indices_become_numbers_and_unused_variables_go() {
        let out = unrolled("for (var i = 0u; i < N; i++) {\na[i * N + 1u] = b[j];\n}\n").unwrap();
        assert!(
            out.ends_with("{\na[1u] = b[j];\n}\n{\na[3u] = b[j];\n}\n"),
            "{out}"
        );
        // Where the name is declared anew, and where the loop counts in i32, nothing is known of it.
        let anew = "for (var i = 0u; i < N; i++) {\nlet i = f();\na[i] = 1u;\n}\n";
        assert_eq!(unrolled(anew).unwrap().matches("a[i] = 1u;").count(), 2);
        let nested =
            "for (var i = 0u; i < N; i++) {\nfor (var i = lane; i < n; i++) {\na[i];\n}\n}\n";
        assert_eq!(unrolled(nested).unwrap().matches("a[i];").count(), 2);
    }

    #[test]
    fn nested_loops_are_written_out() {
        let out = unrolled(
            "a;\nfor (var i = 0u; i < N; i++) {\n  for (var j = 0u; j < 4u; j += 2u) {\n    f(i, j);\n  }\n}\nb;\n",
        )
        .unwrap();
        assert_eq!(out.matches("f(i, j);").count(), 4);
        assert_eq!(out.matches("const i = 1u;").count(), 1);
        assert_eq!(out.matches("const j = 2u;").count(), 2);
        assert!(out.starts_with("const N: u32 = 2;\na;\n") && out.ends_with("b;\n"));
        assert_eq!(out.matches('{').count(), out.matches('}').count());
    }

    #[test]
    fn kept_loops_and_those_without_constant_bounds_stay() {
        let kept = "// keep loop\nfor (var i = 0u; i < N; i++) {\nfor (var j = 0u; j < N; j++) {\nf(j);\n}\n}\n";
        let out = unrolled(kept).unwrap();
        assert_eq!(out.matches("for (var i").count(), 1);
        assert_eq!(out.matches("f(j);").count(), 2);
        for header in [
            "for (var i = lane; i < N; i += N) {",
            "for (var i = 0u; i < params.cols; i++) {",
            "for (var i = 0u; i < min(N, cols); i++) {",
        ] {
            let text = format!("{header}\nif (done) {{ break; }}\n}}\n");
            assert_eq!(unrolled(&text).unwrap(), N.to_owned() + &text);
        }
        // Of other forms, or not to be left in the middle.
        for body in [
            "for (var half = N / 2u; half > 0u; half /= 2u) {\n}\n",
            "for (var i = 0u; i < N; i++) {\nif (i == 1u) { break; }\n}\n",
        ] {
            assert!(unrolled(&format!("// keep loop\n{body}")).is_ok());
        }
    }

    #[test]
    fn loops_that_cannot_be_written_out_ask_for_the_mark() {
        let refused = |text: &str| {
            let error = unrolled(text).unwrap_err().to_string();
            assert!(
                error.contains("put `// keep loop` on the line above"),
                "{error}"
            );
        };
        refused("for (var i = 0u; i <= 4u; i++) {\n}\n");
        refused("for (var half = N / 2u; half > 0u; half /= 2u) {\n}\n");
        refused("for (var i = 0u; i < N; i++) {\nif (i == 1u) { break; }\n}\n");
        refused("for (var i = 0u; i < N * N; i++) {\n}\n");
        assert!(unrolled("for (var i = 0u; i < N; i++) {\nx += i; // no break here\n}\n").is_ok());
    }

    #[test]
    fn a_mark_above_anything_else_is_an_error() {
        assert!(unrolled("// keep loop\nwhile (true) {\n}\n").is_err());
        assert!(unrolled("// keep loop\nfor (var i = lane; i < N; i++) {\n}\n").is_err());
    }
}
