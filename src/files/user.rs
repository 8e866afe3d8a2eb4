//! Folders for a user's files, by the rules of each operating system.

use std::ffi::OsString;
use std::path::PathBuf;

/// A folder in which programs keep a user's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserFolder {
    /// Files that can be made again.
    Cache,
    /// Files that cannot be made again.
    Data,
}

/// Value of a variable of the environment; `None` for an empty one.
#[must_use]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

impl UserFolder {
    /// Path of `ridgepoint` in this folder, by the variables of the environment and the rules of `system`
    /// ([`std::env::consts::OS`]). A system without rules of its own follows the XDG Base Directory Specification 0.8. `None`
    /// where the environment names no home.
    #[must_use]
    pub fn find(
        self,
        variable: &dyn Fn(&str) -> Option<OsString>,
        system: &str,
    ) -> Option<PathBuf> {
        let home = |rest: &str| variable("HOME").map(|home| PathBuf::from(home).join(rest));
        let path = |name: &str| variable(name).map(PathBuf::from);
        // The specification ignores relative paths.
        let xdg = |name: &str, rest: &str| {
            let named = path(name).filter(|path| path.is_absolute());
            named.or_else(|| home(rest))
        };
        let folder = match (self, system) {
            (Self::Cache, "windows") => path("LOCALAPPDATA"),
            (Self::Data, "windows") => path("APPDATA"),
            (Self::Cache, "macos" | "ios") => home("Library/Caches"),
            (Self::Data, "macos" | "ios") => home("Library/Application Support"),
            (Self::Cache, _) => xdg("XDG_CACHE_HOME", ".cache"),
            (Self::Data, _) => xdg("XDG_DATA_HOME", ".local/share"),
        };
        folder.map(|folder| folder.join("ridgepoint"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use UserFolder::{Cache, Data};

    #[test]
    fn folders_follow_the_system() {
        let home = ("HOME", "/home/me");
        for (kind, set, system, wanted) in [
            (Cache, vec![home], "linux", "/home/me/.cache"),
            (Data, vec![home], "linux", "/home/me/.local/share"),
            (
                Cache,
                vec![home, ("XDG_CACHE_HOME", "/tmp/c")],
                "linux",
                "/tmp/c",
            ),
            (
                Data,
                vec![home, ("XDG_DATA_HOME", "/tmp/d")],
                "freebsd",
                "/tmp/d",
            ),
            (
                Data,
                vec![home, ("XDG_DATA_HOME", "relative")],
                "linux",
                "/home/me/.local/share",
            ),
            (Cache, vec![home], "macos", "/home/me/Library/Caches"),
            (
                Data,
                vec![home],
                "macos",
                "/home/me/Library/Application Support",
            ),
            (Cache, vec![("LOCALAPPDATA", "/l")], "windows", "/l"),
            (Data, vec![("APPDATA", "/a")], "windows", "/a"),
        ] {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let wanted = PathBuf::from(wanted).join("ridgepoint");
            assert_eq!(
                kind.find(&variable, system),
                Some(wanted),
                "{kind:?} {system}"
            );
        }
        assert_eq!(Data.find(&|_| None, "linux"), None);
    }
}
