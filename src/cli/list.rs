//! `ridgepoint list`: the adapters, and the operations and kernels with what they need.

use super::args::ListArguments;
use super::layout::{self, paragraph};
use super::progress::print;
use super::{OK, adapter, tunings};
use comfy_table::{CellAlignment, Row as Line};
use ridgepoint::gpu::{AdapterChoice, adapters, find};
use ridgepoint::kernel::Kernel;
use ridgepoint::ops::{FAMILIES, Family};
use ridgepoint::report::{AdapterSummary, Tool};
use ridgepoint::shader::{Loops, Prepared};
use ridgepoint::suite::SUITES;
use ridgepoint::units::format_bytes;
use ridgepoint::{Error, Result};
use serde::Serialize;

/// The schema of `list --json`.
const SCHEMA: &str = "ridgepoint.list/1";

#[derive(Serialize)]
struct List {
    schema: &'static str,
    tool: Tool,
    adapters: Vec<Adapter>,
    operations: Vec<Operation>,
    suites: Vec<Suite>,
}

#[derive(Serialize)]
struct Adapter {
    /// What `--adapter` calls it.
    index: usize,
    #[serde(flatten)]
    summary: AdapterSummary,
    /// What `tune` kept for it, in words; null where nothing is.
    tuning: Option<String>,
}

#[derive(Serialize)]
struct Operation {
    name: &'static str,
    about: &'static str,
    shape: &'static str,
    kernels: Vec<Needs>,
}

/// A kernel with what it needs of an adapter.
#[derive(Serialize)]
struct Needs {
    name: &'static str,
    about: &'static str,
    dtypes: Vec<&'static str>,
    features: Vec<String>,
    workgroup_invocations: u32,
    workgroup_bytes: u32,
    /// The files under `shaders/` that it dispatches.
    shaders: Vec<&'static str>,
}

#[derive(Serialize)]
struct Suite {
    name: &'static str,
    about: &'static str,
}

/// Prints everything there is, and returns the exit status.
pub(crate) async fn list(arguments: &ListArguments, wanted: &adapter::Wanted) -> Result<u8> {
    let found = adapters(wanted.options.backends).await;
    // Without an adapter there still are the operations to be shown.
    let chosen = match find(&found, &wanted.options) {
        Err(error @ Error::NoAdapter { .. }) => Err(error),
        other => Ok(other?),
    };
    let is_shown = |index: usize| match wanted.options.adapter {
        AdapterChoice::Fastest => true,
        _ => chosen.as_ref().is_ok_and(|chosen| *chosen == index),
    };
    let adapters = found
        .into_iter()
        .enumerate()
        .filter(|(index, _)| is_shown(*index));
    let store = arguments.cache.store().ok();
    let tuning =
        |summary: &AdapterSummary| store.as_ref().and_then(|s| tunings::summary(s, summary));
    let list = List {
        schema: SCHEMA,
        tool: Tool::current(),
        adapters: adapters
            .map(|(index, summary)| Adapter {
                index,
                tuning: tuning(&summary),
                summary,
            })
            .collect(),
        operations: FAMILIES
            .iter()
            .map(|family| operation(family))
            .collect::<Result<_>>()?,
        suites: SUITES
            .iter()
            .map(|s| Suite {
                name: s.name,
                about: s.about,
            })
            .collect(),
    };
    if arguments.json {
        print(&serde_json::to_string_pretty(&list).expect("names, texts and numbers are JSON"));
    } else {
        print(&text(&list));
    }
    chosen.map(|_| OK)
}

fn operation(family: &'static Family) -> Result<Operation> {
    Ok(Operation {
        name: family.name,
        about: family.about,
        shape: family.shape_form,
        kernels: family
            .kernels
            .iter()
            .map(|kernel| needs(kernel))
            .collect::<Result<_>>()?,
    })
}

fn needs(kernel: &'static Kernel) -> Result<Needs> {
    let stages = kernel.prepare(&kernel.preset(0), Loops::AsWritten, wgpu::Features::all())?;
    let features = kernel
        .features
        .iter_names()
        .map(|(name, _)| name.to_lowercase());
    let mut shaders: Vec<_> = stages.iter().map(|stage| stage.name).collect();
    shaders.dedup();
    Ok(Needs {
        name: kernel.name,
        about: kernel.about,
        dtypes: kernel.dtypes.iter().map(|dtype| dtype.name()).collect(),
        features: features.collect(),
        workgroup_invocations: stages.iter().map(Prepared::invocations).max().unwrap_or(0),
        workgroup_bytes: stages.iter().map(|s| s.workgroup_bytes).max().unwrap_or(0),
        shaders,
    })
}

fn text(list: &List) -> String {
    let mut lines = vec!["adapters, as --adapter names them".to_owned()];
    if list.adapters.is_empty() {
        lines.push("  none".to_owned());
    }
    for adapter in &list.adapters {
        lines.extend(adapter_lines(adapter));
    }
    lines.push(
        "\noperations, as --op names them, and their kernels with what each needs".to_owned(),
    );
    let width = layout::widest(
        list.operations
            .iter()
            .flat_map(|o| &o.kernels)
            .map(|k| k.name),
    );
    for operation in &list.operations {
        let Operation {
            name, about, shape, ..
        } = operation;
        lines.push(paragraph("  ", &format!("{name}: {about}; shape {shape}")));
        lines.extend(
            operation
                .kernels
                .iter()
                .map(|kernel| kernel_line(kernel, width)),
        );
    }
    lines.push("\nsuites, as --suite names them".to_owned());
    lines.extend(
        list.suites
            .iter()
            .map(|s| paragraph("  ", &format!("{}: {}", s.name, s.about))),
    );
    lines.join("\n")
}

fn adapter_lines(adapter: &Adapter) -> Vec<String> {
    let Adapter {
        index,
        summary,
        tuning,
    } = adapter;
    let none = || "nothing; `ridgepoint tune` searches".to_owned();
    let subgroups = match (summary.subgroup_min, summary.subgroup_max) {
        (0, 0) => "unknown".to_owned(),
        (min, max) if min == max => format!("{min} lanes"),
        (min, max) => format!("{min} to {max} lanes"),
    };
    let shape = |s: &ridgepoint::report::CooperativeShape| {
        format!("{}x{}x{} {} -> {}", s.m, s.n, s.k, s.input, s.accumulator)
    };
    let cooperative: Vec<String> = summary.cooperative_matrix.iter().map(shape).collect();
    let or_none = |text: String| {
        if text.is_empty() {
            "none".to_owned()
        } else {
            text
        }
    };
    let facts = [
        ("subgroups", subgroups),
        ("features", or_none(summary.features.join(", "))),
        ("limits", limits(summary)),
        ("cooperative", or_none(cooperative.join(", "))),
        ("tuned", tuning.clone().unwrap_or_else(none)),
    ];
    let first = paragraph(&format!("  {index}  "), &summary.describe());
    let fact = |(name, value): (&str, String)| paragraph(&format!("     {name:<12}"), &value);
    std::iter::once(first).chain(facts.map(fact)).collect()
}

/// The limits that decide, in words; sizes first.
const LIMITS: [(&str, &str); 7] = [
    ("max_buffer_size", "buffer"),
    ("max_storage_buffer_binding_size", "binding"),
    ("max_compute_workgroup_storage_size", "workgroup memory"),
    ("min_storage_buffer_offset_alignment", "alignment"),
    (
        "max_compute_invocations_per_workgroup",
        "invocations a workgroup",
    ),
    (
        "max_compute_workgroups_per_dimension",
        "workgroups a dimension",
    ),
    ("max_storage_buffers_per_shader_stage", "storage buffers"),
];

fn limits(summary: &AdapterSummary) -> String {
    let shown = |(i, (name, words)): (usize, (&str, &str))| {
        let value = *summary.limits.get(name)?;
        let value = if i < 4 {
            format!("{words} {}", format_bytes(value))
        } else {
            format!("{value} {words}")
        };
        Some(value.replace(' ', layout::NO_BREAK))
    };
    let shown: Vec<String> = LIMITS.into_iter().enumerate().filter_map(shown).collect();
    shown.join(", ")
}

fn kernel_line(kernel: &Needs, width: u16) -> String {
    let mut needs = vec![
        kernel.dtypes.join(" or "),
        format!("{} invocations", kernel.workgroup_invocations),
    ];
    if kernel.workgroup_bytes > 0 {
        needs.push(format!(
            "{} of workgroup memory",
            format_bytes(kernel.workgroup_bytes.into())
        ));
    }
    needs.extend(kernel.features.iter().cloned());
    let mut columns = vec![(2, CellAlignment::Left), (width, CellAlignment::Left)];
    columns.push((layout::rest(&columns).max(20), CellAlignment::Left));
    let text = format!("{}; {}", kernel.about, needs.join(", "));
    layout::lines(&columns, vec![Line::from(vec!["", kernel.name, &text])])
}
