//! Compilers of GPUs that are not here: every kernel that the library chooses for every shape that suites and tuner know, as
//! the drivers' own compilers make it. Nothing runs. `make test-compilers` makes the devices and names their list.
//!
//! `tests/snapshots/compilers.txt` holds the counts, and `docs/compilers.md` sums them up. `UPDATE=1 make test-compilers`
//! rewrites both. Counts are those of one version of a driver: with another version only the bounds are held.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// The list of devices, as `scripts/compilers.sh` prints it: without it the tests are skipped.
const LIST: &str = "RIDGEPOINT_COMPILERS";
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/compilers.txt");
const SUMMARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/compilers.md");

/// Seconds that one pipeline may take to compile, on a machine that does other things besides.
const MOST_SECONDS: f64 = 20.0;
/// Spills and fills outside of loops, which are executed once.
const MOST_OUTSIDE: u64 = 16;

const HEAD: &str = "\
# What drivers' compilers make of the kernels that the library chooses: for each device every distinct code, with the first
# shape that has it. Columns: size of subgroups; registers, in the driver's unit; spills/fills; of both, those in loops; what
# a core holds at a time; instructions; instructions of the loops that multiply, for each multiply-add. `-`: not told.
# Rewritten by UPDATE=1 make test-compilers. A commit that changes a line of a kernel says why.
";

/// What the library chooses for the device `name` of the list, and what its compiler makes of it.
fn explain_all(name: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_ridgepoint"))
        .args(["explain", "all", "--json", "-", "--compile", name])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The records of each device of the list; `None`, with a word, without a list.
fn explained() -> Option<BTreeMap<String, Vec<Value>>> {
    let Some(list) = std::env::var_os(LIST) else {
        println!("skipped: {LIST} names no list of devices; `make test-compilers` makes one");
        return None;
    };
    let list = std::fs::read_to_string(list).unwrap();
    let name = |line: &str| line.split('\t').next().unwrap().to_owned();
    let devices = Mutex::new(list.lines().map(name).collect::<Vec<_>>());
    let found = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = devices.lock().unwrap().pop();
                    let Some(name) = next else { break };
                    let records = explain_all(&name);
                    assert!(!records.is_empty(), "{name}: nothing is chosen");
                    found.lock().unwrap().insert(name, records);
                }
            });
        }
    });
    Some(found.into_inner().unwrap())
}

/// One stage of a shape, as the file holds it.
struct Code<'a> {
    record: &'a Value,
    stage: &'a Value,
}

impl Code<'_> {
    fn count(&self, name: &str) -> Option<u64> {
        self.stage[name].as_u64()
    }

    fn outside(&self) -> u64 {
        let all = self.count("spills").unwrap_or(0) + self.count("fills").unwrap_or(0);
        all - self.count("spills_in_loops").unwrap_or(0).min(all)
    }

    fn name(&self) -> String {
        let text = |name: &str| self.record[name].as_str().unwrap().to_owned();
        format!(
            "{} {} {}: {}",
            text("operation"),
            text("dtype"),
            text("shape"),
            self.stage["file"].as_str().unwrap()
        )
    }

    fn line(&self) -> String {
        let count = |name| self.count(name).map_or("-".to_owned(), |n| n.to_string());
        if let Some(error) = self.stage["error"].as_str() {
            return format!("{}: not compiled: {error}", self.name());
        }
        let ratio = self.stage["instructions_of_multiply_add"].as_f64();
        format!(
            "{}: {} {} {}/{} {} {} {} {}",
            self.name(),
            count("subgroup_size"),
            count("registers"),
            count("spills"),
            count("fills"),
            count("spills_in_loops"),
            count("occupancy"),
            count("instructions"),
            ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
        )
    }
}

/// Every distinct code of a device, with the first shape that has it.
fn codes(records: &[Value]) -> Vec<Code<'_>> {
    let mut seen = BTreeSet::new();
    let mut codes = Vec::new();
    for record in records {
        for stage in record["stages"].as_array().unwrap() {
            let file = stage["file"].as_str().unwrap();
            let code = stage["code"].as_str().unwrap_or_default();
            if seen.insert((file, code)) {
                codes.push(Code { record, stage });
            }
        }
    }
    codes
}

fn heading(name: &str, records: &[Value]) -> String {
    let text = |name: &str| records[0][name].as_str().unwrap().trim().to_owned();
    format!("{name}: {}, {}", text("adapter"), text("driver"))
}

/// What no version of a driver may break, in words; empty where all is well.
fn broken(name: &str, codes: &[Code<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for code in codes {
        let mut note = |what: String| found.push(format!("{name}: {}: {what}", code.name()));
        if let Some(error) = code.stage["error"].as_str() {
            note(format!("not compiled: {error}"));
            continue;
        }
        let in_loops = code.count("spills_in_loops").unwrap_or(0);
        if in_loops > 0 {
            note(format!("{in_loops} spills and fills in loops"));
        }
        if code.outside() > MOST_OUTSIDE {
            note(format!(
                "{} spills and fills outside of loops",
                code.outside()
            ));
        }
        let seconds = code.stage["seconds"].as_f64().unwrap();
        if seconds > MOST_SECONDS {
            note(format!("{seconds:.1} s to compile"));
        }
    }
    found
}

fn snapshot(devices: &BTreeMap<String, Vec<Value>>) -> String {
    let mut text = HEAD.to_owned();
    for (name, records) in devices {
        let _ = writeln!(text, "\n{}", heading(name, records));
        for code in codes(records) {
            let _ = writeln!(text, "  {}", code.line());
        }
    }
    text
}

/// The sections of a snapshot by their headings.
fn sections(text: &str) -> BTreeMap<&str, &str> {
    let sections = text.split("\n\n").skip(1);
    sections
        .map(|section| section.split_once('\n').unwrap_or((section, "")))
        .map(|(head, body)| (head, body.trim_end()))
        .collect()
}

/// Lines of `text` that `other` has not.
fn lacking<'a>(text: &'a str, other: &str) -> Vec<&'a str> {
    let known: BTreeSet<&str> = other.lines().collect();
    text.lines().filter(|line| !known.contains(line)).collect()
}

/// The page about what compilers say: one line for each device.
fn summary(devices: &BTreeMap<String, Vec<Value>>) -> String {
    let mut text = include_str!("compilers_head.md").to_owned();
    for (name, records) in devices {
        let codes = codes(records);
        let most = |value: &dyn Fn(&Code<'_>) -> Option<u64>| codes.iter().filter_map(value).max();
        let ratio = |shape: &str| {
            let is_it = |code: &&Code<'_>| {
                code.record["operation"] == "matmul"
                    && code.record["dtype"] == "f32"
                    && code.record["shape"] == shape
                    && code.stage["file"] == "matmul_blocked"
            };
            // The code may belong to another shape too, which came first.
            let of_shape = records.iter().flat_map(|record| {
                let stages = record["stages"].as_array().unwrap().iter();
                stages.map(move |stage| Code { record, stage })
            });
            let found = of_shape
                .filter(|code| is_it(&code))
                .find_map(|code| code.stage["instructions_of_multiply_add"].as_f64());
            found.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
        };
        let least_held = codes
            .iter()
            .filter(|code| {
                let file = code.stage["file"].as_str().unwrap();
                file.starts_with("matmul_") || file.starts_with("attention_")
            })
            .filter_map(|code| code.count("occupancy"))
            .min();
        let shown = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            records[0]["adapter"].as_str().unwrap().trim(),
            records[0]["driver"].as_str().unwrap().trim(),
            codes.len(),
            shown(most(&|code| code.count("spills_in_loops"))),
            shown(most(&|code| Some(code.outside()))),
            shown(least_held),
            [ratio("2048x2048x2048"), ratio("4096x4096x4096")].join(", "),
        );
    }
    text
}

/// Holds `text` against a file, which `UPDATE=1` rewrites.
fn hold(path: &str, text: &str) -> bool {
    if std::env::var_os("UPDATE").is_some() {
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(
            !in_ci,
            "UPDATE is for a person who reads the diff, not for CI"
        );
        std::fs::write(Path::new(path), text).unwrap();
    }
    std::fs::read_to_string(path).unwrap_or_default() == text
}

#[test]
fn chosen_kernels_fit_every_compiler() {
    let Some(devices) = explained() else { return };
    let text = snapshot(&devices);
    let broken: Vec<String> = devices
        .iter()
        .flat_map(|(name, records)| broken(name, &codes(records)))
        .collect();
    if hold(SNAPSHOT, &text) {
        let page = summary(&devices);
        assert!(hold(SUMMARY, &page), "docs/compilers.md is another");
    } else {
        let golden = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
        let golden = sections(&golden);
        for (head, body) in sections(&text) {
            let Some(wanted) = golden.get(head) else {
                println!("only bounds are held: the file has no such device and driver: {head}");
                continue;
            };
            let others = lacking(body, wanted).join("\n");
            let missing = lacking(wanted, body).join("\n");
            assert!(
                *wanted == body,
                "{head}: the counts are others; read the diff of UPDATE=1 make test-compilers\nnow:\n{others}\nheld:\n{missing}"
            );
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
