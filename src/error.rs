//! What can go wrong.

use crate::units::format_seconds;

/// The result of anything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the values involved and what to do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Work did not finish in the time it was given.
    #[error("{what} did not finish within {}; make the work smaller or allow it more time", format_seconds(*.seconds))]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long, in seconds.
        seconds: f64,
    },
    /// The user asked for the run to end.
    #[error("interrupted; the results so far are kept")]
    Interrupted,
    /// The device is gone: a driver reset, an unplugged GPU, a watchdog.
    #[error(
        "the device was lost ({reason}); open the adapter again, and look for a driver reset in the system log"
    )]
    DeviceLost {
        /// What the driver said.
        reason: String,
    },
    /// The device refused or failed some work.
    #[error("{message}")]
    Gpu {
        /// What the driver said.
        message: String,
    },
}
