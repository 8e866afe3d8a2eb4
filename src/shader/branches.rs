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

fn keep<'a>(lines: &[&'a str], truth: &dyn Fn(&str) -> Option<bool>, out: &mut Vec<&'a str>) {
    let mut i = 0;
    while i < lines.len() {
        let taken = is_taken(lines[i].trim(), truth);
        let (Some(taken), Some(end)) = (taken, end_of_block(lines, i)) else {
            out.push(lines[i]);
            i += 1;
            continue;
        };
        let last = end_of_chain(lines, end);
        if taken {
            block(&lines[i + 1..end], truth, out);
        } else if let Some(condition) = lines[end].trim().strip_prefix("} else if") {
            // What follows the block that is left out begins a chain of its own.
            let rest = &lines[end..=last];
            let header = &lines[end][lines[end].len() - condition.len() - "if".len()..];
            let chain = [&[header], &rest[1..]].concat();
            block(&chain, truth, out);
        } else if lines[end].trim() == "} else {" {
            block(&lines[end + 1..last], truth, out);
        }
        i = last + 1;
    }
}

/// Keeps `lines` as a block, so that names which they declare end with it.
fn block<'a>(lines: &[&'a str], truth: &dyn Fn(&str) -> Option<bool>, out: &mut Vec<&'a str>) {
    out.push("{");
    keep(lines, truth, out);
    out.push("}");
}

/// The line that closes the block which `lines[open]` opens: `}`, or the beginning of an `else`.
fn end_of_block(lines: &[&str], open: usize) -> Option<usize> {
    let mut depth = 1i64;
    for (i, line) in lines.iter().enumerate().skip(open + 1) {
        let code = line.split("//").next().unwrap_or(line);
        for c in code.chars() {
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

/// The last line of an `if` whose first block ends in `lines[end]`.
fn end_of_chain(lines: &[&str], end: usize) -> usize {
    let mut end = end;
    while lines[end].trim().starts_with("} else") {
        match end_of_block(lines, end) {
            Some(next) => end = next,
            None => break,
        }
    }
    end
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
        for text in ["if (YES) { a; }", "if (YES) {\na;", "fn f() {\n}"] {
            assert_eq!(decided(text).join("\n"), text);
        }
    }
}
