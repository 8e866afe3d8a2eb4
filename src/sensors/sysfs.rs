//! Files in which Linux tells values of sensors.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Variable that names another folder in place of `/sys`: for tests, and for containers that have it elsewhere.
const VARIABLE: &str = "RIDGEPOINT_SYSFS";

/// Folder with the files.
pub(super) fn root() -> PathBuf {
    crate::files::variable(VARIABLE).map_or_else(|| PathBuf::from("/sys"), PathBuf::from)
}

/// Text of a file without the space around it.
///
/// # Errors
/// Words about what would be needed to read it.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let read = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            format!("it needs the right to read {}", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    });
    read.map(|text| text.trim().to_owned())
}

/// Number in a file, times `unit`; `None` for a file that cannot be read or has no finite number.
pub(super) fn number(path: &Path, unit: f64) -> Option<f64> {
    let value: f64 = text(path).ok()?.parse().ok()?;
    value.is_finite().then_some(value * unit)
}

/// Entries of a folder whose names begin with `start`, by name; none where there is no folder.
pub(super) fn entries(folder: &Path, start: &str) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = found.map(|entry| entry.path());
    let named = paths.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(start))
    });
    let mut paths: Vec<PathBuf> = named.collect();
    paths.sort();
    paths
}

/// A folder for tests with `files`, each a path and a text. It is removed at the end.
#[cfg(test)]
pub(super) struct FakeFiles(PathBuf);

#[cfg(test)]
impl FakeFiles {
    pub(super) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("ridgepoint-{name}-{}", std::process::id()));
        let fake = Self(root);
        for (path, text) in files {
            fake.set(path, text.as_bytes());
        }
        fake
    }

    pub(super) fn set(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
impl Drop for FakeFiles {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_none() {
        let files = FakeFiles::new(
            "sysfs",
            &[("a", " 12\n"), ("b", "nan"), ("c", "twelve"), ("d/e", "1")],
        );
        let number = |name: &str| number(&files.root().join(name), 10.0);
        assert_eq!(number("a"), Some(120.0));
        assert_eq!(
            [number("b"), number("c"), number("d"), number("f")],
            [None; 4]
        );
        assert_eq!(entries(files.root(), "d").len(), 1);
        assert!(entries(&files.root().join("none"), "").is_empty());
    }
}
