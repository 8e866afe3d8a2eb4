//! Tests that need no adapter: the shader files, and the order of the library's modules.

mod api;
mod browser;
mod dxc;
mod files;
mod layers;
mod metal;
#[path = "../common/noop.rs"]
mod noop;
mod operators;
