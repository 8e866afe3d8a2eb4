//! `RIDGEPOINT_DUMP=DIR`: every text that is compiled, in a folder.

use super::mutex::lock;
use crate::shader::Prepared;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

/// The variable that names the folder.
const VARIABLE: &str = "RIDGEPOINT_DUMP";

/// Hashes of the texts that this process has written.
static WRITTEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// The folder that the variable names, read once; `None` where it names none.
fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let read = || {
        let value = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    FOLDER.get_or_init(read).as_deref()
}

/// Writes `prepared` where the variable asks for it and no text like it was written before. A folder that cannot be written
/// is one warning in the log: nothing fails of it.
pub(super) fn dump(prepared: &Prepared) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let Some(folder) = folder() else {
        return;
    };
    if !lock(&WRITTEN).insert(prepared.hash()) {
        return;
    }
    if let Err(error) = write(folder, prepared)
        && !WARNED.swap(true, Ordering::Relaxed)
    {
        let folder = folder.display();
        log::warn!("{VARIABLE}={folder}: shaders cannot be written there: {error}");
    }
}

/// Writes `STEM.HASH.wgsl` into `folder`, its constants in a comment at its head.
fn write(folder: &Path, prepared: &Prepared) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let name = format!("{}.{:016x}.wgsl", prepared.name, prepared.hash());
    let set = prepared.set.iter();
    let words: Vec<String> = set.map(|(name, value)| format!("{name}={value}")).collect();
    let head = match words[..] {
        [] => "// constants: those of the file\n".to_owned(),
        _ => format!("// constants: {}\n", words.join(" ")),
    };
    std::fs::write(folder.join(name), head + &prepared.wgsl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shader::{Constant, Loops, files};

    #[test]
    fn a_text_is_written_with_its_constants_and_stays_valid() {
        let folder = std::env::temp_dir().join(format!("ridgepoint-dump-{}", std::process::id()));
        let constants = [("WORKGROUP", Constant::Integer(64))];
        let features = wgpu::Features::empty();
        let prepared = files::STREAM.prepare(&constants, Loops::Unrolled, features);
        let prepared = prepared.unwrap();
        write(&folder, &prepared).unwrap();
        let name = format!("stream.{:016x}.wgsl", prepared.hash());
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(text.starts_with("// constants: WORKGROUP=64\n"), "{text}");
        assert!(naga::front::wgsl::parse_str(&text).is_ok());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_below_a_file_is_an_error() {
        let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml/folder");
        let prepared = files::STREAM.prepare(&[], Loops::Unrolled, wgpu::Features::empty());
        assert!(write(&below, &prepared.unwrap()).is_err());
    }
}
