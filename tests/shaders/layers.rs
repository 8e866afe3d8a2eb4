//! Uses go downwards only: the order of the modules, and no circles of files within one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules, the lowest first: each uses those before it alone.
const FLOORS: &[&str] = &[
    "text",
    "units",
    "error",
    "weights",
    "files",
    "data",
    "tolerance",
    "report",
    "shader",
    "gpu",
    "kernel",
    "ops",
    "plan",
    "open",
    "tensor",
    "compiler",
    "sensors",
    "bench",
    "roofline",
    "suite",
    "tune",
    "check",
    "compare",
    "render",
];

/// Files that are compiled for tests alone.
const OF_TESTS: &[&str] = &["golden.rs", "ops/scheduled.rs", "render/reports.rs"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file of the library by its module path: `gpu/buffer.rs` is `gpu::buffer`. Without comments and tests.
fn files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(source()).unwrap().to_str().unwrap();
            let name = name.replace('\\', "/");
            let is_binary = name.starts_with("cli") || ["main.rs", "lib.rs"].contains(&&*name);
            if is_binary || name.ends_with("tests.rs") || OF_TESTS.contains(&&*name) {
                continue;
            }
            let module = name.trim_end_matches(".rs").replace('/', "::");
            found.insert(module, code(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// The text of a file without comments, and without its tests, which stand last.
fn code(text: &str) -> String {
    let is_tests = |at: &usize| {
        text[*at..]
            .lines()
            .nth(1)
            .is_some_and(|l| l.contains("mod tests"))
    };
    let tests = text
        .match_indices("#[cfg(test)]\n")
        .map(|(at, _)| at)
        .find(is_tests);
    let text = &text[..tests.unwrap_or(text.len())];
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that begin with `crate::` or `super::` in the file of `module`, from the root; braces are written out.
fn paths(module: &str, code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            let is_part = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
            // `pub(in super::super)` says who may use it.
            if is_part || code[..at].ends_with("(in ") {
                continue;
            }
            let (mut base, mut rest) = (module.to_owned(), &code[at..]);
            if let Some(after) = rest.strip_prefix("crate::") {
                (base, rest) = (String::new(), after);
            }
            while let Some(after) = rest.strip_prefix("super::") {
                base = base
                    .rsplit_once("::")
                    .map_or_else(String::new, |(up, _)| up.to_owned());
                rest = after;
            }
            expand(&base, rest, &mut found);
        }
    }
    found
}

/// Paths of its children that a parent's own code uses: `child::` anywhere but in re-exports and in tables.
fn of_children(module: &str, code: &str, files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let own = code.split_inclusive(';').filter(|statement| {
        let line = statement.trim_start();
        let is_table = ["static ", "pub static ", "const ", "pub const "];
        let is_export = line.starts_with("pub use") || line.starts_with("pub(crate) use");
        !is_export && !is_table.iter().any(|word| line.starts_with(word))
    });
    let own: String = own.collect();
    let mut found = BTreeSet::new();
    for file in files.keys() {
        let Some(child) = file
            .strip_prefix(module)
            .and_then(|rest| rest.strip_prefix("::"))
        else {
            continue;
        };
        let path = format!("{child}::");
        for (at, _) in own.match_indices(&path) {
            let before = own[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                expand(module, &own[at..], &mut found);
            }
        }
    }
    found
}

/// The items of a list in braces that was opened just before `text`, up to its end.
fn items(text: &str) -> Vec<&str> {
    let (mut found, mut depth, mut first) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[first..at]);
                first = at + 1;
            }
            '}' => {
                found.push(&text[first..at]);
                break;
            }
            _ => {}
        }
    }
    found
}

/// `a::{b, c::d}` below `base`, as two paths.
fn expand(base: &str, text: &str, found: &mut BTreeSet<String>) {
    let text = text.trim_start();
    if let Some(list) = text.strip_prefix('{') {
        for item in items(list) {
            expand(base, item, found);
        }
        return;
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let path = match (base, name) {
        (_, "") => return,
        (base, "self") => base.to_owned(),
        ("", name) => name.to_owned(),
        (base, name) => format!("{base}::{name}"),
    };
    match rest.strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => expand(&path, rest, found),
        _ => {
            found.insert(path);
        }
    }
}

/// The file that `path` names something of: re-exports of a parent lead to its child.
fn home(path: &str, files: &BTreeMap<String, String>) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    let known = (1..=parts.len())
        .rev()
        .find(|n| files.contains_key(&parts[..*n].join("::")))?;
    let module = parts[..known].join("::");
    let Some(name) = parts.get(known) else {
        return Some(module);
    };
    // `pub use child::{Name, ..};`
    for line in files[&module].split(';') {
        let Some((_, used)) = line.split_once("use ") else {
            continue;
        };
        let mut exported = BTreeSet::new();
        expand("", used, &mut exported);
        for export in exported {
            let ends = export.rsplit("::").next() == Some(*name);
            let child = format!("{module}::{export}");
            let is_child = files.keys().any(|k| {
                k != &module && child.starts_with(&format!("{k}::")) && k.starts_with(&module)
            });
            if ends && is_child {
                return home(&child, files);
            }
        }
    }
    Some(module)
}

/// The uses that go upwards, as `module -> path`.
fn upward(files: &BTreeMap<String, String>) -> Vec<String> {
    let floor = |path: &str| {
        let module = path.split("::").next().unwrap();
        FLOORS.iter().position(|known| *known == module)
    };
    let mut found = Vec::new();
    for (module, code) in files {
        let own = floor(module).unwrap_or_else(|| panic!("{module} has no floor in FLOORS"));
        for path in paths(module, code) {
            if floor(&path).is_some_and(|other| other > own) {
                found.push(format!("{module} -> {path}"));
            }
        }
    }
    found
}

/// Files that reach themselves through others. A parent's lines `mod`, tables and re-exports do not count.
fn circles(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (module, code) in files {
        let mut all = paths(module, code);
        all.extend(of_children(module, code, files));
        let homes = all.into_iter().filter_map(|path| home(&path, files));
        uses.insert(module, homes.filter(|other| other != module).collect());
    }
    let reaches = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = next.pop() {
            for other in uses.get(module.as_str()).into_iter().flatten() {
                if seen.insert(other.clone()) {
                    next.push(other.clone());
                }
            }
        }
        seen
    };
    let in_circle = |module: &&&str| reaches(module).contains(**module);
    uses.keys()
        .filter(in_circle)
        .map(|module| (*module).to_owned())
        .collect()
}

#[test]
fn uses_go_downwards() {
    assert_eq!(upward(&files()), [""; 0]);
}

#[test]
fn files_use_each_other_one_way() {
    assert_eq!(circles(&files()), BTreeSet::new());
}

/// The names of the kernels that a file defines: of each `static NAME: Implementation<..>`, the first text, or the first
/// argument of `Kernel::new`.
fn kernels_in(code: &str) -> Vec<String> {
    let statics = code.split("static ").skip(1);
    let of_kernels = statics.filter(|text| {
        let declaration = text.split('=').next().unwrap();
        declaration.contains(": Implementation<")
    });
    of_kernels
        .filter_map(|text| {
            let named = text.split("Kernel::new(").nth(1).unwrap_or(text);
            Some(named.split('"').nth(1)?.to_owned())
        })
        .collect()
}

/// Kernels that share a file with others of their kind: forms of one text, or one text each that differs by a line.
/// Kernels of dequantised weights are other files' kernels behind one more dispatch.
const SEVERAL_TO_A_FILE: &[&str] = &[
    "ops::stream::kernels",
    "ops::reduce::kernels",
    "ops::fma",
    "ops::matmul::dequantized",
];

/// Every kernel has a file of its own, called as the kernel less its operation, which no other kernel's file uses.
#[test]
fn kernels_have_rooms_of_their_own() {
    let files = files();
    let rooms: BTreeMap<&str, Vec<String>> = files
        .iter()
        .map(|(module, code)| (module.as_str(), kernels_in(code)))
        .filter(|(module, kernels)| !kernels.is_empty() && !SEVERAL_TO_A_FILE.contains(module))
        .collect();
    assert!(rooms.len() > 20, "{rooms:?}");
    for (room, kernels) in &rooms {
        let [kernel] = &kernels[..] else {
            panic!("{room} has {kernels:?}");
        };
        let (operation, stem) = room.rsplit_once("::").unwrap();
        let operation = operation.trim_start_matches("ops::");
        assert_eq!(*kernel, format!("{operation}_{stem}"));
        for path in paths(room, &files[*room]) {
            let other = home(&path, &files).filter(|home| home != room);
            let is_sibling = |other: &String| {
                rooms.contains_key(other.as_str())
                    && other.rsplit_once("::")
                        == Some((
                            &format!("ops::{operation}"),
                            other.rsplit("::").next().unwrap(),
                        ))
            };
            assert!(
                !other.as_ref().is_some_and(is_sibling),
                "{room} uses {path}"
            );
        }
    }
}

/// No operation asks a kernel who it is: what differs between kernels is a field, or their own code.
#[test]
fn nothing_asks_a_kernel_who_it_is() {
    const QUESTIONS: &[&str] = &[
        "kernel.name ==",
        "kernel.name !=",
        "match kernel.name",
        "declares(\"",
        "ptr::eq(kernel",
    ];
    let files = files();
    let of_operations = files.iter().filter(|(module, _)| module.starts_with("ops"));
    for (module, code) in of_operations {
        for question in QUESTIONS {
            assert!(!code.contains(question), "{module}: {question}");
        }
        let asks = code.contains("fn is_")
            && code.split("fn is_").skip(1).any(|text| {
                let parameters = text.split(')').next().unwrap();
                parameters.contains("Kernel")
            });
        assert!(!asks, "{module} has a function is_*(kernel)");
    }
}

/// Whether the checks above can fail: an upward path planted into a file, and a circle.
#[test]
fn what_goes_upwards_is_found() {
    for (planted, count) in [
        ("use crate::bench::measure;", 1),
        ("use super::suite::{Case, Suite};", 2),
        ("fn f() { crate::plan::choose(); }", 1),
    ] {
        let mut all = files();
        *all.get_mut("units").unwrap() += planted;
        assert_eq!(upward(&all).len(), count, "{planted}");
    }
    let mut all = files();
    *all.get_mut("gpu::mutex").unwrap() += "use super::Gpu;";
    assert!(circles(&all).contains("gpu::mutex"));
    let mut all = files();
    *all.get_mut("roofline::arithmetic::forms").unwrap() += "use super::Shape;";
    assert!(circles(&all).contains("roofline::arithmetic"));
    // Words in comments and in tests are none.
    assert_eq!(
        code("a // crate::plan\nb\n#[cfg(test)]\nmod tests { use crate::plan; }"),
        "a \nb"
    );
}

/// Words for a GPU, for files, and for what else a process finds around it.
const IMPURE: &[&str] = &[
    "wgpu::",
    "std::fs",
    "std::path",
    "std::io",
    "std::env",
    "Instant",
    "SystemTime",
];

/// Whether `module` is `root` or a file below it.
fn is_below(module: &str, root: &str) -> bool {
    let rest = module.strip_prefix(root);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The files below `roots` that name what they may not.
fn impure(files: &BTreeMap<String, String>, roots: &[&str]) -> Vec<String> {
    let of_roots = files
        .iter()
        .filter(|(module, _)| roots.iter().any(|root| is_below(module, root)));
    let named = of_roots.flat_map(|(module, code)| {
        let words = IMPURE.iter().filter(|word| code.contains(**word));
        words.map(move |word| format!("{module} names {word}"))
    });
    named.collect()
}

/// The nouns of results and their formats name no GPU, no file, no terminal and no clock: they are read where there is
/// none of them.
#[test]
fn reports_and_their_formats_are_plain_data() {
    let pure = [
        "text",
        "report",
        "compare",
        "render",
        "roofline::model",
        "roofline::roof",
    ];
    assert_eq!(impure(&files(), &pure), [""; 0]);
    for root in pure {
        let mut all = files();
        *all.get_mut(root).unwrap() += "fn f() { std::fs::read(\"a\"); }";
        assert_eq!(impure(&all, &pure), [format!("{root} names std::fs")]);
    }
}
