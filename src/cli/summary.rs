//! What stands around the results table: adapter, ceilings, warnings, how to read it.

use super::layout::{self, paragraph};
use super::{rows, warnings};
use comfy_table::{CellAlignment, Row as Line};
use ridgepoint::report::{Ceiling, Report, Row};
use ridgepoint::shader::Checks;
use ridgepoint::units::{Bandwidth, FlopRate, format_bytes};

/// How a row of the table is to be read.
const LEGEND: &str = "median: time of one execution; rate: FLOPs (an FMA is two) or bytes (each operand once) over the \
    median, whichever the roof is made of; of roof: share of what the ceilings above allow; right: results compared \
    with an f64 reference";

/// What was measured, on what, by what.
pub(crate) fn header(report: &Report) -> String {
    let (host, settings, tool) = (&report.host, &report.settings, &report.tool);
    let memory = host.memory_bytes.map_or("unknown".to_owned(), format_bytes);
    let checks = match settings.checks {
        Checks::On => "on",
        Checks::Off => "off",
    };
    let tuned = match &settings.tuning {
        Some(classes) => format!(", tuned for {classes}"),
        None => String::new(),
    };
    let lines = [
        report.adapter.describe(),
        format!("{}; {}; {memory} of memory", host.os, host.cpu),
        format!(
            "suite {}, seed {}, runtime checks {checks}{tuned}; ridgepoint {} ({}), wgpu {}; {}",
            settings.suite, settings.seed, tool.version, tool.commit, tool.wgpu, host.utc
        ),
    ];
    lines.map(|line| paragraph("", &line)).join("\n")
}

/// The ceilings, one in a line.
pub(crate) fn ceilings(ceilings: &[Ceiling]) -> String {
    let columns = [
        (
            layout::widest(ceilings.iter().map(|c| c.id.as_str())).max(12),
            CellAlignment::Left,
        ),
        (12, CellAlignment::Right),
    ];
    let mut lines = vec!["ceilings, measured in this run".to_owned()];
    for ceiling in ceilings {
        let value = value(ceiling).unwrap_or_else(|| "-".to_owned());
        let line = layout::lines(&columns, vec![Line::from(vec![&ceiling.id, &value])]);
        let reason = ceiling.reason.as_deref().unwrap_or_default();
        let remark = rows::status(ceiling.status)
            .map_or_else(|| reason.to_owned(), |status| format!("{status}: {reason}"));
        lines.push(
            paragraph(&format!("  {line}  "), &remark)
                .trim_end()
                .to_owned(),
        );
    }
    lines.join("\n")
}

fn value(ceiling: &Ceiling) -> Option<String> {
    let value = ceiling.value?;
    Some(match ceiling.unit.as_str() {
        "FLOP/s" => FlopRate::from_flops_per_second(value).to_string(),
        "B/s" => Bandwidth::from_bytes_per_second(value).to_string(),
        unit => format!("{value:e} {unit}"),
    })
}

/// What it costs to pass intermediate results through memory: a kernel that binds at least twice the bytes of another of
/// the same shape, beside the fastest such one.
fn price(row: &Row, rows: &[Row]) -> Option<String> {
    let bytes = row.bound_bytes?;
    let time = row.time_s.as_ref()?.median;
    let same = |other: &&Row| {
        (&other.operation, other.dtype, &other.label, &other.shape)
            == (&row.operation, row.dtype, &row.label, &row.shape)
            && other.bound_bytes.is_some_and(|b| 2 * b <= bytes)
    };
    let median = |other: &Row| other.time_s.as_ref().map(|t| t.median);
    let others = rows.iter().filter(same);
    let (fused, least) = others
        .filter_map(|other| Some((other, median(other)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!(
        "{} {}: its dispatches move {}, those of {} {}; {:.1} times the time",
        row.kernel,
        row.label,
        format_bytes(bytes),
        fused.kernel,
        fused.bound_bytes.map(format_bytes)?,
        time / least
    ))
}

/// All warnings, each kind once with its remedy, and how to read the table.
pub(crate) fn footer(report: &Report) -> String {
    let mut lines = warnings::lines(report);
    let prices = report
        .rows
        .iter()
        .filter_map(|row| price(row, &report.rows));
    lines.extend(prices.map(|line| paragraph("", &line)));
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(paragraph("", LEGEND));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::rows::tests::sample;
    use ridgepoint::report::Status;

    #[test]
    fn a_row_that_moves_twice_the_bytes_has_its_price() {
        let fused = sample(Status::Ok);
        let mut unfused = Row {
            kernel: "matmul_parts".into(),
            bound_bytes: Some(3 << 20),
            ..fused.clone()
        };
        let line = price(&unfused, &[fused.clone(), unfused.clone()]).unwrap();
        let wanted = "matmul_parts 256x256x256: its dispatches move 3 MiB, those of matmul_tiled 768 KiB; 1.0 times the time";
        assert_eq!(line, wanted);
        assert_eq!(price(&fused, &[fused.clone(), unfused.clone()]), None);
        unfused.label = "1x256x256".into();
        assert_eq!(price(&unfused, &[fused]), None);
    }
}
