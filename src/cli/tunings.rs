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
        Ok(Some(tuning)) => Some(tuning.counts()),
        Err(error) => Some(format!("not usable: {error}")),
    }
}
