//! A soak over time.

use super::words::drawable;
use crate::render::figure::{Axis, Drawing, Figure, Plane, Point, Scale};
use crate::render::run::{Quantity, quantities};
use crate::report::Report;
use crate::units::{Unit, format_minutes};

/// A figure for each quantity of the soak of `report` that moves.
pub(super) fn soak(report: &Report) -> Vec<Figure> {
    let Some((soak, row)) = report.soaked() else {
        return Vec::new();
    };
    let moving = quantities(soak, row).into_iter().filter(Quantity::moves);
    let figures = moving.filter_map(|quantity| {
        let points = quantity.values.iter().zip(&soak.points);
        let points = points.filter_map(|(value, point)| {
            let y = drawable(*value)?;
            Some(Point {
                name: format!("{}, {}", quantity.name, format_minutes(point.at_s)),
                series: quantity.name.to_owned(),
                x: drawable(Some(point.at_s))?,
                y,
                facts: vec![quantity.unit.format(y)],
            })
        });
        let points: Vec<Point> = points.collect();
        (!points.is_empty()).then(|| Figure {
            title: format!("soak: {} over time", quantity.name),
            about: format!(
                "{}, interval by interval. The axis does not begin at zero.",
                soak.id
            ),
            group: Some("over time"),
            drawing: Drawing::Plane(Plane {
                x: Axis {
                    name: "time".to_owned(),
                    unit: Some(Unit::Seconds),
                    scale: Scale::Linear,
                },
                y: Axis {
                    name: quantity.name.to_owned(),
                    unit: Some(quantity.unit.clone()),
                    scale: Scale::Linear,
                },
                roofs: Vec::new(),
                points,
                joined: true,
            }),
        })
    });
    figures.collect()
}
