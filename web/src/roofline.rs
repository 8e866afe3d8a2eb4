//! The roofline of the adapter: the ceilings that runs use, or all there is.

use crate::device::{device, is_stopped};
use crate::failure::{Failure, read};
use crate::told::Told;
use js_sys::Function;
use ridgepoint::bench::HostLoad;
use ridgepoint::report::Host;
use ridgepoint::roofline::{Circumstances, ProbeOptions, Scope, Session};
use serde::Deserialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_time::Instant;

/// Seed of the probes' data.
const SEED: u32 = 1;

/// How much to measure, and where.
#[derive(Debug, Deserialize)]
struct Wanted {
    is_quick: bool,
    host: Host,
    note: Option<String>,
}

/// Measures the ceilings that `wanted` names, as JSON; `told` learns of each part and, at the end, of the results.
///
/// # Errors
/// A failure as JSON; the results so far were told before.
#[wasm_bindgen(js_name = roofline)]
pub async fn measure(wanted: &str, told: &Function) -> Result<(), JsValue> {
    let wanted: Wanted = read(wanted)?;
    let began = Instant::now();
    let gpu = device().await?;
    let told = Told(told);
    let scope = if wanted.is_quick {
        Scope::Quick
    } else {
        Scope::Full
    };
    let options = ProbeOptions::of(gpu.capabilities().kind, scope, SEED);
    let part_begins = |part: &str| told.begin(part, 0, 0);
    let others = HostLoad::default();
    let mut session = Session::new(
        &gpu,
        options.clone(),
        scope,
        &is_stopped,
        &part_begins,
        others,
    );
    let ended = session.run().await;
    let how = Circumstances {
        options: &options,
        scope,
        host: wanted.host,
        note: wanted.note,
        lasted: began.elapsed(),
    };
    told.results(&session.figures().clone().report(&gpu, how).to_json());
    Ok(ended.map_err(Failure::from)?)
}
