//! The device of a search, which is opened again when a candidate has lost it.

use crate::error::{Error, Result};
use crate::gpu::{Gpu, GpuOptions};
use crate::report::Machine;

/// A device, and how it was opened.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) gpu: Gpu,
    options: GpuOptions,
}

impl Device {
    pub(super) const fn new(gpu: Gpu, options: GpuOptions) -> Self {
        Self { gpu, options }
    }

    /// Opens the device again, after `lost`.
    ///
    /// # Errors
    /// [`Error::DeviceGivenUp`] where it does not open, or another adapter answers in its place.
    pub(super) async fn reopen(&mut self, lost: &Error) -> Result<()> {
        let given_up = |why: String| Error::DeviceGivenUp {
            reason: format!("after \"{lost}\" {why}"),
        };
        let opened = Gpu::open(&self.options).await;
        let opened = opened.map_err(|error| given_up(format!("it did not open again: {error}")))?;
        let machine = Machine::of(self.gpu.summary());
        if let Some(difference) = Machine::of(opened.summary()).difference(&machine) {
            return Err(given_up(format!("another answered: {difference}")));
        }
        log::warn!("{lost}; the device was opened again");
        let old = std::mem::replace(&mut self.gpu, opened);
        if matches!(lost, Error::TimedOut { .. }) {
            // Destroying a device waits for its work, and this work does not end.
            std::mem::forget(old);
        }
        Ok(())
    }
}

/// Why a candidate is passed over after an error that cost the device.
pub(super) fn reason_of(lost: &Error) -> String {
    match lost {
        Error::DeviceLost { reason } => format!("it lost the device: {reason}"),
        other => format!("it cost the device: {other}"),
    }
}
