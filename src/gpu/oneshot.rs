//! A value handed once from a callback or thread to a future.

use super::lock;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

type Shared<T> = Arc<Mutex<(Option<T>, Option<Waker>)>>;

pub(crate) struct Sender<T>(Shared<T>);
pub(crate) struct Receiver<T>(Shared<T>);

pub(crate) fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Shared::default();
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    pub(crate) fn send(self, value: T) {
        let mut shared = lock(&self.0);
        shared.0 = Some(value);
        if let Some(waker) = shared.1.take() {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut shared = lock(&self.0);
        if let Some(value) = shared.0.take() {
            return Poll::Ready(value);
        }
        shared.1 = Some(context.waker().clone());
        Poll::Pending
    }
}
