//! Each chart of a subject as a picture that stands alone, as SVG and as PNG: for a slide.
//!
//! A picture is drawn by plotters from a [`Figure`](super::figure::Figure), by one code for both formats.

#![expect(
    clippy::cast_possible_wrap,
    reason = "a picture has thousands of pixels, and tens of entries"
)]

mod bars;
mod bitmap;
mod font;
mod frame;
mod labels;
mod marker;
mod palette;
mod plane;
mod ruler;
mod slides;

use super::subject::Subject;
use plotters::prelude::{DrawingBackend, IntoDrawingArea, SVGBackend};
use slides::{Slide, slides};

pub use slides::{OneChart, charts};

/// A file: its name, and its content.
type File = (String, Vec<u8>);

/// Pictures of the charts of `subject` as SVG, a file for each.
pub(super) fn svg(subject: &dyn Subject) -> Vec<File> {
    files(subject, "svg", |slide| {
        let mut text = String::new();
        draw(SVGBackend::with_string(&mut text, frame::SIZE), slide);
        text.into_bytes()
    })
}

/// Pictures of the charts of `subject` as PNG, a file for each.
pub(super) fn png(subject: &dyn Subject) -> Vec<File> {
    files(subject, "png", |slide| {
        bitmap::png(frame::SIZE, |bitmap| draw(bitmap, slide))
    })
}

fn files(subject: &dyn Subject, extension: &str, picture: impl Fn(&Slide) -> Vec<u8>) -> Vec<File> {
    let slides = slides(subject).into_iter();
    slides
        .map(|slide| (format!("{}.{extension}", slide.stem), picture(&slide)))
        .collect()
}

fn draw<B: DrawingBackend>(backend: B, slide: &Slide) {
    let area = backend.into_drawing_area();
    frame::draw(&area, &slide.figure, &slide.foot)
        .and_then(|()| area.present())
        .expect("memory takes any drawing, and the font is embedded");
}

#[cfg(test)]
mod tests;
