//! Suites of the user's own, read from TOML. Errors say line and column.

use super::input;
use ridgepoint::suite::{Burden, Suite, Workload, suites};
use ridgepoint::text::visible;
use ridgepoint::{Dtype, Error, Result, files};
use serde::Deserialize;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// Bytes of the largest file that is read.
const MOST_BYTES: usize = 1 << 20;
/// The most repetitions of a workload.
const MOST_REPETITIONS: u32 = 100;

/// A file: the suite with its workloads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<Spanned<String>>,
    #[serde(default)]
    about: String,
    #[serde(default)]
    workload: Vec<Spanned<Entry>>,
}

/// One `[[workload]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    operation: Spanned<String>,
    #[serde(default)]
    dtype: Option<Spanned<String>>,
    shapes: Vec<Spanned<String>>,
    #[serde(default)]
    kernels: Vec<Spanned<String>>,
    #[serde(default)]
    repetitions: Option<Spanned<u32>>,
    #[serde(default)]
    rotated: bool,
}

/// A fault, and the bytes of the text that have it.
struct Fault {
    at: Range<usize>,
    reason: String,
}

/// Reads the suite of a file.
///
/// # Errors
/// [`Error::File`] with line and column.
pub(crate) fn read(path: &Path) -> Result<Suite> {
    let text = input::text(path, MOST_BYTES)?;
    let stem = match input::name(path) {
        name if name == path.to_string_lossy() => path.file_stem().unwrap_or_default(),
        _ => OsStr::new("stdin"),
    };
    let stem = stem.to_string_lossy();
    parse(&text, &stem).map_err(|Fault { at, reason }| {
        let (line, column) = place(&text, at.start);
        let reason = format!("line {line}, column {column}: {}", visible(&reason));
        files::failed(path, &reason)
    })
}

/// Line and column of a byte of `text`, both from 1; a column is a character.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[begin..].chars().count() + 1)
}

/// The suite of `text`, which is called `stem` where it does not name itself.
fn parse(text: &str, stem: &str) -> std::result::Result<Suite, Fault> {
    let file: File = toml::from_str(text).map_err(|error| Fault {
        at: error.span().unwrap_or_default(),
        reason: error.message().to_owned(),
    })?;
    let (name, at) = match file.name {
        Some(name) => (name.get_ref().clone(), name.span()),
        None => (stem.to_owned(), 0..0),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(Fault {
            at,
            reason: format!("the name {name:?} needs letters, digits, `-`, `_` and `.` alone"),
        });
    }
    if suites().iter().any(|suite| suite.name == name) {
        return Err(Fault {
            at,
            reason: format!("a suite {name} comes with the program; name this one differently"),
        });
    }
    if file.workload.is_empty() {
        return Err(Fault {
            at: text.len()..text.len(),
            reason: "there is no `[[workload]]`".to_owned(),
        });
    }
    let workloads = file.workload.into_iter().map(workload);
    let workloads: Vec<Workload> = workloads.collect::<std::result::Result<_, _>>()?;
    Ok(Suite::new(&name, &file.about, workloads))
}

/// A workload, each shape of which is run as it is.
fn workload(entry: Spanned<Entry>) -> std::result::Result<Workload, Fault> {
    let whole = entry.span();
    let entry = entry.into_inner();
    let fault = |at: Range<usize>| {
        move |error: Error| Fault {
            at,
            reason: error.to_string(),
        }
    };
    let name = entry.operation.get_ref().as_str();
    ridgepoint::ops::family(name).map_err(fault(entry.operation.span()))?;
    let dtype = match &entry.dtype {
        None => Dtype::F32,
        Some(dtype) => match dtype.get_ref().as_str() {
            "f32" => Dtype::F32,
            "f16" => Dtype::F16,
            other => {
                return Err(Fault {
                    at: dtype.span(),
                    reason: format!("the element type is f32 or f16, not {other:?}"),
                });
            }
        },
    };
    if entry.shapes.is_empty() {
        return Err(Fault {
            at: whole,
            reason: "`shapes` is empty".to_owned(),
        });
    }
    let mut operations = Vec::new();
    for shape in &entry.shapes {
        let one = Workload::new(name, dtype, [shape.get_ref().as_str()]);
        operations.extend(one.map_err(fault(shape.span()))?.operations);
    }
    let mut workload = Workload {
        operations,
        kernels: Vec::new(),
        repetitions: 1,
        burden: Burden::Kept,
        rotated: entry.rotated,
    };
    for kernel in &entry.kernels {
        let family = workload.operations[0].family();
        let kernel_of = family.kernel(kernel.get_ref());
        workload
            .kernels
            .push(kernel_of.map_err(fault(kernel.span()))?.name);
    }
    if let Some(count) = entry.repetitions {
        workload.repetitions = *count.get_ref();
        if !(1..=MOST_REPETITIONS).contains(&workload.repetitions) {
            return Err(Fault {
                at: count.span(),
                reason: format!("repetitions are 1 to {MOST_REPETITIONS}"),
            });
        }
    }
    Ok(workload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgepoint::report::AdapterKind;
    use ridgepoint::suite::Case;

    const SUITE: &str = r#"
about = "what my model multiplies"

[[workload]]
operation = "matmul"
dtype = "f16"
shapes = ["128x4096x4096+tb", "1x32000x4096+tb"]

[[workload]]
operation = "softmax"
shapes = ["4096x4096"]
kernels = ["softmax_online", "softmax_unfused"]
repetitions = 2
rotated = true
"#;

    #[test]
    fn a_suite_has_its_workloads_as_they_are() {
        let suite = parse(SUITE, "mine").ok().unwrap();
        assert_eq!(suite.name, "mine");
        // A software adapter gets them whole: they were asked for by name.
        let cases = suite.cases(AdapterKind::Software);
        let ids: Vec<String> = cases.all.iter().map(Case::id).collect();
        assert_eq!(
            ids,
            [
                "matmul/f16/128x4096x4096+tb",
                "matmul/f16/1x32000x4096+tb",
                "softmax/f32/4096x4096/softmax_online/rotated, repetition 1",
                "softmax/f32/4096x4096/softmax_online/rotated, repetition 2",
                "softmax/f32/4096x4096/softmax_unfused/rotated, repetition 1",
                "softmax/f32/4096x4096/softmax_unfused/rotated, repetition 2",
            ]
        );
        assert!(cases.left_out.is_empty());
    }

    #[test]
    fn faults_have_their_line_and_column() {
        let fault = |from: &str, to: &str| {
            assert!(SUITE.contains(from), "{from}");
            let text = SUITE.replace(from, to);
            let Fault { at, reason } = parse(&text, "mine").expect_err(to);
            (place(&text, at.start), reason)
        };
        for (from, to, at, words) in [
            ("\"matmul\"", "\"matmull\"", (5, 13), "matmul"),
            ("\"f16\"", "\"f64\"", (6, 9), "f32 or f16"),
            ("\"f16\"", "16", (6, 9), "invalid type"),
            ("1x32000x4096+tb", "1x32000", (7, 31), "1x32000"),
            ("1x32000x4096+tb", "1x0x4096+tc", (7, 31), "tc"),
            ("softmax_online", "matmul_naive", (12, 12), "matmul_naive"),
            ("repetitions = 2", "repetitions = 0", (13, 15), "1 to 100"),
            ("repetitions = 2", "repeats = 2", (13, 1), "repeats"),
            ("[\"4096x4096\"]", "[]", (9, 1), "empty"),
            (
                "about = ",
                "name = \"standard\"\nabout = ",
                (2, 8),
                "standard",
            ),
            ("about = ", "name = \"a,b\"\nabout = ", (2, 8), "letters"),
            ("operation = \"softmax\"", "operation", (10, 10), ""),
        ] {
            let (place, reason) = fault(from, to);
            assert_eq!(place, at, "{to}: {reason}");
            assert!(reason.contains(words), "{to}: {reason}");
        }
        let empty = parse("", "mine").err().unwrap().reason;
        assert!(empty.contains("[[workload]]"), "{empty}");
        assert!(parse(SUITE, "").is_err());
    }
}
