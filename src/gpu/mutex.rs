//! Locks that outlive a panic: what they guard is never left half changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, whatever became of the thread that held it before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
