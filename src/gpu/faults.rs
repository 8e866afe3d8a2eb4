//! Faults as values: what wgpu reports inside scopes of this crate, and whether the device is lost.

use super::mutex::lock;
use super::polling::{now, text_of};
use crate::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// Faults of one device, noted from any thread.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    noted: Mutex<Noted>,
    #[cfg(not(target_arch = "wasm32"))]
    probe: super::loss_probe::LossProbe,
}

/// Faults that arrived outside any call: uncaptured errors, a lost device.
#[derive(Debug, Default)]
struct Noted {
    uncaptured: Option<String>,
    lost: Option<String>,
}

impl Noted {
    fn is_empty(&self) -> bool {
        self.uncaptured.is_none() && self.lost.is_none()
    }
}

impl Faults {
    /// Notes an error that no scope caught; the first one is kept.
    pub(super) fn note_uncaptured(&self, message: String) {
        lock(&self.noted).uncaptured.get_or_insert(message);
    }

    /// Notes that the device is lost; the first reason is kept.
    pub(super) fn note_loss(&self, reason: String) {
        lock(&self.noted).lost.get_or_insert(reason);
    }

    /// Why the device is lost, if it is. A loss that no callback told of is found by asking wgpu.
    fn loss(&self, device: &wgpu::Device) -> Option<String> {
        if let Some(reason) = lock(&self.noted).lost.clone() {
            return Some(reason);
        }
        self.unnoted_loss(device)
    }

    /// A loss that no callback told of.
    #[cfg(not(target_arch = "wasm32"))]
    fn unnoted_loss(&self, device: &wgpu::Device) -> Option<String> {
        if !self.probe.is_lost(device) {
            return None;
        }
        // wgpu calls back for a destroyed device, which alone knows the reason, only when it is polled.
        let _ = super::polling::poll(device, wgpu::PollType::Poll);
        let mut noted = lock(&self.noted);
        let reason = noted
            .lost
            .get_or_insert_with(|| "it takes no more work".to_owned());
        Some(reason.clone())
    }

    /// In a browser the answer would take a turn of the event loop: there the callback, of which a device has any number,
    /// tells of every loss.
    #[cfg(target_arch = "wasm32")]
    #[expect(clippy::unused_self, reason = "elsewhere it asks the device")]
    fn unnoted_loss(&self, _: &wgpu::Device) -> Option<String> {
        None
    }

    /// The first fault that arrived outside any call, if one did.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], at this and every later call, or [`Error::Gpu`] once for an uncaptured error.
    pub(crate) fn check(&self, device: &wgpu::Device) -> Result<()> {
        if let Some(reason) = self.loss(device) {
            return Err(Error::DeviceLost { reason });
        }
        match lock(&self.noted).uncaptured.take() {
            None => Ok(()),
            Some(message) => Err(Error::Gpu {
                what: "an earlier call".into(),
                message,
            }),
        }
    }

    /// [`Faults::check`] where a fault was noted; wgpu is asked nothing where none was.
    fn check_noted(&self, device: &wgpu::Device) -> Result<()> {
        if lock(&self.noted).is_empty() {
            return Ok(());
        }
        self.check(device)
    }

    /// Runs `call` inside error scopes and turns what they catch into an [`Error`]. Scopes belong to a thread: those that a
    /// caller has open on this one catch nothing of `call`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Gpu`]; errors of [`Faults::check`].
    pub(super) async fn catch<T>(
        &self,
        device: &wgpu::Device,
        what: &str,
        call: impl FnOnce() -> T,
    ) -> Result<T> {
        let value = self.step(device, what, call).await?;
        self.check(device)?;
        Ok(value)
    }

    /// [`Faults::catch`] for a step of a call that asks at its end whether the device is lost. A step asks where it fails
    /// alone; one that succeeds on a lost device makes an object that is invalid.
    ///
    /// # Errors
    /// Errors of [`Faults::catch`].
    pub(super) async fn step<T>(
        &self,
        device: &wgpu::Device,
        what: &str,
        call: impl FnOnce() -> T,
    ) -> Result<T> {
        self.check_noted(device)?;
        let (value, answers) = scoped(device, call);
        let mut first = None;
        for answer in answers {
            first = first.or(answer.await);
        }
        self.outcome(device, what, value, first)
    }

    /// [`Faults::catch`] for calls that do not wait. In a browser, where answers take a turn of the event loop, errors of
    /// `call` are dropped here and come back from the submission that uses what it made.
    ///
    /// # Errors
    /// Errors of [`Faults::catch`].
    pub(crate) fn catch_now<T>(
        &self,
        device: &wgpu::Device,
        what: &str,
        call: impl FnOnce() -> T,
    ) -> Result<T> {
        self.check_noted(device)?;
        let (value, answers) = scoped(device, call);
        let first = answers.into_iter().find_map(|answer| now(answer).flatten());
        let value = self.outcome(device, what, value, first)?;
        self.check(device)?;
        Ok(value)
    }

    /// Outcome of a call that made `value`, or panicked, and left `error`.
    fn outcome<T>(
        &self,
        device: &wgpu::Device,
        what: &str,
        value: Result<T, String>,
        error: Option<wgpu::Error>,
    ) -> Result<T> {
        let message = match (value, error) {
            (Ok(value), None) => return Ok(value),
            (Ok(_), Some(wgpu::Error::OutOfMemory { .. })) => None,
            (Ok(_), Some(error)) => Some(error.to_string()),
            (Err(panic), _) => Some(panic),
        };
        // Objects of a lost device are invalid, and the first error is that of their use: the loss comes before it.
        self.check(device)?;
        let what = what.to_owned();
        Err(match message {
            None => Error::OutOfMemory { what },
            Some(message) => Error::Gpu { what, message },
        })
    }
}

/// Runs `call` inside an error scope of each kind, and gives their answers, of which at most one says something. A panic of
/// `call` becomes its text: wgpu 30 panics where it is given a buffer of another instance, and where the driver fails in
/// ways that it has no error for.
fn scoped<T, F: FnOnce() -> T>(
    device: &wgpu::Device,
    call: F,
) -> (
    Result<T, String>,
    [impl Future<Output = Option<wgpu::Error>> + wgpu::WasmNotSend + use<T, F>; 3],
) {
    let mut scopes = [
        wgpu::ErrorFilter::Internal,
        wgpu::ErrorFilter::OutOfMemory,
        wgpu::ErrorFilter::Validation,
    ]
    .map(|filter| device.push_error_scope(filter));
    let value = catch_unwind(AssertUnwindSafe(call)).map_err(|panic| text_of(&*panic));
    // Scopes end in reverse order. Popping takes effect at once; only the answers may be waited for.
    scopes.reverse();
    (value, scopes.map(wgpu::ErrorScopeGuard::pop))
}
