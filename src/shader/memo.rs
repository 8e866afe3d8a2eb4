//! Results of a pure function, kept by their arguments: a bounded number of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Values of a pure function by its arguments, at most `most` of them.
///
/// A full memo is emptied rather than freed of its oldest value: a plan asks for few keys many times in a row, and a search
/// over constants asks for each key once, so that the order of use tells little and keeping it would cost a lock's time.
#[derive(Debug)]
pub(super) struct Memo<K, V> {
    most: usize,
    values: OnceLock<Mutex<HashMap<K, Arc<V>>>>,
}

impl<K: Eq + Hash, V> Memo<K, V> {
    /// An empty memo of at most `most` values.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            values: OnceLock::new(),
        }
    }

    /// The value of `key`: the one that is kept, or what `make` returns. An error is returned and not kept.
    ///
    /// No lock is held while `make` runs. Threads that ask at once for a key that is not there each make the value.
    pub(super) fn get_or<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        if let Some(found) = self.values().get(&key) {
            return Ok(Arc::clone(found));
        }
        let value = Arc::new(make()?);
        let mut values = self.values();
        if values.len() >= self.most {
            values.clear();
        }
        values.insert(key, Arc::clone(&value));
        Ok(value)
    }

    /// The map, whatever became of a thread that held it: an insertion is whole or not there.
    fn values(&self) -> MutexGuard<'_, HashMap<K, Arc<V>>> {
        let values = self.values.get_or_init(Mutex::default);
        values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_value_is_made_once_until_the_memo_is_full() {
        let memo = Memo::new(2);
        let count = Cell::new(0);
        let square = |key: u32| {
            let counted = || {
                count.set(count.get() + 1);
                Ok::<_, ()>(key * key)
            };
            *memo.get_or(key, counted).unwrap()
        };
        assert_eq!((square(3), square(4), square(3)), (9, 16, 9));
        assert_eq!(count.get(), 2);
        // A third key empties the memo, so that the first is count again.
        assert_eq!((square(5), square(3)), (25, 9));
        assert_eq!(count.get(), 4);
    }

    #[test]
    fn an_error_is_not_kept() {
        let memo = Memo::new(2);
        assert_eq!(memo.get_or(1, || Err::<u32, _>("broken")), Err("broken"));
        assert_eq!(memo.get_or(1, || Ok::<_, &str>(7)).as_deref(), Ok(&7));
    }
}
