//! Branches on constants of a file, decided. Pure text work, as the writing out of loops: what is not taken would be parsed
//! and checked once for each value of the loops around it, and naga's time grows with the square of a function's length.

/// Replaces each `if (NAME) {` and `if (!NAME) {` of a constant by the block that is taken; `truth` gives the values of
/// constants. Other conditions stay as they are.
pub(super) fn decide(text: &str, truth: &dyn Fn(&str) -> Option<bool>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    keep(&lines, truth, &mut out);
    out.join("\n") + "\n"
}

/// Whether the block of an `if` in `header` is taken; `None` where a constant alone does not tell.
fn is_taken(header: &str, truth: &dyn Fn(&str) -> Option<bool>) -> Option<bool> {
    let name = header.strip_prefix("if (")?.strip_suffix(") {")?;
    match name.strip_prefix('!') {
        Some(name) => truth(name).map(|value| !value),
        None => truth(name),
    }
}

/// Keeps `lines` in `out`, and returns whether their last statement returns from the function. Behind a block that is taken and
/// returns nothing is kept up to the end of the block around it: browsers warn of code that is never reached.
fn keep<'a>(
    lines: &[&'a str],
    truth: &dyn Fn(&str) -> Option<bool>,
    out: &mut Vec<&'a str>,
) -> bool {
    let mut i = 0;
    let mut depth = 0;
    let mut returns = false;
    while i < lines.len() {
        let taken = is_taken(lines[i].trim(), truth);
        let (Some(taken), Some((end, last))) = (taken, ends(lines, i)) else {
            let is_outermost = depth == 0;
            depth += braces(lines[i]);
            if !code(lines[i]).trim().is_empty() {
                returns = is_outermost && depth == 0 && lines[i].trim().starts_with("return");
            }
            out.push(lines[i]);
            i += 1;
            continue;
        };
        let otherwise = lines[end].trim().strip_prefix("} else ");
        let ended = match otherwise {
            _ if taken => block(&lines[i + 1..end], truth, out),
            Some("{") => block(&lines[end + 1..last], truth, out),
            // An `else if` behind the block that is left out begins a chain of its own.
            Some(header) => block(&[&[header], &lines[end + 1..=last]].concat(), truth, out),
            None => false,
        };
        i = last + 1;
        if ended {
            i += rest_of_block(&lines[i..]);
        }
        returns = ended && depth == 0;
    }
    returns
}

/// Keeps `lines` as a block, so that names which they declare end with it, and returns whether it returns from the function.
fn block<'a>(
    lines: &[&'a str],
    truth: &dyn Fn(&str) -> Option<bool>,
    out: &mut Vec<&'a str>,
) -> bool {
    out.push("{");
    let returns = keep(lines, truth, out);
    out.push("}");
    returns
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// Change of depth behind a line: the count of its opening braces less the count of its closing braces.
fn braces(line: &str) -> i64 {
    let of = |c: char| match c {
        '{' => 1,
        '}' => -1,
        _ => 0,
    };
    code(line).chars().map(of).sum()
}

/// Lines in front of the one that closes the block around `lines`.
fn rest_of_block(lines: &[&str]) -> usize {
    let mut depth = 0;
    let closes = |line: &&str| {
        depth += braces(line);
        depth < 0
    };
    lines.iter().position(closes).unwrap_or(lines.len())
}

/// The lines that end the first block of the `if` in `lines[open]`, and the last one; `None` where one of them holds more than
/// `}`, `} else {` or `} else if ... {`.
fn ends(lines: &[&str], open: usize) -> Option<(usize, usize)> {
    let first = end_of_block(lines, open)?;
    let mut last = first;
    loop {
        let line = lines[last].trim();
        if line == "}" {
            return Some((first, last));
        }
        let header = line.strip_prefix("} else ")?.strip_suffix('{')?;
        if !(header.is_empty() || header.starts_with("if")) || header.contains(['{', '}']) {
            return None;
        }
        last = end_of_block(lines, last)?;
    }
}

/// The line that closes the block which `lines[open]` opens.
fn end_of_block(lines: &[&str], open: usize) -> Option<usize> {
    let mut depth = 1i64;
    for (i, line) in lines.iter().enumerate().skip(open + 1) {
        for c in code(line).chars() {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => continue,
            };
            if depth == 0 {
                return Some(i);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(text: &str) -> Vec<String> {
        let truth = |name: &str| match name {
            "YES" => Some(true),
            "NO" => Some(false),
            _ => None,
        };
        decide(text, &truth)
            .lines()
            .map(|line| line.trim().to_owned())
            .collect()
    }

    #[test]
    fn blocks_that_are_taken_stay_as_blocks() {
        assert_eq!(
            decided("a;\nif (YES) {\n  b;\n}\nc;"),
            ["a;", "{", "b;", "}", "c;"]
        );
        assert_eq!(decided("if (NO) {\n  b;\n}\nc;"), ["c;"]);
        assert_eq!(
            decided("if (!YES) {\n  b;\n} else {\n  d;\n}\nc;"),
            ["{", "d;", "}", "c;"]
        );
        assert_eq!(
            decided("if (YES) {\n  b;\n} else {\n  d;\n}"),
            ["{", "b;", "}"]
        );
    }

    #[test]
    fn chains_are_decided_link_by_link() {
        let chain = |first: &str, second: &str| {
            decided(&format!(
                "if ({first}) {{\n a;\n}} else if ({second}) {{\n b;\n}} else {{\n c;\n}}\nd;"
            ))
        };
        assert_eq!(chain("YES", "x"), ["{", "a;", "}", "d;"]);
        assert_eq!(
            chain("NO", "x"),
            ["{", "if (x) {", "b;", "} else {", "c;", "}", "}", "d;"]
        );
        assert_eq!(chain("NO", "YES"), ["{", "{", "b;", "}", "}", "d;"]);
        assert_eq!(chain("NO", "NO"), ["{", "{", "c;", "}", "}", "d;"]);
        let spaces = decided("if (NO) {\n a;\n} else if (x) { \u{3000}\n b;\n}");
        assert_eq!(spaces, ["{", "if (x) {", "b;", "}", "}"]);
        let kept = [
            "if (x) {",
            "a;",
            "} else if (NO) {",
            "b;",
            "} else {",
            "c;",
            "}",
            "d;",
        ];
        assert_eq!(chain("x", "NO"), kept);
    }

    #[test]
    fn blocks_within_blocks_and_other_conditions() {
        let text = "if (x == 1u) {\n if (NO) {\n  if (y) {\n  }\n a;\n }\n if (YES) {\n  b; // }\n }\n}\nif (YES && x) {\n}";
        let wanted = [
            "if (x == 1u) {",
            "{",
            "b; // }",
            "}",
            "}",
            "if (YES && x) {",
            "}",
        ];
        assert_eq!(decided(text), wanted);
        for text in [
            "if (YES) { a; }",
            "if (YES) {\na;",
            "fn f() {\n}",
            "if (NO) {\na;\n} else { c; }\nd;",
            "if (NO) {\na;\n} b;",
            "if (NO) {\na;\n} // end",
            "if (NO) {\na;\n} else while (x) {\n}",
        ] {
            assert_eq!(decided(text).join("\n"), text);
        }
    }

    #[test]
    fn nothing_stays_behind_a_block_that_returns() {
        let text = "fn f() {\n if (YES) {\n  return a;\n }\n b;\n if (x) {\n }\n}\nc;";
        assert_eq!(
            decided(text),
            ["fn f() {", "{", "return a;", "}", "}", "c;"]
        );
        let inner = "if (x) {\n if (NO) {\n  a;\n } else {\n  return;\n }\n b;\n}\nc;";
        assert_eq!(decided(inner), ["if (x) {", "{", "return;", "}", "}", "c;"]);
        let nested = "if (YES) {\n if (YES) {\n  return;\n }\n b;\n}\nc;";
        assert_eq!(decided(nested), ["{", "{", "return;", "}", "}"]);
        // A return that depends on something is not the last word.
        let depends = "if (YES) {\n if (x) {\n  return;\n }\n}\nc;";
        assert_eq!(
            decided(depends),
            ["{", "if (x) {", "return;", "}", "}", "c;"]
        );
    }
}
