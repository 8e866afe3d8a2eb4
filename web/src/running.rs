//! A run of suites, row after row.

use crate::device::{device, is_stopped};
use crate::failure::{Failure, read};
use crate::told::Told;
use js_sys::Function;
use ridgepoint::render::{Rows, Table, table_data};
use ridgepoint::report::{Host, Report};
use ridgepoint::shader::Checks;
use ridgepoint::suite::{Measured, Observer, Run, RunOptions, Selection, SelectionNames, planned};
use serde::Deserialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Workloads of a run, and the machine that they run on.
#[derive(Debug, Deserialize)]
struct Wanted {
    names: SelectionNames,
    host: Host,
    note: Option<String>,
}

/// Measures what `wanted` names, as JSON; `told` learns of each part, of the table and of the results so far.
///
/// # Errors
/// A failure as JSON; the results so far were told before.
#[wasm_bindgen]
pub async fn run(wanted: &str, told: &Function) -> Result<(), JsValue> {
    let wanted: Wanted = read(wanted)?;
    let selection = Selection::new(wanted.names, None).map_err(Failure::from)?;
    let gpu = device().await?;
    let limits = &gpu.capabilities().limits;
    selection.require_room(limits).map_err(Failure::from)?;
    let options = RunOptions {
        checks: Checks::On,
        ..RunOptions::of(&selection, gpu.summary().kind)
    };
    let mut report = planned(&gpu, &selection, &options, wanted.host);
    report.settings.note = wanted.note;
    let run = Run::new(&gpu, &selection, options, &is_stopped);
    let told = Told(told);
    let rows = Rows::planned(run.cases(), false);
    let mut shown = Shown {
        told,
        all: run.cases().len(),
        done: 0,
        table: Table {
            columns: rows.columns().to_vec(),
            lines: Vec::new(),
        },
        rows,
    };
    told.results(&report.to_json());
    let ended = run.measure(&mut report, &mut shown).await;
    told.results(&report.to_json());
    Ok(ended.map_err(Failure::from)?)
}

/// A run as the page sees it.
struct Shown<'a> {
    told: Told<'a>,
    all: usize,
    done: usize,
    rows: Rows,
    table: Table,
}

impl Observer for Shown<'_> {
    fn begin(&mut self, part: &str) {
        self.told.begin(part, self.done, self.all);
    }

    fn measured(&mut self, report: &Report, what: Measured) {
        if what == Measured::Row
            && let Some(row) = report.rows.last()
        {
            self.done += 1;
            self.table.lines.push(self.rows.line(row));
            self.told.table(&table_data(&self.table));
        }
        self.told.results(&report.to_json());
    }
}
