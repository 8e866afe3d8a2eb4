//! The flat table of several files.

use super::entries::entries;
use super::fields::FIELDS;
use super::value::Value;
use crate::report::Input;

/// A flat table: values by line, under the names of their columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet<'a> {
    /// Names of the columns.
    pub columns: Vec<&'static str>,
    /// Values of each line, as many as there are columns.
    pub lines: Vec<Vec<Value<'a>>>,
}

/// The flat table of `inputs`, in their order: of each file its ceilings first, then what was measured under them.
#[must_use]
pub fn sheet(inputs: &[Input]) -> Sheet<'_> {
    let lines = inputs.iter().flat_map(|input| {
        let id = input.results.id();
        let entries = entries(&input.results).into_iter();
        let values = entries.map(|entry| {
            let fields = FIELDS.iter();
            fields
                .map(|field| (field.value)(input, &id, &entry).checked())
                .collect()
        });
        values.collect::<Vec<_>>()
    });
    Sheet {
        columns: FIELDS.iter().map(|field| field.name).collect(),
        lines: lines.collect(),
    }
}

#[cfg(test)]
mod tests;
