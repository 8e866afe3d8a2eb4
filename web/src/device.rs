//! The device, which all work of the page shares, and the wish to stop.

use crate::failure::Failure;
use ridgepoint::Error;
use ridgepoint::gpu::{Gpu, GpuOptions};
use ridgepoint::ops::FAMILIES;
use ridgepoint::render::{document_data, list};
use ridgepoint::report::{LIST_SCHEMA, List, ListedAdapter, ListedSuite, Tool};
use ridgepoint::suite::suites;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static GPU: RefCell<Option<Rc<Gpu>>> = const { RefCell::new(None) };
    static STOP: Cell<bool> = const { Cell::new(false) };
}

/// Asks the work that goes on to end behind the sample that is being taken.
#[wasm_bindgen]
pub fn stop() {
    STOP.set(true);
}

/// Whether somebody asked to stop.
pub(crate) fn is_stopped() -> bool {
    STOP.get()
}

/// The device for new work: the open one, or one that is opened now.
pub(crate) async fn device() -> Result<Rc<Gpu>, Failure> {
    STOP.set(false);
    if let Some(gpu) = GPU.with_borrow(Clone::clone) {
        match gpu.fault() {
            // The next lines open another one.
            Err(Error::DeviceLost { .. }) => GPU.set(None),
            // An uncaptured error of earlier work is told once, and is not this work's.
            _ => return Ok(gpu),
        }
    }
    let gpu = Rc::new(Gpu::open(&GpuOptions::default()).await?);
    GPU.set(Some(Rc::clone(&gpu)));
    Ok(gpu)
}

/// The page's choices, and what it shows of the adapter.
#[derive(Serialize)]
struct Opened {
    adapter: String,
    driver: String,
    version: String,
    /// [`document_data`] of the list of adapters and suites.
    list: String,
    suites: Vec<ListedSuite>,
    operations: Vec<Choice>,
}

/// An operation, and names of its kernels.
#[derive(Serialize)]
struct Choice {
    name: &'static str,
    shape: &'static str,
    kernels: Vec<&'static str>,
}

/// Opens the device, and returns what the page shows of it.
///
/// # Errors
/// A failure as JSON.
///
/// # Panics
/// Never: all of it is texts and numbers.
#[wasm_bindgen]
pub async fn open() -> Result<String, wasm_bindgen::JsValue> {
    let gpu = device().await?;
    let summary = gpu.summary();
    let listed: Vec<ListedSuite> = suites().iter().map(|s| s.listed(summary.kind)).collect();
    let document = list(&List {
        schema: LIST_SCHEMA,
        tool: Tool::current(),
        adapters: vec![ListedAdapter {
            index: 0,
            summary: summary.clone(),
            unable: summary.unable(),
            tuning: None,
        }],
        operations: Vec::new(),
        suites: Vec::new(),
    });
    let operations = FAMILIES.iter().map(|family| Choice {
        name: family.name,
        shape: family.shape_form,
        kernels: family.kernels.iter().map(|kernel| kernel.name).collect(),
    });
    let opened = Opened {
        adapter: summary.name.clone(),
        driver: summary.driver_text(),
        version: Tool::current().version,
        list: document_data(&document),
        suites: listed,
        operations: operations.collect(),
    };
    Ok(serde_json::to_string(&opened).expect("texts and numbers have a JSON form"))
}
