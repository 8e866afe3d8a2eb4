//! Tunings that `ridgepoint tune` keeps, as other commands see them.

use super::args::CacheArguments;
use ridgepoint::plan::Store;
use ridgepoint::report::{AdapterSummary, Machine};
use ridgepoint::{Error, Result, Tuning};

impl CacheArguments {
    /// The folder of the flag, the environment or the user.
    ///
    /// # Errors
    /// Errors of [`Store::of_user`].
    pub(crate) fn store(&self) -> Result<Store> {
        match &self.cache {
            Some(folder) => Ok(Store::at(folder)),
            None => Store::of_user(),
        }
    }
}

/// Tuning that is kept for `adapter`.
///
/// # Errors
/// Errors of [`Store::load`]; [`Error::NothingToRun`] where nothing is kept.
pub(crate) fn required(store: &Store, adapter: &AdapterSummary) -> Result<Tuning> {
    store
        .load(adapter)?
        .filter(|tuning| !tuning.found.is_empty())
        .ok_or_else(|| Error::NothingToRun {
            reason: format!(
                "nothing is kept for {} with this driver, backend and version in {}; run `ridgepoint tune` first",
                adapter.name,
                store.path(&Machine::of(adapter)).display()
            ),
        })
}

/// Summary of the tuning that is kept for `adapter`, in a few words; `None` where nothing is kept.
pub(crate) fn summary(store: &Store, adapter: &AdapterSummary) -> Option<String> {
    match store.load(adapter) {
        Ok(None) => None,
        Ok(Some(tuning)) => Some(counts(&tuning)),
        Err(error) => Some(format!("not usable: {error}")),
    }
}

/// Number of classes of each operation, in words.
pub(crate) fn counts(tuning: &Tuning) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for tuned in &tuning.found {
        match counts.iter_mut().find(|(name, _)| *name == tuned.operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((&tuned.operation, 1)),
        }
    }
    let words = counts.iter().map(|(name, count)| match count {
        1 => format!("1 class of {name}"),
        _ => format!("{count} classes of {name}"),
    });
    words.collect::<Vec<_>>().join(", ")
}
