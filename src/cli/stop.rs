//! Ctrl-C, SIGTERM and SIGHUP: the first asks to stop, the second ends at once.

use super::progress;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit status that a shell reports for a program that SIGINT ended.
pub(crate) const INTERRUPTED: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Starts to listen for the signals.
pub(crate) fn listen() {
    let listening = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            end();
        }
        progress::say("stopping after this sample; once more ends at once");
    });
    if let Err(error) = listening {
        log::warn!("Ctrl-C will end a run at once, its last row may be lost: {error}");
    }
}

/// Ends the program, on Unix without exit handlers: a driver's exit handlers crash while its threads are at work.
fn end() -> ! {
    #[cfg(unix)]
    // SAFETY: `_exit` takes an integer, and does not return.
    unsafe {
        libc::_exit(INTERRUPTED.into())
    }
    #[cfg(not(unix))]
    std::process::exit(INTERRUPTED.into())
}

/// Whether the user asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
