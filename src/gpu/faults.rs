//! Faults as values: what wgpu reports inside scopes of this crate, and whether the device is lost.

use super::mutex::lock;
use super::polling::text_of;
use crate::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// Faults of one device, noted from any thread.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    noted: Mutex<Noted>,
    probe: LossProbe,
}

/// Faults that arrived outside any call: uncaptured errors, a lost device.
#[derive(Debug, Default)]
struct Noted {
    uncaptured: Option<String>,
    lost: Option<String>,
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
        // wgpu calls back for a destroyed device, which alone knows the reason, only when it is polled.
        if !self.probe.is_lost(device) {
            return None;
        }
        #[cfg(not(target_arch = "wasm32"))]
        let _ = super::polling::poll(device, wgpu::PollType::Poll);
        let mut noted = lock(&self.noted);
        let reason = noted
            .lost
            .get_or_insert_with(|| "it takes no more work".to_owned());
        Some(reason.clone())
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

    /// Runs `call` inside error scopes and turns what they catch into an [`Error`]. Scopes belong to a thread: those that a
    /// caller has open on this one catch nothing of `call`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Gpu`]; errors of [`Faults::check`].
    pub(crate) async fn catch<T>(
        &self,
        device: &wgpu::Device,
        what: &str,
        call: impl FnOnce() -> T,
    ) -> Result<T> {
        self.check(device)?;
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
        self.check(device)?;
        let (value, answers) = scoped(device, call);
        let first = answers.into_iter().find_map(|answer| now(answer).flatten());
        self.outcome(device, what, value, first)
    }

    /// What became of a call that made `value`, or panicked, and left `error`.
    fn outcome<T>(
        &self,
        device: &wgpu::Device,
        what: &str,
        value: Result<T, String>,
        error: Option<wgpu::Error>,
    ) -> Result<T> {
        // What a lost device makes is invalid, and the first error would be that of its use: the loss comes first.
        self.check(device)?;
        let value = value.map_err(|message| Error::Gpu {
            what: what.to_owned(),
            message,
        })?;
        match error {
            None => Ok(value),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory {
                what: what.to_owned(),
            }),
            Some(error) => Err(Error::Gpu {
                what: what.to_owned(),
                message: error.to_string(),
            }),
        }
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

/// The value of a future that is ready.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let future = std::pin::pin!(future);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Asks wgpu whether a device is lost, without a submission and without the one callback of a device, which belongs to
/// whoever opened it: a lost device refuses to map a buffer, and says so at once.
#[derive(Debug, Default)]
struct LossProbe {
    /// The buffer, made by the first question.
    buffer: Mutex<Option<wgpu::Buffer>>,
}

impl LossProbe {
    /// Whether `device` is lost. In a browser the answer would take a turn of the event loop: there the callback, of which
    /// a device has any number, tells of every loss.
    fn is_lost(&self, device: &wgpu::Device) -> bool {
        if cfg!(target_arch = "wasm32") {
            return false;
        }
        let mut kept = lock(&self.buffer);
        // A thread that polls just when a mapping is taken back leaves the buffer mapped, and such a buffer refuses as well:
        // a new one tells.
        for _ in 0..2 {
            if kept.is_none() {
                *kept = probe_buffer(device);
            }
            // Without memory for a few bytes nothing is known, and the error of the call itself is told.
            let is_refused = kept.as_ref().is_some_and(|buffer| refuses(device, buffer));
            if !is_refused {
                return false;
            }
            *kept = None;
        }
        true
    }
}

/// Whether `buffer` refuses to be mapped. It is not mapped afterwards, unless a thread polls just then.
fn refuses(device: &wgpu::Device, buffer: &wgpu::Buffer) -> bool {
    let is_refused = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&is_refused);
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        answer.store(result.is_err(), Ordering::Relaxed);
    });
    let found = is_refused.load(Ordering::Relaxed);
    // A mapping that nothing refused is taken back, which calls back with an error that is not looked at any more.
    buffer.unmap();
    drop(scope.pop());
    found
}

/// A buffer for [`LossProbe`]; `None` where no memory is left for it.
fn probe_buffer(device: &wgpu::Device) -> Option<wgpu::Buffer> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("loss probe"),
        size: 4,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    // Natively the answer is there at once.
    match now(scope.pop()) {
        Some(None) => Some(buffer),
        Some(Some(_)) | None => None,
    }
}
