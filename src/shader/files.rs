//! One static for each file under `shaders/` and `shaders/snippets/`, written by the build script.

use super::{Shader, Snippet};

include!(concat!(env!("OUT_DIR"), "/shaders.rs"));
