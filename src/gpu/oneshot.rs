//! A value handed once from a callback or thread to a future.

use super::mutex::lock;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
    /// No value will come any more.
    is_closed: bool,
}

pub(crate) struct Sender<T>(Arc<Mutex<State<T>>>);
/// Resolves to the value, or to `None` where its sender ended without one.
pub(crate) struct Receiver<T>(Arc<Mutex<State<T>>>);

pub(crate) fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(State {
        value: None,
        waker: None,
        is_closed: false,
    }));
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    pub(crate) fn send(self, value: T) {
        lock(&self.0).value = Some(value);
    }
}

impl<T> Drop for Sender<T> {
    /// Closes the channel, after a panic on the way to `send` as well: the receiver would otherwise wait forever.
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_closed = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.0);
        if state.is_closed {
            return Poll::Ready(state.value.take());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    #[test]
    fn a_value_arrives_from_another_thread() {
        let (sender, receiver) = oneshot();
        std::thread::spawn(move || sender.send(7));
        assert_eq!(block_on(receiver), Some(7));
    }

    #[test]
    fn a_sender_that_ends_without_a_value_is_not_waited_for() {
        let (sender, receiver) = oneshot::<u32>();
        let _ = std::thread::spawn(move || {
            let _sender = sender;
            panic!("on the way to a value");
        })
        .join();
        assert_eq!(block_on(receiver), None);
    }
}
