//! Errors as the page shows them: a word that the page knows what to do about, and the library's text.

use ridgepoint::Error;
use serde::Serialize;
use wasm_bindgen::JsValue;

/// An error for the page.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// `no_adapter`, `refused`, `lost`, `out_of_memory`, `interrupted` or `other`.
    kind: &'static str,
    message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NoAdapter { .. } => "no_adapter",
            Error::DeviceRequest { .. } => "refused",
            Error::DeviceLost { .. } | Error::DeviceGivenUp { .. } => "lost",
            Error::OutOfMemory { .. } => "out_of_memory",
            Error::Interrupted => "interrupted",
            _ => "other",
        };
        Self {
            kind,
            message: error.to_string(),
        }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        serde_json::to_string(&failure)
            .expect("two texts have a JSON form")
            .into()
    }
}

/// `text` read as JSON of a `T`.
pub(crate) fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure {
        kind: "other",
        message: format!(
            "the page and its program do not fit each other: {error}; load the page again"
        ),
    })
}
