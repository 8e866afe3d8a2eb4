//! Rates per watt, from the least to the most.

use super::words::{drawable, facts};
use crate::render::figure::{Bar, Bars, Drawing, Figure};
use crate::report::{Bound, Row};
use crate::units::Unit;

/// Most bars of a figure: of more rows, those with the most work per joule.
const MOST: usize = 32;

/// Two figures of the rows whose energy is known: one of rows that arithmetic limits, one of rows that memory limits.
pub(super) fn efficiency(rows: &[Row]) -> Vec<Figure> {
    let limits = [
        (Bound::Compute, "FLOPs per joule", "FLOPs"),
        (Bound::Memory, "bytes per joule", "Bytes"),
    ];
    let figures = limits.into_iter().filter_map(|(resource, title, work)| {
        let rows = rows.iter().filter(|row| row.resource() == resource);
        let mut bars: Vec<Bar> = rows
            .filter_map(|row| {
                let (value, unit) = row.per_joule(resource);
                let value = drawable(value)?;
                let mut words = vec![unit.format(value)];
                words.extend(facts(row));
                Some(Bar {
                    name: row.id.clone(),
                    value,
                    facts: words,
                })
            })
            .collect();
        bars.sort_by(|a, b| a.value.total_cmp(&b.value));
        bars.drain(..bars.len().saturating_sub(MOST));
        let unit = match resource {
            Bound::Compute => Unit::FlopsPerJoule,
            Bound::Memory => Unit::BytesPerJoule,
        };
        (!bars.is_empty()).then(|| Figure {
            title: title.to_owned(),
            about: format!(
                "{work} of a row for each joule that the device took meanwhile: its rate per watt."
            ),
            group: Some("rates per watt"),
            drawing: Drawing::Bars(Bars { unit, bars }),
        })
    });
    figures.collect()
}
