//! A run as a document: what was measured and how, ceilings, rows, the price of not fusing, warnings.

mod prices;
mod rows;
mod soak;
mod views;
mod weights;

use super::ceilings::ceilings;
use super::figures::of_run;
use super::hierarchy::hierarchy;
use super::table::{Content, Document, Section, legend};
use super::warnings;
use crate::report::adapter::UNKNOWN;
use crate::report::{Host, Report, Tool};
use crate::shader::Checks;
use crate::units::format_bytes;
use prices::prices;

pub use rows::Rows;
pub(super) use soak::{Quantity, quantities};

/// Title of the ceilings of a run.
pub const CEILINGS: &str = "ceilings, measured in this run";

/// Rows from which on a table has a legend: a legend is not longer than what it explains.
const EXPLAINED: usize = 4;

/// Document of a run.
#[must_use]
pub fn run(report: &Report) -> Document {
    let mut sections = header(report).sections;
    sections.push(Section::table(CEILINGS, ceilings(&report.ceilings)));
    sections.push(Section::table("", rows::complete(report)));
    sections.extend(closing(report, &rows::legend(report)).sections);
    Document::of(sections).drawn(of_run(report))
}

/// Sections before the first measurement: adapter, host, settings.
#[must_use]
pub fn header(report: &Report) -> Document {
    let (host, settings) = (&report.host, &report.settings);
    let memory = host.memory_bytes.map_or("unknown".to_owned(), format_bytes);
    let checks = match settings.checks {
        Checks::On => "on",
        Checks::Off => "off",
    };
    let tuned = match &settings.tuning {
        Some(classes) => format!(", tuned for {classes}"),
        None => String::new(),
    };
    let paragraphs = vec![
        report.adapter.describe(),
        format!(
            "{}; {}; {memory} of memory{}",
            host.os,
            host.cpu,
            sensors(host)
        ),
        format!(
            "suite {}, seed {}, runtime checks {checks}{tuned}; {}; {}{}",
            settings.suite,
            settings.seed,
            versions(&report.tool),
            host.utc,
            note(settings.note.as_deref())
        ),
    ];
    Document::of([Section {
        title: String::new(),
        content: Content::Text(paragraphs),
    }])
}

/// Sensors that were read, behind the facts about the machine; nothing where none answered.
pub(super) fn sensors(host: &Host) -> String {
    match host.sensors.as_str() {
        UNKNOWN => String::new(),
        names => format!("; sensors {names}"),
    }
}

/// Versions of the program that measured.
pub(super) fn versions(tool: &Tool) -> String {
    let Tool {
        name,
        version,
        commit,
        wgpu,
        ..
    } = tool;
    let wgpu = if wgpu.is_empty() {
        String::new()
    } else {
        format!(", wgpu {wgpu}")
    };
    let commit = if commit == "unknown" && !tool.is_own() {
        String::new()
    } else {
        format!(" ({commit})")
    };
    format!("{name} {version}{commit}{wgpu}")
}

/// The user's remark behind the settings.
pub(super) fn note(note: Option<&str>) -> String {
    note.map_or(String::new(), |note| format!("; note: {note}"))
}

/// Sections behind the last row of a table that was shown as it came: the price of not fusing, the legend, warnings.
#[must_use]
pub fn end(report: &Report) -> Document {
    closing(report, &legend(&rows::columns(rows::has_power(report))))
}

fn closing(report: &Report, legend: &str) -> Document {
    let is_explained = report.rows.len() >= EXPLAINED;
    let measured = report.hierarchy.as_ref();
    let levels = measured.map_or(&[][..], |measured| &measured.levels);
    let before = [
        Section::table("memory hierarchy", hierarchy(levels)),
        Section::table(
            "price of passing intermediate results through memory",
            prices(&report.rows),
        ),
    ];
    let after = [
        Section {
            title: String::new(),
            content: Content::Text(
                is_explained
                    .then(|| legend.to_owned())
                    .into_iter()
                    .collect(),
            ),
        },
        Section {
            title: String::new(),
            content: Content::Warnings(warnings::sentences(report)),
        },
    ];
    let views = views::views(report);
    let soak = soak::sections(report);
    let all = before.into_iter().chain(soak).chain(views).chain(after);
    Document::of(all)
}

#[cfg(test)]
pub(super) mod tests;
