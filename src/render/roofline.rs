//! A roofline as a document: ceilings, hierarchy, ridge points, chart, launches, transfers.

use super::ceilings::{ceilings, marks, spread, value};
use super::chart::Chart;
use super::figures::of_roofline;
use super::hierarchy::hierarchy;
use super::run::{note, versions};
use super::table::{Cell, Column, Content, Document, Line, Priority, Section, Table};
use crate::report::{Ceiling, RooflineReport, Status, TransferPoint, Variant, Warning};
use crate::roofline::Roofline;
use crate::units::{Intensity, Unit, format_bytes, format_seconds};

/// Document of all that was measured of one adapter.
#[must_use]
pub fn roofline(report: &RooflineReport) -> Document {
    let mut sections = vec![
        header(report),
        Section::table(
            if report.tool.is_own() {
                "ceilings: the best stable samples, and the spread of all".to_owned()
            } else {
                format!("ceilings, by the method of {}", report.tool.name)
            },
            ceilings(&report.ceilings),
        ),
        Section::table(
            "variants: ceilings measured in another way",
            variants(report),
        ),
        Section::table("hierarchy of memory", hierarchy(&report.levels)),
    ];
    if let Some(roofline) = Roofline::from_report(report) {
        let (ridges, regimes) = (ridge_points(&roofline), regimes(&roofline));
        sections.extend([
            Section::table("ridge points by level", ridges),
            Section::table("square matmul: intensity, and what bounds it", regimes),
            Section {
                title: String::new(),
                content: Content::Chart(Chart {
                    roofline,
                    marks: Vec::new(),
                }),
            },
        ]);
    }
    sections.extend([
        Section::table("launches and compiling", ceilings(&report.system)),
        Section::table(
            "transfers between host and device",
            transfers(&report.transfers),
        ),
        Section {
            title: String::new(),
            content: Content::Warnings(warnings(report)),
        },
    ]);
    Document::of(sections).drawn(of_roofline(report))
}

/// Adapter, host, settings.
fn header(report: &RooflineReport) -> Section {
    let (host, settings) = (&report.host, &report.settings);
    let memory = host.memory_bytes.map_or("unknown".to_owned(), format_bytes);
    let lasted = format_seconds(settings.lasted_s);
    let how = match (report.tool.is_own(), settings.quick) {
        // Another program has a scope and data of its own.
        (false, _) => format!("ceilings in {lasted}"),
        (true, true) => format!("quick roofline in {lasted}, seed {}", settings.seed),
        (true, false) => format!("full roofline in {lasted}, seed {}", settings.seed),
    };
    Section {
        title: String::new(),
        content: Content::Text(vec![
            report.adapter.describe(),
            format!(
                "{}; {}; {memory} of memory{}",
                host.os,
                host.cpu,
                super::run::sensors(host)
            ),
            format!(
                "{how}; {}; {}{}",
                versions(&report.tool),
                host.utc,
                note(settings.note.as_deref())
            ),
        ]),
    }
}

fn warnings(report: &RooflineReport) -> Vec<String> {
    let own = report.warnings.iter().map(Warning::to_string);
    own.chain(marked_points(of_points(report))).collect()
}

/// Warnings of each shape of a grid and of each point of a sweep.
fn of_points(report: &RooflineReport) -> impl Iterator<Item = &[Warning]> {
    let grids = report.ceilings.iter().flat_map(|ceiling| &ceiling.grid);
    let grids = grids.map(|point| point.warnings.as_slice());
    let sweep = report.sweep.iter().map(|point| point.warnings.as_slice());
    let latency = report.latency.iter().map(|point| point.warnings.as_slice());
    let transfers = report
        .transfers
        .iter()
        .map(|point| point.warnings.as_slice());
    grids.chain(sweep).chain(latency).chain(transfers)
}

/// How many points carry a warning, and the first of the warnings.
fn marked_points<'a>(points: impl Iterator<Item = &'a [Warning]>) -> Option<String> {
    let marks: Vec<&Warning> = points.filter_map(<[Warning]>::first).collect();
    let first = marks.first()?;
    let count = marks.len();
    Some(format!(
        "points of grids and sweeps with clock drift: {count}; the first: {first}"
    ))
}

/// Table of each variant beside its ceiling: the cost of runtime checks and of live data.
fn variants(report: &RooflineReport) -> Table {
    let line = |variant: &Variant| {
        let ceiling = &variant.ceiling;
        let other = unvaried(report, ceiling).and_then(|c| c.value);
        let share = ceiling.value.zip(other).map(|(this, other)| this / other);
        Line::of([
            Cell::text(ceiling.id.as_str()),
            Cell::text(variant.what.replace('_', " ")),
            value(ceiling),
            spread(ceiling),
            share.map_or(Cell::Empty, Cell::Share),
            Cell::quantity_or(other, Unit::of(&ceiling.unit), Cell::Empty),
            Cell::Status(ceiling.status),
            marks(ceiling.status, &ceiling.warnings),
            // The winner's shape is the ceiling's own; a reason says why there is no value, or how much to trust it.
            match (&ceiling.reason, ceiling.status) {
                (
                    Some(reason),
                    Status::Noisy
                    | Status::Unsupported
                    | Status::Empty
                    | Status::Failed
                    | Status::TimedOut,
                ) => Cell::text(reason),
                _ => Cell::Empty,
            },
        ])
    };
    Table {
        columns: vec![
            Column::left("ceiling"),
            Column::left("variant"),
            Column::right("value"),
            Column::right("spread"),
            Column::right("share"),
            Column::right("of"),
            Column::left("status").priority(Priority::High),
            Column::left("marks").priority(Priority::Low),
            Column::prose("reason").priority(Priority::Medium),
        ],
        lines: report.variants.iter().map(line).collect(),
    }
}

/// Ceiling beside a variant: the ceiling of the same id, or the variant without runtime checks where there is none.
fn unvaried<'a>(report: &'a RooflineReport, ceiling: &Ceiling) -> Option<&'a Ceiling> {
    let of_id = |v: &&Variant| v.ceiling.id == ceiling.id && v.what == "checks_off";
    let unchecked = report.variants.iter().find(of_id).map(|v| &v.ceiling);
    report.ceiling(&ceiling.id).or(unchecked)
}

/// Table of the ridge points of each kind of arithmetic over each level.
fn ridge_points(roofline: &Roofline) -> Table {
    let mut levels: Vec<&str> = roofline.memory.iter().map(|m| m.level.as_str()).collect();
    levels.dedup();
    let ridge = |compute: &str, level: &str| {
        let ridge = roofline.roof(compute, level)?.ridge_point();
        Some(ridge.flops_per_byte())
    };
    let lines = roofline.compute.iter().map(|compute| {
        let name = std::iter::once(Cell::text(&compute.name));
        let ridges = levels.iter().map(|level| ridge(&compute.name, level));
        let cells = ridges.map(|r| Cell::quantity_or(r, Unit::FlopsPerByte, Cell::Missing(None)));
        Line::of(name.chain(cells))
    });
    let heads = levels
        .iter()
        .map(|level| Column::right(*level).unit(Unit::FlopsPerByte));
    Table {
        columns: std::iter::once(Column::left("arithmetic"))
            .chain(heads)
            .collect(),
        lines: lines.collect(),
    }
}

/// Sizes of the square matmuls in the table.
const SIZES: [u64; 8] = [64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// Table of intensity and bound of square matmuls in f32 and f16, operands in memory, each moved once.
fn regimes(roofline: &Roofline) -> Table {
    let line = |n: u64| {
        let cells = [("f32", 4.0), ("f16", 2.0)].map(|(dtype, bytes)| {
            let intensity = 2.0 * n as f64 / (3.0 * bytes);
            let bound = roofline.bound(dtype, Intensity::from_flops_per_byte(intensity));
            let bound = bound.map_or(Cell::Missing(None), |bound| Cell::text(bound.to_string()));
            [Cell::quantity(intensity, Unit::FlopsPerByte), bound]
        });
        Line::of(std::iter::once(Cell::Count(n)).chain(cells.into_iter().flatten()))
    };
    Table {
        columns: vec![
            Column::right("N"),
            Column::right("f32").unit(Unit::FlopsPerByte),
            Column::left("f32 bound"),
            Column::right("f16").unit(Unit::FlopsPerByte),
            Column::left("f16 bound"),
        ],
        lines: SIZES.into_iter().map(line).collect(),
    }
}

/// Table of copies between host and device by size.
fn transfers(points: &[TransferPoint]) -> Table {
    let line = |point: &TransferPoint| {
        let rate = |value: Option<f64>| {
            let missing = Cell::Missing(point.reason.clone());
            Cell::quantity_or(value, Unit::BytesPerSecond, missing)
        };
        Line::of([
            Cell::quantity(point.bytes as f64, Unit::Bytes),
            rate(point.to_device),
            rate(point.from_device),
            rate(point.write_buffer),
            Cell::Status(point.status),
            marks(point.status, &point.warnings),
        ])
    };
    Table {
        columns: vec![
            Column::right("size").unit(Unit::Bytes),
            Column::right("to device").unit(Unit::BytesPerSecond),
            Column::right("from device").unit(Unit::BytesPerSecond),
            Column::right("write_buffer").unit(Unit::BytesPerSecond),
            Column::left("status").priority(Priority::High),
            Column::left("marks").priority(Priority::Low),
        ],
        lines: points.iter().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Page, terminal};
    use crate::report::Level;

    fn sheet() -> Roofline {
        Roofline::from_sheet("a sheet", &[("f32", 64e12), ("f16", 640e12)], 4e12)
    }

    fn lines(table: &Table) -> Vec<String> {
        let text = terminal::table(table, &Page::default());
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn ridge_points_by_hand() {
        let lines = lines(&ridge_points(&sheet()));
        assert_eq!(lines[0].trim_end(), "arithmetic       memory");
        assert_eq!(lines[1].trim_end(), "f32         16.0 FLOP/B");
        assert_eq!(lines[2].trim_end(), "f16          160 FLOP/B");
    }

    /// f32 crosses at 16 FLOP/B, N = 96; f16 at 160 FLOP/B, N = 480.
    #[test]
    fn regimes_by_hand() {
        let bounds = |line: usize| {
            let cells = &regimes(&sheet()).lines[line].cells;
            [cells[2].shown(), cells[4].shown()]
        };
        assert_eq!(bounds(0), ["memory", "memory"]);
        assert_eq!(bounds(1), ["compute", "memory"]);
        assert_eq!(bounds(3), ["compute", "compute"]);
    }

    #[test]
    fn marked_points_are_counted() {
        let rate = crate::units::FlopRate::from_flops_per_second;
        let mark = Warning::ClockDrift {
            moment: crate::report::DriftMoment::Before,
            from: rate(62e12),
            to: rate(20e12),
            cause: None,
        };
        assert_eq!(marked_points([[].as_slice()].into_iter()), None);
        let marks = [mark.clone(), mark];
        let points = [[].as_slice(), &marks[..1], &marks[1..]];
        let line = marked_points(points.into_iter()).unwrap();
        assert!(line.contains("clock drift: 2; ") && line.contains("20.0 TFLOP/s"));
    }

    #[test]
    fn levels_and_transfers_are_lines() {
        let level = Level {
            name: "cache 2".to_owned(),
            bytes: Some(50 << 20),
            bandwidth: Some(9e12),
            latency_s: Some(150e-9),
            lane_bytes: None,
        };
        let lines_of_levels = lines(&hierarchy(&[level]));
        let words: Vec<&str> = lines_of_levels[1].split_whitespace().collect();
        assert_eq!(words[2..], ["50", "MiB", "-", "9000", "GB/s", "150", "ns"]);
        let point = TransferPoint {
            bytes: 1 << 20,
            to_device: None,
            from_device: Some(5e9),
            write_buffer: Some(6e9),
            status: Status::Failed,
            reason: Some("no memory is mapped".to_owned()),
            warnings: Vec::new(),
        };
        let lines = lines(&transfers(&[point]));
        assert!(lines[1].ends_with("FAILED"), "{lines:?}");
        assert_eq!(lines[2], "    no memory is mapped");
    }
}
