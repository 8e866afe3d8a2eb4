//! Operators that WGSL does not let stand beside each other without parentheses (section 8.19 of the specification). Browsers
//! refuse such a text; naga takes it, so that no native device finds it.

use crate::files::{FOLDER, stems};

/// Binary operators as the files write them: between blanks, which tells them from templates and references.
const OPERATORS: [&str; 19] = [
    "||", "&&", "|", "&", "^", "<<", ">>", "+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=",
    ">=", "=",
];

/// The first two operators of `text` that need parentheses.
fn mixed(text: &str) -> Option<String> {
    // Operators since the last opening bracket, comma or semicolon, for each bracket that is open.
    let mut open: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        let spaced = ["(", ")", "[", "]", "{", "}", ",", ";"]
            .iter()
            .fold(code.to_owned(), |code, mark| {
                code.replace(mark, &format!(" {mark} "))
            });
        for word in spaced.split_whitespace() {
            match word {
                "(" | "[" | "{" => open.push(Vec::new()),
                ")" | "]" | "}" => {
                    open.pop();
                }
                "," | ";" => open.last_mut()?.clear(),
                _ => {
                    let Some(operator) = OPERATORS.iter().find(|operator| **operator == word)
                    else {
                        continue;
                    };
                    let level = open.last_mut()?;
                    if *operator == "=" {
                        level.clear();
                    } else {
                        if let Some(other) = level.iter().find(|other| !may_mix(other, operator)) {
                            return Some(format!("`{other}` and `{operator}`: {}", line.trim()));
                        }
                        level.push(operator);
                    }
                    // Both sides of a logical operator or a comparison are expressions of their own. A shift may be on one side, and
                    // arithmetic on the other.
                    if is_logical(operator) || is_comparison(operator) {
                        level.retain(|other| !is_arithmetic(other) && !is_shift(other));
                    }
                }
            }
        }
    }
    None
}

fn is_logical(operator: &str) -> bool {
    ["||", "&&"].contains(&operator)
}

fn is_comparison(operator: &str) -> bool {
    ["==", "!=", "<", ">", "<=", ">="].contains(&operator)
}

fn is_of_bits(operator: &str) -> bool {
    ["|", "&", "^"].contains(&operator)
}

fn is_shift(operator: &str) -> bool {
    ["<<", ">>"].contains(&operator)
}

fn is_arithmetic(operator: &str) -> bool {
    ["+", "-", "*", "/", "%"].contains(&operator)
}

/// Whether the grammar has both operators side by side.
fn may_mix(one: &str, other: &str) -> bool {
    if is_logical(one) && is_logical(other) || is_of_bits(one) || is_of_bits(other) {
        return one == other;
    }
    let shifts = is_shift(one) || is_shift(other);
    !shifts || is_comparison(one) || is_comparison(other) || is_logical(one) || is_logical(other)
}

#[test]
fn operators_stand_beside_each_other_as_browsers_allow() {
    // Snippets that the host swaps stand in no file.
    for folder in [FOLDER.to_owned(), format!("{FOLDER}/snippets")] {
        for stem in stems(&folder) {
            let text = std::fs::read_to_string(format!("{folder}/{stem}.wgsl")).unwrap();
            assert_eq!(mixed(&text), None, "{stem}.wgsl");
        }
    }
}

#[test]
fn mixed_operators_are_found() {
    for text in [
        "const_assert !A || B && C;",
        "if (a && (!b || c == d && e)) {",
        "let x = a & 1u == 0u;",
        "let x = a | b & c;",
        "let x = a << 1u + b;",
        "let x = a << b << c;",
        "let x = f(a >> 2u * b);",
        "let x = a ^ b + c;",
    ] {
        assert!(mixed(text).is_some(), "{text}");
    }
    for text in [
        "const_assert !A || (B && C);",
        "let x = (a & 1u) == 0u && b || c;"
            .replace(" || c", "")
            .as_str(),
        "let x: array<vec4<f32>, 4> = a << (1u + b);",
        "let x = a << 1u < b && c >> 2u == d;",
        "let x = (a << 1u) + b, y = a >> 1u;",
        "let x = a | b | c; // || and &&",
        "fn f(a: u32, b: vec2<f32>) -> u32 { return a >> 16u; }",
    ] {
        assert_eq!(mixed(text), None, "{text}");
    }
}
