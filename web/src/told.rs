//! Messages to the page while work goes on.

use js_sys::Function;
use wasm_bindgen::JsValue;

/// A function of the page's worker, called with a word and a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a>(pub(crate) &'a Function);

impl Told<'_> {
    /// `part` is in work, the one of the place `done` of `all`; `all` is 0 where nobody knows.
    pub(crate) fn begin(self, part: &str, done: usize, all: usize) {
        self.call("begin", &format!("[{}, {done}, {all}]", quoted(part)));
    }

    /// The table so far, as [`ridgepoint::render::table_data`] writes it.
    pub(crate) fn table(self, data: &str) {
        self.call("table", data);
    }

    /// The results so far, as a file.
    pub(crate) fn results(self, file: &str) {
        self.call("results", file);
    }

    fn call(self, what: &str, text: &str) {
        let (what, text) = (JsValue::from_str(what), JsValue::from_str(text));
        // The worker's function only posts a message. Where that fails, the page is gone.
        let _ = self.0.call2(&JsValue::NULL, &what, &text);
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text has a JSON form")
}
