//! Parts of a browser's WebGPU that wgpu 30 leaves out: subgroups, and the names of the adapter.

use crate::report::AdapterSummary;
use crate::report::adapter::UNKNOWN;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/gpu/browser.js")]
extern "C" {
    #[wasm_bindgen(js_name = withSubgroups)]
    fn with_subgroups(request: &mut dyn FnMut());
    #[wasm_bindgen(js_name = hasSubgroups)]
    fn has_subgroups(device: &wgpu::webgpu::GpuDevice) -> bool;
    #[wasm_bindgen(js_name = adapterOf)]
    fn adapter_of(device: &wgpu::webgpu::GpuDevice) -> Vec<String>;
    #[wasm_bindgen(js_name = browser)]
    fn browser() -> Vec<String>;
}

/// Requests a device of `adapter`, with subgroups where the adapter has them: wgpu 30 knows no name for them.
pub(super) async fn request(
    adapter: &wgpu::Adapter,
    descriptor: &wgpu::DeviceDescriptor<'_>,
) -> Result<(wgpu::Device, wgpu::Queue), wgpu::RequestDeviceError> {
    let mut requested = None;
    // Only the call itself is inside: nobody else's request is changed.
    with_subgroups(&mut || requested = Some(adapter.request_device(descriptor)));
    requested.expect("the call was made").await
}

/// Features of `device`, subgroups among them.
pub(super) fn features(device: &wgpu::Device) -> wgpu::Features {
    let mut features = device.features();
    let has = device.as_webgpu().is_some_and(has_subgroups);
    features.set(wgpu::Features::SUBGROUP, has);
    features
}

/// Adds to `summary` what the browser says of the adapter behind `device`. The browser itself takes a driver's place: it
/// decides, as a driver does, what becomes of a shader, and its version changes that.
pub(super) fn describe(summary: &mut AdapterSummary, device: &wgpu::Device) {
    if let Some(device) = device.as_webgpu() {
        let said = adapter_of(device);
        if let [vendor, architecture, device, description] = said.as_slice() {
            summary.name = name([vendor, architecture, device], description);
        }
        if has_subgroups(device) && !summary.features.iter().any(|name| name == "subgroup") {
            summary.features.push("subgroup".to_owned());
        }
    }
    if let [name, version] = browser().as_slice() {
        summary.driver = or_unknown(name);
        summary.driver_info = or_unknown(version);
    }
}

/// Name of an adapter: its description, or the words that there are in place of one, such as `nvidia ampere`.
fn name(words: [&String; 3], description: &str) -> String {
    let words = words.map(String::as_str);
    let known: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let words = known.join(" ");
    match (description.is_empty(), words.is_empty()) {
        (true, _) => or_unknown(&words),
        (false, true) => description.to_owned(),
        (false, false) => format!("{description} ({words})"),
    }
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { UNKNOWN } else { text }.to_owned()
}
