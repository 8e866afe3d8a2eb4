//! Ctrl-C: what is kept, and how the program ends.

use super::{has_adapter, json, ridgepoint, stderr, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs `command`, sends SIGINT `times` once `has_begun`, and returns what it printed until its end.
fn interrupted(mut command: Command, times: usize, has_begun: impl Fn() -> bool) -> Output {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let began = Instant::now();
    while !has_begun() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(began.elapsed() < Duration::from_mins(2), "it did not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    for sent in 0..times {
        let mut kill = Command::new("kill");
        let id = child.id().to_string();
        let killed = kill.args(["-INT", &id]).stderr(Stdio::null()).status();
        // The first may have ended it before the second comes.
        assert!(killed.unwrap().success() || sent > 0);
    }
    child.wait_with_output().unwrap()
}

/// Elements of `list` in a JSON file; 0 while there is none.
fn count(path: &Path, list: &str) -> usize {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let found: Value = serde_json::from_str(&text).unwrap_or_default();
    found[list].as_array().map_or(0, Vec::len)
}

#[test]
fn an_interrupted_run_keeps_its_rows() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("interrupted");
    let path = command.get_current_dir().unwrap().join("rows.json");
    command.args(["run", "--suite", "quick", "--json", "rows.json"]);
    let output = interrupted(command, 1, || count(&path, "rows") > 0);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("stream_copy"),
        "{}",
        stdout(&output)
    );
    assert!(
        stderr(&output).contains("results: rows.json"),
        "{}",
        stderr(&output)
    );
    let report = json(&path);
    let found = report["rows"].as_array().unwrap();
    assert!(!found.is_empty());
    let warnings = report["warnings"].as_array().unwrap();
    assert!(
        warnings.iter().any(|warning| warning["id"] == "incomplete"),
        "{warnings:?}"
    );
    let text = ridgepoint::files::read(&path).unwrap();
    assert!(ridgepoint::report::Report::from_json(&text).is_ok());
}

#[test]
fn an_interrupted_search_keeps_its_classes() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("tune-interrupted");
    let kept = command.get_current_dir().unwrap().join("kept");
    // Streams compile in no time, and several classes are left when the first is found.
    command.args("tune --op copy,triad --dtype f32 --minutes 1 --cache kept".split(' '));
    // A lock lies beside it.
    let file = || -> Option<PathBuf> {
        let entries = std::fs::read_dir(&kept).ok()?;
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
    };
    let found = || file().map_or(0, |path| count(&path, "found"));
    let output = interrupted(command, 1, || found() > 0);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("kept so far: kept"),
        "{}",
        stderr(&output)
    );
    assert!(found() > 0);
}

#[test]
fn an_interrupted_sweep_prints_its_lines() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("sweep-interrupted");
    let texts = command.get_current_dir().unwrap().join("texts");
    command.env("RIDGEPOINT_DUMP", "texts").args(
        "sweep softmax:64x1000 softmax_online WORKGROUP=32,64,128,256 ELEMS=1,2,4".split(' '),
    );
    // A combination has its line when the next one is compiled.
    let compiled = || {
        let files = std::fs::read_dir(&texts).into_iter().flatten().flatten();
        let names = files.filter_map(|file| file.file_name().into_string().ok());
        names
            .filter(|name| name.starts_with("softmax_online."))
            .count()
    };
    let output = interrupted(command, 1, || compiled() > 1);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let timed = stdout(&output)
        .lines()
        .filter(|line| line.contains("FLOP/s"));
    assert!((1..12).contains(&timed.count()), "{}", stdout(&output));
}

/// Whatever the driver's threads are doing: its exit handlers crash beside them.
#[test]
fn a_second_interrupt_ends_a_run_at_once() {
    if !has_adapter() {
        return;
    }
    for pause in [0, 300, 600] {
        let mut command = ridgepoint("interrupted-twice");
        let path = command.get_current_dir().unwrap().join("rows.json");
        command.args(["run", "--suite", "quick", "--json", "rows.json"]);
        let has_begun = || {
            // The file is there before the first measurement.
            let there = path.exists();
            std::thread::sleep(Duration::from_millis(pause));
            there
        };
        let output = interrupted(command, 2, has_begun);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    }
}

#[test]
fn an_interrupted_soak_keeps_its_intervals() {
    if !has_adapter() {
        return;
    }
    let mut command = ridgepoint("soak-interrupted");
    let path = command.get_current_dir().unwrap().join("soak.json");
    command.args("soak copy:65536 --minutes 5 --json soak.json".split(' '));
    let intervals = || -> usize {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let found: Value = serde_json::from_str(&text).unwrap_or_default();
        found["soak"]["points"].as_array().map_or(0, Vec::len)
    };
    let output = interrupted(command, 1, || intervals() > 0);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let out = stdout(&output);
    assert!(
        out.contains("rate") && out.contains("it ended after"),
        "{out}"
    );
    assert!(intervals() > 0);
}
