//! Sweeps of a roofline by size: bandwidth and latency of working sets, copies between host and device.

use super::words::{BY_SIZE, drawable};
use crate::render::figure::{Axis, Drawing, Figure, Plane, Point, Scale};
use crate::report::{LatencyPoint, SweepPoint, TransferPoint};
use crate::units::{Unit, format_bytes};

/// A series: its name, and its value by size in bytes.
type Series<'a> = (&'static str, Vec<(u64, Option<f64>)>);

/// Figures of the bandwidth and the latency of working sets, where they have values.
pub(super) fn working_sets(sweep: &[SweepPoint], latency: &[LatencyPoint]) -> Vec<Figure> {
    let bandwidth =
        |value: fn(&SweepPoint) -> Option<f64>| sweep.iter().map(|p| (p.bytes, value(p))).collect();
    let latency = latency.iter().map(|p| (p.bytes, p.seconds));
    let figures = [
        figure(
            "bandwidth by working set",
            "Reads of the same bytes again and again (resident), and of bytes that no cache holds (cold).",
            &Unit::BytesPerSecond,
            vec![
                ("resident", bandwidth(|p| p.resident)),
                ("cold", bandwidth(|p| p.cold)),
            ],
        ),
        figure(
            "latency by working set",
            "Time of one read that the next one waits for.",
            &Unit::Seconds,
            vec![("latency", latency.collect())],
        ),
    ];
    figures.into_iter().flatten().collect()
}

/// Figure of the copies between host and device; `None` where none has a value.
pub(super) fn transfers(points: &[TransferPoint]) -> Option<Figure> {
    let bandwidth = |value: fn(&TransferPoint) -> Option<f64>| {
        points.iter().map(|p| (p.bytes, value(p))).collect()
    };
    figure(
        "transfers between host and device",
        "Bandwidth of one copy by its size.",
        &Unit::BytesPerSecond,
        vec![
            ("to device", bandwidth(|p| p.to_device)),
            ("from device", bandwidth(|p| p.from_device)),
            ("write_buffer", bandwidth(|p| p.write_buffer)),
        ],
    )
}

fn figure(title: &str, about: &str, unit: &Unit, series: Vec<Series<'_>>) -> Option<Figure> {
    let points = series.into_iter().flat_map(|(name, values)| {
        let points = values.into_iter().filter_map(move |(bytes, value)| {
            let y = drawable(value)?;
            Some(Point {
                name: format!("{name}, {}", format_bytes(bytes)),
                series: name.to_owned(),
                x: drawable(Some(bytes as f64))?,
                y,
                facts: vec![unit.format(y)],
            })
        });
        points.collect::<Vec<_>>()
    });
    let points: Vec<Point> = points.collect();
    let name = match unit {
        Unit::Seconds => "time of a read",
        _ => "bandwidth",
    };
    (!points.is_empty()).then(|| Figure {
        title: title.to_owned(),
        about: about.to_owned(),
        group: Some(BY_SIZE),
        drawing: Drawing::Plane(Plane {
            x: Axis {
                name: "size".to_owned(),
                unit: Some(Unit::Bytes),
                scale: Scale::Logarithmic { base: 2 },
            },
            y: Axis {
                name: name.to_owned(),
                unit: Some(unit.clone()),
                scale: Scale::Logarithmic { base: 10 },
            },
            roofs: Vec::new(),
            points,
            joined: true,
        }),
    })
}
