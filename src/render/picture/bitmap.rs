//! Pictures as bitmaps: plotters' bitmap backend at twice the size, with text on the baseline that SVG gives it, as PNG.

use super::font::em_of;
use plotters::prelude::{BitMapBackend, DrawingBackend, RGBAColor, ShapeStyle};
use plotters::style::text_anchor::VPos;
use plotters::style::{FontDesc, FontFamily, TextStyle};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind,
};

/// Pixels of the bitmap for each pixel of the picture, in both directions.
const SCALE: i32 = 2;
/// Bytes of a pixel.
const BYTES: usize = 3;

/// Height of the embedded font's lines over its em: what `ab_glyph` calls its size.
const LINE: f64 = 1.164;
/// Height of a text in plotters' bitmap backend over the size of its font, and the place of its baseline.
const HEIGHT: f64 = 1.0 / 1.24;
const BASELINE: f64 = 0.5;
/// Height of an `x` over the em.
const EX: f64 = 0.547;

/// A bitmap that is drawn on in the coordinates of the picture.
pub(super) struct Bitmap<'a>(BitMapBackend<'a>);

/// PNG of what `draw` draws on a picture of `size`.
pub(super) fn png(size: (u32, u32), draw: impl FnOnce(Bitmap<'_>)) -> Vec<u8> {
    let (width, height) = (size.0 * SCALE as u32, size.1 * SCALE as u32);
    let mut pixels = vec![0; width as usize * height as usize * BYTES];
    draw(Bitmap(BitMapBackend::with_buffer(
        &mut pixels,
        (width, height),
    )));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Most lines are like the line above.
    encoder.set_filter(png::FilterType::Up);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&pixels)?;
        writer.finish()
    });
    written.expect("a vector takes any picture");
    file
}

fn scaled((x, y): BackendCoord) -> BackendCoord {
    (x * SCALE, y * SCALE)
}

fn shape(style: &impl BackendStyle) -> ShapeStyle {
    ShapeStyle {
        color: opaque(style.color()),
        filled: true,
        stroke_width: style.stroke_width() * SCALE as u32,
    }
}

fn opaque(colour: BackendColor) -> RGBAColor {
    let (red, green, blue) = colour.rgb;
    RGBAColor(red, green, blue, colour.alpha)
}

type Drawn<'a> = Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

impl<'a> DrawingBackend for Bitmap<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        let (width, height) = self.0.get_size();
        (width / SCALE as u32, height / SCALE as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn<'a> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> Drawn<'a> {
        self.0.present()
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn<'a> {
        let (x, y) = scaled(point);
        self.0
            .draw_rect((x, y), (x + SCALE, y + SCALE), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn<'a> {
        self.0.draw_line(scaled(from), scaled(to), &shape(style))
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        let (a, b) = (scaled(upper_left), scaled(bottom_right));
        self.0.draw_rect(a, b, &shape(style), fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn<'a> {
        // Line by line: the backend's outline of a whole path is wrong where it turns back on itself.
        let mut last = None;
        for point in path {
            if let Some(last) = last {
                self.draw_line(last, point, style)?;
            }
            last = Some(point);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        let radius = radius * SCALE as u32;
        self.0
            .draw_circle(scaled(center), radius, &shape(style), fill)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn<'a> {
        let vertices: Vec<_> = vert.into_iter().map(scaled).collect();
        self.0.fill_polygon(vertices, &shape(style))
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        pos: BackendCoord,
    ) -> Drawn<'a> {
        let em = em_of(style.size()) * f64::from(SCALE);
        let size = em * LINE;
        // Where SVG puts the baseline below the anchor.
        let (anchor, wanted) = match style.anchor().v_pos {
            VPos::Top => (0.0, 0.76 * em),
            VPos::Center => (HEIGHT / 2.0, 0.5 * EX * em),
            VPos::Bottom => (HEIGHT, -0.5 * EX * em),
        };
        let found = (BASELINE - anchor) * size;
        let down = (wanted - found).round() as i32;
        let transform = style.transform();
        let (x, y) = transform.transform(0, down);
        let at = scaled(pos);
        let (family, colour) = (style.family(), opaque(style.color()));
        let font = FontDesc::new(FontFamily::Name(family.as_str()), size, style.style());
        let own = TextStyle::from(font).color(&colour);
        let own = own.transform(transform).pos(style.anchor());
        self.0.draw_text(text, &own, (at.0 + x, at.1 + y))
    }
}
