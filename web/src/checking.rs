//! The gates: whether results on this adapter can be trusted.

use crate::device::{device, is_stopped};
use crate::failure::{Failure, read};
use crate::told::Told;
use js_sys::Function;
use ridgepoint::check::{self, Gate, Outcome};
use ridgepoint::ops::{FAMILIES, Family, family};
use ridgepoint::render::{Table, gate, gate_columns, table_data};
use ridgepoint::shader::Checks;
use ridgepoint::{Error, Gpu};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Seed of the operands' values.
const SEED: u32 = 1;

/// Asks the gates of the kernels of `operations`, a JSON list of names, each perhaps with a shape that is not looked at; of every
/// operation where there is none. `told` learns of each gate, and of the table so far. Returns how many passed, failed and were
/// skipped, in words.
///
/// # Errors
/// A failure as JSON.
#[wasm_bindgen(js_name = check)]
pub async fn check_all(operations: &str, told: &Function) -> Result<String, JsValue> {
    let named: Vec<String> = read(operations)?;
    let wanted = families(&named).map_err(Failure::from)?;
    let gpu = device().await?;
    let asked = gates(&gpu, &wanted, Told(told)).await;
    Ok(asked.map_err(Failure::from)?)
}

/// The operations of `named`, or all.
///
/// # Errors
/// [`Error::UnknownName`] with near names.
fn families(named: &[String]) -> ridgepoint::Result<Vec<&'static Family>> {
    if named.is_empty() {
        return Ok(FAMILIES.to_vec());
    }
    let name = |text: &String| family(text.split(':').next().unwrap_or(text));
    named.iter().map(name).collect()
}

async fn gates(
    gpu: &Gpu,
    wanted: &[&'static Family],
    told: Told<'_>,
) -> ridgepoint::Result<String> {
    let kernels: Vec<_> = wanted
        .iter()
        .flat_map(|family| family.kernels.iter().map(|kernel| (*family, *kernel)))
        .collect();
    let names: Vec<String> = kernels.iter().map(|(_, k)| check::name_of(k)).collect();
    let mut asked = Asked {
        table: Table {
            columns: gate_columns(names.iter().map(String::as_str)),
            lines: Vec::new(),
        },
        counts: [0; 3],
    };
    let all = kernels.len() + 1;
    told.begin(check::TIMESTAMPS, 0, all);
    asked.add(&check::timestamps(gpu).await?, told);
    for (i, (family, kernel)) in kernels.into_iter().enumerate() {
        if is_stopped() {
            return Err(Error::Interrupted);
        }
        told.begin(kernel.name, i + 1, all);
        let gate = check::kernel(gpu, family, kernel, Checks::On, SEED, None).await?;
        asked.add(&gate, told);
    }
    let [passed, failed, skipped] = asked.counts;
    Ok(format!(
        "{passed} passed, {failed} failed, {skipped} skipped"
    ))
}

/// The gates so far.
struct Asked {
    table: Table,
    /// Gates that passed, failed and were skipped.
    counts: [usize; 3],
}

impl Asked {
    fn add(&mut self, asked: &Gate, told: Told<'_>) {
        let place = match asked.outcome {
            Outcome::Pass => 0,
            Outcome::Fail => 1,
            Outcome::Skipped => 2,
        };
        self.counts[place] += 1;
        self.table.lines.push(gate(asked));
        told.table(&table_data(&self.table));
    }
}
