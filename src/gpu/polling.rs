//! Polling a device, and what it comes to.

use std::any::Any;
use std::task::{Context, Poll, Waker};

/// Outcome of waiting for a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Waited {
    Finished,
    #[cfg_attr(
        target_arch = "wasm32",
        expect(dead_code, reason = "a browser waits as long as it takes")
    )]
    TimedOut,
    /// The device is lost, for this reason.
    #[cfg_attr(
        target_arch = "wasm32",
        expect(dead_code, reason = "in a browser a callback tells of a loss")
    )]
    Lost(String),
}

/// Polls `device`, and never panics. wgpu 30 panics where the driver says during a poll that the device is lost.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn poll(device: &wgpu::Device, how: wgpu::PollType) -> Waited {
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.poll(how)));
    match polled {
        Ok(Ok(_)) => Waited::Finished,
        Ok(Err(wgpu::PollError::Timeout)) => Waited::TimedOut,
        // A submission that reported no error and still did not succeed was refused by a lost device.
        Ok(Err(wgpu::PollError::WrongSubmissionIndex(..))) => {
            Waited::Lost("it refused a submission".to_owned())
        }
        Err(panic) => Waited::Lost(text_of(&*panic)),
    }
}

/// The text of a panic.
pub(super) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

/// The value of a future that is ready.
pub(super) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let future = std::pin::pin!(future);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
