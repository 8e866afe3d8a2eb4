//! Loops marked `// unroll`, written out once per value. Pure text work; naga evaluates their bounds.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The most lines an expanded shader may have; a preset beyond it is a mistake, not a kernel.
const MAX_LINES: usize = 60_000;

/// The header of a marked loop: `for (var NAME = START; NAME < BOUND; NAME += STEP) {`.
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
    fn parse(file: &str, line: &str) -> Result<Self> {
        let wrong = || Error::Shader {
            file: file.to_owned(),
            message: format!(
                "`// unroll` wants `for (var i = 0u; i < CONSTANT; i++) {{` below it, found `{}`",
                line.trim()
            ),
        };
        let inner = line
            .trim()
            .strip_prefix("for (var ")
            .and_then(|l| l.strip_suffix(") {"))
            .ok_or_else(wrong)?;
        let parts: Vec<&str> = inner.split(';').map(str::trim).collect();
        let [first, condition, advance] = parts[..] else {
            return Err(wrong());
        };
        let (variable, start) = first.split_once('=').ok_or_else(wrong)?;
        let (variable, start) = (variable.trim(), start.trim());
        let bound = condition
            .strip_prefix(variable)
            .and_then(|c| c.trim_start().strip_prefix("< "))
            .ok_or_else(wrong)?;
        let step = match advance
            .strip_prefix(variable)
            .map(str::trim_start)
            .ok_or_else(wrong)?
        {
            "++" => "1",
            other => other.strip_prefix("+= ").ok_or_else(wrong)?,
        };
        // A start that is a name is taken as u32, the type of nearly every index.
        let suffix = if start.starts_with(|c: char| c.is_ascii_digit()) && !start.ends_with('u') {
            'i'
        } else {
            'u'
        };
        Ok(Self {
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

fn is_mark(line: &str) -> bool {
    line.trim() == "// unroll"
}

fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(before, _)| before)
}

/// All loops marked `// unroll`, in file order.
///
/// # Errors
/// [`Error::Shader`] where a mark is not followed by a loop of the one form that can be unrolled.
pub(super) fn marked_loops(file: &str, text: &str) -> Result<Vec<Loop>> {
    let lines: Vec<&str> = text.lines().collect();
    let marked = lines.iter().enumerate().filter(|(_, line)| is_mark(line));
    marked
        .map(|(i, _)| Loop::parse(file, lines.get(i + 1).unwrap_or(&"")))
        .collect()
}

/// Writes the body of every marked loop once per value of its variable.
///
/// `values` maps an expression, as [`Loop::expressions`] gives it, to its value.
///
/// # Errors
/// [`Error::Shader`] for `break` or `continue` in a marked loop, or a text that grows beyond reason.
pub(super) fn unroll(file: &str, text: &str, values: &BTreeMap<String, i64>) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    expand(file, &lines, values, &mut out)?;
    Ok(out.join("\n") + "\n")
}

fn expand(
    file: &str,
    lines: &[&str],
    values: &BTreeMap<String, i64>,
    out: &mut Vec<String>,
) -> Result<()> {
    let fail = |message: String| {
        Err(Error::Shader {
            file: file.to_owned(),
            message,
        })
    };
    let mut i = 0;
    while i < lines.len() {
        if !is_mark(lines[i]) {
            out.push(lines[i].to_owned());
            i += 1;
            continue;
        }
        let header = Loop::parse(file, lines.get(i + 1).unwrap_or(&""))?;
        let Some(end) = closing_line(lines, i + 1) else {
            return fail(format!("the loop `{}` has no end", lines[i + 1].trim()));
        };
        let body = &lines[i + 2..end];
        let leaves = |word: &str| {
            code(word)
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|w| w == "break" || w == "continue")
        };
        if body.iter().any(|line| leaves(line)) {
            return fail(format!(
                "`break` or `continue` inside the marked loop `{}`",
                lines[i + 1].trim()
            ));
        }
        let [start, bound, step] = header.expressions().map(|(e, _)| values.get(&e).copied());
        let (Some(start), Some(bound), Some(step @ 1..)) = (start, bound, step) else {
            return fail(format!(
                "the bounds of `{}` are not constants",
                lines[i + 1].trim()
            ));
        };
        let mut expanded = Vec::new();
        expand(file, body, values, &mut expanded)?;
        let mut value = start;
        while value < bound {
            out.push("{".to_owned());
            out.push(format!(
                "const {} = {value}{};",
                header.variable, header.suffix
            ));
            out.extend(expanded.iter().cloned());
            out.push("}".to_owned());
            value += step;
            if out.len() > MAX_LINES {
                return fail(format!(
                    "unrolling `{}` gives more than {MAX_LINES} lines",
                    lines[i + 1].trim()
                ));
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

    #[test]
    fn nested_loops_are_written_out() {
        let text = "a;\n// unroll\nfor (var i = 0u; i < N; i++) {\n  // unroll\n  for (var j = 0u; j < 4u; j += 2u) {\n    f(i, j);\n  }\n}\nb;\n";
        let values = [("0u", 0), ("N", 2), ("1", 1), ("4u", 4), ("2u", 2)]
            .map(|(e, v)| (e.to_owned(), v))
            .into();
        let out = unroll("t", text, &values).unwrap();
        assert_eq!(out.matches("f(i, j);").count(), 4);
        assert_eq!(out.matches("const i = 1u;").count(), 1);
        assert_eq!(out.matches("const j = 2u;").count(), 2);
        assert!(out.starts_with("a;\n") && out.ends_with("b;\n"));
        assert_eq!(out.matches('{').count(), out.matches('}').count());
    }

    #[test]
    fn loops_that_cannot_be_unrolled_are_errors() {
        assert!(marked_loops("t", "// unroll\nwhile (true) {\n}\n").is_err());
        assert!(marked_loops("t", "// unroll\nfor (var i = 0u; i <= 4u; i++) {\n}\n").is_err());
        let values = [("0u", 0), ("N", 2), ("1", 1)]
            .map(|(e, v)| (e.to_owned(), v))
            .into();
        let with = |body: &str| {
            unroll(
                "t",
                &format!("// unroll\nfor (var i = 0u; i < N; i++) {{\n{body}\n}}\n"),
                &values,
            )
        };
        assert!(with("x += i; // no break here").is_ok());
        assert!(with("if (i == 1u) { break; }").is_err());
        assert!(
            unroll(
                "t",
                "// unroll\nfor (var i = 0u; i < M; i++) {\n}\n",
                &values
            )
            .is_err()
        );
    }
}
