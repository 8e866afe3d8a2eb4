//! Tells the crate which commit and which wgpu it was built from; "unknown" where that cannot be found out.

use std::path::Path;
use std::process::Command;

/// What ends up in the binary: only a change in here makes its commit a different one.
const SOURCES: [&str; 5] = ["src", "shaders", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    // Cargo sets this and runs build scripts there.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".to_owned());
    for path in SOURCES {
        watch(&Path::new(&root).join(path));
    }
    register_shaders(&Path::new(&root).join("shaders"));
    set("RIDGEPOINT_COMMIT", commit(&root));
    let lock = std::fs::read_to_string(Path::new(&root).join("Cargo.lock")).unwrap_or_default();
    set("RIDGEPOINT_WGPU_VERSION", locked(&lock, "wgpu"));
    set("RIDGEPOINT_NAGA_VERSION", locked(&lock, "naga"));
}

/// Writes a `Shader` for each file under `shaders/` and a `Snippet` for each under `shaders/snippets/`, which
/// `src/shader/files.rs` includes: `NORM_LOOPED` for `norm_looped.wgsl`.
fn register_shaders(folder: &Path) {
    let snippets = statics(&folder.join("snippets"), "Snippet");
    let module = "/// Files under `shaders/snippets/`.\npub mod snippets {\nuse super::Snippet;\n";
    let text = [&statics(folder, "Shader"), module, &snippets, "}\n"].concat();
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    std::fs::write(Path::new(&out).join("shaders.rs"), text).expect("OUT_DIR can be written");
}

/// A static of type `kind` for each WGSL file in `folder`.
fn statics(folder: &Path, kind: &str) -> String {
    let files = std::fs::read_dir(folder).expect("the folder shaders/ is a part of the crate");
    let mut paths: Vec<_> = files
        .map(|file| file.expect("a file of shaders/").path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "wgsl")
    });
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let stem = stem.expect("shaders have ASCII names");
        let path = path.to_str().expect("the path of the crate is UTF-8");
        let name = stem.to_uppercase();
        let value = format!("{kind} {{ name: {stem:?}, wgsl: include_str!({path:?}) }}");
        let declaration = [
            "/// `",
            stem,
            ".wgsl`\npub static ",
            &name,
            ": ",
            kind,
            " = ",
        ];
        text += &(declaration.concat() + &value + ";\n");
    }
    text
}

fn set(variable: &str, value: Option<String>) {
    let value = value.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env={variable}={value}");
}

/// A path that is not there would make cargo run this script on every build.
fn watch(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn commit(root: &str) -> Option<String> {
    // A copy of the crate inside somebody else's repository must not take that repository's commit for its own.
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(root).canonicalize().ok()? {
        return None;
    }
    // The log of HEAD grows with every commit and checkout, also where the branch itself is packed.
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref()) {
        if let Some(path) = git(root, &["rev-parse", "--git-path", name]) {
            watch(&Path::new(root).join(path));
        }
    }
    let commit = git(root, &["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(
        root,
        &[&["status", "--porcelain", "--"], &SOURCES[..]].concat(),
    )?;
    let suffix = if changes.is_empty() { "" } else { "-dirty" };
    Some(commit + suffix)
}

/// What git prints; `None` where there is no git, no repository, or no answer.
fn git(root: &str, arguments: &[&str]) -> Option<String> {
    // Without the locks that a mere question may take, lest it meets somebody's commit.
    let output = Command::new("git")
        .args(["--no-optional-locks", "-C", root])
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

/// The version of `package` in the text of a Cargo.lock.
fn locked(lock: &str, package: &str) -> Option<String> {
    let wanted = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != wanted);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.strip_suffix('"')?.to_owned())
}
