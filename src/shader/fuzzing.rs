//! Steps of the loader that ask naga for nothing, one after the other on any text: for the fuzz target `shader_text`.

use super::snippets::{self, Snippet};
use super::source::{self, Constant};
use super::{branches, unroll};
use crate::error::Result;
use std::collections::BTreeMap;

/// A snippet in place of any other.
static OTHER: Snippet = Snippet {
    name: "other",
    wgsl: "fn other() {\n\n    return;\n}\n",
};

/// Sets each constant of `text` to a value made of `numbers`, swaps each snippet, and writes loops out whose bounds have values
/// made of `numbers`.
///
/// # Panics
/// Where a text is not what was asked for.
pub fn load(text: &str, numbers: &[u8]) {
    // Of carriage returns before the end of a line each step leaves the last one out.
    let text = &text.replace('\r', "");
    let number = |place: usize| u32::from(numbers.get(place).copied().unwrap_or(3));
    let names = source::settable(text);
    for (place, &name) in names.iter().enumerate() {
        let value = number(place);
        for constant in [
            Constant::Integer(value),
            Constant::Float(value as f32 / 4.0),
            Constant::Bool(value % 2 == 1),
            Constant::Type("f16"),
            Constant::Snippet(&OTHER),
        ] {
            if let Ok(set) = source::set_constants("fuzz", text, &[(name, constant)]) {
                let again = source::set_constants("fuzz", &set, &[(name, constant)]);
                let is_snippet = matches!(constant, Constant::Snippet(_));
                assert!(
                    is_snippet || again.as_ref() == Ok(&set),
                    "{name} {again:?} {set}"
                );
            }
        }
    }
    let _ = unrolled(text, &number);
    let stays = |name| Some((name, ""));
    if let Ok(stamped) = snippets::stamp("fuzz", text, stays) {
        assert_eq!(snippets::stamp("fuzz", &stamped, stays), Ok(stamped));
    }
}

/// `text` with its loops written out. Bounds are numbers as they stand, or `number` of their place.
fn unrolled(text: &str, number: &dyn Fn(usize) -> u32) -> Result<String> {
    let loops = unroll::constant_loops("fuzz", text)?;
    let expressions = loops.iter().flat_map(unroll::Loop::expressions);
    let names: Vec<String> = expressions.map(|(expression, _)| expression).collect();
    let value = |(place, name): (usize, &String)| {
        let literal = name.trim_end_matches('u').parse::<u32>();
        (name.clone(), i64::from(literal.unwrap_or(number(place))))
    };
    let values: BTreeMap<String, i64> = names.iter().enumerate().map(value).collect();
    let constants = values
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), (*value).try_into().ok()?)));
    let decided = branches::decide(text, &|name| {
        (name.len() % 3 > 0).then_some(name.len() % 2 == 0)
    });
    unroll::unroll("fuzz", &decided, &values, &constants.collect())
}
