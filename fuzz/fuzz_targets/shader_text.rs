//! Text as a shader file: constants set, snippets swapped, loops written out. Each step gives an error or a text that has what
//! was asked for; none asks naga.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Values are made of the text itself, so that a file of shaders/ is an input.
    ridgepoint::shader::fuzzing::load(text, text.as_bytes());
});
