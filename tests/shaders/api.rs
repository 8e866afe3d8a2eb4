//! The public API of the library, one line for each item with its signature, held against `tests/snapshots/api.txt`.
//! `UPDATE=1 cargo test --test shaders api` writes the file anew.
//!
//! The sources are parsed and nothing is compiled: rustdoc's JSON needs a nightly toolchain. What a macro of the crate's own makes
//! stands as the call of the macro, and what the build script makes of the shaders is left out.

mod crate_of;
mod lines;

use crate_of::Crate;

const SNAPSHOT: &str = "tests/snapshots/api.txt";

#[test]
fn the_public_api_is_the_one_that_is_written_down() {
    let found = lines::of(&Crate::read("src/lib.rs"));
    let text = found.join("\n") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(SNAPSHOT, &text).unwrap();
    }
    let known = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let known: Vec<&str> = known.lines().collect();
    let gone = known
        .iter()
        .filter(|line| !found.iter().any(|other| other == *line));
    let new = found.iter().filter(|line| !known.contains(&line.as_str()));
    let gone = gone.map(|line| format!("- {line}"));
    let changes: Vec<String> = gone.chain(new.map(|line| format!("+ {line}"))).collect();
    assert!(
        changes.is_empty(),
        "the public API is another one; if that is meant, say so in CHANGELOG.md and run the test with UPDATE=1:\n{}",
        changes.join("\n")
    );
    assert_eq!(known, found, "{SNAPSHOT} has another order");
}

#[test]
fn items_have_their_public_paths_and_their_signatures() {
    let found = lines::of(&Crate::parse(
        "mod inner { pub struct Row { pub a: u32, b: u32 } pub enum Kind { One, Two(u8) }
             impl Row { pub fn new(a: u32) -> Self { Self { a, b: 0 } } fn own() {} }
             impl Clone for Row { fn clone(&self) -> Self { Row::new(1) } }
             pub(crate) fn hidden() {} }
         pub mod outer { pub use super::inner::{Kind, Row as Line}; pub const MOST: usize = 3; }
         pub use outer::Kind;
         mod made { ids! { /// One.
             First = 1, } }
         pub use made::Made;
         #[cfg(test)] pub mod tests { pub fn not() {} }
         pub trait Shape { fn area(&self) -> f64; fn twice(&self) -> f64 { 2.0 * self.area() } }",
    ));
    for line in [
        "enum Kind",
        "enum Kind::One",
        "enum Kind::Two(u8)",
        "trait Shape",
        "trait Shape::fn area(&self) -> f64",
        "trait Shape::fn twice(&self) -> f64 { .. }",
        "ids! { First = 1, }",
        "Made use made::Made",
        "outer const MOST: usize",
        "outer enum Kind",
        "outer struct Line",
        "outer struct Line::a: u32",
        "outer struct Line::fn new(a: u32) -> Self",
        "outer struct Line::impl Clone",
    ] {
        assert!(found.contains(&line.to_owned()), "{line}: {found:#?}");
    }
    for word in ["hidden(", "own(", "::b: ", "not("] {
        assert!(!found.iter().any(|line| line.contains(word)), "{word}");
    }
}
