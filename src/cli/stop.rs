//! Ctrl-C, SIGTERM and SIGHUP: the first asks to stop, the second ends at once.

use super::progress;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell reports for a program that SIGINT ended.
pub(crate) const INTERRUPTED: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens from now on.
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

/// Ends the program without exit handlers where there are any: those of a driver crash beside its threads at work.
fn end() -> ! {
    #[cfg(unix)]
    // SAFETY: it takes an integer, and does not return.
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
