//! Frame of a chart, with which a picture says by itself what it shows: title, remark, origin.

use super::font::{fit, style, wrap};
use super::palette::colour;
use super::{bars, plane};
use crate::render::figure::{Drawing, Figure};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, DrawingAreaErrorKind, DrawingBackend, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Width and height of a picture in pixels, those of a slide.
pub(super) const SIZE: (u32, u32) = (1280, 720);

/// Space around all, in pixels.
const AROUND: i32 = 40;
/// Tops of title, remark and chart, and bottoms of chart and foot.
const TITLE: i32 = 30;
const REMARK: i32 = 72;
const CHART: (u32, u32) = (122, 48);
const FOOT: i32 = 696;

/// Draws `figure`, and `foot` below it.
pub(super) fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    figure: &Figure,
    foot: &str,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&colour("ground"))?;
    let wide = SIZE.0 as i32 - 2 * AROUND;
    let large = style(26, colour("text"));
    let title = fit(&capital(&figure.title), &large, wide);
    area.draw(&Text::new(title, (AROUND, TITLE), large))?;
    let muted = style(15, colour("muted"));
    for (i, line) in wrap(&figure.about, &muted, wide, 2).into_iter().enumerate() {
        let at = (AROUND, REMARK + 20 * i as i32);
        area.draw(&Text::new(line, at, muted.clone()))?;
    }
    let small = style(13, colour("muted")).pos(Pos::new(HPos::Left, VPos::Center));
    let mut below = wrap(foot, &small, wide, 1);
    area.draw(&Text::new(
        below.pop().unwrap_or_default(),
        (AROUND, FOOT),
        small,
    ))?;
    let chart = area.margin(CHART.0, CHART.1, AROUND, AROUND);
    match &figure.drawing {
        Drawing::Plane(of) => plane::draw(&chart, of),
        Drawing::Bars(of) => bars::draw(&chart, of),
    }
}

/// Parts of `figure` that its picture leaves out, in words; empty where all is drawn.
pub(super) fn left_out(figure: &Figure) -> Vec<String> {
    let counts = match &figure.drawing {
        Drawing::Plane(of) => vec![
            (plane::shown(of).count(), of.points.len(), "points"),
            (plane::shown_roofs(of).len(), of.roofs.len(), "roofs"),
        ],
        Drawing::Bars(of) => vec![(bars::shown(of).len(), of.bars.len(), "bars")],
    };
    let fewer = counts.into_iter().filter(|(shown, all, _)| shown < all);
    fewer
        .map(|(shown, all, name)| format!("{shown} of {all} {name} are drawn"))
        .collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next();
    first
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect()
}
