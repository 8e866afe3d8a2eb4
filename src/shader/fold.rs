//! Indices that are known once a loop is written out, as numbers. Pure text work. naga would find the same numbers, after it
//! has kept each of their parts as an expression of the function, and its time grows with the square of those.

/// Replaces the content of each pair of brackets in `line` that `value` decides by its number: with `i` = 5,
/// `a[i / 4u][i % 4u]` becomes `a[1u][1u]`. What is not decided, or is no index of 32 bits, stays.
pub(super) fn fold(line: &str, value: &dyn Fn(&str) -> Option<u32>) -> String {
    let mut out = String::with_capacity(line.len());
    // Where the content of each open bracket begins in `out`.
    let mut open = Vec::new();
    for c in line.chars() {
        if c == ']'
            && let Some(begin) = open.pop()
            && let Some(index) = evaluate(&out[begin..], value)
        {
            out.truncate(begin);
            out += &index.to_string();
            out.push('u');
        }
        out.push(c);
        if c == '[' {
            open.push(out.len());
        }
    }
    out
}

/// The value of an expression of unsigned integers, as WGSL evaluates it; `None` where a part of it is not known, and where
/// WGSL would refuse it.
fn evaluate(text: &str, value: &dyn Fn(&str) -> Option<u32>) -> Option<u32> {
    let mut parser = Parser {
        text,
        depth: 0,
        value,
    };
    let found = parser.sum()?;
    parser.text.trim().is_empty().then_some(found)
}

/// The most parentheses within each other: an index has a few, and an arbitrary text may have any number.
const DEEPEST: u32 = 50;

struct Parser<'a> {
    /// Rest of the text.
    text: &'a str,
    /// Parentheses that are open.
    depth: u32,
    value: &'a dyn Fn(&str) -> Option<u32>,
}

impl<'a> Parser<'a> {
    /// The operator that comes next, if it is one of `operators`.
    fn operator(&mut self, operators: &[char]) -> Option<char> {
        let rest = self.text.trim_start();
        let found = rest.chars().next().filter(|c| operators.contains(c))?;
        self.text = &rest[found.len_utf8()..];
        Some(found)
    }

    fn sum(&mut self) -> Option<u32> {
        let mut sum = self.product()?;
        while let Some(operator) = self.operator(&['+', '-']) {
            let next = self.product()?;
            sum = match operator {
                '+' => sum.checked_add(next)?,
                _ => sum.checked_sub(next)?,
            };
        }
        Some(sum)
    }

    fn product(&mut self) -> Option<u32> {
        let mut product = self.term()?;
        while let Some(operator) = self.operator(&['*', '/', '%']) {
            let next = self.term()?;
            product = match operator {
                '*' => product.checked_mul(next)?,
                '/' => product.checked_div(next)?,
                _ => product.checked_rem(next)?,
            };
        }
        Some(product)
    }

    fn term(&mut self) -> Option<u32> {
        if self.operator(&['(']).is_some() {
            self.depth += 1;
            if self.depth > DEEPEST {
                return None;
            }
            let inner = self.sum()?;
            self.depth -= 1;
            return self.operator(&[')']).map(|_| inner);
        }
        let word = self.word();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.strip_suffix('u').unwrap_or(word).parse().ok();
        }
        (self.value)(word)
    }

    /// The word that comes next; empty where there is none.
    fn word(&mut self) -> &'a str {
        let rest = self.text.trim_start();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.text = &rest[end..];
        &rest[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(line: &str) -> String {
        fold(line, &|name| match name {
            "i" => Some(5),
            "WIDTH" => Some(4),
            _ => None,
        })
    }

    #[test]
    fn known_indices_become_numbers() {
        assert_eq!(folded("a[i / 4u][i % 4u] = b[i];"), "a[1u][1u] = b[5u];");
        assert_eq!(folded("a[WIDTH * (i - 1) + 2u];"), "a[18u];");
        assert_eq!(folded("t[ids[i]][i + 1u];"), "t[ids[5u]][6u];");
        assert_eq!(folded("a[1u][ i ]"), "a[1u][5u]");
    }

    #[test]
    fn other_indices_stay() {
        let lines = [
            "a[j]",
            "a[i + j]",
            "a[i.x]",
            "a[-i]",
            "a[i - 6u]",
            "a[i / 0u]",
            "a[4294967295u + i]",
            "a[u32(i)]",
            "a[i << 1u]",
            "array<f32, 4>(i)",
            "a[i + ]",
            "a[]",
            "]a[",
            "a[1.0]",
            "x = i / 4u;",
            "a[i == 5u]",
            "a[5i]",
        ];
        for line in lines {
            assert_eq!(folded(line), line);
        }
        let deep = format!("a[{}i{}]", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(folded(&deep), deep);
    }
}
