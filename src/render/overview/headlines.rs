//! Figures of rows that stand beside each other for many adapters.

use crate::data::Dtype;
use crate::render::table::Cell;
use crate::report::{Bound, Results, Row};

/// One figure of a file: the rate of one operation.
#[derive(Debug)]
pub(super) struct Headline {
    operation: &'static str,
    dtype: Dtype,
    /// Quantity that is counted over the time: FLOPs or bytes.
    resource: Bound,
    shape: Shape,
}

/// The shape whose rate is the figure.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// The shape that is computed at the highest rate.
    Fastest,
    /// The shape with the most FLOPs.
    Largest,
}

/// The figures, in the order of their columns.
pub(super) const HEADLINES: &[Headline] = &[
    Headline {
        operation: "matmul",
        dtype: Dtype::F32,
        resource: Bound::Compute,
        shape: Shape::Fastest,
    },
    Headline {
        operation: "matmul",
        dtype: Dtype::F16,
        resource: Bound::Compute,
        shape: Shape::Fastest,
    },
    Headline {
        operation: "softmax",
        dtype: Dtype::F32,
        resource: Bound::Memory,
        shape: Shape::Fastest,
    },
    Headline {
        operation: "attention",
        dtype: Dtype::F32,
        resource: Bound::Compute,
        shape: Shape::Largest,
    },
    Headline {
        operation: "attention",
        dtype: Dtype::F16,
        resource: Bound::Compute,
        shape: Shape::Largest,
    },
];

impl Headline {
    /// Operation and element type.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.operation, self.dtype.name())
    }

    /// The rate, shape and kernel that it is of, and its share of the roof. Where no row has a right result, the reason
    /// stands in place of the rate.
    pub(super) fn cells(&self, results: &Results) -> [Cell; 3] {
        let Some((row, rate)) = self.row(results) else {
            let missing = Cell::Missing(self.reason(results));
            return [missing, Cell::Empty, Cell::Missing(None)];
        };
        let share = row.percent_of_roof.map(|percent| percent / 100.0);
        [
            Cell::quantity(rate, row.rate(self.resource).1),
            Cell::text(format!("{} by {}", row.shape_text(), row.kernel)),
            share.map_or(Cell::Missing(None), Cell::Share),
        ]
    }

    fn rows<'a>(&self, results: &'a Results) -> impl Iterator<Item = &'a Row> {
        let (operation, dtype) = (self.operation, self.dtype);
        let rows = results.rows().iter();
        rows.filter(move |row| row.operation == operation && row.dtype == dtype)
    }

    /// The row of the figure, and its rate.
    fn row<'a>(&self, results: &'a Results) -> Option<(&'a Row, f64)> {
        let verified = self.rows(results).filter_map(|row| {
            row.verified.as_ref().filter(|verified| verified.ok)?;
            let rate = row.rate(self.resource).0?;
            rate.is_finite().then_some((row, rate))
        });
        let size = |row: &Row| match self.shape {
            Shape::Fastest => 0,
            Shape::Largest => row.flops,
        };
        verified.max_by(|(a, rate), (b, other)| {
            size(a).cmp(&size(b)).then_with(|| rate.total_cmp(other))
        })
    }

    /// Why no row has a right result, as far as the file says it.
    fn reason(&self, results: &Results) -> Option<String> {
        if matches!(results, Results::Roofline(_)) {
            return Some("a roofline has no rows".to_owned());
        }
        let reason = self.rows(results).find_map(|row| row.reason.as_deref())?;
        Some(format!("{}: {reason}", self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::FAMILIES;
    use crate::report::{Input, Report, Status, Verified};
    use crate::units::{FlopRate, Unit};

    #[test]
    fn operations_are_those_of_this_version() {
        for headline in HEADLINES {
            let names = FAMILIES.iter().map(|family| family.name);
            assert!(names.into_iter().any(|name| name == headline.operation));
        }
    }

    /// The made-up run with the rows of one operation, from label, FLOPs, seconds and whether they are right.
    fn run(rows: &[(&str, u64, f64, bool)]) -> Results {
        let mut results = Input::made_up("run.json").results;
        let Results::Run(run) = &mut results else {
            panic!("a run");
        };
        let Report { rows: old, .. } = &mut **run;
        let model = old.iter().find(|row| row.is_good()).unwrap().clone();
        *old = rows
            .iter()
            .map(|(label, flops, seconds, ok)| Row {
                operation: "attention".to_owned(),
                dtype: Dtype::F32,
                label: (*label).to_owned(),
                flops: *flops,
                flop_rate: FlopRate::new(*flops, *seconds),
                verified: model.verified.clone().map(|verified| Verified {
                    ok: *ok,
                    ..verified
                }),
                ..model.clone()
            })
            .collect();
        results
    }

    fn headline(shape: Shape) -> Headline {
        Headline {
            operation: "attention",
            dtype: Dtype::F32,
            resource: Bound::Compute,
            shape,
        }
    }

    #[test]
    fn the_largest_shape_counts_by_its_fastest_right_row() {
        let results = run(&[
            ("small", 100, 1e-9, true),
            ("large", 200, 4e-9, true),
            ("large", 200, 3e-9, true),
            ("large", 200, 1e-9, false),
            ("larger", 400, 1e-9, false),
        ]);
        let cells = |shape| headline(shape).cells(&results);
        let [rate, of, _] = cells(Shape::Largest);
        assert_eq!(rate, Cell::quantity(200.0 / 3e-9, Unit::FlopsPerSecond));
        assert!(of.shown().starts_with("large by "), "{of:?}");
        let [rate, of, _] = cells(Shape::Fastest);
        assert_eq!(rate, Cell::quantity(100.0 / 1e-9, Unit::FlopsPerSecond));
        assert!(of.shown().starts_with("small by "), "{of:?}");
    }

    #[test]
    fn a_figure_that_is_missing_has_the_reason() {
        let mut results = run(&[("small", 100, 1e-9, false)]);
        if let Results::Run(run) = &mut results {
            run.rows[0].status = Status::Unsupported;
            run.rows[0].reason = Some("the device lacks something".to_owned());
        }
        let [rate, ..] = headline(Shape::Fastest).cells(&results);
        let reason = "attention f32: the device lacks something".to_owned();
        assert_eq!(rate, Cell::Missing(Some(reason)));
        let [rate, ..] = headline(Shape::Fastest).cells(&run(&[]));
        assert_eq!(rate, Cell::Missing(None));
    }
}
