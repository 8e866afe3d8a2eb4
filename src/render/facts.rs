//! Facts that a measurement discloses, as names and values: adapter, machine, program, settings.

use super::run::versions;
use crate::report::{Checks, Input, Results, Tool};
use crate::units::{format_bytes, format_seconds};

/// Facts about the measurement of one file, in reading order.
pub(super) fn facts(results: &Results) -> Vec<(&'static str, String)> {
    let (adapter, host, tool) = (results.adapter(), results.host(), results.tool());
    let memory = host.memory_bytes.map_or("unknown".to_owned(), format_bytes);
    let mut facts = vec![
        ("adapter", adapter.name.clone()),
        ("kind", adapter.kind.to_string()),
        (
            "vendor, device",
            format!("{:#06x}, {:#06x}", adapter.vendor_id, adapter.device_id),
        ),
        ("backend", adapter.backend.clone()),
        ("driver", joined(&adapter.driver, &adapter.driver_info)),
        ("system", host.os.clone()),
        ("processor", host.cpu.clone()),
        ("memory of the host", memory),
        ("sensors", host.sensors.clone()),
        ("program", program(tool)),
        ("measured at", host.utc.clone()),
        ("measurement", results.id()),
        ("schema", results.schema().to_owned()),
        ("seed", results.seed().to_string()),
    ];
    facts.extend(settings(results));
    facts.extend(results.note().map(|note| ("note", note.to_owned())));
    facts
}

fn program(tool: &Tool) -> String {
    let versions = versions(tool);
    if tool.naga.is_empty() {
        return versions;
    }
    format!("{versions}, naga {}", tool.naga)
}

/// Adapter, time and program of each of `inputs`, what several share once.
pub(super) fn origin(inputs: &[Input]) -> String {
    let distinct = |fact: fn(&Results) -> String| {
        let mut facts: Vec<String> = Vec::new();
        for fact in inputs.iter().map(|input| fact(&input.results)) {
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
        facts.join(", ")
    };
    let facts = [
        distinct(|results| results.adapter().describe()),
        distinct(|results| results.host().utc.clone()),
        distinct(|results| versions(results.tool())),
    ];
    facts.join("; ")
}

fn joined(name: &str, details: &str) -> String {
    [name, details]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

fn settings(results: &Results) -> Vec<(&'static str, String)> {
    match results {
        Results::Run(run) => {
            let settings = &run.settings;
            let checks = match settings.checks {
                Checks::On => "on",
                Checks::Off => "off",
            };
            let mut facts = vec![
                ("suite", settings.suite.clone()),
                ("runtime checks", checks.to_owned()),
            ];
            let lists = [
                ("operations", settings.operations.join(", ")),
                ("kernels", settings.kernels.join(", ")),
                ("tuned for", settings.tuning.clone().unwrap_or_default()),
            ];
            facts.extend(lists.into_iter().filter(|(_, text)| !text.is_empty()));
            facts
        }
        Results::Roofline(roofline) if !roofline.tool.is_own() => {
            vec![("lasted", format_seconds(roofline.settings.lasted_s))]
        }
        Results::Roofline(roofline) => {
            let settings = &roofline.settings;
            let scope = if settings.quick { "quick" } else { "full" };
            vec![
                ("scope", format!("{scope} roofline")),
                ("lasted", format_seconds(settings.lasted_s)),
                ("pools of memory", format_bytes(settings.pool_bytes)),
            ]
        }
    }
}
