//! Texts as browsers get them, for a browser's compiler. `make web-test` names the file that they are written to.

use super::files::{chosen, variants};
use ridgepoint::gpu::FAKES;
use ridgepoint::shader::{Prepared, for_browsers};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The file, of JSON: without it nothing is written.
const FILE: &str = "RIDGEPOINT_BROWSER_TEXTS";

/// Every text that a browser can get: files, presets and probes, and what is chosen for each shape that suites and tuner know on
/// each fake device. Each text once.
fn texts() -> Vec<Arc<Prepared>> {
    let mut found: BTreeMap<u64, Arc<Prepared>> = BTreeMap::new();
    for (_, text) in variants() {
        found.insert(text.hash(), text);
    }
    // A device takes seconds, and a machine has several cores.
    std::thread::scope(|scope| {
        let each: Vec<_> = FAKES
            .iter()
            .map(|fake| {
                scope.spawn(move || {
                    let mut device = (fake.capabilities)();
                    device.features.remove(wgpu::Features::SUBGROUP_BARRIER);
                    device.cooperative.clear();
                    chosen(&device)
                })
            })
            .collect();
        for device in each {
            found.extend(device.join().unwrap());
        }
    });
    let has_fragments = |text: &Prepared| text.wgsl.contains("enable wgpu_cooperative_matrix;");
    let texts = found.into_values();
    texts.filter(|text| !has_fragments(text)).collect()
}

#[test]
fn texts_of_browsers_are_written_where_somebody_compiles_them() {
    let Some(file) = std::env::var_os(FILE) else {
        eprintln!("skipped: {FILE} names no file");
        return;
    };
    let texts = texts();
    assert!(texts.len() > 100, "{} texts", texts.len());
    let written: Vec<_> = texts
        .iter()
        .map(|text| {
            serde_json::json!({
                "name": text.name,
                "code": for_browsers(&text.wgsl, true),
                "set": text.set,
                "f16": text.wgsl.contains("enable f16;"),
            })
        })
        .collect();
    std::fs::write(file, serde_json::to_string(&written).unwrap()).unwrap();
}
