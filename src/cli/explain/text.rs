//! An explained shape as a document.

use super::record::{Record, StageRecord};
use super::roof::RoofRecord;
use ridgepoint::Operation;
use ridgepoint::plan::Preview;
use ridgepoint::render::{Cell, Column, Document, Line, Section, Table};
use ridgepoint::report::{Bound, StageStatistics, Warning};
use ridgepoint::units::Unit;

/// The document of one shape.
pub(super) fn document(
    operation: &dyn Operation,
    preview: &Preview,
    record: &Record,
    device: &str,
) -> Document {
    let (flops, bytes) = (operation.flops() as f64, operation.min_bytes() as f64);
    let intensity = if bytes > 0.0 { flops / bytes } else { 0.0 };
    let facts = [
        ("kernel", Cell::text(&record.kernel)),
        ("why", Cell::text(preview.reason.replace('\n', " "))),
        (
            "constants",
            Cell::List(record.constants.split(' ').map(str::to_owned).collect()),
        ),
        (
            "FLOPs",
            // Prefixes of a rate, without the rate.
            Cell::text(Unit::FlopsPerSecond.format(flops).trim_end_matches("/s")),
        ),
        (
            "bytes",
            Cell::text(format!("{} at least", Unit::Bytes.format(bytes))),
        ),
        ("intensity", Cell::quantity(intensity, Unit::FlopsPerByte)),
    ];
    let scratch = Cell::quantity(preview.scratch_bytes() as f64, Unit::Bytes);
    let facts = Table {
        columns: vec![Column::left(""), Column::prose("")],
        lines: facts
            .into_iter()
            .chain(roof(record.roof.as_ref(), preview))
            .chain([("scratch", scratch)])
            .map(|(name, value)| Line::of([Cell::text(name), value]))
            .collect(),
    };
    let title = format!(
        "{} {} {} on {device}",
        record.operation, record.dtype, record.shape
    );
    let stages = record.stages.iter().map(stage);
    let stages = Section::table("stages, as the driver compiles them", table(stages));
    Document::of([
        Section::table(title, facts),
        stages,
        Section::paragraph(legend(&record.stages)),
        Section::paragraph(warning(&record.stages)),
    ])
}

/// Roof of a shape in words; the rule in its place where no ceilings are known. A shape without elements to compute has none.
fn roof(roof: Option<&RoofRecord>, preview: &Preview) -> Vec<(&'static str, Cell)> {
    if preview.schedule.steps.is_empty() {
        let reason = "none: the shape has no elements to compute, and nothing is dispatched";
        return vec![("roof", Cell::text(reason))];
    }
    let Some(roof) = roof else {
        let rule = "memory's below the ridge point of the device, arithmetic's above it; `--measure` measures both, \
                    `--ceilings FILE` takes those of a run or a roofline";
        return vec![("roof", Cell::text(rule))];
    };
    let whose = match roof.bound {
        Bound::Memory => "memory's",
        Bound::Compute => "arithmetic's",
    };
    let value = Unit::of(&roof.unit).format(roof.value);
    let ridge_point = Cell::quantity(roof.ridge_point, Unit::FlopsPerByte);
    // A shape without FLOPs reaches the bandwidth that the roof names.
    let attainable = roof
        .attainable
        .map(|rate| ("attainable", Cell::quantity(rate, Unit::FlopsPerSecond)));
    let mut facts = vec![
        (
            "roof",
            Cell::text(format!("{whose}, {}: {value}", roof.ceiling)),
        ),
        ("ridge point", ridge_point),
    ];
    facts.extend(attainable);
    facts.extend([
        ("least time", Cell::quantity(roof.least_s, Unit::Seconds)),
        ("ceilings", Cell::text(&roof.ceilings)),
    ]);
    facts
}

/// The document of many shapes: one line for each distinct code.
pub(super) fn overview(records: &[Record], device: &str) -> Document {
    let mut seen = std::collections::HashSet::new();
    let mut lines = Vec::new();
    let mut stages = Vec::new();
    for record in records {
        for stage_record in &record.stages {
            let StageStatistics { file, code, .. } = &stage_record.statistics;
            if seen.insert((file.clone(), code.clone())) {
                let (mut name, cells) = stage(stage_record);
                name = format!(
                    "{} {} {}: {name}",
                    record.operation, record.dtype, record.shape
                );
                lines.push((name, cells));
                stages.push(stage_record.clone());
            }
        }
    }
    Document::of([
        Section::table(
            format!("every distinct code that {device} gets, with the first shape that has it"),
            table(lines),
        ),
        Section::paragraph(legend(&stages)),
        Section::paragraph(warning(&stages)),
    ])
}

/// The cells of a stage: its file, then its figures.
fn stage(stage: &StageRecord) -> (String, Vec<Cell>) {
    let count = |value: Option<u64>| value.map_or(Cell::Missing(None), Cell::Count);
    let found = &stage.statistics;
    let spills = match (found.spills, found.fills, found.spills_in_loops) {
        (None, ..) => Cell::Missing(stage.error.clone()),
        (Some(0), Some(0) | None, _) => Cell::Count(0),
        (Some(spills), fills, in_loops) => Cell::text(format!(
            "{spills}/{}, {} in loops",
            fills.map_or("?".to_owned(), |fills| fills.to_string()),
            in_loops.map_or("?".to_owned(), |count| count.to_string())
        )),
    };
    let ratio = found
        .instructions_of_multiply_add
        .map_or(Cell::Missing(None), |ratio| {
            Cell::text(format!("{ratio:.2}"))
        });
    let cells = vec![
        count(found.subgroup_size.map(u64::from)),
        count(found.registers),
        spills,
        count(found.occupancy),
        count(found.instructions),
        ratio,
        Cell::quantity_or(found.seconds, Unit::Seconds, Cell::Missing(None)),
    ];
    (found.file.clone(), cells)
}

fn table(lines: impl IntoIterator<Item = (String, Vec<Cell>)>) -> Table {
    let lines = lines.into_iter().map(|(name, cells)| {
        let name = std::iter::once(Cell::text(name));
        Line::of(name.chain(cells))
    });
    Table {
        columns: vec![
            Column::left("stage"),
            Column::right("subgroup"),
            Column::right("registers"),
            Column::right("spills"),
            Column::right("held"),
            Column::right("instructions"),
            Column::right("per FMA"),
            Column::right("compiled in"),
        ],
        lines: lines.collect(),
    }
}

fn legend(stages: &[StageRecord]) -> String {
    if stages.iter().all(|stage| stage.statistics.code.is_none()) {
        return "unknown: registers, spills and occupancy, which the driver of this device does not tell".to_owned();
    }
    "spills: registers stored to memory and loaded back; held: what a core holds at a time, in the driver's unit; per FMA: \
     instructions of the loops that multiply for each multiply-add in them"
        .to_owned()
}

/// A sentence where a stage spills or is refused; none where all is well.
fn warning(stages: &[StageRecord]) -> String {
    let spilling = stages
        .iter()
        .filter(|stage| stage.statistics.has_spills_in_loops());
    let refused = stages.iter().filter(|stage| stage.error.is_some());
    let names = |found: &mut dyn Iterator<Item = &StageRecord>| {
        let mut names: Vec<String> = found.map(|stage| stage.statistics.file.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let mut text = Vec::new();
    let spilling = names(&mut spilling.into_iter());
    if !spilling.is_empty() {
        let spills = Warning::RegisterSpills { stages: spilling };
        text.push(format!(
            "warning: {}; `ridgepoint tune` looks for constants that are faster",
            spills.what()
        ));
    }
    let refused = names(&mut refused.into_iter());
    if !refused.is_empty() {
        let refused = refused.join(", ");
        text.push(format!("warning: the driver does not compile {refused}"));
    }
    text.join("; ")
}
