//! Documents of files of results, whether the page measured them or somebody dropped them into it.

use crate::failure::{Failure, read};
use ridgepoint::compare::Comparison;
use ridgepoint::render::{Comparing, Reports, page_data};
use ridgepoint::report::{Input, Results};
use serde::Deserialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// A file of results.
#[derive(Debug, Deserialize)]
struct File {
    name: String,
    text: String,
}

fn inputs(files: &str) -> Result<Vec<Input>, Failure> {
    let files: Vec<File> = read(files)?;
    let input = |file: File| {
        let results = Results::read(&file.name, file.text.as_bytes())?;
        Ok(Input {
            name: file.name,
            results,
        })
    };
    files.into_iter().map(input).collect()
}

/// Page of `files`, each by itself: [`page_data`].
///
/// # Errors
/// A failure as JSON, for a file that is none of results.
#[wasm_bindgen]
pub fn show(files: &str) -> Result<String, JsValue> {
    Ok(page_data(&Reports(&inputs(files)?)))
}

/// Page of `files` side by side: [`page_data`].
///
/// # Errors
/// A failure as JSON, for a file that is none of results.
#[wasm_bindgen]
pub fn compare(files: &str) -> Result<String, JsValue> {
    let inputs = inputs(files)?;
    Ok(page_data(&Comparing {
        comparison: Comparison::new(&inputs),
        statistics: true,
    }))
}
