//! The list of runs, for every format.

use super::database::Run;
use ridgepoint::render::{Cell, Column, Document, Line, Priority, Section, Subject, Table};
use ridgepoint::report::Input;
use ridgepoint::report::flat::{Sheet, Value};

/// Runs to list.
#[derive(Debug)]
pub(super) struct Listing(pub(super) Vec<Run>);

impl Subject for Listing {
    fn title(&self) -> String {
        format!("History of {} runs", self.0.len())
    }

    fn inputs(&self) -> &[Input] {
        &[]
    }

    fn documents(&self) -> Vec<Document> {
        if self.0.is_empty() {
            return vec![Document::of([Section::paragraph(
                "the history has no run yet",
            )])];
        }
        let table = Table {
            columns: vec![
                Column::right("run"),
                Column::left("id"),
                Column::left("begun"),
                Column::left("adapter"),
                Column::left("driver").priority(Priority::Medium),
                Column::left("backend").priority(Priority::Low),
                Column::left("suite"),
                Column::left("checks").priority(Priority::Low),
                Column::left("version").priority(Priority::Medium),
                Column::right("measurements").priority(Priority::Low),
                Column::left("file").priority(Priority::Below),
            ],
            lines: self.0.iter().map(line).collect(),
        };
        vec![Document::of([Section::table("", table)])]
    }

    fn sheet(&self) -> Sheet<'_> {
        let lines = self.0.iter().map(|run| {
            vec![
                run.number.into(),
                (&run.id).into(),
                (&run.time_utc).into(),
                (&run.adapter).into(),
                (&run.driver).into(),
                (&run.backend).into(),
                (&run.suite).into(),
                (&run.checks).into(),
                (&run.tool_version).into(),
                Value::from(run.measurements),
                (&run.file).into(),
            ]
        });
        Sheet {
            columns: vec![
                "number",
                "run_id",
                "time_utc",
                "adapter",
                "driver",
                "backend",
                "suite",
                "checks",
                "tool_version",
                "measurements",
                "file",
            ],
            lines: lines.collect(),
        }
    }
}

fn line(run: &Run) -> Line {
    Line::of([
        Cell::Count(run.number),
        Cell::text(&run.id),
        Cell::text(&run.time_utc),
        Cell::text(&run.adapter),
        Cell::text(&run.driver),
        Cell::text(&run.backend),
        Cell::text(&run.suite),
        Cell::text(&run.checks),
        Cell::text(&run.tool_version),
        Cell::Count(run.measurements),
        Cell::text(&run.file),
    ])
}
