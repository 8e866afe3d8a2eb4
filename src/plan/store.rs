//! Where tunings are kept: a file for each adapter, driver, backend and version in a folder of the user's.

use crate::error::{Error, Result};
use crate::files::{self, UserFolder, failed};
use crate::report::{AdapterSummary, Machine, TUNING_SCHEMA, Tuned, Tuning};
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The variable that names the folder in place of the system's.
pub const CACHE_VARIABLE: &str = "RIDGEPOINT_CACHE";

/// The folder that tunings are kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// In `folder`, which need not exist yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// In the folder that `RIDGEPOINT_CACHE` names, or `ridgepoint` in the user's cache folder: `$XDG_CACHE_HOME` or
    /// `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`.
    ///
    /// # Errors
    /// [`Error::File`] where the environment names none of them.
    pub fn of_user() -> Result<Self> {
        let folder = folder(&files::variable, std::env::consts::OS);
        folder.map(Self::at).ok_or_else(|| Error::File {
            path: "the cache folder".to_owned(),
            reason: format!("the environment names no home; set {CACHE_VARIABLE} to a folder"),
        })
    }

    /// The file for `machine`.
    #[must_use]
    pub fn path(&self, machine: &Machine) -> PathBuf {
        self.folder.join(machine.file_name("tuning", "json"))
    }

    /// The tuning that is kept for an adapter; `None` where none is.
    ///
    /// # Errors
    /// Errors of [`Tuning::read`] and [`Tuning::require`].
    pub fn load(&self, adapter: &AdapterSummary) -> Result<Option<Tuning>> {
        let path = self.path(&Machine::of(adapter));
        if !path.exists() {
            return Ok(None);
        }
        let tuning = Tuning::read(&path)?;
        tuning.require(adapter)?;
        Ok(Some(tuning))
    }

    /// Keeps `found` beside what is kept for `machine` already, and returns the file. The file is read again under a lock first,
    /// so that two searches at once keep what both of them find. A file that is no tuning of `machine` is replaced.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn add(
        &self,
        machine: &Machine,
        found: impl IntoIterator<Item = Tuned>,
    ) -> Result<PathBuf> {
        let path = self.path(machine);
        std::fs::create_dir_all(&self.folder).map_err(|e| failed(&self.folder, &e))?;
        let _lock = lock(&path)?;
        let kept = Tuning::read(&path).ok();
        let kept = kept.filter(|kept| kept.machine.difference(machine).is_none());
        let mut tuning = kept.unwrap_or_else(|| Tuning::new(machine.clone()));
        for tuned in found {
            tuning.keep(tuned);
        }
        tuning.write(&path)?;
        Ok(path)
    }
}

impl Tuning {
    /// Reads a file that [`Tuning::write`] wrote.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, is no tuning, or one of another schema.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &files::read(path)?)
    }

    /// Reads the text of a file that [`Tuning::write`] wrote; `path` is its name in errors.
    ///
    /// # Errors
    /// [`Error::File`] for text that is no tuning, or one of another schema.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let wrong =
            |what: &dyn Display| failed(path, &format!("it is no tuning of ridgepoint: {what}"));
        // The schema first: another version's file is not malformed.
        let json: serde_json::Value = serde_json::from_str(text).map_err(|e| wrong(&e))?;
        match json.get("schema").and_then(|schema| schema.as_str()) {
            Some(TUNING_SCHEMA) => {}
            Some(other) => {
                return Err(wrong(&format!(
                    "its schema is {other:?}, this version reads {TUNING_SCHEMA:?}"
                )));
            }
            None => return Err(wrong(&"it has no schema")),
        }
        // From the text, so that an error says where.
        serde_json::from_str(text).map_err(|e| wrong(&e))
    }

    /// Writes JSON in one step: a reader sees the old file or the new one, never half of one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, path: &Path) -> Result<()> {
        files::replace(path, self.to_json())
    }

    /// The text that [`Tuning::write`] writes.
    ///
    /// # Panics
    /// Never: names, texts and numbers are JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("names, texts and numbers are JSON") + "\n"
    }
}

/// Waits until no other process changes the file at `path`, and keeps others waiting until the lock is dropped. The file itself is
/// replaced by each change, so that another one beside it, which stays, is locked.
fn lock(path: &Path) -> Result<File> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let beside = path.with_file_name(name);
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&beside);
    let file = opened.map_err(|error| failed(&beside, &error))?;
    match file.lock() {
        // Some file systems over a network have no locks: the last of two writers wins there.
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            log::warn!("{} cannot be locked: {error}", beside.display());
        }
        locked => locked.map_err(|error| failed(&beside, &error))?,
    }
    Ok(file)
}

/// The folder that the variable names, or the user's for caches.
fn folder(variable: &dyn Fn(&str) -> Option<OsString>, system: &str) -> Option<PathBuf> {
    let own = variable(CACHE_VARIABLE).map(PathBuf::from);
    own.or_else(|| UserFolder::Cache.find(variable, system))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tuning_tests::{adapter, tuned};

    fn of<'a>(set: &'a [(&'a str, &'a str)], system: &str) -> Option<PathBuf> {
        let variable = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        folder(&variable, system)
    }

    #[test]
    fn the_variable_wins_over_the_systems_folder() {
        let home = ("HOME", "/home/me");
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(of(&[home], "linux"), path("/home/me/.cache/ridgepoint"));
        assert_eq!(of(&[home, (CACHE_VARIABLE, "mine")], "linux"), path("mine"));
        assert_eq!(of(&[], "linux"), None);
    }

    #[test]
    fn drivers_and_versions_have_files_of_their_own() {
        let machine = Machine::of(&adapter());
        let other = |change: fn(&mut Machine)| {
            let mut other = machine.clone();
            change(&mut other);
            other.file_name("tuning", "json")
        };
        let own = machine.file_name("tuning", "json");
        assert!(own.starts_with("tuning-gpu-vulkan-"), "{own}");
        assert_ne!(own, other(|m| m.driver_info = "1.3".into()));
        assert_ne!(own, other(|m| m.version = "9.9.9".into()));
        assert_ne!(own, other(|m| m.backend = "gl".into()));
        assert_ne!(own, other(|m| m.device_id = 9));
    }

    #[test]
    fn what_is_kept_is_found_again_and_what_is_wrong_says_why() {
        let folder = std::env::temp_dir().join(format!("ridgepoint-store-{}", std::process::id()));
        let store = Store::at(&folder);
        assert_eq!(store.load(&adapter()), Ok(None));
        let mut tuning = Tuning::new(Machine::of(&adapter()));
        tuning.keep(tuned("square_small", &[]));
        let path = store.add(&tuning.machine, tuning.found.clone()).unwrap();
        assert_eq!(store.load(&adapter()), Ok(Some(tuning.clone())));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
        assert_eq!(store.load(&adapter()), Ok(Some(tuning)));
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            store.load(&adapter()).unwrap_err().to_string()
        };
        assert!(refused("{").contains("it is no tuning of ridgepoint: EOF"));
        assert!(refused("{}").contains("it has no schema"));
        let newer = refused(r#"{"schema": "ridgepoint.tuning/2"}"#);
        assert!(
            newer.contains("its schema is \"ridgepoint.tuning/2\""),
            "{newer}"
        );
        let partial = refused(r#"{"schema": "ridgepoint.tuning/1", "found": []}"#);
        assert!(partial.contains("missing field `machine`"), "{partial}");
        // A file that cannot be read is replaced.
        let machine = Machine::of(&adapter());
        store.add(&machine, [tuned("tall", &[])]).unwrap();
        let kept = store.load(&adapter()).unwrap().unwrap();
        assert_eq!(kept.found, [tuned("tall", &[])]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn searches_at_once_keep_what_all_of_them_find() {
        let name = format!("ridgepoint-store-at-once-{}", std::process::id());
        let store = Store::at(std::env::temp_dir().join(name));
        let machine = Machine::of(&adapter());
        let class = |search: usize, number: usize| format!("class_{search}_{number}");
        std::thread::scope(|scope| {
            for search in 0..4 {
                let (store, machine) = (&store, &machine);
                scope.spawn(move || {
                    for number in 0..20 {
                        let found = tuned(&class(search, number), &[]);
                        store.add(machine, [found]).unwrap();
                    }
                });
            }
        });
        let kept = store.load(&adapter()).unwrap().unwrap();
        assert_eq!(kept.found.len(), 80);
        std::fs::remove_dir_all(&store.folder).unwrap();
    }
}
