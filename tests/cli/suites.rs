//! Suites, also of one's own; all adapters in turn; two ways to run side by side.

use super::{has_adapter, json, refused, ridgepoint, stderr, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};

const MINE: &str = r#"
about = "what my model multiplies"

[[workload]]
operation = "matmul"
shapes = ["48x64x32+tb"]
kernels = ["matmul_naive", "matmul_tiled"]
repetitions = 2
"#;

fn rows(path: &Path) -> Vec<Value> {
    json(path)["rows"].as_array().unwrap().clone()
}

#[test]
fn a_suite_of_ones_own_is_run_as_it_is_written() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("own-suite");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    std::fs::write(folder.join("mine.toml"), MINE).unwrap();
    let arguments = ["run", "--suite-file", "mine.toml", "--json", "mine.json"];
    let output = command.args(arguments).output().unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(err.contains("suite mine: 4 rows, about "), "{err}");
    assert!(out.contains("repetition 2"), "{out}");
    let report = json(&folder.join("mine.json"));
    assert_eq!(report["settings"]["suite"], "mine");
    let kinds: Vec<String> = rows(&folder.join("mine.json"))
        .iter()
        .map(|row| format!("{} {}", row["kernel"].as_str().unwrap(), row["repetition"]))
        .collect();
    assert_eq!(
        kinds,
        [
            "matmul_naive 1",
            "matmul_naive 2",
            "matmul_tiled 1",
            "matmul_tiled 2"
        ]
    );
}

#[test]
fn a_suite_that_cannot_be_is_refused_with_its_place() {
    for (text, words) in [
        (MINE.replace("48x64", "48y64"), "line 6, column 11"),
        (
            MINE.replace("matmul_naive", "matmul_naiv"),
            "line 7, column 12",
        ),
        (MINE.replace("repetitions", "repeat"), "line 8, column 1"),
        ("[[workload".to_owned(), "line 1"),
        (String::new(), "[[workload]]"),
    ] {
        let mut command = ridgepoint("bad-suite");
        let folder: PathBuf = command.get_current_dir().unwrap().into();
        std::fs::write(folder.join("mine.toml"), text).unwrap();
        let command = command.args(["run", "--suite-file", "mine.toml"]);
        refused(&command.output().unwrap(), &["mine.toml", words]);
    }
    let mut command = ridgepoint("no-suite");
    let output = command.args(["run", "--suite", "quick,standrad"]).output();
    refused(&output.unwrap(), &["standrad", "standard"]);
}

#[test]
fn two_ways_are_measured_in_turn_and_compared() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("ab");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    let arguments =
        "run --suite quick --op matmul:64x64x64,softmax:64x64 --json both.json --html both.html";
    let command = command
        .args(arguments.split(' '))
        .args(["--ab", "--checks off", "--checks on"]);
    let output = command.output().unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(out.contains("runtime checks off (A), on (B)"), "{out}");
    for (name, checks) in [("both-a.json", "off"), ("both-b.json", "on")] {
        let rows = rows(&folder.join(name));
        assert_eq!(rows.len(), 2, "{name}");
        assert!(rows.iter().all(|row| row["checks"] == checks), "{name}");
        // Four rounds of each side are in a row.
        let samples = rows[0]["time_s"]["n"].as_u64().unwrap();
        assert!(samples >= 8, "{samples}");
        assert!(err.contains(name), "{err}");
    }
    assert!(folder.join("both.html").is_file());
}

#[test]
fn ways_without_a_common_shape_and_unknown_options_are_refused() {
    for (a, b, words) in [
        ("--suite quick", "", "--suite"),
        ("--kernel matmul_naiv", "", "matmul_naive"),
        ("--adapter all", "", "not all"),
        ("--checks 'off", "", "quote"),
    ] {
        let mut command = ridgepoint("ab-refused");
        refused(
            &command.args(["run", "--ab", a, b]).output().unwrap(),
            &[words],
        );
    }
    if has_adapter() {
        let mut command = ridgepoint("ab-nothing");
        let ways = ["--kernel matmul_naive", "--kernel softmax_online"];
        let command = command.args(["run", "--suite", "quick", "--ab"]).args(ways);
        refused(&command.output().unwrap(), &["no shape in common"]);
    }
}

#[test]
fn every_adapter_is_run_in_a_process_of_its_own() {
    if !has_adapter() {
        return;
    }
    let listed = ridgepoint("list-all")
        .args(["list", "--json"])
        .output()
        .unwrap();
    let listed: Value = serde_json::from_str(stdout(&listed)).unwrap();
    let count = listed["adapters"].as_array().unwrap().len();
    let mut command = ridgepoint("all");
    let folder: PathBuf = command.get_current_dir().unwrap().into();
    let arguments = "run --adapter all --suite quick --op matmul:64x64x64";
    let output = command.args(arguments.split(' ')).output().unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let files = std::fs::read_dir(folder.join("ridgepoint-results")).unwrap();
    let paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let results = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "json"));
    assert_eq!(results.count(), count, "{paths:?}");
    assert_eq!(out.contains("B / A"), count > 1, "{out}");
    let mut command = ridgepoint("all-refused");
    let output = command
        .args(["run", "--adapter", "all", "--json", "x"])
        .output();
    refused(&output.unwrap(), &["--json"]);
    let mut command = ridgepoint("all-check");
    let output = command.args(["check", "--adapter", "all"]).output();
    refused(&output.unwrap(), &["run"]);
}
