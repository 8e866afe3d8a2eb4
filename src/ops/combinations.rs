//! Constants for the tuner to try: combinations of a few values of each.

use crate::kernel::Constants;

/// Every combination of values of `axes`, each a constant with its values, the likeliest first. Combinations of likely values
/// come first: they are in the order of the sum of the places of their values.
pub(crate) fn combinations(axes: &[(&'static str, &[u64])]) -> Vec<Constants> {
    let mut found = vec![(0, Constants::new())];
    for (name, values) in axes {
        let longer = found.iter().flat_map(|(sum, constants)| {
            let places = values.iter().enumerate();
            places.map(move |(place, value)| (sum + place, constants.clone().set(name, *value)))
        });
        found = longer.collect();
    }
    // A stable sort: among equals, the values of the last axis change first.
    found.sort_by_key(|(sum, _)| *sum);
    found.into_iter().map(|(_, constants)| constants).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_of_likely_values_come_first_and_none_is_missing() {
        let found = combinations(&[("A", &[1, 2]), ("B", &[4, 8, 16])]);
        let words: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "A=1 B=4", "A=1 B=8", "A=2 B=4", "A=1 B=16", "A=2 B=8", "A=2 B=16"
            ]
        );
        assert!(combinations(&[("A", &[1, 2]), ("B", &[])]).is_empty());
    }
}
