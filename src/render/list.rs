//! A list of adapters, kernels and suites as a document.

use super::table::{Cell, Column, Content, Document, Line, Priority, Section, Table, legend};
use crate::report::{
    AdapterSummary, List, ListedAdapter, ListedKernel, ListedOperation, ListedSuite,
};
use crate::units::{Unit, format_about, format_bytes};

/// Document of everything there is.
#[must_use]
pub fn list(list: &List) -> Document {
    let mut sections = vec![Section {
        title: "adapters, as --adapter names them".to_owned(),
        content: if list.adapters.is_empty() {
            Content::Text(vec!["none".to_owned()])
        } else {
            Content::Table(adapters(&list.adapters))
        },
    }];
    let operations = list.operations.iter().map(|operation| {
        let ListedOperation { about, shape, .. } = operation;
        (operation.name, format!("{about}; shape {shape}"))
    });
    let kernels = kernels(&list.operations);
    let legend = Section::paragraph(legend(&kernels.columns));
    sections.extend([
        Section::table("operations, as --op names them", named(operations)),
        Section::table(
            "kernels, as --kernel names them, with what each needs",
            kernels,
        ),
        legend,
        Section::table("suites, as --suite names them", suites(&list.suites)),
    ]);
    Document::of(sections)
}

/// Table of the suites.
fn suites(suites: &[ListedSuite]) -> Table {
    let line = |suite: &ListedSuite| {
        Line::of([
            Cell::text(suite.name),
            Cell::Count(suite.rows as u64),
            Cell::text(format_about(suite.expected_s)),
            Cell::text(suite.about),
        ])
    };
    Table {
        columns: vec![
            Column::left(""),
            Column::right("rows"),
            Column::right("takes"),
            Column::prose(""),
        ],
        lines: suites.iter().map(line).collect(),
    }
}

/// Table of the facts about each adapter.
fn adapters(adapters: &[ListedAdapter]) -> Table {
    let lines = adapters.iter().flat_map(|adapter| {
        let facts = facts(adapter).into_iter().enumerate();
        facts.map(|(i, (name, value))| Line {
            group: Some(adapter.index.to_string()),
            cells: vec![
                if i == 0 {
                    Cell::Count(adapter.index as u64)
                } else {
                    Cell::Empty
                },
                Cell::text(name),
                value,
            ],
        })
    });
    Table {
        columns: vec![Column::left(""), Column::left(""), Column::prose("")],
        lines: lines.collect(),
    }
}

/// Facts about an adapter, each by its name.
fn facts(adapter: &ListedAdapter) -> Vec<(&'static str, Cell)> {
    let summary = &adapter.summary;
    let subgroups = match (summary.subgroup_min, summary.subgroup_max) {
        (0, 0) => "unknown".to_owned(),
        (min, max) if min == max => format!("{min} lanes"),
        (min, max) => format!("{min} to {max} lanes"),
    };
    let shapes = summary.cooperative_matrix.iter().map(|shape| {
        if shape.is_nameable() {
            shape.to_string()
        } else {
            format!("{shape} (no form in WGSL)")
        }
    });
    let mut facts = vec![("adapter", Cell::text(summary.describe()))];
    if let Some(reason) = &adapter.unable {
        // Nothing else matters of it.
        facts.push(("unable", Cell::text(format!("cannot compute: {reason}"))));
        return facts;
    }
    let tuning = adapter.tuning.clone();
    let is_browser = summary.backend == "webgpu";
    let none = || {
        let text = if is_browser {
            "nothing; a page keeps no tunings"
        } else {
            "nothing; `ridgepoint tune` searches"
        };
        text.to_owned()
    };
    let cooperative = if is_browser {
        Cell::text("none; subgroup matrices, a draft that some browsers have, are not used")
    } else {
        names(shapes.collect())
    };
    facts.extend([
        ("subgroups", Cell::text(subgroups)),
        ("features", names(summary.features.clone())),
        ("limits", names(limits(summary))),
        ("cooperative", cooperative),
        ("tuned", Cell::text(tuning.unwrap_or_else(none))),
    ]);
    facts
}

fn names(names: Vec<String>) -> Cell {
    if names.is_empty() {
        Cell::text("none")
    } else {
        Cell::List(names)
    }
}

/// Limits that decide which kernels run, and the words for each; sizes in bytes first.
const SIZES: [(&str, &str); 4] = [
    ("max_buffer_size", "buffer"),
    ("max_storage_buffer_binding_size", "binding"),
    ("max_compute_workgroup_storage_size", "workgroup memory"),
    ("min_storage_buffer_offset_alignment", "alignment"),
];
const COUNTS: [(&str, &str); 3] = [
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

fn limits(summary: &AdapterSummary) -> Vec<String> {
    let value = |name: &str| summary.limits.get(name).copied();
    let size = |(name, words)| Some(format!("{words} {}", format_bytes(value(name)?)));
    let count = |(name, words)| Some(format!("{} {words}", value(name)?));
    let sizes = SIZES.into_iter().filter_map(size);
    sizes.chain(COUNTS.into_iter().filter_map(count)).collect()
}

/// Table of things by their names.
fn named<'a>(things: impl Iterator<Item = (&'a str, String)>) -> Table {
    let line = |(name, about): (&str, String)| Line::of([Cell::text(name), Cell::text(about)]);
    Table {
        columns: vec![Column::left(""), Column::prose("")],
        lines: things.map(line).collect(),
    }
}

/// Table of all kernels, grouped by operation.
fn kernels(operations: &[ListedOperation]) -> Table {
    let of_all = operations
        .iter()
        .flat_map(|operation| operation.kernels.iter().map(move |k| (operation.name, k)));
    Table {
        columns: vec![
            Column::left("operation"),
            Column::left("kernel"),
            Column::left("types")
                .priority(Priority::High)
                .about("of elements"),
            Column::right("invocations")
                .priority(Priority::Low)
                .about("of a workgroup"),
            Column::right("memory")
                .unit(Unit::Bytes)
                .priority(Priority::Medium)
                .about("of a workgroup"),
            Column::left("features")
                .priority(Priority::Below)
                .about("of the device"),
            Column::left("about").priority(Priority::Below),
        ],
        lines: of_all
            .map(|(operation, kernel)| kernel_line(operation, kernel))
            .collect(),
    }
}

fn kernel_line(operation: &str, kernel: &ListedKernel) -> Line {
    let types = kernel.dtypes.iter().map(ToString::to_string).collect();
    let bytes = Some(f64::from(kernel.workgroup_bytes)).filter(|bytes| *bytes > 0.0);
    let features = kernel.features.clone();
    Line {
        group: Some(operation.to_owned()),
        cells: vec![
            Cell::text(operation),
            Cell::text(kernel.name),
            Cell::List(types),
            Cell::Count(kernel.workgroup_invocations.into()),
            Cell::quantity_or(bytes, Unit::Bytes, Cell::Empty),
            if features.is_empty() {
                Cell::Empty
            } else {
                Cell::List(features)
            },
            Cell::text(kernel.about),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Page, terminal};
    use crate::report::{LIST_SCHEMA, ListedSuite, Report, Tool};

    fn nothing() -> List {
        List {
            schema: LIST_SCHEMA,
            tool: Tool::current(),
            adapters: Vec::new(),
            operations: Vec::new(),
            suites: Vec::new(),
        }
    }

    #[test]
    fn a_machine_without_an_adapter_says_so() {
        let text = terminal::document(&list(&nothing()), &Page::default());
        assert!(text.contains("names them\n  none"), "{text}");
    }

    #[test]
    fn an_adapter_that_cannot_compute_says_why_and_nothing_else() {
        let text = std::fs::read_to_string("tests/snapshots/reports/run.json").unwrap();
        let run = Report::from_json(&text).unwrap();
        let listed = |unable: Option<&str>| {
            let list = List {
                adapters: vec![ListedAdapter {
                    index: 0,
                    summary: run.adapter.clone(),
                    unable: unable.map(str::to_owned),
                    tuning: None,
                }],
                ..nothing()
            };
            terminal::document(&super::list(&list), &Page::default())
        };
        let text = listed(Some("it has no compute shaders"));
        assert!(text.contains("cannot compute: it has no compute"), "{text}");
        assert!(!text.contains("subgroups"), "{text}");
        let text = listed(None);
        assert!(
            text.contains("subgroups") && !text.contains("cannot"),
            "{text}"
        );
    }

    #[test]
    fn a_kernel_has_what_it_needs_on_any_page() {
        let kernel = ListedKernel {
            name: "matmul_tiled",
            about: "tiles in workgroup memory",
            dtypes: vec!["f32", "f16"],
            features: vec!["shader_f16".to_owned()],
            workgroup_invocations: 256,
            workgroup_bytes: 2048,
            shaders: Vec::new(),
        };
        let operation = ListedOperation {
            name: "matmul",
            about: "C = A * B",
            shape: "MxNxK",
            kernels: vec![kernel],
        };
        let suite = ListedSuite {
            name: "quick",
            about: "a first look",
            rows: 14,
            expected_s: 12.0,
        };
        let all = List {
            operations: vec![operation],
            suites: vec![suite],
            ..nothing()
        };
        for width in [40, 100] {
            let page = Page {
                width,
                ..Page::default()
            };
            let text = terminal::document(&list(&all), &page);
            for words in [
                "f32, f16",
                "256",
                "2 KiB",
                "features shader_f16",
                "10 s  a first look",
            ] {
                assert!(text.contains(words), "{words}, {width}:\n{text}");
            }
        }
    }
}
