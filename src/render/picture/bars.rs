//! Bars as a picture: a name before each, its value behind it.

use super::font::{fit, style, width};
use super::palette::{colour, series};
use super::ruler::Ruler;
use crate::render::figure::{Bar, Bars};
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Color, DrawingArea, DrawingAreaErrorKind, DrawingBackend, Rectangle, TRANSPARENT,
    Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Bars that are drawn, the best of all: more have no room.
pub(super) const MOST_BARS: usize = 24;

/// Bars whose texts have room to be large.
const FEW: usize = 10;
/// Pixels of a bar with the space around it, and of the marks below all.
const THICKEST: i32 = 100;
const BELOW: i32 = 34;
/// Pixels of the longest name and of the longest value.
const NAME: i32 = 420;
const VALUE: i32 = 260;

/// Bars that are drawn: the last ones, since the best is last.
pub(super) fn shown(bars: &Bars) -> &[Bar] {
    &bars.bars[bars.bars.len().saturating_sub(MOST_BARS)..]
}

/// Draws `bars` into `area`, in their order from the top down.
pub(super) fn draw<'a, B: DrawingBackend + 'a>(
    area: &'a DrawingArea<B, Shift>,
    bars: &Bars,
) -> Drawn<B> {
    let shown = shown(bars);
    let text = style(if shown.len() <= FEW { 18 } else { 15 }, colour("text"));
    let names: Vec<String> = shown
        .iter()
        .map(|bar| fit(&bar.name, &text, NAME))
        .collect();
    let value = |bar: &Bar| {
        let value = bar.facts.first().cloned();
        fit(
            &value.unwrap_or_else(|| bars.unit.format(bar.value)),
            &text,
            VALUE,
        )
    };
    let values: Vec<String> = shown.iter().map(value).collect();
    let widest = |texts: &[String]| texts.iter().map(|t| width(t, &text)).max().unwrap_or(0);
    let lengths = shown
        .iter()
        .map(|bar| bar.value)
        .filter(|value| value.is_finite());
    let (all_width, all_height) = area.dim_in_pixel();
    let room = all_width as i32 - widest(&names) - widest(&values) - 60;
    let x = Ruler::from_zero(
        &bars.unit,
        lengths.fold(0.0, f64::max),
        (room / 110).max(2) as usize,
    );
    let y = Ruler::down(&names);
    let height = (THICKEST * shown.len() as i32 + BELOW + 8).min(all_height as i32);
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(BELOW)
        .y_label_area_size(widest(&names) + 20)
        .margin_right(widest(&values) + 20)
        .margin_top(8)
        .margin_bottom(all_height as i32 - height)
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(colour("line"))
        .axis_style(colour("muted"))
        .set_all_tick_mark_size(4)
        .x_label_style(style(14, colour("muted")))
        .y_label_style(text.clone())
        .x_label_formatter(&|value| x.word(*value))
        .y_label_formatter(&|value| y.word(*value))
        .draw()?;
    let best = shown.len().saturating_sub(1);
    chart.draw_series(shown.iter().enumerate().map(|(i, bar)| {
        let place = i as f64;
        let ink = series(if i == best { 2 } else { 0 });
        Rectangle::new(
            [(0.0, place - 0.36), (bar.value, place + 0.36)],
            ink.filled(),
        )
    }))?;
    let beside = text.pos(Pos::new(HPos::Left, VPos::Center));
    let screen = area.use_screen_coord();
    for (i, (bar, value)) in shown.iter().zip(values).enumerate() {
        let (x, y) = chart.backend_coord(&(bar.value, i as f64));
        // The ground hides the lines of the marks behind the text.
        let end = x + 10 + width(&value, &text);
        let corners = [(x + 4, y - 12), (end, y + 12)];
        screen.draw(&Rectangle::new(corners, colour("ground").filled()))?;
        screen.draw(&Text::new(value, (x + 8, y), beside.clone()))?;
    }
    Ok(())
}
