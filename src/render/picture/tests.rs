use super::*;
use crate::error::Error;
use crate::render::reports::golden;
use crate::render::{
    Axis, Bar, Bars, Document, Drawing, Edge, Figure, Plane, Point, Reports, Scale,
};
use crate::report::Input;
use crate::report::flat::Sheet;
use crate::units::Unit;
use std::time::Instant;

/// Figures as a subject of their own.
struct Drawings(Vec<Figure>);

impl Subject for Drawings {
    fn title(&self) -> String {
        "drawings".to_owned()
    }

    fn inputs(&self) -> &[Input] {
        &[]
    }

    fn documents(&self) -> Vec<Document> {
        vec![Document::default().drawn(self.0.clone())]
    }

    fn sheet(&self) -> Sheet<'_> {
        crate::report::flat::sheet(&[])
    }
}

fn text(subject: &dyn Subject, chart: &str) -> String {
    let one = OneChart::new(subject, chart).unwrap();
    let [(_, bytes)] = <[File; 1]>::try_from(svg(&one)).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Pixels of a PNG, and its width and height.
fn pixels(png: &[u8]) -> (Vec<u8>, (u32, u32)) {
    let mut reader = png::Decoder::new(png).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (pixels, (info.width, info.height))
}

fn axis(scale: Scale) -> Axis {
    Axis {
        name: "axis".to_owned(),
        unit: Some(Unit::FlopsPerSecond),
        scale,
    }
}

fn plane(scale: &Scale, places: &[(f64, f64)], roofs: Vec<Edge>) -> Figure {
    let point = |(x, y): &(f64, f64)| Point {
        name: "name".to_owned(),
        series: "series".to_owned(),
        x: *x,
        y: *y,
        facts: Vec::new(),
    };
    Figure {
        title: "plane".to_owned(),
        about: "about".to_owned(),
        group: None,
        drawing: Drawing::Plane(Plane {
            x: axis(scale.clone()),
            y: axis(scale.clone()),
            roofs,
            points: places.iter().map(point).collect(),
            joined: true,
        }),
    }
}

fn bars(values: &[f64]) -> Figure {
    let bar = |value: &f64| Bar {
        name: format!("{}_kernel", "long_".repeat(60)),
        value: *value,
        facts: vec![Unit::FlopsPerSecond.format(*value)],
    };
    Figure {
        title: "bars".to_owned(),
        about: String::new(),
        group: None,
        drawing: Drawing::Bars(Bars {
            unit: Unit::FlopsPerSecond,
            bars: values.iter().map(bar).collect(),
        }),
    }
}

#[test]
fn pictures_are_those_of_the_golden_files() {
    let inputs = [Input::made_up("run.json")];
    let run = Reports(&inputs);
    golden("run.roofline.svg", &text(&run, "roofline"));
    golden("run.ladder.svg", &text(&run, "matmul-f32-1024x1024x1024"));
    let inputs = [Input::made_up("roofline.json")];
    let sweep = text(&Reports(&inputs), "bandwidth-by-working-set");
    golden("roofline.sweep.svg", &sweep);
}

#[test]
fn a_picture_says_by_itself_what_it_shows() {
    let inputs = [Input::made_up("run.json")];
    let picture = text(&Reports(&inputs), "roofline");
    for words in [
        "Roofline",
        "arithmetic intensity, FLOP/B",
        "f16_matrix 600 TFLOP/s",
        "matmul f32",
        "Made Up 9000: discrete GPU, vulkan, driver MADEUP 1.2.3; 2026-01-02T03:04:05Z; ridgepoint 0.1.0",
    ] {
        assert!(picture.contains(words), "{words}: {picture}");
    }
}

#[test]
fn bitmaps_have_twice_the_pixels_and_are_the_same_each_time() {
    let inputs = [Input::made_up("run.json")];
    let pictures = png(&Reports(&inputs));
    assert!(pictures.len() > 2 && pictures == png(&Reports(&inputs)));
    for (name, picture) in pictures {
        let (pixels, size) = pixels(&picture);
        assert_eq!(size, (2560, 1440), "{name}");
        let all = pixels.as_chunks::<3>().0;
        assert_eq!(all[0], [255; 3], "the ground is white");
        // Title, chart and foot: each part of the picture has something dark in it.
        for part in [0..150, 240..1300, 1360..1420] {
            let rows = &all[part.start * 2560..part.end * 2560];
            let dark = rows
                .iter()
                .filter(|pixel| pixel.iter().all(|value| *value < 128));
            assert!(dark.count() > 200, "{name}: rows {part:?}");
        }
    }
}

#[test]
fn charts_have_names_of_their_own() {
    let twice = Drawings(vec![
        bars(&[1.0]),
        bars(&[2.0]),
        plane(&Scale::Linear, &[], Vec::new()),
    ]);
    assert_eq!(charts(&twice), ["bars", "bars-2", "plane"]);
    let names = svg(&twice).into_iter().map(|(name, _)| name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["bars.svg", "bars-2.svg", "plane.svg"]
    );
    let mut inputs = ["run.json", "run.json"].map(Input::made_up);
    inputs[1].name = r"C:\results\other run.json".to_owned();
    let two = charts(&Reports(&inputs));
    assert!(two.contains(&"run-roofline".to_owned()), "{two:?}");
    assert!(two.contains(&"other-run-roofline".to_owned()), "{two:?}");
    let unknown = OneChart::new(&Reports(&inputs), "rooflin").err().unwrap();
    assert!(matches!(unknown, Error::UnknownName { kind: "chart", .. }));
    let one = OneChart::new(&twice, "bars-2").unwrap();
    assert_eq!(one.documents()[0].figures, [bars(&[2.0])]);
}

#[test]
fn without_a_chart_there_is_no_file() {
    assert_eq!(svg(&Drawings(Vec::new())), []);
}

/// Numbers that no writer gives: a picture all the same, at once.
#[test]
fn extreme_numbers_are_drawn_or_left_out() {
    const EXTREMES: &[f64] = &[
        0.0,
        -0.0,
        -1.0,
        5e-324,
        1e-300,
        1.0,
        1e300,
        f64::MAX,
        -f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let began = Instant::now();
    let places: Vec<(f64, f64)> = EXTREMES
        .iter()
        .flat_map(|x| EXTREMES.iter().map(|y| (*x, *y)))
        .collect();
    let names = vec!["name".to_owned(); 3];
    let scales = [
        Scale::Logarithmic { base: 2 },
        Scale::Logarithmic { base: 10 },
        Scale::Linear,
        Scale::Ordered(names),
        Scale::Ordered(Vec::new()),
    ];
    let edge = |a: f64, b: f64| Edge {
        name: "edge".to_owned(),
        label: "edge".to_owned(),
        series: String::new(),
        is_slanted: a < b,
        ends: [(a, b), (b, a)],
    };
    let edges: Vec<Edge> = places.iter().map(|(a, b)| edge(*a, *b)).collect();
    let mut figures = vec![bars(&[]), bars(EXTREMES)];
    for scale in &scales {
        figures.push(plane(scale, &places, Vec::new()));
        figures.push(plane(scale, &[], edges.clone()));
        figures.push(plane(scale, &places, edges.clone()));
        figures.push(plane(scale, &[], Vec::new()));
        for place in &places {
            let one = Drawings(vec![plane(scale, &[*place], Vec::new())]);
            assert_eq!(svg(&one).len(), 1);
        }
    }
    for value in EXTREMES {
        figures.push(bars(&[*value]));
    }
    let count = figures.len();
    let all = Drawings(figures);
    assert_eq!(svg(&all).len(), count);
    assert_eq!(png(&all).len(), count);
    let seconds = began.elapsed().as_secs_f64();
    assert!(seconds < 60.0, "{seconds} s");
}

/// Units and names of places come from files too.
#[test]
fn hostile_axes_are_written_out_and_cut() {
    let hostile = format!("\u{1b}[2J<script>{}", "long".repeat(1000));
    let names = vec![hostile.clone(); 3];
    let mut figure = plane(&Scale::Linear, &[(0.0, 1.0), (2.0, 2.0)], Vec::new());
    if let Drawing::Plane(plane) = &mut figure.drawing {
        plane.x.scale = Scale::Ordered(names);
        plane.y.unit = Some(Unit::Other(hostile));
    }
    let all = Drawings(vec![figure]);
    let picture = text(&all, "plane");
    assert!(
        !picture.contains('\u{1b}') && !picture.contains("<script"),
        "{picture}"
    );
    assert!(
        picture.contains("u{1b}") && !picture.contains("longlong"),
        "{picture}"
    );
    assert_eq!(png(&all).len(), 1);
}

#[test]
fn what_is_left_out_is_said() {
    let places: Vec<(f64, f64)> = (1..5000).map(|i| (f64::from(i), 1.0)).collect();
    let values: Vec<f64> = (1..100).map(f64::from).collect();
    let mut figures = vec![plane(&Scale::Linear, &places, Vec::new()), bars(&values)];
    figures.extend((0..70).map(|_| bars(&[1.0])));
    let pictures = svg(&Drawings(figures));
    assert_eq!(pictures.len(), 64);
    let says = |i: usize, words: &str| {
        let text = String::from_utf8_lossy(&pictures[i].1).into_owned();
        assert!(text.contains(words), "{words}: {text}");
    };
    says(0, "1667 of 4999 points are drawn");
    says(1, "24 of 99 bars are drawn");
    says(2, "64 of 72 charts are drawn");
}
