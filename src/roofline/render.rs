//! A roofline as text: tables and a chart, each a function of the report. Pure.

use super::chart::chart;
use super::model::Roofline;
use crate::report::{
    Bound, Ceiling, Level, RooflineReport, Status, TransferPoint, Variant, Warning,
};
use crate::units::{Bandwidth, Intensity, Unit, format_bytes, format_percent, format_seconds};

/// All of it, section after section.
#[must_use]
pub fn render(report: &RooflineReport) -> String {
    let roofline = Roofline::from_report(report);
    let mut sections = vec![
        report.adapter.describe(),
        titled(
            "ceilings: best stable samples, spread",
            ceilings(&report.ceilings),
        ),
        titled("the same in another way", variants(report)),
        titled(
            "hierarchy: size to all, to one lane, reads, latency of a read",
            hierarchy(&report.levels),
        ),
    ];
    if let Some(roofline) = &roofline {
        sections.push(titled("ridge points, FLOP/B", ridge_points(roofline)));
        sections.push(titled("square matmul, what bounds it", regimes(roofline)));
        sections.push(chart(roofline, &[]));
    }
    sections.push(titled("launches and compiling", ceilings(&report.system)));
    sections.push(titled(
        "between host and device",
        transfers(&report.transfers),
    ));
    sections.extend(report.warnings.iter().map(|w| format!("! {w}\n")));
    sections.extend(marked(of_points(report)));
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

/// The warnings of each shape of a grid and of each point of a sweep.
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

/// How many points have a mark, and the first of the marks.
fn marked<'a>(points: impl Iterator<Item = &'a [Warning]>) -> Option<String> {
    let marks: Vec<&Warning> = points.filter_map(<[Warning]>::first).collect();
    let first = marks.first()?;
    Some(format!(
        "! points of grids and sweeps with clock drift: {}; the first: {first}\n",
        marks.len()
    ))
}

fn titled(title: &str, lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("{title}\n{}\n", lines.join("\n"))
}

/// One line for each ceiling: its value with its spread, or why there is none.
#[must_use]
pub fn ceilings(ceilings: &[Ceiling]) -> Vec<String> {
    let line = |ceiling: &Ceiling| {
        let spread = ceiling
            .time_s
            .as_ref()
            .map_or(String::new(), |time| format_percent(time.relative_iqr()));
        let reason = ceiling.reason.as_deref().unwrap_or(&ceiling.counts);
        let remark = remark(ceiling, reason);
        format!(
            "  {:22} {:>13} {spread:>7}  {remark}",
            ceiling.id,
            value(ceiling)
        )
    };
    ceilings.iter().map(line).collect()
}

/// How a ceiling ended where that was not well, `text`, and its marks.
fn remark(ceiling: &Ceiling, text: &str) -> String {
    let marks: Vec<&str> = ceiling.warnings.iter().map(Warning::id).collect();
    let parts = [status(ceiling.status), text, &marks.join(", ")];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("; ")
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "",
        Status::Noisy => "noisy",
        Status::Unsupported => "unsupported",
        Status::Failed => "FAILED",
        Status::TimedOut => "timed out",
    }
}

fn value(ceiling: &Ceiling) -> String {
    ceiling.value.map_or_else(
        || "-".to_owned(),
        |value| Unit::of(&ceiling.unit).format(value),
    )
}

/// Each variant beside the ceiling that it is one of: what runtime checks and live data cost.
#[must_use]
pub fn variants(report: &RooflineReport) -> Vec<String> {
    let line = |variant: &Variant| {
        let id = &variant.ceiling.id;
        // A row that no ceiling stands behind is held against its own without checks.
        let unchecked = report
            .variants
            .iter()
            .find(|v| v.ceiling.id == *id && v.what == "checks_off");
        let other = report
            .ceiling(id)
            .or(unchecked.map(|v| &v.ceiling))
            .and_then(|c| c.value);
        let change = variant.ceiling.value.zip(other).map_or_else(
            || variant.ceiling.reason.clone().unwrap_or_default(),
            |(this, other)| {
                format!(
                    "{} of {}",
                    format_percent(this / other),
                    Unit::of(&variant.ceiling.unit).format(other)
                )
            },
        );
        format!(
            "  {:22} {:>13}  {}: {}",
            id,
            value(&variant.ceiling),
            variant.what.replace('_', " "),
            remark(&variant.ceiling, &change)
        )
    };
    report.variants.iter().map(line).collect()
}

/// One line for each level of the memory hierarchy.
#[must_use]
pub fn hierarchy(levels: &[Level]) -> Vec<String> {
    let line = |level: &Level| {
        let bandwidth = level.bandwidth.map_or_else(
            || "-".to_owned(),
            |b| Bandwidth::from_bytes_per_second(b).to_string(),
        );
        let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), format_bytes);
        format!(
            "  {:12} {:>10} {:>10} {bandwidth:>12} {:>9}",
            level.name,
            bytes(level.bytes),
            bytes(level.lane_bytes),
            level
                .latency_s
                .map_or_else(|| "-".to_owned(), format_seconds)
        )
    };
    levels.iter().map(line).collect()
}

/// Ridge points of each kind of arithmetic over each level.
#[must_use]
pub fn ridge_points(roofline: &Roofline) -> Vec<String> {
    let mut levels: Vec<&str> = roofline.memory.iter().map(|m| m.level.as_str()).collect();
    levels.dedup();
    let heads: Vec<String> = levels.iter().map(|level| format!("{level:>12}")).collect();
    let mut lines = vec![format!("  {:12}{}", "", heads.concat())];
    for compute in &roofline.compute {
        let cell = |level: &&str| {
            let roof = roofline.roof(&compute.name, level);
            let ridge = roof.map_or_else(
                || "-".to_owned(),
                |roof| format!("{:.1}", roof.ridge_point().flops_per_byte()),
            );
            format!("{ridge:>12}")
        };
        let cells: Vec<String> = levels.iter().map(cell).collect();
        lines.push(format!("  {:12}{}", compute.name, cells.concat()));
    }
    lines
}

/// Sizes of the square matmuls in the table.
const SIZES: [u64; 8] = [64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// Intensity and bound of square matmuls in f32 and f16, operands in memory, each moved once.
#[must_use]
pub fn regimes(roofline: &Roofline) -> Vec<String> {
    let mut lines = vec![format!("  {:>6} {:>14} {:>23}", "N", "f32", "f16")];
    for n in SIZES {
        let cells = [("f32", 4), ("f16", 2)].map(|(dtype, bytes)| {
            let intensity =
                Intensity::from_flops_per_byte(2.0 * n as f64 / (3.0 * f64::from(bytes)));
            let bound = regime(roofline, dtype, intensity).map_or("-", |bound| match bound {
                Bound::Memory => "memory",
                Bound::Compute => "compute",
            });
            format!("{:>14} {bound:>8}", intensity.to_string())
        });
        lines.push(
            format!("  {n:>6} {}", cells.join(" "))
                .trim_end()
                .to_owned(),
        );
    }
    lines
}

/// What limits work on elements of `dtype` whose operands come from memory.
#[must_use]
pub fn regime(roofline: &Roofline, dtype: &str, intensity: Intensity) -> Option<Bound> {
    let memory = roofline.memory.iter().find(|m| m.bytes.is_none())?;
    let roof = super::roof::Roof {
        compute: roofline.fastest(dtype)?,
        memory: memory.bandwidth,
    };
    Some(roof.bound(intensity))
}

/// One line for each size of a copy.
#[must_use]
pub fn transfers(points: &[TransferPoint]) -> Vec<String> {
    let rate = |value: Option<f64>| {
        value.map_or_else(
            || "-".to_owned(),
            |v| Bandwidth::from_bytes_per_second(v).to_string(),
        )
    };
    let line = |point: &TransferPoint| {
        format!(
            "  {:>8}  to device {:>10}  from device {:>10}  write_buffer {:>10}  {}",
            format_bytes(point.bytes),
            rate(point.to_device),
            rate(point.from_device),
            rate(point.write_buffer),
            status(point.status)
        )
        .trim_end()
        .to_owned()
    };
    points.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roofline() -> Roofline {
        Roofline::from_sheet("a sheet", &[("f32", 64e12), ("f16", 640e12)], 4e12)
    }

    #[test]
    fn ridge_points_and_regimes_by_hand() {
        let lines = ridge_points(&roofline());
        assert!(lines[0].trim() == "memory");
        assert!(lines[1].contains("f32") && lines[1].ends_with("16.0"));
        assert!(lines[2].contains("f16") && lines[2].ends_with("160.0"));
        // f32 crosses at 16 FLOP/B, N = 96; f16 at 160 FLOP/B, N = 480.
        let lines = regimes(&roofline());
        assert_eq!(lines[1].matches("memory").count(), 2, "{}", lines[1]);
        assert!(
            lines[2].contains("compute") && lines[2].ends_with("memory"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[4].matches("compute").count(), 2, "{}", lines[4]);
    }

    #[test]
    fn a_ceiling_without_a_value_says_why() {
        let ceiling = Ceiling {
            value: None,
            status: Status::Unsupported,
            reason: Some("the device lacks shader_f16".to_owned()),
            ..Ceiling::known("compute/f16", "FLOP/s", 0.0)
        };
        let lines = ceilings(&[ceiling, Ceiling::known("memory/copy", "B/s", 4.25e12)]);
        assert!(lines[0].contains(" - ") && lines[0].contains("unsupported; the device lacks"));
        assert!(lines[1].contains("4250 GB/s"), "{}", lines[1]);
    }

    #[test]
    fn marked_points_are_counted() {
        let rate = crate::units::FlopRate::from_flops_per_second;
        let mark = Warning::ClockDrift {
            moment: crate::report::DriftMoment::Before,
            from: rate(62e12),
            to: rate(20e12),
        };
        assert_eq!(marked([[].as_slice()].into_iter()), None);
        let marks = [mark.clone(), mark];
        let points = [[].as_slice(), &marks[..1], &marks[1..]];
        let line = marked(points.into_iter()).unwrap();
        assert!(line.contains("clock drift: 2; ") && line.contains("20.0 TFLOP/s"));
    }

    #[test]
    fn levels_are_lines() {
        let level = Level {
            name: "cache 2".to_owned(),
            bytes: Some(50 << 20),
            bandwidth: Some(9e12),
            latency_s: Some(150e-9),
            lane_bytes: Some(32 << 20),
        };
        let lines = hierarchy(&[level]);
        assert!(lines[0].contains("50 MiB     32 MiB") && lines[0].contains("9000 GB/s"));
        assert!(lines[0].ends_with("150 ns"), "{}", lines[0]);
    }
}
