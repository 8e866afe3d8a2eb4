//! Writes what loads a WebAssembly file in a browser: `ridgepoint-web-bindgen FILE.wasm FOLDER`.

use anyhow::{Context, Result};
use std::path::PathBuf;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let file = words
        .next()
        .context("the first word is a file of WebAssembly")?;
    let folder = words.next().context("the second word is a folder")?;
    Bindgen::new()
        .input_path(file)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)
}
