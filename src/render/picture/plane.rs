//! A plane as a picture: roofs with their labels, points by series, and the legend beside them.

use super::font::{fit, safe, style, width};
use super::labels::{Area, Labels};
use super::marker::marker;
use super::palette::{colour, series};
use super::ruler::{Ruler, has_place};
use crate::render::figure::{Axis, Edge, Plane, Point};
use crate::units::Unit;
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::{
    ChartBuilder, ChartContext, Color, DashedLineSeries, DrawingArea, DrawingAreaErrorKind,
    DrawingBackend, LineSeries, PathElement, Rectangle, TRANSPARENT, Text,
};
use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Canvas<B> = DrawingArea<B, Shift>;
type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<Ruler, Ruler>>;
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Points of a plane that are drawn: more are one blot.
pub(super) const MOST_POINTS: usize = 2000;
/// Roofs of a plane that are drawn, the highest flat ones first: an adapter has fewer, a file may have any number.
const MOST_ROOFS: usize = 40;
/// Entries of the legend: more have no room.
const MOST_ENTRIES: usize = 22;
/// Height of an entry, in pixels.
const ENTRY: i32 = 24;

/// Width of the legend in pixels, with its symbols.
const LEGEND: i32 = 330;
const SYMBOL: i32 = 30;
/// Height of the marks below the plot, and of the axis's name.
const BELOW: i32 = 54;

/// Points of `plane` that are drawn: every one, or every so many.
pub(super) fn shown(plane: &Plane) -> impl Iterator<Item = &Point> {
    let step = plane.points.len().div_ceil(MOST_POINTS).max(1);
    let points = plane.points.iter().step_by(step);
    points.filter(|point| has_place(point.x, &plane.x) && has_place(point.y, &plane.y))
}

/// Roofs of `plane` that are drawn.
pub(super) fn shown_roofs(plane: &Plane) -> &[Edge] {
    &plane.roofs[..plane.roofs.len().min(MOST_ROOFS)]
}

/// Draws `plane` into `area`.
pub(super) fn draw<'a, B: DrawingBackend + 'a>(area: &'a Canvas<B>, plane: &Plane) -> Drawn<B> {
    let points: Vec<&Point> = shown(plane).collect();
    let roofs = shown_roofs(plane);
    let names = names(roofs, &points);
    let corners = || roofs.iter().flat_map(|roof| roof.ends);
    let xs = points.iter().map(|p| p.x).chain(corners().map(|c| c.0));
    let ys = points.iter().map(|p| p.y).chain(corners().map(|c| c.1));
    let margin = if roofs.is_empty() { 1.2 } else { 1.0 };
    let entries = names
        .iter()
        .copied()
        .chain(roofs.iter().map(|roof| roof.name.as_str()));
    let beside = legend_width(entries);
    let (width_of_area, _) = area.dim_in_pixel();
    let room = (width_of_area as i32 - beside - 110).max(100);
    let (Some(x), Some(y)) = (
        Ruler::over(&plane.x, xs, margin, room as usize / 95),
        Ruler::over(&plane.y, ys, 1.6, 9),
    ) else {
        return Ok(());
    };
    let small = style(14, colour("text"));
    let left = y.words().map(|word| width(word, &small)).max().unwrap_or(0) + 48;
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(BELOW)
        .y_label_area_size(left)
        .margin_right(beside)
        .margin_top(8)
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(colour("line"))
        .axis_style(colour("muted"))
        .set_all_tick_mark_size(4)
        .label_style(small)
        .axis_desc_style(style(15, colour("muted")))
        .x_label_formatter(&|value| x.word(*value))
        .y_label_formatter(&|value| y.word(*value))
        .x_desc(name(&plane.x))
        .y_desc(name(&plane.y))
        .draw()?;
    for roof in roofs {
        let line = ink(roof, &names).stroke_width(2);
        match place(roof, &names) {
            // Lines of several adapters differ without colours too.
            Some(number) if number > 0 => {
                let (dash, gap) = (14 / number as i32 + 2, 6);
                chart.draw_series(DashedLineSeries::new(roof.ends, dash, gap, line))?;
            }
            _ => {
                chart.draw_series(LineSeries::new(roof.ends, line))?;
            }
        }
    }
    for (i, name) in names.iter().enumerate() {
        let own = points.iter().filter(|point| point.series == *name);
        let places: Vec<(f64, f64)> = own.map(|point| (point.x, point.y)).collect();
        if plane.joined {
            let line = series(i).stroke_width(2);
            chart.draw_series(LineSeries::new(places.iter().copied(), line))?;
        }
        for place in places {
            chart.plotting_area().draw(&marker(i, place))?;
        }
    }
    draw_labels(&chart, area, roofs, &names, &points)?;
    draw_legend(&area.margin(12, 0, room + 110 + 14, 0), &names, roofs)
}

/// Series of the roofs and of the points, in the order of their first point; roofs of several adapters are in the order of
/// their names.
fn names<'a>(roofs: &'a [Edge], points: &[&'a Point]) -> Vec<&'a str> {
    let of_roofs = roofs.iter().map(|roof| roof.series.as_str());
    let of_roofs = of_roofs.filter(|series| !series.is_empty());
    let mut names: Vec<&str> = Vec::new();
    for series in of_roofs.chain(points.iter().map(|point| point.series.as_str())) {
        if !names.contains(&series) {
            names.push(series);
        }
    }
    if roofs.iter().any(|roof| !roof.series.is_empty()) {
        names.sort_unstable();
    }
    names
}

/// Place of the series of `roof` among `names`; `None` for the roof of the only adapter.
fn place(roof: &Edge, names: &[&str]) -> Option<usize> {
    let mut names = names.iter();
    names.position(|name| *name == roof.series && !name.is_empty())
}

/// Name of an axis, with its unit where its marks do not say it.
fn name(axis: &Axis) -> String {
    match &axis.unit {
        Some(unit @ Unit::FlopsPerByte) => safe(&format!("{}, {}", axis.name, unit.symbol())),
        _ => safe(&axis.name),
    }
}

/// Colour of a roof: of its series, or of what sets it where there is one adapter.
fn ink(roof: &Edge, names: &[&str]) -> RGBColor {
    match place(roof, names) {
        Some(number) => series(number),
        None => colour(if roof.is_slanted { "memory" } else { "compute" }),
    }
}

/// Labels beside the roofs, in the order of the roofs. The legend names a roof whose label has no room.
fn draw_labels<B: DrawingBackend>(
    chart: &Chart<'_, B>,
    area: &Canvas<B>,
    roofs: &[Edge],
    names: &[&str],
    points: &[&Point],
) -> Drawn<B> {
    let (x, y) = chart.plotting_area().get_pixel_range();
    let plot = Area {
        x: (x.start + 2, x.end - 2),
        y: (y.start + 2, y.end - 2),
    };
    let points = points
        .iter()
        .map(|point| chart.backend_coord(&(point.x, point.y)));
    let on_screen = |roof: &Edge| roof.ends.map(|end| chart.backend_coord(&end));
    let lines = roofs.iter().map(on_screen);
    let lines = lines.flat_map(|[from, to]| Area::along(from, to));
    let taken = points.map(|place| Area::around(place, 8)).chain(lines);
    let mut labels = Labels::new(plot, taken.collect());
    let screen = area.use_screen_coord();
    for roof in roofs.iter().filter(|roof| !roof.label.is_empty()) {
        let text_style = style(13, ink(roof, names));
        let text = fit(&roof.label, &text_style, 260);
        let ends = on_screen(roof);
        // A flat roof is named at its right end, a slanted one at its left end.
        let (from, to) = if roof.is_slanted {
            (ends[1], ends[0])
        } else {
            (ends[0], ends[1])
        };
        let Some(place) = labels.place(from, to, (width(&text, &text_style), 15)) else {
            continue;
        };
        let corners = [(place.x.0 - 2, place.y.0), (place.x.1 + 2, place.y.1)];
        screen.draw(&Rectangle::new(
            corners,
            colour("ground").mix(0.85).filled(),
        ))?;
        screen.draw(&Text::new(text, (place.x.0, place.y.0 + 1), text_style))?;
    }
    Ok(())
}

/// Width of the legend of `entries` with the space around it, in pixels.
fn legend_width<'a>(entries: impl Iterator<Item = &'a str>) -> i32 {
    let text = style(15, colour("text"));
    let widths = entries.map(|entry| width(&fit(entry, &text, LEGEND), &text));
    let widest = widths.take(MOST_ENTRIES).max().unwrap_or(0);
    (widest + SYMBOL + 40).min(LEGEND)
}

/// Series with their symbols, and roofs with their names and heights.
fn draw_legend<B: DrawingBackend>(area: &Canvas<B>, names: &[&str], roofs: &[Edge]) -> Drawn<B> {
    let text_style = style(15, colour("text")).pos(Pos::new(HPos::Left, VPos::Center));
    let all = names.len() + roofs.len();
    let shown = if all > MOST_ENTRIES {
        MOST_ENTRIES - 1
    } else {
        all
    };
    let entry = |i: usize, text: &str| {
        let text = fit(text, &text_style, LEGEND - SYMBOL - 20);
        area.draw(&Text::new(text, (SYMBOL, middle(i)), text_style.clone()))
    };
    for (i, name) in names.iter().enumerate().take(shown) {
        area.draw(&marker(i, (SYMBOL / 2 - 4, middle(i))))?;
        entry(i, name)?;
    }
    for (i, roof) in (names.len()..shown).zip(roofs) {
        let line = [(0, middle(i)), (SYMBOL - 8, middle(i))];
        area.draw(&PathElement::new(line, ink(roof, names).stroke_width(2)))?;
        entry(i, &roof.name)?;
    }
    if shown < all {
        entry(shown, &format!("and {} more", all - shown))?;
    }
    Ok(())
}

/// Middle of an entry of the legend, in pixels.
fn middle(entry: usize) -> i32 {
    ENTRY * entry as i32 + ENTRY / 2
}
