//! Warnings of a run in a few words: each kind once, with the rows that it applies to and its remedy.

use crate::report::{Report, Row, Warning};
use std::collections::HashMap;

/// One kind of warning, wherever in the run it came up.
struct Kind<'a> {
    warnings: Vec<&'a Warning>,
    /// Rows that it applies to; none for one that is about the run as a whole.
    rows: Vec<&'a Row>,
}

/// A sentence for each kind of warning.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let of_rows = report
        .rows
        .iter()
        .flat_map(|row| row.warnings.iter().map(move |w| (w, Some(row))));
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    let mut places = HashMap::new();
    for (warning, row) in report.warnings.iter().map(|w| (w, None)).chain(of_rows) {
        let place = *places.entry(warning.id()).or_insert_with(|| {
            let (warnings, rows) = (Vec::new(), Vec::new());
            kinds.push(Kind { warnings, rows });
            kinds.len() - 1
        });
        kinds[place].warnings.push(warning);
        kinds[place].rows.extend(row);
    }
    let measured = report.rows.iter().filter(|row| row.time_s.is_some());
    let total = measured.count();
    kinds.iter().map(|kind| kind.text(total)).collect()
}

/// Kind of a warning as tables show it.
pub(super) fn word(warning: &Warning) -> String {
    match warning.id() {
        "reduced_size" => "reduced".to_owned(),
        id => id.replace('_', " "),
    }
}

impl Kind<'_> {
    /// Text of what happened and of the remedy; `total` rows were measured.
    fn text(&self, total: usize) -> String {
        let mut words = Vec::new();
        let first = self.warnings[0];
        if first.is_of_row() && !self.rows.is_empty() {
            words.push(word(first));
        }
        words.extend(self.scope(total));
        let pairs = self.sizes();
        let is_varied = self.warnings.iter().any(|w| w.what() != first.what());
        let what = match first {
            Warning::ReducedSize { reason, .. } => format!("{}, since {reason}", pairs.join(", ")),
            _ => first.what(),
        };
        if let Some(row) = self.rows.first().filter(|_| is_varied && pairs.is_empty()) {
            words.push(format!("such as {}", row.id));
        }
        let about = words.join(", ");
        let separator = if about.is_empty() { "" } else { ": " };
        let remedy = first
            .remedy()
            .map_or(String::new(), |remedy| format!("; {remedy}"));
        format!("{about}{separator}{what}{remedy}")
    }

    fn scope(&self, total: usize) -> Option<String> {
        match self.rows.as_slice() {
            [] => None,
            [one] => Some(one.id.clone()),
            all if all.len() == total => Some("all rows".to_owned()),
            some => Some(format!("{} rows", some.len())),
        }
    }

    /// The sizes that were run, with the sizes that were asked for, each pair once.
    fn sizes(&self) -> Vec<String> {
        let mut pairs = Vec::new();
        for warning in &self.warnings {
            if let Warning::ReducedSize { wanted, used, .. } = warning {
                let pair = format!("{used} instead of {wanted}");
                if !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::run::tests::sample;
    use crate::report::Status;

    fn short() -> Warning {
        Warning::ShortSampling {
            warm_up_s: 0.1,
            samples: 10,
            seconds: 0.1,
        }
    }

    fn noisy(relative_iqr: f64) -> Warning {
        Warning::Noisy { relative_iqr }
    }

    fn row(id: &str, warnings: Vec<Warning>) -> Row {
        Row {
            id: id.into(),
            warnings,
            ..sample(Status::Noisy)
        }
    }

    fn kind<'a>(rows: &[&'a Row], index: usize) -> Kind<'a> {
        Kind {
            warnings: rows.iter().map(|row| &row.warnings[index]).collect(),
            rows: rows.to_vec(),
        }
    }

    #[test]
    fn a_kind_is_told_once_with_its_rows_and_its_remedy() {
        let rows = [
            row("a", vec![short(), noisy(0.1)]),
            row("b", vec![short(), noisy(0.2)]),
        ];
        let text = kind(&[&rows[0], &rows[1]], 0).text(2);
        assert!(text.starts_with("all rows: short sampling: "), "{text}");
        assert!(text.contains("standard suite"), "{text}");
        let text = kind(&[&rows[0], &rows[1]], 1).text(3);
        assert!(text.starts_with("noisy, 2 rows, such as a: "), "{text}");
        let text = kind(&[&rows[1]], 1).text(3);
        assert!(text.starts_with("noisy, b: the middle half"), "{text}");
    }

    #[test]
    fn reduced_sizes_are_all_told_each_once() {
        let reduced = |used: &str| Warning::ReducedSize {
            wanted: "9x9".into(),
            used: used.into(),
            reason: "a software adapter".into(),
        };
        let rows = ["1x1", "2x2", "1x1"].map(|used| row(used, vec![reduced(used)]));
        let text = kind(&rows.each_ref(), 0).text(3);
        assert!(
            text.starts_with(
                "reduced, all rows: 1x1 instead of 9x9, 2x2 instead of 9x9, since a software adapter; "
            ),
            "{text}"
        );
    }
}
