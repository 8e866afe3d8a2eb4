//! The program of the page: what its worker calls. Texts go in and out as JSON; what is measured goes to the page as it comes.

pub mod checking;
pub mod device;
mod failure;
pub mod roofline;
pub mod running;
pub mod showing;
mod told;

use wasm_bindgen::prelude::wasm_bindgen;

/// Called once, when the program is loaded. What the library logs goes to the console.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(console_error_panic_hook::hook));
    // Only a second logger is refused, and there is none.
    let _ = console_log::init_with_level(log::Level::Warn);
}
