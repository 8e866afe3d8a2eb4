//! Symbols of series: told apart by shape where colours are not.

use super::palette::{SERIES, colour, series};
use plotters::element::{Circle, DynElement, EmptyElement, IntoDynElement, Polygon};
use plotters::prelude::{Color, DrawingBackend};
use plotters::style::ShapeStyle;

/// Vertices of each symbol around its middle, in halves of its width.
#[rustfmt::skip]
const SHAPES: &[&[(f64, f64)]] = &[
    &[(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
    &[(0.0, -1.15), (1.05, 0.75), (-1.05, 0.75)],
    &[(0.0, -1.25), (1.1, 0.0), (0.0, 1.25), (-1.1, 0.0)],
    &[(0.0, 1.15), (1.05, -0.75), (-1.05, -0.75)],
    &[
        (-0.4, -1.1),
        (0.4, -1.1),
        (0.4, -0.4),
        (1.1, -0.4),
        (1.1, 0.4),
        (0.4, 0.4),
        (0.4, 1.1),
        (-0.4, 1.1),
        (-0.4, 0.4),
        (-1.1, 0.4),
        (-1.1, -0.4),
        (-0.4, -0.4),
    ],
    &[
        (-0.55, -1.0),
        (0.55, -1.0),
        (1.1, 0.0),
        (0.55, 1.0),
        (-0.55, 1.0),
        (-1.1, 0.0),
    ],
    &[(-1.2, -0.6), (1.2, -0.6), (1.2, 0.6), (-1.2, 0.6)],
];

/// Half of the width of a symbol, in pixels, and the width of the ground around it.
const HALF: f64 = 6.0;
const RIM: f64 = 1.5;

/// Symbol of the series at `place`: beyond as many series as there are colours, a colour comes again with another symbol.
pub(super) fn marker<'a, B: DrawingBackend + 'a, P: Clone + 'a>(
    place: usize,
    at: P,
) -> DynElement<'a, B, P> {
    let (rim, body) = (colour("ground").filled(), series(place).filled());
    let at = EmptyElement::at(at);
    // The first symbol is a circle.
    match ((place + 3 * (place / SERIES)) % (SHAPES.len() + 1)).checked_sub(1) {
        None => {
            let circle = |half: f64, ink| Circle::new((0, 0), half.round() as i32, ink);
            (at + circle(HALF + RIM, rim) + circle(HALF, body)).into_dyn()
        }
        Some(shape) => {
            let polygon = |half: f64, ink: ShapeStyle| {
                let points = SHAPES[shape].iter();
                let points =
                    points.map(|(x, y)| ((x * half).round() as i32, (y * half).round() as i32));
                Polygon::new(points.collect::<Vec<_>>(), ink)
            };
            (at + polygon(HALF + RIM, rim) + polygon(HALF, body)).into_dyn()
        }
    }
}
