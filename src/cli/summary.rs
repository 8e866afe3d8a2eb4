//! What stands around the results table: adapter, ceilings, warnings, how to read it.

use super::layout::{self, paragraph};
use super::{rows, warnings};
use comfy_table::{CellAlignment, Row as Line};
use ridgepoint::report::{Ceiling, Report};
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

/// All warnings, each kind once with its remedy, and how to read the table.
pub(crate) fn footer(report: &Report) -> String {
    let mut lines = warnings::lines(report);
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(paragraph("", LEGEND));
    lines.join("\n")
}
