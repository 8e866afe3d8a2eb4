//! Words behind the sizes of a shape's text.

use crate::error::{Error, Result};

/// Refuses words that contradict each other: two that `topic` gives one name, whether or not they are the same.
///
/// # Errors
/// [`Error::Shape`], which names both.
pub(super) fn refuse_contradictions<'a>(
    operation: &'static str,
    words: impl Iterator<Item = &'a str>,
    topic: fn(&str) -> &str,
) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        if let Some(first) = seen.iter().find(|seen| topic(seen) == topic(word)) {
            let reason = format!("the text says +{first} and +{word}; one of them can be meant");
            return Err(Error::Shape { operation, reason });
        }
        seen.push(word);
    }
    Ok(())
}
